//! `bench verify`: what an API pays for a token: seen for the first time and seen before, with few
//! and with many revocations, on one thread and on two, beside another library; and what a set of
//! revocations takes by itself.

mod contestant;
mod goals;
mod issuer;
mod lookup;
mod peer;
mod revoked;
mod tokens;

use std::time::Duration;

use serde_json::{Value, json};

use crate::output::{Options, json_line, rounded};
use crate::rounds::{Timing, timing};
use contestant::Contestant;
use goals::Judged;
use lookup::Lookup;
use revoked::{MANY, NONE, Revoked, SOME, SOME_AND_A_CLIENT};

const THREADS: [usize; 2] = [1, 2];
/// How long one measurement of one round lasts.
const TURN: Duration = Duration::from_millis(40);
const DEFAULT_ROUNDS: u64 = 11;

pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let options = Options::parse(words, &["rounds"])?;
    let rounds = options.number("rounds", (5, 200))?.unwrap_or(DEFAULT_ROUNDS) as usize;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    // The largest one first, while nothing else is in memory.
    let lookups = [MANY, NONE, SOME, SOME_AND_A_CLIENT].map(Lookup::new);
    let lookups = lookups.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut contestants = Vec::new();
    for (revoked, remembers) in
        [(NONE, true), (SOME, true), (SOME_AND_A_CLIENT, true), (MANY, true), (NONE, false)]
    {
        eprintln!("preparing: {revoked}");
        contestants.push(runtime.block_on(Contestant::new(revoked, remembers))?);
    }
    let rows = measure(&contestants, &lookups, rounds)?;
    let sizes: Vec<_> = lookups
        .iter()
        .filter_map(|lookup| Sizes::of(lookup, &contestants))
        .filter(|sizes| sizes.revoked.ids > 0)
        .collect();
    let judged = goals::judge(&rows);
    if options.json {
        rows.iter().for_each(|row| json_line(&row.to_json(rounds)));
        sizes.iter().for_each(|sizes| json_line(&sizes.to_json()));
        judged.iter().map(Judged::to_json).for_each(|line| json_line(&line));
    } else {
        println!("RS256, everything checked: median (min) of {rounds} rounds");
        rows.iter().for_each(|row| println!("{row}"));
        println!();
        sizes.iter().for_each(|sizes| println!("{sizes}"));
        goals::print_table(&judged);
    }
    drop(contestants);
    runtime.shutdown_background();
    Ok(())
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measured {
    /// A token that was seen before.
    Cached { revoked: Revoked, threads: usize },
    /// A token that is seen for the first time.
    Cold { threads: usize },
    /// A token, by another library.
    Peer,
    /// The set of revocations alone.
    Lookup { revoked: Revoked, tokens: usize },
}

/// Runs for a turn and gives nanoseconds for one.
type Turn<'a> = Box<dyn Fn() -> f64 + 'a>;

