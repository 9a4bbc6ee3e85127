//! Waiting until every verifier refuses what was revoked, and saying how far it has come.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use countersign_protocol::Timestamp;
use countersign_protocol::follower::{Follower, Propagation, Standing};
use countersign_server::process;
use serde_json::{Map, Value, json};

use super::store::Session;
use crate::output::{self, Failure, plain};

/// How often the store is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The exit code when some verifier has not confirmed in time: the revocation stands all the same.
const UNCONFIRMED: u8 = 3;

/// Whether to wait.
#[derive(clap::Args)]
pub(crate) struct Waiting {
    /// Wait until every verifier refuses it, at most so many seconds; exit code 3 if some has not
    /// confirmed by then
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5",
        value_parser = clap::value_parser!(u64).range(1..=600))]
    wait: Option<u64>,
}

impl Waiting {
    /// Whether it is wanted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wait.is_some()
    }
}

/// Says that something was revoked, and if that is wanted, when every verifier has confirmed it.
/// `done` is the sentence about the revocation itself, `facts` the same as JSON.
pub(crate) async fn conclude(
    session: &Session,
    waiting: &Waiting,
    seq: u64,
    done: &str,
    mut facts: Map<String, Value>,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    facts.insert("ok".into(), true.into());
    facts.insert("seq".into(), seq.into());
    let Some(seconds) = waiting.wait else {
        if as_json {
            output::print_json(&facts)?;
        } else {
            output::print(&format!("{done}\n"));
        }
        return Ok(ExitCode::SUCCESS);
    };
    if !as_json {
        output::print(&format!("{done}\n"));
    }
    let started = Instant::now();
    let propagation = wait(session, seq, Duration::from_secs(seconds)).await?;
    let (acknowledged, took) = (propagation.acknowledged, started.elapsed());
    let missing = propagation.unconfirmed();
    let now = process::now();
    if as_json {
        facts.insert("acknowledged".into(), acknowledged.into());
        let outstanding: Vec<_> = missing.iter().map(|follower| describe(follower, now)).collect();
        facts.insert("outstanding".into(), outstanding.into());
        facts.insert("elapsed_ms".into(), u64::try_from(took.as_millis())?.into());
        output::print_json(&facts)?;
    } else {
        output::print(&told(acknowledged, took, &missing, now));
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNCONFIRMED) })
}

async fn wait(session: &Session, seq: u64, limit: Duration) -> Result<Propagation, Failure> {
    let deadline = Instant::now() + limit;
    loop {
        let followers = session.store().followers().await?;
        let propagation = Propagation::of(followers, seq, process::now());
        if propagation.is_settled() || Instant::now() >= deadline {
            return Ok(propagation);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn told(acknowledged: usize, took: Duration, missing: &[Follower], now: Timestamp) -> String {
    let all = acknowledged + missing.len();
    let took = took.as_millis();
    if all == 0 {
        return "No verifier is connected, so there is none that could accept it.\n".to_owned();
    }
    let verifiers = if all == 1 { "verifier" } else { "verifiers" };
    if missing.is_empty() {
        return format!("Confirmed by {all} of {all} {verifiers} in {took} ms.\n");
    }
    let mut text =
        format!("Confirmed by {acknowledged} of {all} {verifiers} in {took} ms. Not confirmed:\n");
    for follower in missing {
        text.push_str(&format!("  {}: {}\n", name(follower), state(follower, now)));
    }
    text
}

/// What it is called and where it is.
pub(crate) fn name(follower: &Follower) -> String {
    format!("{} ({})", plain(follower.public_name()), plain(&follower.peer))
}

/// Where it stands, in words for the operator.
pub(crate) fn state(follower: &Follower, now: Timestamp) -> String {
    match follower.standing(now) {
        Standing::Connected => "connected".to_owned(),
        Standing::Silent => "connected, does not acknowledge".to_owned(),
        Standing::Lost(Some(until)) => {
            let left = until.since(now).as_secs() + 1;
            format!("connection lost; it refuses every token in {left} s unless it comes back")
        }
        Standing::Lost(None) => "connection lost; it accepts tokens without news".to_owned(),
        Standing::Past => "gone; it refuses every token".to_owned(),
    }
}

/// The same for a program.
pub(crate) fn describe(follower: &Follower, now: Timestamp) -> Value {
    let (standing, refuses_from) = match follower.standing(now) {
        Standing::Connected => ("connected", None),
        Standing::Silent => ("does_not_acknowledge", None),
        Standing::Lost(until) => ("lost", until),
        Standing::Past => ("gone", None),
    };
    json!({
        "name": follower.public_name(),
        "client_id": follower.client_id,
        "peer": follower.peer,
        "state": standing,
        "acknowledged": follower.acknowledged,
        "connected_at": follower.connected_at.as_secs(),
        "max_staleness_ms": follower.max_staleness.map(|limit| limit.as_millis() as u64),
        "refuses_from": refuses_from.map(Timestamp::as_secs),
    })
}
