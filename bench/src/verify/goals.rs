//! What the figures have to be, and whether they are.

use serde_json::{Value, json};

use super::lookup::{EACH_ANOTHER, FEW};
use super::revoked::{MANY, NONE, SOME, SOME_AND_A_CLIENT};
use super::{Measured, Row, peer};
use crate::output::rounded;
use crate::rounds::Timing;

/// What ours is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    /// At most so many nanoseconds.
    AtMost(f64),
    /// At most so many nanoseconds more than with no revocations.
    AtMostMore(f64),
    /// At least so many times as fast as the peer.
    TimesAsFast(f64),
    /// On two threads, at least so many times as many as on one.
    TimesOneThread(f64),
}

/// One row of the table of goals.
pub(super) struct Judged {
    name: &'static str,
    goal: Goal,
    /// By medians and by minima; `None` when the peer was not built.
    measured: Option<(f64, f64)>,
}

/// Every goal, what is held against it, and with what it is compared.
const GOALS: [(&str, Goal, Measured, Option<Measured>); 7] = [
    (
        "seen before, 10,000 revoked",
        Goal::AtMost(400.0),
        Measured::Cached { revoked: SOME, threads: 1 },
        None,
    ),
    (
        "the same, and a client revoked",
        Goal::AtMost(400.0),
        Measured::Cached { revoked: SOME_AND_A_CLIENT, threads: 1 },
        None,
    ),
    (
        "seen before, 10,000 revoked",
        Goal::TimesAsFast(50.0),
        Measured::Cached { revoked: SOME, threads: 1 },
        Some(Measured::Peer),
    ),
    (
        "seen before, 10,000 revoked",
        Goal::TimesOneThread(1.9),
        Measured::Cached { revoked: SOME, threads: 2 },
        Some(Measured::Cached { revoked: SOME, threads: 1 }),
    ),
    (
        "seen before, 1,000,000 revoked",
        Goal::AtMostMore(100.0),
        Measured::Cached { revoked: MANY, threads: 1 },
        Some(Measured::Cached { revoked: NONE, threads: 1 }),
    ),
    (
        "lookup of 256, 1,000,000 revoked",
        Goal::AtMost(100.0),
        Measured::Lookup { revoked: MANY, tokens: FEW },
        None,
    ),
    (
        "lookup of 65,536, 1,000,000 revoked",
        Goal::AtMost(100.0),
        Measured::Lookup { revoked: MANY, tokens: EACH_ANOTHER },
        None,
    ),
];

/// Holds all rows against all goals.
pub(super) fn judge(rows: &[Row]) -> Vec<Judged> {
    let find = |what: Measured| {
        let row = rows.iter().find(|row| row.what == what)?;
        Some(row.timing)
    };
    GOALS
        .into_iter()
        .map(|(name, goal, what, other)| {
            let (ours, other) = (find(what), other.map_or_else(|| find(what), find));
            let value = |pick: fn(&Timing) -> f64| {
                let (ours, other) = (pick(&ours?), pick(&other?));
                Some(match goal {
                    Goal::AtMost(_) => ours,
                    Goal::AtMostMore(_) => ours - other,
                    Goal::TimesAsFast(_) => other / ours,
                    // Two threads check two tokens in that time.
                    Goal::TimesOneThread(_) => 2.0 * other / ours,
                })
            };
            let measured = value(|timing| timing.median_ns).zip(value(|timing| timing.min_ns));
            Judged { name, goal, measured }
        })
        .collect()
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) | Self::AtMostMore(most) => value <= most,
            Self::TimesAsFast(least) | Self::TimesOneThread(least) => value >= least,
        }
    }
}

impl Judged {
    /// Whether the medians reach the goal; `None` when there is nothing to compare with.
    fn reached(&self) -> Option<bool> {
        self.measured.map(|(median, _)| self.goal.is_met(median))
    }

    pub(super) fn to_json(&self) -> Value {
        let (sense, wanted, unit) = match self.goal {
            Goal::AtMost(most) => ("at_most_ns", most, "ns"),
            Goal::AtMostMore(most) => ("at_most_ns_more_than_without", most, "ns"),
            Goal::TimesAsFast(least) => ("at_least_times_as_fast", least, "ratio"),
            Goal::TimesOneThread(least) => ("at_least_times_one_thread", least, "ratio"),
        };
        let mut line = json!({ "bench": "goal", "row": self.name, sense: wanted });
        if matches!(self.goal, Goal::TimesAsFast(_)) {
            line["as"] = json!(peer::NAME);
        }
        line[unit] = json!(self.measured.map(|(median, _)| rounded(median)));
        line[format!("min_{unit}")] = json!(self.measured.map(|(_, min)| rounded(min)));
        line["reached"] = json!(self.reached());
        line
    }
}

pub(super) fn print_table(rows: &[Judged]) {
    println!("\ngoals: of medians (of minima)");
    for row in rows {
        let wanted = match row.goal {
            Goal::AtMost(most) => format!("at most {most} ns"),
            Goal::AtMostMore(most) => format!("at most {most} ns more than without"),
            Goal::TimesAsFast(least) => format!("at least {least} x as fast as {}", peer::NAME),
            Goal::TimesOneThread(least) => format!("two threads at least {least} x one"),
        };
        let measured = row
            .measured
            .map_or_else(|| "-".to_owned(), |(median, min)| format!("{median:.2} ({min:.2})"));
        let verdict = match row.reached() {
            None => "not measured",
            Some(true) => "reached",
            Some(false) => "NOT REACHED",
        };
        println!("{:<36}{wanted:<38}{measured:>18}   {verdict}", row.name);
    }
}

#[cfg(test)]
mod tests {
    use super::{EACH_ANOTHER, FEW, Measured, Row, judge};
    use crate::rounds::Timing;
    use crate::verify::revoked::{MANY, NONE, SOME, SOME_AND_A_CLIENT};

    fn row(what: Measured, ns: f64) -> Row {
        Row { what, timing: Timing { median_ns: ns, min_ns: ns } }
    }

    #[test]
    fn a_goal_is_reached_at_its_edge_and_not_beyond() {
        let cached = |revoked, threads| Measured::Cached { revoked, threads };
        let rows = |beyond: f64| {
            vec![
                row(cached(NONE, 1), 300.0),
                row(cached(SOME, 1), 400.0 + beyond),
                row(cached(SOME_AND_A_CLIENT, 1), 400.0 + beyond),
                row(cached(SOME, 2), 800.0 / 1.9 + 3.0 * beyond),
                row(cached(MANY, 1), 400.0 + beyond),
                row(Measured::Peer, 20_000.0),
                row(Measured::Lookup { revoked: MANY, tokens: FEW }, 100.0 + beyond),
                row(Measured::Lookup { revoked: MANY, tokens: EACH_ANOTHER }, 100.0 + beyond),
            ]
        };
        let reached = |rows: &[Row]| judge(rows).iter().map(super::Judged::reached).collect();
        let all: Vec<_> = reached(&rows(0.0));
        assert_eq!(all, [Some(true); 7]);
        let none: Vec<_> = reached(&rows(1.0));
        assert_eq!(none, [Some(false); 7]);
        let without_peer: Vec<Row> =
            rows(0.0).into_iter().filter(|row| row.what != Measured::Peer).collect();
        assert_eq!(judge(&without_peer)[2].reached(), None);
    }
}
