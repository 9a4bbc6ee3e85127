//! Opaque tokens: asked about as rarely as possible, refused as soon as any other token would be.

use std::time::Duration;

use countersign_jose::{Confirmation, Error as TokenError, Timestamp};
use tokio::time::{Instant, sleep};

use super::{
    describe, eventually,
    issuer::{Issuer, claims},
    ready, short,
};
use crate::{Error, Verifier, VerifierBuilder, WhenStale, clock, timing::Timing};

async fn start(builder: VerifierBuilder) -> Verifier {
    let verifier = builder.introspection("api", "secret").start().expect("well described");
    ready(&verifier).await;
    verifier
}

/// Follows the feed and asks about opaque tokens.
async fn asking(issuer: &Issuer) -> Verifier {
    start(describe(issuer).revocations("api", "secret")).await
}

async fn refusal(verifier: &Verifier, token: &str) -> Option<Error> {
    verifier.verify(token, clock::now()).await.err()
}

#[tokio::test]
async fn an_opaque_token_is_asked_about_once_and_says_what_a_jwt_would() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    let token = issuer.opaque("t", |claims| {
        claims.grant_id = Some("g".to_owned());
        claims.extra.insert("tenant".to_owned(), "blue".into());
    });
    assert_eq!(verifier.verify_now(&token, clock::now()), Err(Error::NotIntrospected));
    for _ in 0..5 {
        let caller = verifier.verify(&token, clock::now()).await.expect("good");
        assert_eq!((caller.subject.as_str(), caller.token_id.as_str()), ("ada", "t"));
        assert_eq!((caller.grant_id.as_deref(), caller.key_id()), (Some("g"), None));
        assert_eq!(caller.extra["tenant"], "blue");
        assert!(caller.has_scope("orders:read"));
    }
    assert!(verifier.verify_now(&token, clock::now()).is_ok());
    let form = format!("token={token}&token_type_hint=access_token");
    assert_eq!(issuer.script().questions, [(form, "application/json".to_owned())]);
    let metrics = verifier.metrics();
    assert_eq!((metrics.introspections, metrics.introspected_before), (1, 5));
    assert_eq!(metrics.introspected_tokens, 1);
    // A JWT is nobody's business but ours.
    assert_eq!(refusal(&verifier, &issuer.token("j", "g")).await, None);
    assert_eq!(issuer.script().questions.len(), 1);
}

#[tokio::test]
async fn an_opaque_token_that_is_bound_to_a_key_needs_its_proof_at_each_call() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let token = issuer.opaque("t", |claims| {
        let key_thumbprint = Some(thumbprint.to_owned());
        claims.confirmation = Some(Confirmation { key_thumbprint, ..Confirmation::default() });
    });
    for _ in 0..2 {
        let refused = refusal(&verifier, &token).await.expect("no proof came with it");
        assert!(!refused.is_temporary() && refused != Error::Inactive, "{refused:?}");
    }
    assert_eq!(issuer.script().questions.len(), 1);
}

#[tokio::test]
async fn the_feed_ends_a_remembered_opaque_token_by_each_of_its_names() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    for (token_id, kind, id) in [("a", "token", "a"), ("b", "grant", "g"), ("c", "client", "shop")]
    {
        let token = issuer.opaque(token_id, |claims| {
            claims.grant_id = Some(if token_id == "b" { "g" } else { "other" }.to_owned());
            if token_id == "c" {
                claims.client_id = "shop".to_owned();
            }
        });
        assert_eq!(refusal(&verifier, &token).await, None);
        issuer.revoke(kind, id);
        let revoked = || verifier.verify_now(&token, clock::now()) == Err(Error::Revoked);
        eventually("it is revoked", revoked).await;
        // The issuer's own cache may still say otherwise: the deny set has the last word.
        assert_eq!(refusal(&verifier, &token).await, Some(Error::Revoked));
    }
    assert_eq!(issuer.script().questions.len(), 3);
}

