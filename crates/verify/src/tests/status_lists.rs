//! Token Status Lists: fetched away from the requests, never from a place that was not allowed, and
//! never back in time.

use std::time::Duration;

use countersign_jose::{Error as TokenError, StatusListToken, base64url};
use tokio::time::{Instant, sleep};

use super::{describe, eventually, issuer::Issuer, ready};
use crate::{Error, Verifier, VerifierBuilder, WhenStale, clock};

const PATH: &str = "/lists/1";

async fn start(builder: VerifierBuilder) -> Verifier {
    let verifier = builder.start().expect("well described");
    ready(&verifier).await;
    verifier
}

async fn reading_lists(issuer: &Issuer) -> Verifier {
    start(describe(issuer).status_lists().max_staleness(Duration::from_millis(300))).await
}

/// A token at an index of a list.
fn token_at(issuer: &Issuer, uri: &str, index: u64) -> String {
    issuer.token_with(&format!("t{index}"), "g", |claims| {
        let list = serde_json::json!({ "idx": index, "uri": uri });
        claims.extra.insert("status".to_owned(), serde_json::json!({ "status_list": list }));
    })
}

fn token(issuer: &Issuer, index: u64) -> String {
    token_at(issuer, &format!("{}{PATH}", issuer.url), index)
}

/// A list of 64 tokens, with some that are not valid.
fn list(issuer: &Issuer, revoked: &[usize]) -> StatusListToken {
    let mut bits = [0_u8; 8];
    revoked.iter().for_each(|index| bits[index / 8] |= 1 << (index % 8));
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&bits, 9);
    let now = clock::now().as_secs();
    StatusListToken {
        issuer: Some(issuer.url.clone()),
        uri: format!("{}{PATH}", issuer.url),
        issued_at: now,
        expires_at: Some(now + 300),
        time_to_live_s: Some(1),
        bits: 1,
        list: base64url::encode(&packed),
    }
}

fn publish(issuer: &Issuer, list: &StatusListToken) {
    let mut script = issuer.script();
    let signed = list.sign(script.keys.last().expect("a key")).expect("a list");
    script.lists.insert(PATH.to_owned(), signed);
}

async fn refusal(verifier: &Verifier, token: &str) -> Option<Error> {
    verifier.verify(token, clock::now()).await.err()
}

#[tokio::test]
async fn a_list_is_fetched_once_for_all_and_kept_young_away_from_the_requests() {
    let issuer = Issuer::start().await;
    publish(&issuer, &list(&issuer, &[5]));
    let verifier = reading_lists(&issuer).await;
    let (good, bad) = (token(&issuer, 4), token(&issuer, 5));
    assert_eq!(verifier.verify_now(&good, clock::now()), Err(Error::StatusUnknown));
    assert!(Error::StatusUnknown.is_temporary());
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (verifier, good) = (verifier.clone(), good.clone());
        asked.spawn(async move { refusal(&verifier, &good).await });
    }
    assert!(asked.join_all().await.iter().all(Option::is_none));
    assert_eq!(issuer.script().list_loads, 1);
    assert_eq!(refusal(&verifier, &bad).await, Some(Error::Revoked));
    // From here on nobody waits, and what is revoked comes by itself.
    publish(&issuer, &list(&issuer, &[4, 5]));
    let revoked = || verifier.verify_now(&good, clock::now()) == Err(Error::Revoked);
    eventually("it is revoked", revoked).await;
    let metrics = verifier.metrics();
    assert!(metrics.status_list_loads >= 2 && metrics.status_lists == 1, "{metrics:?}");
}

#[tokio::test]
async fn a_token_has_to_name_a_place_in_a_list() {
    let issuer = Issuer::start().await;
    publish(&issuer, &list(&issuer, &[]));
    let verifier = reading_lists(&issuer).await;
    assert_eq!(refusal(&verifier, &issuer.token("t", "g")).await, Some(Error::NoStatus));
    assert!(!Error::NoStatus.is_temporary());
    assert_eq!(refusal(&verifier, &token(&issuer, 63)).await, None);
    let outside = Some(Error::Token(TokenError::InvalidClaim("status")));
    for index in [64, 1 << 20, u64::MAX] {
        assert_eq!(refusal(&verifier, &token(&issuer, index)).await, outside, "{index}");
    }
}

#[tokio::test]
async fn a_list_that_is_not_the_issuers_or_not_this_one_is_not_used() {
    let issuer = Issuer::start().await;
    let verifier = reading_lists(&issuer).await;
    let good = list(&issuer, &[]);
    let other = super::issuer::new_key();
    let lists = [
        StatusListToken { uri: format!("{}/lists/2", issuer.url), ..good.clone() },
        StatusListToken { issuer: Some("https://evil.example".to_owned()), ..good.clone() },
        StatusListToken { issued_at: 1, expires_at: Some(2), ..good.clone() },
        StatusListToken { list: "AAAA".to_owned(), ..good.clone() },
    ];
    let token = token(&issuer, 1);
    for (number, bad) in lists.iter().enumerate() {
        publish(&issuer, bad);
        assert_eq!(refusal(&verifier, &token).await, Some(Error::StatusUnknown), "{number}");
    }
    let signed = good.sign(&other).expect("a list");
    issuer.script().lists.insert(PATH.to_owned(), signed);
    assert_eq!(refusal(&verifier, &token).await, Some(Error::StatusUnknown), "a foreign key");
    // An access token in the place of a list, or another media type.
    let access = issuer.token("x", "g");
    issuer.script().lists.insert(PATH.to_owned(), access);
    assert_eq!(refusal(&verifier, &token).await, Some(Error::StatusUnknown));
    issuer.script().list_type = "text/html";
    publish(&issuer, &good);
    assert_eq!(refusal(&verifier, &token).await, Some(Error::StatusUnknown));
    issuer.script().list_type = "application/statuslist+jwt";
    eventually("it is tried again", || verifier.verify_now(&token, clock::now()).is_ok()).await;
    assert!(verifier.metrics().status_list_failures > 0);
}