/// Medians and minima over the rounds; in each round everybody has a turn.
fn measure(
    contestants: &[Contestant],
    lookups: &[Lookup],
    rounds: usize,
) -> Result<Vec<Row>, String> {
    let mut sides: Vec<(Measured, Turn<'_>)> = Vec::new();
    for contestant in contestants {
        for threads in THREADS {
            let revoked = contestant.revoked;
            let what = match contestant.remembers {
                true => Measured::Cached { revoked, threads },
                false => Measured::Cold { threads },
            };
            sides.push((what, Box::new(move || contestant.time(threads))));
        }
    }
    // The very tokens that ours is asked about with ten thousand revocations.
    let same = contestants.iter().find(|one| one.revoked == SOME).ok_or("nobody to compare")?;
    match same.peer()? {
        Some(verify) => sides.push((Measured::Peer, Box::new(move || same.time_peer(&verify)))),
        None => eprintln!("left out: {}: built without the feature", peer::NAME),
    }
    for lookup in lookups {
        for tokens in lookup::TOKENS {
            let what = Measured::Lookup { revoked: lookup.revoked, tokens };
            sides.push((what, Box::new(move || lookup.time(tokens))));
        }
    }
    let mut samples = vec![Vec::with_capacity(rounds); sides.len()];
    for round in 0..rounds {
        for step in 0..sides.len() {
            let place = (round + step) % sides.len();
            samples[place].push(sides[place].1());
        }
    }
    let rows = sides.iter().zip(&mut samples);
    Ok(rows.map(|((what, _), samples)| Row { what: *what, timing: timing(samples) }).collect())
}

struct Row {
    what: Measured,
    timing: Timing,
}

impl Row {
    fn threads(&self) -> usize {
        match self.what {
            Measured::Cached { threads, .. } | Measured::Cold { threads } => threads,
            Measured::Peer | Measured::Lookup { .. } => 1,
        }
    }

    fn to_json(&self, rounds: usize) -> Value {
        let (bench, Revoked { ids, clients }) = match self.what {
            Measured::Cached { revoked, .. } => ("verify-cached", revoked),
            Measured::Cold { .. } => ("verify-cold", NONE),
            Measured::Peer => ("verify-peer", NONE),
            Measured::Lookup { revoked, .. } => ("deny-set-lookup", revoked),
        };
        let mut line = json!({ "bench": bench });
        match self.what {
            Measured::Lookup { tokens, .. } => line["tokens"] = json!(tokens),
            Measured::Peer => {
                line["peer"] = json!(peer::NAME);
                line["alg"] = json!("RS256");
            }
            Measured::Cached { .. } | Measured::Cold { .. } => line["alg"] = json!("RS256"),
        }
        if self.what != Measured::Peer {
            line["deny_set"] = json!(ids);
            line["clients"] = json!(clients);
        }
        let Timing { median_ns, min_ns } = self.timing;
        line["threads"] = json!(self.threads());
        line["ns"] = rounded(median_ns);
        line["min_ns"] = rounded(min_ns);
        line["per_second"] = rounded(self.threads() as f64 * 1e9 / median_ns);
        line["rounds"] = json!(rounds);
        line
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.what {
            Measured::Cached { revoked, .. } => format!("seen before, {revoked}"),
            Measured::Cold { .. } => format!("first time, {NONE}"),
            Measured::Peer => format!("by {}", peer::NAME),
            Measured::Lookup { revoked, tokens } => format!("lookup of {tokens}, {revoked}"),
        };
        let Timing { median_ns, min_ns } = self.timing;
        let cell = format!("{median_ns:.1} ({min_ns:.1})");
        let threads = self.threads();
        let per_second = threads as f64 * 1e9 / median_ns;
        write!(f, "{what:<46}threads: {threads} {cell:>20} ns each, {per_second:>11.0} a second")
    }
}

/// What revocations take beside time.
struct Sizes {
    revoked: Revoked,
    /// Resident memory; only of the set that was filled first.
    bytes_each: Option<f64>,
    snapshot_bytes: usize,
    loaded_in: Duration,
}

impl Sizes {
    fn of(lookup: &Lookup, contestants: &[Contestant]) -> Option<Self> {
        let revoked = lookup.revoked;
        let contestant = contestants.iter().find(|one| one.remembers && one.revoked == revoked)?;
        Some(Self {
            revoked,
            bytes_each: (revoked == MANY).then_some(lookup.bytes_each),
            snapshot_bytes: contestant.snapshot_bytes,
            loaded_in: contestant.loaded_in,
        })
    }

    fn snapshot_bytes_each(&self) -> f64 {
        self.snapshot_bytes as f64 / (self.revoked.ids + self.revoked.clients) as f64
    }

    fn to_json(&self) -> Value {
        json!({
            "bench": "deny-set",
            "deny_set": self.revoked.ids,
            "clients": self.revoked.clients,
            "rss_bytes_per_entry": self.bytes_each.map(rounded),
            "snapshot_bytes": self.snapshot_bytes,
            "snapshot_bytes_per_entry": rounded(self.snapshot_bytes_each()),
            "ready_ms": rounded(self.loaded_in.as_secs_f64() * 1e3),
        })
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { revoked, snapshot_bytes, .. } = self;
        let (each, ready) = (self.snapshot_bytes_each(), self.loaded_in.as_millis());
        write!(f, "{revoked}: snapshot {snapshot_bytes} bytes, {each:.1} for each; ")?;
        write!(f, "ready in {ready} ms")?;
        match self.bytes_each {
            Some(bytes) => write!(f, "; in memory {bytes:.0} bytes for each"),
            None => Ok(()),
        }
    }
}
