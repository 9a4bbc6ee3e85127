//! Rotation, outages and floods: which keys are used when.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use countersign_jose::base64url;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    describe, eventually,
    issuer::{Issuer, claims, new_key},
    keys_only, ready,
};
use crate::{AccessToken, Error, Verifier, clock, timing::Timing};

/// The issuer lets its keys be kept for no time at all, so they are loaded every 20 milliseconds.
async fn reloading() -> Issuer {
    let issuer = Issuer::start().await;
    issuer.script().jwks_headers.push(("cache-control", "no-store"));
    issuer
}

#[tokio::test]
async fn a_rotation_fails_no_request() {
    let issuer = reloading().await;
    let verifier = keys_only(&issuer).await;
    let old = issuer.token("old", "g");
    for _ in 0..5 {
        // First published beside the old one, then used: nobody has to wait.
        let next = new_key();
        let loads = issuer.script().jwks_loads;
        issuer.script().keys.insert(0, next);
        eventually("it is loaded", || issuer.script().jwks_loads >= loads + 2).await;
        issuer.script().keys.rotate_left(1);
        for token in [&old, &issuer.token("new", "g")] {
            assert_eq!(verifier.verify_now(token, clock::now()).map(drop), Ok(()));
        }
    }
    assert_eq!(verifier.metrics().refused, 0);
    assert_eq!(verifier.metrics().unknown_key_loads, 0);
    // When the old key is withdrawn, its tokens are refused.
    let newest = issuer.script().keys.pop().expect("a key");
    issuer.script().keys = vec![newest];
    eventually("the old key is gone", || verifier.verify_now(&old, clock::now()).is_err()).await;
}

#[tokio::test]
async fn a_key_that_signs_before_it_was_seen_costs_one_load() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let next = new_key();
    issuer.script().keys.push(next);
    let token = issuer.token("t", "g");
    assert_eq!(
        verifier.verify_now(&token, clock::now()),
        Err(Error::Token(countersign_jose::Error::UnknownKey))
    );
    let (one, other) =
        tokio::join!(verifier.verify(&token, clock::now()), verifier.verify(&token, clock::now()));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(issuer.script().jwks_loads, 2);
}