#[tokio::test]
async fn no_place_is_asked_that_was_not_allowed() {
    let (issuer, elsewhere) = (Issuer::start().await, Issuer::start().await);
    let uri = format!("{}{PATH}", elsewhere.url);
    let foreign = StatusListToken { uri: uri.clone(), ..list(&issuer, &[]) };
    let signed = foreign.sign(issuer.script().keys.last().expect("a key")).expect("a list");
    elsewhere.script().lists.insert(PATH.to_owned(), signed);
    let verifier = reading_lists(&issuer).await;
    let token = token_at(&issuer, &uri, 1);
    assert_eq!(refusal(&verifier, &token).await, Some(Error::StatusUnknown));
    for place in ["file:///etc/passwd", "http://169.254.169.254/lists/1", "/lists/1", ""] {
        let token = token_at(&issuer, place, 1);
        assert_eq!(refusal(&verifier, &token).await, Some(Error::StatusUnknown), "{place}");
    }
    assert_eq!(elsewhere.script().list_loads, 0);
    let builder = describe(&issuer).status_lists().status_list_origin(&elsewhere.url);
    let verifier = start(builder).await;
    assert_eq!(refusal(&verifier, &token).await, None);
    assert_eq!(elsewhere.script().list_loads, 1);
}

#[tokio::test]
async fn an_older_list_never_replaces_a_newer_one() {
    let issuer = Issuer::start().await;
    publish(&issuer, &list(&issuer, &[7]));
    let verifier = reading_lists(&issuer).await;
    let token = token(&issuer, 7);
    assert_eq!(refusal(&verifier, &token).await, Some(Error::Revoked));
    let before = list(&issuer, &[]);
    publish(&issuer, &StatusListToken { issued_at: before.issued_at - 60, ..before });
    eventually("the old one came", || verifier.metrics().status_list_failures >= 2).await;
    assert_eq!(verifier.verify_now(&token, clock::now()), Err(Error::Revoked));
}

#[tokio::test]
async fn an_unchanged_list_is_confirmed() {
    let issuer = Issuer::start().await;
    publish(&issuer, &list(&issuer, &[7]));
    issuer.script().list_tag = Some("\"v1\"");
    let verifier = reading_lists(&issuer).await;
    let token = token(&issuer, 6);
    assert_eq!(refusal(&verifier, &token).await, None);
    eventually("it was asked again", || verifier.metrics().status_list_loads >= 4).await;
    sleep(Duration::from_millis(450)).await;
    assert!(verifier.verify_now(&token, clock::now()).is_ok(), "a copy stays young by 304");
    assert_eq!(verifier.metrics().status_list_failures, 0);
}

#[tokio::test]
async fn a_list_that_is_lost_leads_to_the_policy() {
    for (when_stale, expect) in
        [(WhenStale::Reject, Some(Error::Stale)), (WhenStale::DangerAccept, None)]
    {
        let issuer = Issuer::start().await;
        publish(&issuer, &list(&issuer, &[7]));
        let builder = describe(&issuer).status_lists().when_stale(when_stale);
        let verifier = start(builder.max_staleness(Duration::from_millis(100))).await;
        let (good, bad) = (token(&issuer, 6), token(&issuer, 7));
        assert_eq!(refusal(&verifier, &good).await, None);
        issuer.script().list_status = 500;
        sleep(Duration::from_millis(300)).await;
        let deadline = Instant::now() + Duration::from_secs(5);
        while refusal(&verifier, &good).await != expect {
            assert!(Instant::now() < deadline, "{when_stale:?}");
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(refusal(&verifier, &bad).await, Some(Error::Revoked), "an old no is a no");
        issuer.script().list_status = 200;
        eventually("it is back", || verifier.verify_now(&good, clock::now()).is_ok()).await;
    }
}

#[tokio::test]
async fn with_introspection_a_lost_list_means_a_question() {
    let issuer = Issuer::start().await;
    publish(&issuer, &list(&issuer, &[]));
    let builder = describe(&issuer).status_lists().introspection("api", "secret");
    let builder = builder.when_stale(WhenStale::Introspect).max_staleness(Duration::ZERO);
    let verifier = start(builder).await;
    let token = token(&issuer, 6);
    assert_eq!(refusal(&verifier, &token).await, None);
    issuer.script().list_status = 500;
    eventually("it is old", || {
        verifier.verify_now(&token, clock::now()) == Err(Error::NotIntrospected)
    })
    .await;
    assert_eq!(refusal(&verifier, &token).await, Some(Error::Inactive));
    // Opaque tokens need no list: their issuer has just spoken of them.
    assert_eq!(refusal(&verifier, &issuer.opaque("o", |_| {})).await, None);
}

#[tokio::test]
async fn who_follows_the_feed_needs_no_list() {
    let issuer = Issuer::start().await;
    let verifier = start(describe(&issuer).status_lists().revocations("api", "secret")).await;
    assert_eq!(refusal(&verifier, &token(&issuer, 6)).await, None);
    assert_eq!(refusal(&verifier, &issuer.token("t", "g")).await, None);
    assert_eq!(issuer.script().list_loads, 0);
}
