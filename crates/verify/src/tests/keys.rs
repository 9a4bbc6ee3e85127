//! Rotation, outages and floods: which keys are used when.

use std::time::Duration;

use super::{
    describe, eventually,
    issuer::{Issuer, claims, new_key},
    keys_only, ready,
};
use crate::{AccessToken, Error, clock};

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
    tokio::time::sleep(Duration::from_millis(550)).await;
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
