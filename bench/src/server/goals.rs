//! What a run has to show beside rates, and whether it does.

use serde_json::{Value, json};

use super::operation::Operation;
use crate::output::{json_line, rounded};

/// A revocation reaches 99 of 100 verifiers in less than this.
const REVOCATION_P99_MS: f64 = 50.0;
/// A rotation makes fewer syncs than this, with [`MANY`] connections.
const SYNCS_EACH: f64 = 0.1;
const MANY: usize = 64;

/// What was measured; `None` for what was not.
#[derive(Debug, Default)]
pub(super) struct Goals {
    revocation_p99_ms: Option<f64>,
    syncs_each: Option<f64>,
}

/// One row: its name, its unit, the limit and what was measured.
type Row = (&'static str, &'static str, f64, Option<f64>);

impl Goals {
    pub(super) fn note_revocation(&mut self, p99_ms: f64) {
        self.revocation_p99_ms = Some(p99_ms);
    }

    pub(super) fn note_operation(
        &mut self,
        operation: Operation,
        connections: usize,
        syncs_each: Option<f64>,
    ) {
        if operation == Operation::Refresh && connections == MANY {
            self.syncs_each = syncs_each;
        }
    }

    fn rows(&self) -> [Row; 2] {
        [
            ("revocation, 100 verifiers, p99", "ms", REVOCATION_P99_MS, self.revocation_p99_ms),
            ("refresh, 64 connections", "fsyncs_per_request", SYNCS_EACH, self.syncs_each),
        ]
    }

    pub(super) fn report(&self, as_json: bool) {
        if !as_json {
            println!("\ngoals");
        }
        for row in self.rows() {
            if as_json {
                json_line(&to_json(row));
                continue;
            }
            let (name, unit, limit, measured) = row;
            let measured = measured.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let verdict = match reached(row) {
                None => "not measured",
                Some(true) => "reached",
                Some(false) => "NOT REACHED",
            };
            let wanted = format!("less than {limit} {unit}");
            println!("{name:<32}{wanted:<34}{measured:>10}   {verdict}");
        }
    }
}

fn reached((_, _, limit, measured): Row) -> Option<bool> {
    measured.map(|value| value < limit)
}

fn to_json(row: Row) -> Value {
    let (name, unit, limit, measured) = row;
    let mut line = json!({ "bench": "goal", "row": name });
    line[format!("less_than_{unit}")] = json!(limit);
    line[unit] = json!(measured.map(rounded));
    line["reached"] = json!(reached(row));
    line
}

#[cfg(test)]
mod tests {
    use super::{Goals, MANY, reached};
    use crate::server::operation::Operation;

    #[test]
    fn a_goal_is_missed_at_its_edge_and_open_where_nothing_was_measured() {
        let verdicts = |goals: &Goals| goals.rows().map(reached);
        let mut goals = Goals::default();
        assert_eq!(verdicts(&goals), [None, None]);
        goals.note_operation(Operation::Refresh, 16, Some(0.05));
        goals.note_operation(Operation::Userinfo, MANY, Some(0.05));
        goals.note_operation(Operation::Refresh, MANY, None);
        assert_eq!(verdicts(&goals), [None, None]);
        goals.note_operation(Operation::Refresh, MANY, Some(0.1));
        goals.note_revocation(50.0);
        assert_eq!(verdicts(&goals), [Some(false), Some(false)]);
        goals.note_operation(Operation::Refresh, MANY, Some(0.099));
        goals.note_revocation(49.9);
        assert_eq!(verdicts(&goals), [Some(true), Some(true)]);
    }
}