#[tokio::test]
async fn no_bad_answer_replaces_good_keys() {
    let issuer = reloading().await;
    let verifier = keys_only(&issuer).await;
    let token = issuer.token("t", "g");
    let own = issuer.script().keys.last().and_then(|key| key.public_jwk());
    let own = serde_json::to_string(&own).expect("a JWK");
    let oversized = format!(r#"{{"keys":[{own}],"x":"{}"}}"#, "x".repeat(300 * 1024));
    for (status, body) in [
        (200, "<html>welcome</html>".to_owned()),
        (200, String::new()),
        (200, "{}".to_owned()),
        (200, r#"{"keys":[]}"#.to_owned()),
        (200, r#"{"keys":{}}"#.to_owned()),
        (200, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"x"}]}"#.to_owned()),
        (200, oversized),
        (204, String::new()),
        (302, format!(r#"{{"keys":[{own}]}}"#)),
        (304, String::new()),
        (404, String::new()),
        (500, format!(r#"{{"keys":[{own}]}}"#)),
    ] {
        issuer.script().jwks = Some((status, body.clone().into_bytes()));
        let failures = verifier.metrics().key_failures;
        eventually("two loads failed", || verifier.metrics().key_failures >= failures + 2).await;
        let outcome = verifier.verify_now(&token, clock::now());
        assert_eq!(outcome.map(drop), Ok(()), "{status} {body:.40}");
    }
    issuer.script().jwks = None;
    let next = new_key();
    issuer.script().keys.push(next);
    let token = issuer.token("t2", "g");
    eventually("it recovers", || verifier.verify_now(&token, clock::now()).is_ok()).await;
}

#[tokio::test]
async fn old_keys_serve_while_the_issuer_is_down() {
    let issuer = reloading().await;
    let verifier = keys_only(&issuer).await;
    let token = issuer.token("t", "g");
    issuer.script().down = true;
    let failures = verifier.metrics().key_failures;
    eventually("loads failed", || verifier.metrics().key_failures >= failures + 5).await;
    assert!(verifier.verify(&token, clock::now()).await.is_ok());
    assert!(verifier.is_ready());
    assert!(verifier.metrics().keys_age.is_some_and(|age| age > Duration::from_millis(50)));
    issuer.script().down = false;
    let loads = verifier.metrics().key_loads;
    eventually("it recovers", || verifier.metrics().key_loads > loads).await;
}

#[tokio::test]
async fn a_bad_key_does_not_spoil_the_set() {
    let issuer = Issuer::start().await;
    issuer.script().extra_key =
        Some(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"bad","alg":"ES256"}"#.into());
    let verifier = keys_only(&issuer).await;
    assert!(verifier.verify_now(&issuer.token("t", "g"), clock::now()).is_ok());
    assert_eq!(verifier.metrics().unusable_keys, 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_one_load_and_delays_no_good_token() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let good = issuer.token("good", "g");
    let stranger = new_key();
    let claims = claims(&issuer.url, "bad");
    let bad = countersign_jose::jwt::sign(&stranger, AccessToken::TYPE, &claims).expect("signed");
    let flood = |count: usize| {
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (verifier, bad) = (verifier.clone(), bad.clone());
                tokio::spawn(async move { verifier.verify(&bad, clock::now()).await })
            })
            .collect();
        async move {
            for task in tasks {
                let outcome = task.await.expect("no panic").map(drop);
                assert_eq!(outcome, Err(Error::Token(countersign_jose::Error::UnknownKey)));
            }
        }
    };
    let loads = issuer.script().jwks_loads;
    let running = flood(1_000);
    for _ in 0..100 {
        assert!(verifier.verify(&good, clock::now()).await.is_ok());
    }
    running.await;
    let after = issuer.script().jwks_loads - loads;
    assert!(after <= 1, "{after} loads in one pause");
    // After the pause one more, and the key id is in no URL.
    sleep(Duration::from_millis(550)).await;
    flood(100).await;
    assert_eq!(issuer.script().jwks_loads - loads, after + 1);
    let script = issuer.script();
    assert!(script.requests.iter().all(|(uri, ..)| !uri.contains(stranger.key_id())));
}

#[tokio::test]
async fn an_unchanged_set_is_confirmed_by_its_entity_tag() {
    let issuer = reloading().await;
    issuer.script().entity_tag = Some("\"v1\"");
    let verifier = keys_only(&issuer).await;
    eventually("it is confirmed", || issuer.script().unchanged >= 2).await;
    assert!(verifier.verify_now(&issuer.token("t", "g"), clock::now()).is_ok());
    assert_eq!(verifier.metrics().key_failures, 0);
    issuer.script().entity_tag = Some("\"v2\"");
    let next = new_key();
    issuer.script().keys.push(next);
    let token = issuer.token("t", "g");
    eventually("the new set is taken", || verifier.verify_now(&token, clock::now()).is_ok()).await;
}

#[tokio::test]
async fn an_issuer_that_comes_up_later_is_found() {
    let issuer = Issuer::start().await;
    issuer.script().down = true;
    let verifier = describe(&issuer).no_revocations().start().expect("starts");
    let token = issuer.token("t", "g");
    assert_eq!(verifier.verify(&token, clock::now()).await, Err(Error::NotReady));
    eventually("it has failed", || verifier.metrics().key_failures >= 2).await;
    issuer.script().down = false;
    ready(&verifier).await;
    assert!(verifier.verify(&token, clock::now()).await.is_ok());
}

#[tokio::test]
async fn an_issuer_with_a_path_and_only_openid_metadata_is_found() {
    let issuer = Issuer::start_at("/tenant").await;
    let metadata = issuer.script().metadata_json();
    issuer.script().metadata = Some(("/tenant/.well-known/openid-configuration", metadata));
    let verifier = keys_only(&issuer).await;
    assert!(verifier.verify_now(&issuer.token("t", "g"), clock::now()).is_ok());
    let script = issuer.script();
    assert_eq!(script.requests[0].0, "/.well-known/oauth-authorization-server/tenant");
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_used() {
    let issuer = Issuer::start().await;
    let metadata = issuer.script().metadata_json().replace("127.0.0.1", "localhost");
    issuer.script().metadata = Some(("/.well-known/oauth-authorization-server", metadata));
    let verifier = describe(&issuer).no_revocations().start().expect("starts");
    eventually("it has failed", || verifier.metrics().key_failures >= 3).await;
    assert!(!verifier.is_ready());
    assert_eq!(issuer.script().jwks_loads, 0);
}

/// Verifies good tokens as fast as it can until it is told to stop; gives how many there were.
fn load(verifier: &Verifier, tokens: impl Fn() -> String + Send + 'static) -> Load {
    let (verifier, over) = (verifier.clone(), Arc::new(AtomicBool::new(false)));
    let told = over.clone();
    let task = tokio::spawn(async move {
        let mut count = 0;
        while !told.load(Ordering::Relaxed) {
            let outcome = verifier.verify(&tokens(), clock::now()).await;
            assert_eq!(outcome.map(drop), Ok(()), "after {count}");
            count += 1;
            tokio::task::yield_now().await;
        }
        count
    });
    Load { over, task }
}

struct Load {
    over: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

impl Load {
    async fn end(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.expect("no request failed")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_fails_no_request() {
    let issuer = Arc::new(reloading().await);
    let verifier = keys_only(&issuer).await;
    let loads: Vec<Load> = (0..4)
        .map(|_| {
            let issuer = issuer.clone();
            load(&verifier, move || issuer.token("t", "g"))
        })
        .collect();
    for _ in 0..10 {
        // Announced, then active; the one before stays until its tokens have expired.
        let next = new_key();
        let loads = issuer.script().jwks_loads;
        issuer.script().keys.insert(0, next);
        eventually("it is loaded", || issuer.script().jwks_loads >= loads + 2).await;
        let mut script = issuer.script();
        script.keys.rotate_left(1);
        if script.keys.len() > 2 {
            script.keys.remove(0);
        }
    }
    let mut verified = 0;
    for load in loads {
        verified += load.end().await;
    }
    println!("{verified} requests");
    assert!(verified > 100);
    assert_eq!((verifier.metrics().refused, verifier.metrics().unknown_key_loads), (0, 0));
}

#[tokio::test]
async fn ten_minutes_without_the_issuer_fail_no_request() {
    let issuer = Issuer::start().await;
    // As in production, all times: ten minutes are twice as long as a set of keys is kept.
    let verifier = describe(&issuer).timing(Timing::default()).no_revocations();
    let verifier = verifier.start().expect("well described");
    ready(&verifier).await;
    let token = issuer.token("t", "g");
    let (started, wall) = (Instant::now(), clock::now());
    issuer.script().down = true;
    tokio::time::pause();
    while started.elapsed() < Duration::from_secs(600) {
        for token in [&token, &issuer.token("new", "g")] {
            // The clock on the wall stands still here, and so do the tokens.
            let outcome = verifier.verify(token, wall).await;
            assert_eq!(outcome.map(drop), Ok(()), "after {:?}", started.elapsed());
        }
        sleep(Duration::from_secs(1)).await;
    }
    let metrics = verifier.metrics();
    assert!(metrics.key_failures >= 3, "the issuer was asked, and was down: {metrics:?}");
    assert_eq!((metrics.refused, metrics.accepted), (0, 1_200));
    assert!(verifier.is_ready());
    tokio::time::resume();
    issuer.script().down = false;
}

/// A good token that names a key that nobody has.
fn with_unknown_key(token: &str, number: usize) -> String {
    let (_, rest) = token.split_once('.').expect("three parts");
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"unknown-{number}"}}"#);
    format!("{}.{rest}", base64url::encode(header.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unknown_keys_a_second_cost_one_load_a_pause_and_delay_nobody() {
    let issuer = Arc::new(Issuer::start().await);
    let verifier = keys_only(&issuer).await;
    let good = issuer.token("good", "g");
    let loads = issuer.script().jwks_loads;
    issuer.script().jwks_hangs = true;
    let started = Instant::now();
    let mut flood = Vec::new();
    for second in 0..2 {
        let deadline = started + Duration::from_secs(second + 1);
        for number in 0..10_000 {
            let bad = with_unknown_key(&good, number);
            let asked = verifier.clone();
            flood.push(tokio::spawn(async move { asked.verify(&bad, clock::now()).await }));
            if number % 100 == 0 {
                // One look is enough: a known key waits for nothing, also while a load hangs.
                let mut judged = pin!(verifier.verify(&good, clock::now()));
                let at_once = judged.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(at_once, Poll::Ready(Ok(_))), "{at_once:?}");
                tokio::task::yield_now().await;
            }
        }
        // Some hundred milliseconds of each second hang.
        issuer.script().jwks_hangs = second == 0;
        sleep(deadline.saturating_duration_since(Instant::now())).await;
    }
    let unknown = Err(Error::Token(countersign_jose::Error::UnknownKey));
    for judged in flood {
        assert_eq!(judged.await.expect("no panic").map(drop), unknown);
    }
    // The pause is half a second here, and one load may be under way at either end.
    let (took, pause) = (started.elapsed(), Duration::from_millis(500));
    let most = u64::try_from(took.as_millis() / pause.as_millis()).expect("short") + 1;
    let loads = issuer.script().jwks_loads - loads;
    println!("20,000 unknown keys in {took:?}: {loads} loads");
    assert!((1..=most).contains(&loads), "{loads} loads in {took:?}");
}
