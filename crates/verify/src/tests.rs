//! A verifier against an issuer that misbehaves on command.

mod acknowledge;
mod building;
mod feed;
mod introspection;
mod issuer;
mod keys;
mod layer;
mod malleability;
mod sender;
mod status_lists;
mod token_cache;

use std::time::Duration;

use issuer::{AUDIENCE, Issuer};
use tokio::time::{Instant, sleep};

use crate::{Verifier, VerifierBuilder, timing::Timing};

/// As in production, but shorter, so that a whole outage fits into a test.
fn short() -> Timing {
    let millis = Duration::from_millis;
    Timing {
        request: millis(2_000),
        snapshot: millis(2_000),
        feed_silence: millis(400),
        feed_retry: (millis(5), millis(40)),
        keys_retry: (millis(5), millis(40)),
        unknown_key_pause: millis(500),
        keys_lifetime: Duration::from_secs(60),
        keys_lifetime_bounds: (millis(20), Duration::from_secs(60)),
        question: millis(400),
        answer_kept: millis(5_000),
        refusal_kept: millis(150),
        answer_when_stale: millis(60),
        acknowledge: millis(100),
        status_lifetime_bounds: (millis(20), millis(100)),
        prune: millis(50),
    }
}

fn describe(issuer: &Issuer) -> VerifierBuilder {
    Verifier::discover(&issuer.url, AUDIENCE).timing(short())
}

/// Follows the feed and is ready.
async fn following(issuer: &Issuer) -> Verifier {
    let verifier = describe(issuer).revocations("api", "secret").start().expect("well described");
    ready(&verifier).await;
    verifier
}

/// Follows nothing and is ready.
async fn keys_only(issuer: &Issuer) -> Verifier {
    let verifier = describe(issuer).no_revocations().start().expect("well described");
    ready(&verifier).await;
    verifier
}

async fn ready(verifier: &Verifier) {
    tokio::time::timeout(Duration::from_secs(5), verifier.ready()).await.expect("ready in time");
}

/// Waits until something holds, at most five seconds.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