#[tokio::test]
async fn a_remembered_answer_ends_with_its_token_and_is_for_this_api_only() {
    let issuer = Issuer::start().await;
    // Some minutes are skipped below.
    let hour = Duration::from_secs(3_600);
    let builder = describe(&issuer).timing(Timing { answer_kept: hour, ..short() });
    let verifier = start(builder.revocations("api", "secret").max_staleness(hour)).await;
    let token = issuer.opaque("t", |_| {});
    let caller = verifier.verify(&token, clock::now()).await.expect("good");
    let end = Timestamp::from_secs(caller.expires_at).plus(Duration::from_secs(30));
    let before = end.minus(Duration::from_millis(1));
    assert!(verifier.verify_now(&token, before).is_ok());
    assert_eq!(verifier.verify_now(&token, end), Err(Error::Token(TokenError::Expired)));
    for (change, expect) in
        [("aud", TokenError::Audience), ("iss", TokenError::Issuer), ("exp", TokenError::Expired)]
    {
        let token = issuer.opaque(change, |claims| match change {
            "aud" => claims.audience = vec!["https://other.example".to_owned()],
            "iss" => claims.issuer = "https://evil.example".to_owned(),
            _ => claims.expires_at = clock::now().as_secs() - 100,
        });
        assert_eq!(refusal(&verifier, &token).await, Some(Error::Token(expect)), "{change}");
    }
}

#[tokio::test]
async fn what_no_event_tells_of_is_found_out_by_asking_again() {
    let issuer = Issuer::start().await;
    let timing = Timing { answer_kept: Duration::from_millis(100), ..short() };
    let verifier = start(describe(&issuer).timing(timing).revocations("api", "secret")).await;
    let token = issuer.opaque("t", |claims| claims.expires_at += 1_000_000);
    assert_eq!(refusal(&verifier, &token).await, None);
    // As if the secret that seals it was withdrawn: no revocation names it.
    issuer.script().told.clear();
    let deadline = Instant::now() + Duration::from_secs(5);
    while refusal(&verifier, &token).await != Some(Error::Inactive) {
        assert!(Instant::now() < deadline, "it is asked about again");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn many_who_bring_one_token_ask_once() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    issuer.script().introspection_delay = Duration::from_millis(80);
    let (good, bad) = (issuer.opaque("t", |_| {}), issuer.opaque("u", |_| {}));
    issuer.script().told.remove(&bad);
    let mut asked = tokio::task::JoinSet::new();
    for index in 0..64 {
        let token = if index % 2 == 0 { good.clone() } else { bad.clone() };
        let verifier = verifier.clone();
        asked.spawn(async move { (index % 2 == 0, refusal(&verifier, &token).await) });
    }
    // Who goes away does not take the answer from the others.
    drop(tokio::time::timeout(Duration::from_millis(5), refusal(&verifier, &good)).await);
    for (is_good, refused) in asked.join_all().await {
        assert_eq!(refused, (!is_good).then_some(Error::Inactive));
    }
    assert_eq!(issuer.script().questions.len(), 2);
}

#[tokio::test]
async fn a_refusal_is_remembered_shortly_and_a_failure_not_at_all() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    let token = issuer.opaque("t", |_| {});
    let told = issuer.script().told.remove(&token).expect("told");
    for _ in 0..5 {
        assert_eq!(refusal(&verifier, &token).await, Some(Error::Inactive));
    }
    assert_eq!(issuer.script().questions.len(), 1);
    issuer.script().told.insert(token.clone(), told);
    let deadline = Instant::now() + Duration::from_secs(5);
    while refusal(&verifier, &token).await.is_some() {
        assert!(Instant::now() < deadline, "a refusal is forgotten");
        sleep(Duration::from_millis(10)).await;
    }
    let other = issuer.opaque("u", |_| {});
    for status in [500, 401, 404, 302, 204] {
        issuer.script().introspection_status = status;
        assert_eq!(refusal(&verifier, &other).await, Some(Error::IntrospectionFailed), "{status}");
        assert!(Error::IntrospectionFailed.is_temporary());
    }
    issuer.script().introspection_status = 200;
    assert_eq!(refusal(&verifier, &other).await, None);
    assert_eq!(verifier.metrics().introspection_failures, 5);
}

#[tokio::test]
async fn an_issuer_that_is_down_or_slow_is_never_taken_for_a_yes() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    let token = issuer.opaque("t", |_| {});
    issuer.script().introspection_delay = Duration::from_secs(60);
    let asked_at = Instant::now();
    assert_eq!(refusal(&verifier, &token).await, Some(Error::IntrospectionFailed));
    assert!(asked_at.elapsed() < Duration::from_secs(2), "there is a time limit");
    issuer.script().introspection_delay = Duration::ZERO;
    issuer.script().told.insert(token.clone(), serde_json::json!("yes"));
    assert_eq!(refusal(&verifier, &token).await, Some(Error::IntrospectionFailed));
}

