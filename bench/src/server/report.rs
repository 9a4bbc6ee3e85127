//! Figures of an operation, and how they are shown.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};

use super::goals::Goals;
use super::limits::Limits;
use super::load::{Outcome, Script};
use super::operation::Operation;
use super::process::{self, Disk, Server};
use super::revocation::{self, Latencies};
use super::start::Start;
use crate::output::{json_line, rounded};
use crate::rounds::median;

/// What all windows of one operation found.
#[derive(Debug)]
pub(super) struct Figures {
    /// Right answers a second, one number a window.
    pub(super) windows: Vec<f64>,
    pub(super) latencies: Vec<u32>,
    pub(super) errors: u64,
    pub(super) example: Option<String>,
    pub(super) spent: Spent,
    pub(super) took: Duration,
    /// `None` once the server did not tell.
    pub(super) commits: Option<u64>,
    pub(super) resident_mib: f64,
}

/// Processor time. The load's shows that it is not what is measured; what others took of either
/// core shows how far a rate can be trusted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    server: Duration,
    load: Duration,
    /// Of core 0, the server's, whoever used it.
    core_0: Duration,
    /// Of core 1, the load's.
    core_1: Duration,
}

impl Spent {
    pub(super) fn so_far(server: &Server) -> Result<Self, String> {
        Ok(Self {
            server: server.cpu()?,
            load: process::own_cpu()?,
            core_0: process::core_busy(0)?,
            // A machine with one core has no such line.
            core_1: process::core_busy(1).unwrap_or_default(),
        })
    }

    pub(super) fn since(self, before: Self) -> Self {
        self.with(before, Duration::saturating_sub)
    }

    pub(super) fn plus(self, more: Self) -> Self {
        self.with(more, Duration::saturating_add)
    }

    fn with(self, other: Self, how: fn(Duration, Duration) -> Duration) -> Self {
        Self {
            server: how(self.server, other.server),
            load: how(self.load, other.load),
            core_0: how(self.core_0, other.core_0),
            core_1: how(self.core_1, other.core_1),
        }
    }

    /// The parts of the two cores that somebody else had.
    fn taken_by_others(&self, took: Duration) -> (f64, f64) {
        let part =
            |busy: Duration, own| busy.saturating_sub(own).as_secs_f64() / took.as_secs_f64();
        (part(self.core_0, self.server), part(self.core_1, self.load))
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            windows: Vec::new(),
            latencies: Vec::new(),
            errors: 0,
            example: None,
            spent: Spent::default(),
            took: Duration::ZERO,
            commits: Some(0),
            resident_mib: 0.0,
        }
    }
}

impl Figures {
    /// Adds a window; gives its scripts back for the next.
    pub(super) fn add(&mut self, outcome: Outcome) -> Vec<Script> {
        self.windows.push(outcome.latencies.len() as f64 / outcome.took.as_secs_f64());
        self.latencies.extend(outcome.latencies);
        self.took += outcome.took;
        self.errors += outcome.errors;
        if self.example.is_none() {
            self.example = outcome.example;
        }
        outcome.scripts
    }

    fn each(&self, sum: f64) -> f64 {
        sum / self.latencies.len() as f64
    }
}

