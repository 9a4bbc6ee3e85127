//! Load: connections that each ask, read, check and ask again until the time is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::http::{Connection, Reply, Request};

/// A server that answers faster than this is not measured any longer in one window.
const MOST_REQUESTS: usize = 1_000_000;
/// A connection with more wrong answers than this gives up.
const MOST_ERRORS: u64 = 20;
/// How long after the end an answer may still come.
const GRACE: Duration = Duration::from_secs(10);

/// What one connection says.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// The same each time; the answer must hold this text.
    Fixed { request: Vec<u8>, expected: &'static str },
    /// Each refresh token is used once and brings the next.
    Chain { request: Request, token: String },
}

impl Script {
    pub(super) fn fixed(request: &Request, expected: &'static str) -> Self {
        Self::Fixed { request: request.render(), expected }
    }

    pub(super) fn chain(request: Request, token: String) -> Self {
        Self::Chain { request, token }
    }

    fn is_chain(&self) -> bool {
        matches!(self, Self::Chain { .. })
    }

    async fn ask<'a>(&self, connection: &'a mut Connection) -> Result<Reply<'a>, String> {
        match self {
            Self::Fixed { request, .. } => connection.exchange(request).await,
            Self::Chain { request, token } => {
                let form = format!("grant_type=refresh_token&refresh_token={token}");
                connection.exchange(&request.with_body(form).render()).await
            }
        }
    }

    /// Whether the answer is the right one; a chain takes its next token from it.
    fn judge(&mut self, reply: &Reply<'_>) -> Result<(), String> {
        let wrong = || {
            let body = String::from_utf8_lossy(reply.body);
            let start: String = body.chars().take(200).collect();
            format!("{} {start}", reply.status)
        };
        if reply.status != 200 {
            return Err(wrong());
        }
        match self {
            Self::Fixed { expected, .. } => {
                let held = holds(reply.body, expected.as_bytes());
                if held { Ok(()) } else { Err(wrong()) }
            }
            Self::Chain { token, .. } => {
                let next: Next<'_> = serde_json::from_slice(reply.body).map_err(|_| wrong())?;
                if next.refresh_token == token {
                    return Err("the same refresh token again".to_owned());
                }
                token.clear();
                token.push_str(next.refresh_token);
                Ok(())
            }
        }
    }
}

#[derive(Deserialize)]
struct Next<'a> {
    refresh_token: &'a str,
}

/// What a window found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) scripts: Vec<Script>,
    /// Of right answers, in microseconds.
    pub(super) latencies: Vec<u32>,
    pub(super) errors: u64,
    /// One of the errors.
    pub(super) example: Option<String>,
    pub(super) took: Duration,
}

/// Open connections that have not begun to ask.
pub(super) struct Window {
    lanes: Vec<(Connection, Script)>,
}

impl Window {
    pub(super) async fn open(address: SocketAddr, scripts: Vec<Script>) -> Result<Self, String> {
        if !address.ip().is_loopback() {
            return Err(format!("{address} is not this machine"));
        }
        let mut lanes = Vec::with_capacity(scripts.len());
        for script in scripts {
            let connection = Connection::open(address).await.map_err(|error| error.to_string())?;
            lanes.push((connection, script));
        }
        Ok(Self { lanes })
    }

    pub(super) async fn run(self, length: Duration) -> Outcome {
        let gate = Arc::new(Barrier::new(self.lanes.len() + 1));
        let most = MOST_REQUESTS / self.lanes.len().max(1);
        let mut lanes = JoinSet::new();
        let count = self.lanes.len() as u64;
        for (connection, script) in self.lanes {
            lanes.spawn(lane(connection, script, Arc::clone(&gate), length, most));
        }
        gate.wait().await;
        let start = Instant::now();
        let mut outcome = Outcome::default();
        let end = tokio::time::Instant::now() + length + GRACE;
        while let Ok(Some(Ok(lane))) = tokio::time::timeout_at(end, lanes.join_next()).await {
            outcome.add(lane);
        }
        outcome.took = start.elapsed();
        let silent = count - outcome.scripts.len() as u64;
        if silent > 0 {
            outcome.errors += silent;
            outcome.example.get_or_insert(format!("{silent} connections got no answer"));
        }
        outcome
    }
}

impl Outcome {
    fn add(&mut self, lane: Self) {
        self.scripts.extend(lane.scripts);
        self.latencies.extend(lane.latencies);
        self.errors += lane.errors;
        if self.example.is_none() {
            self.example = lane.example;
        }
    }
}

async fn lane(
    mut connection: Connection,
    mut script: Script,
    gate: Arc<Barrier>,
    length: Duration,
    most: usize,
) -> Outcome {
    let mut outcome = Outcome { latencies: Vec::with_capacity(16 * 1024), ..Outcome::default() };
    gate.wait().await;
    let end = Instant::now() + length;
    let mut asked = Instant::now();
    while asked < end && outcome.latencies.len() < most && outcome.errors <= MOST_ERRORS {
        let answer = script.ask(&mut connection).await;
        let answered = Instant::now();
        let lost = answer.is_err();
        let judged = answer.and_then(|reply| script.judge(&reply));
        match judged {
            Ok(()) => outcome.latencies.push((answered - asked).as_micros() as u32),
            Err(reason) => {
                outcome.errors += 1;
                outcome.example.get_or_insert(reason);
                // A broken chain has no next token.
                if lost || script.is_chain() {
                    break;
                }
            }
        }
        asked = Instant::now();
    }
    outcome.scripts = vec![script];
    outcome
}

/// The text is near the start or the end; answers are short.
fn holds(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests;