#[tokio::test]
async fn a_verifier_that_was_not_told_how_to_ask_refuses_and_says_why() {
    let issuer = Issuer::start().await;
    let built = describe(&issuer).no_revocations().start();
    let verifier = built.expect("well described");
    ready(&verifier).await;
    let token = issuer.opaque("t", |_| {});
    assert_eq!(refusal(&verifier, &token).await, Some(Error::Opaque));
    assert!(!Error::Opaque.is_temporary());
    let malformed = Some(Error::Token(TokenError::Malformed));
    assert_eq!(refusal(&verifier, "anything").await, malformed);
    assert!(issuer.script().questions.is_empty());
}

#[tokio::test]
async fn junk_makes_no_flood_of_questions() {
    let issuer = Issuer::start().await;
    let verifier = asking(&issuer).await;
    let malformed = Some(Error::Token(TokenError::Malformed));
    for junk in ["csa_", "csa_short", "csa_*", &"x".repeat(10_000)] {
        assert_eq!(refusal(&verifier, junk).await, malformed, "{junk:.20}");
    }
    assert!(issuer.script().questions.is_empty());
    let (mut inactive, mut throttled) = (0, 0);
    let started = Instant::now();
    for index in 0..200 {
        for junk in [format!("unknown{index}"), format!("x.{index}")] {
            match refusal(&verifier, &junk).await {
                Some(Error::Inactive) => inactive += 1,
                Some(Error::IntrospectionFailed) => throttled += 1,
                other => panic!("{junk}: {other:?}"),
            }
        }
    }
    let questions = issuer.script().questions.len();
    assert_eq!(inactive, questions);
    // Fifty in a row, and then fifty a second.
    let most = 50.0 * (1.0 + started.elapsed().as_secs_f64());
    assert!(throttled > 0 && questions as f64 <= most, "{questions} questions");
    assert_eq!(verifier.metrics().introspections_throttled, throttled);
    // Texts of our own form are another matter.
    assert_eq!(refusal(&verifier, &issuer.opaque("t", |_| {})).await, None);
}

