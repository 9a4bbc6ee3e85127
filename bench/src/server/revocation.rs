//! How long after the answer to a revocation each of many connected verifiers refuses the token,
//! and how long the answer takes that waits until all of them have confirmed it.
//!
//! The verifiers are the product's own, each with a connection of its own to the feed, all in this
//! process. They are asked in turn without a pause, so a refusal is seen some twenty microseconds
//! after it begins.

use std::time::{Duration, Instant};

use countersign_verify::{Error, Timestamp, Verifier};

use super::http::{Connection, Reply};
use super::login::Site;
use super::operation::{SERVICE, service_token};
use crate::clock;

pub(super) const VERIFIERS: usize = 100;
/// Each revokes a token of its own. As many again wait for the verifiers.
const ROUNDS: usize = 60;
/// A verifier that refuses later than this fails the run.
const PATIENCE: Duration = Duration::from_secs(10);

/// In microseconds, sorted.
pub(super) struct Latencies {
    /// From the request to its answer, of each round.
    pub(super) answers: Vec<u32>,
    /// From the answer to the refusal, of each verifier in each round.
    pub(super) refusals: Vec<u32>,
    /// From the request to the answer that all verifiers have confirmed, of each round.
    pub(super) barriers: Vec<u32>,
}

pub(super) async fn measure(site: &Site) -> Result<Latencies, String> {
    eprintln!("connecting {VERIFIERS} verifiers");
    let verifiers = connect(site).await?;
    let mut found = Latencies { answers: vec![], refusals: vec![], barriers: vec![] };
    for _ in 0..ROUNDS {
        let token = accepted_token(site, &verifiers).await?;
        let (took, answered, _) = revoke(site, &token, "").await?;
        found.answers.push(took);
        found.refusals.extend(refusals(&verifiers, &token, answered).await?);
        let token = accepted_token(site, &verifiers).await?;
        let (took, _, answer) = revoke(site, &token, "&wait=propagated").await?;
        found.barriers.push(took);
        confirmed(&verifiers, &token, &answer)?;
    }
    for verifier in &verifiers {
        verifier.shutdown();
    }
    for figures in [&mut found.answers, &mut found.refusals, &mut found.barriers] {
        figures.sort_unstable();
    }
    Ok(found)
}

/// A new token that each verifier accepts and remembers as verified.
async fn accepted_token(site: &Site, verifiers: &[Verifier]) -> Result<String, String> {
    let token = site.tokens(&service_token(site)).await?.access_token;
    for verifier in verifiers.iter().chain(verifiers) {
        verifier.verify_now(&token, now()).map_err(|error| error.to_string())?;
    }
    Ok(token)
}

/// How long the answer took, when it came, and what it says.
async fn revoke(site: &Site, token: &str, more: &str) -> Result<(u32, Instant, Vec<u8>), String> {
    let mut connection = Connection::open(site.address).await.map_err(|e| e.to_string())?;
    let form = format!("token={token}{more}");
    let request = site.authenticated("/revoke", SERVICE, form).render();
    let asked = Instant::now();
    let Reply { status, body, .. } = connection.exchange(&request).await?;
    let answered = Instant::now();
    match status {
        200 => Ok(((answered - asked).as_micros() as u32, answered, body.to_vec())),
        _ => Err(format!("the revocation is answered with {status}")),
    }
}

/// The answer names all verifiers, and at this very moment none accepts the token any more.
fn confirmed(verifiers: &[Verifier], token: &str, answer: &[u8]) -> Result<(), String> {
    let all = verifiers.iter().all(|one| one.verify_now(token, now()) == Err(Error::Revoked));
    let answer: serde_json::Value = serde_json::from_slice(answer).map_err(|e| e.to_string())?;
    // The sample API of `countersign dev` has one as well.
    if all && answer["acknowledged"] == verifiers.len() + 1 {
        Ok(())
    } else {
        Err(format!("not all verifiers refuse a token after they have confirmed: {answer}"))
    }
}

async fn connect(site: &Site) -> Result<Vec<Verifier>, String> {
    let issuer = format!("http://{}", site.address);
    let start = || {
        let described = Verifier::discover(&issuer, &site.sample());
        described.revocations(SERVICE.0, SERVICE.1).start().map_err(|error| error.to_string())
    };
    let verifiers = (0..VERIFIERS).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
    for verifier in &verifiers {
        let ready = tokio::time::timeout(Duration::from_secs(30), verifier.ready()).await;
        ready.map_err(|_| "a verifier is not ready after 30 seconds")?;
    }
    // The last ones have loaded their snapshots; now all of them are to hang on the feed.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(verifiers)
}

/// Asks those that still accept until none does.
async fn refusals(
    verifiers: &[Verifier],
    token: &str,
    answered: Instant,
) -> Result<Vec<u32>, String> {
    let mut accepting: Vec<&Verifier> = verifiers.iter().collect();
    let mut found = Vec::with_capacity(verifiers.len());
    while !accepting.is_empty() {
        if answered.elapsed() > PATIENCE {
            return Err(format!("{} verifiers still accept a revoked token", accepting.len()));
        }
        let mut failure = None;
        accepting.retain(|verifier| match verifier.verify_now(token, now()) {
            Ok(_) => true,
            Err(Error::Revoked) => {
                found.push(answered.elapsed().as_micros() as u32);
                false
            }
            Err(other) => {
                failure = Some(other.to_string());
                false
            }
        });
        if let Some(reason) = failure {
            return Err(reason);
        }
        tokio::task::yield_now().await;
    }
    Ok(found)
}

fn now() -> Timestamp {
    Timestamp::from_millis(clock::since_epoch().as_millis() as u64)
}
