//! What the figures have to be, and whether they are.

use countersign_jose::Algorithm;
use serde_json::{Value, json};

use super::Operation;
use crate::output::rounded;
use crate::rounds::Timing;

/// What ours is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// At least so many times as fast as this peer.
    TimesAsFast(f64, &'static str),
    /// At most so many times the time of the bare primitive.
    TimesThePrimitive(f64),
}

/// One row of the table of goals.
pub(super) struct Judged {
    pub(super) name: String,
    goal: Goal,
    /// By medians and by minima; `None` when the peer was not built.
    measured: Option<(f64, f64)>,
}

/// The goal for a signature.
pub(super) fn of_signature(operation: Operation, algorithm: Algorithm) -> Goal {
    use Operation::{Sign, Verify};
    let rsa = matches!(algorithm, Algorithm::RS256 | Algorithm::PS256);
    match operation {
        Verify if algorithm.is_symmetric() => Goal::TimesAsFast(3.0, "jsonwebtoken"),
        Sign if algorithm.is_symmetric() => Goal::TimesAsFast(1.4, "jsonwebtoken"),
        Verify if rsa => Goal::TimesThePrimitive(1.10),
        Verify => Goal::TimesThePrimitive(1.05),
        Sign if rsa => Goal::TimesThePrimitive(1.03),
        Sign => Goal::TimesThePrimitive(1.15),
    }
}

impl Goal {
    /// Holds the timings of one row against the goal; ours bears the name `ours`.
    pub(super) fn judge(self, name: String, timings: &[(&'static str, Timing)]) -> Judged {
        let find = |name: &str| timings.iter().find(|(own, _)| *own == name);
        let other = match self {
            Self::TimesAsFast(_, peer) => peer,
            Self::TimesThePrimitive(_) => "primitive",
        };
        let ratio = |pick: fn(&Timing) -> f64| {
            let (ours, other) = (pick(&find("ours")?.1), pick(&find(other)?.1));
            Some(match self {
                Self::TimesAsFast(..) => other / ours,
                Self::TimesThePrimitive(_) => ours / other,
            })
        };
        let measured = ratio(|timing| timing.median_ns).zip(ratio(|timing| timing.min_ns));
        Judged { name, goal: self, measured }
    }

    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::TimesAsFast(least, _) => ratio >= least,
            Self::TimesThePrimitive(most) => ratio <= most,
        }
    }
}

impl Judged {
    /// Whether the medians reach the goal; `None` when there is nothing to compare with.
    pub(super) fn reached(&self) -> Option<bool> {
        self.measured.map(|(median, _)| self.goal.is_met(median))
    }

    pub(super) fn to_json(&self) -> Value {
        let (sense, wanted, other) = match self.goal {
            Goal::TimesAsFast(least, peer) => ("at_least_times_as_fast", least, peer),
            Goal::TimesThePrimitive(most) => ("at_most_times_the_time", most, "primitive"),
        };
        json!({
            "bench": "goal", "row": self.name, "as": other, sense: wanted,
            "ratio": self.measured.map(|(median, _)| rounded(median)),
            "min_ratio": self.measured.map(|(_, min)| rounded(min)),
            "reached": self.reached(),
        })
    }
}

pub(super) fn print_table(rows: &[Judged]) {
    println!("\ngoals: ratio of medians (of minima)");
    for row in rows {
        let wanted = match row.goal {
            Goal::TimesAsFast(least, peer) => format!("at least {least:.1} x as fast as {peer}"),
            Goal::TimesThePrimitive(most) => format!("at most {most:.2} x the primitive"),
        };
        let measured = row
            .measured
            .map_or_else(|| "-".to_owned(), |(median, min)| format!("{median:.2} ({min:.2})"));
        let verdict = match row.reached() {
            None => "not measured",
            Some(true) => "reached",
            Some(false) => "NOT REACHED",
        };
        println!("{:<30}{wanted:<38}{measured:>14}   {verdict}", row.name);
    }
}

#[cfg(test)]
mod tests {
    use countersign_jose::Algorithm;

    use super::{Goal, Operation, of_signature};
    use crate::rounds::Timing;

    fn timings(ours: f64, other: (&'static str, f64)) -> Vec<(&'static str, Timing)> {
        let timing = |ns: f64| Timing { median_ns: ns, min_ns: ns };
        vec![("ours", timing(ours)), (other.0, timing(other.1))]
    }

    #[test]
    fn a_goal_is_reached_at_its_edge_and_not_beyond() {
        let faster = Goal::TimesAsFast(3.0, "peer");
        let near = Goal::TimesThePrimitive(1.05);
        for (goal, ours, other, expected) in [
            (faster, 1.0, ("peer", 3.0), Some(true)),
            (faster, 1.0, ("peer", 2.9), Some(false)),
            (faster, 1.0, ("nobody", 9.0), None),
            (near, 1.05, ("primitive", 1.0), Some(true)),
            (near, 1.06, ("primitive", 1.0), Some(false)),
        ] {
            let judged = goal.judge("row".to_owned(), &timings(ours, other));
            assert_eq!(judged.reached(), expected, "{goal:?} {ours} {other:?}");
        }
    }

    #[test]
    fn every_row_has_its_own_goal() {
        let verify = |algorithm| of_signature(Operation::Verify, algorithm);
        let sign = |algorithm| of_signature(Operation::Sign, algorithm);
        assert_eq!(verify(Algorithm::HS256), Goal::TimesAsFast(3.0, "jsonwebtoken"));
        assert_eq!(verify(Algorithm::PS256), Goal::TimesThePrimitive(1.10));
        assert_eq!(verify(Algorithm::ES256), Goal::TimesThePrimitive(1.05));
        assert_eq!(sign(Algorithm::HS256), Goal::TimesAsFast(1.4, "jsonwebtoken"));
        assert_eq!(sign(Algorithm::RS256), Goal::TimesThePrimitive(1.03));
        assert_eq!(sign(Algorithm::Ed25519), Goal::TimesThePrimitive(1.15));
    }
}