/// Where figures go.
pub(super) struct Report {
    json: bool,
    goals: RefCell<Goals>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, goals: RefCell::default() }
    }

    pub(super) fn opening(&self, disk: &Disk, pinned: bool, window: Duration, windows: u32) {
        if pinned {
            eprintln!("server on core 0, load on core 1");
        } else {
            eprintln!("not pinned: fewer than two cores, or no taskset");
        }
        let Disk { device, kind } = disk;
        eprintln!("data on {device} ({kind}); {windows} windows of {window:?} each");
        eprintln!("syncs are the server's own count of durable transactions, from /metrics");
    }

    pub(super) fn starts(&self, first: &Start, warm: &Start) {
        if self.json {
            json_line(&json!({
                "bench": "server-start",
                "first_ms": rounded(first.milliseconds), "warm_ms": rounded(warm.milliseconds),
                "first_rss_mb": rounded(first.resident_mib), "rss_mb": rounded(warm.resident_mib),
            }));
        } else {
            for (name, Start { milliseconds, resident_mib }) in [("first", first), ("warm", warm)] {
                println!("{name} start: {milliseconds:.0} ms, {resident_mib:.1} MiB when idle");
            }
            println!();
            println!(
                "{:<27}{:>6}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>8}{:>10}",
                "",
                "conns",
                "a second",
                "p50 us",
                "p99 us",
                "cpu us",
                "load us",
                "syncs",
                "MiB",
                "errors",
                "others"
            );
        }
    }

    pub(super) fn operation(
        &self,
        operation: Operation,
        connections: usize,
        mut figures: Figures,
        pinned: bool,
    ) -> Result<(), String> {
        let name = operation.name();
        if let Some(example) = &figures.example {
            eprintln!("{name}: {} errors, one of them: {example}", figures.errors);
        }
        if figures.latencies.is_empty() {
            return Err(format!("{name}: no right answer"));
        }
        figures.latencies.sort_unstable();
        let rate = median(&mut figures.windows.clone());
        let (p50, p99) = (quantile(&figures.latencies, 50), quantile(&figures.latencies, 99));
        let cpu = figures.each(figures.spent.server.as_secs_f64() * 1e6);
        let own = figures.each(figures.spent.load.as_secs_f64() * 1e6);
        let syncs = figures.commits.map(|commits| figures.each(commits as f64));
        self.goals.borrow_mut().note_operation(operation, connections, syncs);
        let taken = pinned.then(|| figures.spent.taken_by_others(figures.took));
        let Figures { errors, resident_mib, .. } = figures;
        if self.json {
            json_line(&json!({
                "bench": "server", "op": name, "connections": connections,
                "per_second": rounded(rate), "p50_us": p50, "p99_us": p99,
                "server_cpu_us_per_request": rounded(cpu),
                "fsyncs_per_request": syncs.map_or(Value::Null, rounded),
                "rss_mb": rounded(resident_mib), "errors": errors,
                "load_cpu_us_per_request": rounded(own),
                "core_taken_by_others": taken.map_or(Value::Null, |(server, _)| rounded(server)),
                "load_core_taken_by_others": taken.map_or(Value::Null, |(_, load)| rounded(load)),
            }));
        } else {
            let syncs = syncs.map_or_else(|| "?".to_owned(), |syncs| format!("{syncs:.3}"));
            let both = |(server, load)| format!("{:.0}+{:.0} %", server * 1e2, load * 1e2);
            let taken = taken.map_or_else(|| "?".to_owned(), both);
            println!(
                "{name:<27}{connections:>6}{rate:>10.0}{p50:>9}{p99:>9}{cpu:>9.1}{own:>9.1}\
                 {syncs:>9}{resident_mib:>7.1}{errors:>8}{taken:>10}"
            );
        }
        Ok(())
    }

    pub(super) fn revocation(&self, latencies: &Latencies) {
        let Latencies { answers, refusals, barriers } = latencies;
        let milliseconds = |sorted, per_cent| f64::from(quantile(sorted, per_cent)) / 1e3;
        let refusal = |per_cent| milliseconds(refusals, per_cent);
        let (p50, p99, max) = (refusal(50), refusal(99), refusal(100));
        self.goals.borrow_mut().note_revocation(p99);
        let (answer_p50, answer_p99) = (milliseconds(answers, 50), milliseconds(answers, 99));
        let (barrier_p50, barrier_p99) = (milliseconds(barriers, 50), milliseconds(barriers, 99));
        let (verifiers, samples) = (revocation::VERIFIERS, refusals.len());
        if self.json {
            json_line(&json!({ "bench": "revocation", "verifiers": verifiers,
                "p50_ms": rounded(p50), "p99_ms": rounded(p99), "max_ms": rounded(max),
                "answer_p50_ms": rounded(answer_p50), "answer_p99_ms": rounded(answer_p99),
                "barrier_p50_ms": rounded(barrier_p50), "barrier_p99_ms": rounded(barrier_p99),
                "samples": samples }));
        } else {
            println!(
                "\nrevocation, from its answer to the refusal by each of {verifiers} verifiers:\n\
                 p50 {p50:.2} ms, p99 {p99:.2} ms, longest {max:.2} ms of {samples}; \
                 the answer took p50 {answer_p50:.2} ms, p99 {answer_p99:.2} ms;\n\
                 with wait=propagated, all confirmed: p50 {barrier_p50:.2} ms, \
                 p99 {barrier_p99:.2} ms"
            );
        }
    }

    pub(super) fn goals(&self) {
        self.goals.borrow().report(self.json);
    }

    pub(super) fn limits(&self, limits: Limits, disk: &Disk) {
        let Limits { fdatasync_per_second, es256_per_second } = limits;
        let Disk { device, kind } = disk;
        if self.json {
            json_line(&json!({ "bench": "server-limits", "disk": format!("{device} ({kind})"),
                "fdatasync_per_second": rounded(fdatasync_per_second),
                "es256_per_second": rounded(es256_per_second) }));
        } else {
            println!(
                "\nlimits: {fdatasync_per_second:.0} fdatasync of 4 KiB a second on {device},"
            );
            println!(
                "        {es256_per_second:.0} ES256 signatures a second on the server's core"
            );
        }
    }
}

/// The value that this many per cent do not exceed; of sorted values, at least one.
fn quantile(sorted: &[u32], per_cent: usize) -> u32 {
    let place = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted[place - 1]
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!((quantile(&values, 50), quantile(&values, 99)), (100, 198));
        assert_eq!((quantile(&[7], 50), quantile(&[7], 99)), (7, 7));
    }
}