#[tokio::test]
async fn without_a_feed_an_answer_counts_for_its_age_only() {
    let issuer = Issuer::start().await;
    let builder = describe(&issuer).no_revocations();
    let verifier = start(builder.introspection_max_age(Duration::from_millis(100))).await;
    let token = issuer.opaque("t", |_| {});
    assert_eq!(refusal(&verifier, &token).await, None);
    issuer.script().told.clear();
    let deadline = Instant::now() + Duration::from_secs(5);
    while refusal(&verifier, &token).await != Some(Error::Inactive) {
        assert!(Instant::now() < deadline, "it is asked about again");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn without_room_every_request_asks() {
    let issuer = Issuer::start().await;
    let verifier = start(describe(&issuer).revocations("api", "secret").token_cache(0)).await;
    let token = issuer.opaque("t", |_| {});
    for _ in 0..3 {
        assert_eq!(refusal(&verifier, &token).await, None);
    }
    assert_eq!(issuer.script().questions.len(), 3);
}

#[tokio::test]
async fn signed_answers_have_to_be_signed_by_the_issuer_for_this_api() {
    let issuer = Issuer::start().await;
    let builder = describe(&issuer).revocations("api", "secret").signed_introspection();
    let verifier = start(builder).await;
    let token = issuer.opaque("t", |_| {});
    for (signed_for, expect) in [
        (None, Some(Error::IntrospectionFailed)),
        (Some("other"), Some(Error::IntrospectionFailed)),
        (Some("api"), None),
    ] {
        issuer.script().signed_for = signed_for.map(str::to_owned);
        assert_eq!(refusal(&verifier, &token).await, expect, "{signed_for:?}");
    }
    assert_eq!(issuer.script().questions[0].1, "application/token-introspection+jwt");
    // Of what the issuer does not know it says so, signed as well.
    let other = issuer.opaque("u", |_| {});
    issuer.script().told.clear();
    assert_eq!(refusal(&verifier, &other).await, Some(Error::Inactive));
    // A key that nobody published.
    let third = issuer.opaque("v", |_| {});
    issuer.script().jwks = Some((500, Vec::new()));
    issuer.script().keys.push(super::issuer::new_key());
    assert_eq!(refusal(&verifier, &third).await, Some(Error::IntrospectionFailed));
}

/// A verifier whose feed has just become too old.
async fn stale(issuer: &Issuer, when_stale: WhenStale) -> Verifier {
    let builder = describe(issuer).revocations("api", "secret");
    let builder = builder.max_staleness(Duration::from_millis(250)).when_stale(when_stale);
    let verifier = start(builder).await;
    issuer.script().feed_status = 500;
    issuer.script().snapshot_status = 500;
    let all = issuer.script().feeds_opened;
    issuer.script().cut = all + 1;
    let old = || verifier.metrics().revocations_age > Some(Duration::from_millis(250));
    eventually("the revocations are too old", old).await;
    verifier
}

#[tokio::test]
async fn while_the_feed_is_lost_each_token_is_asked_about_or_refused() {
    let issuer = Issuer::start().await;
    let verifier = stale(&issuer, WhenStale::Introspect).await;
    assert!(verifier.is_ready());
    for index in 0..100 {
        assert!(refusal(&verifier, &format!("x.{index}")).await.is_some());
    }
    assert!(verifier.metrics().introspections_throttled > 0, "no good token is, for all that");
    let jwt = issuer.token("j", "g");
    issuer.tell_of(&jwt, &claims(&issuer.url, "j"));
    let opaque = issuer.opaque("o", |_| {});
    for token in [&jwt, &opaque] {
        assert_eq!(verifier.verify_now(token, clock::now()), Err(Error::NotIntrospected));
        let asked = issuer.script().questions.len();
        assert_eq!(refusal(&verifier, token).await, None);
        assert_eq!(refusal(&verifier, token).await, None);
        assert_eq!(issuer.script().questions.len(), asked + 1, "one answer counts for a moment");
        issuer.script().told.remove(token.as_str());
        let asked_at = Instant::now();
        while refusal(&verifier, token).await.is_none() {
            assert!(asked_at.elapsed() < Duration::from_secs(5), "and for no longer");
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(refusal(&verifier, token).await, Some(Error::Inactive));
    }
    // An answer about another token is none about this one.
    let other = issuer.token("k", "g");
    issuer.tell_of(&other, &claims(&issuer.url, "not k"));
    assert_eq!(refusal(&verifier, &other).await, Some(Error::Inactive));
    // A bad token is told so without a question.
    let asked = issuer.script().questions.len();
    let (signed, _) = other.rsplit_once('.').expect("three parts");
    let (_, signature) = jwt.rsplit_once('.').expect("three parts");
    let forged = format!("{signed}.{signature}");
    assert!(matches!(refusal(&verifier, &forged).await, Some(Error::Token(_))));
    assert_eq!(issuer.script().questions.len(), asked);
    // Nobody answers any more.
    issuer.script().introspection_status = 503;
    let third = issuer.token("l", "g");
    assert_eq!(refusal(&verifier, &third).await, Some(Error::IntrospectionFailed));
    // The feed is back, and nobody is asked.
    let asked = issuer.script().questions.len();
    issuer.script().feed_status = 200;
    issuer.script().snapshot_status = 200;
    eventually("it is fresh", || verifier.verify_now(&third, clock::now()).is_ok()).await;
    assert_eq!(issuer.script().questions.len(), asked);
}

#[tokio::test]
async fn under_the_other_policies_nobody_is_asked_while_the_feed_is_lost() {
    for (when_stale, expect) in
        [(WhenStale::Reject, Some(Error::Stale)), (WhenStale::DangerAccept, None)]
    {
        let issuer = Issuer::start().await;
        let verifier = stale(&issuer, when_stale).await;
        assert_eq!(refusal(&verifier, &issuer.token("j", "g")).await, expect);
        assert!(issuer.script().questions.is_empty());
        let opaque = refusal(&verifier, &issuer.opaque("o", |_| {})).await;
        assert_eq!(opaque, expect, "opaque tokens are judged alike");
        let asked = usize::from(expect.is_none());
        assert_eq!(issuer.script().questions.len(), asked, "in vain nobody is asked");
    }
}
