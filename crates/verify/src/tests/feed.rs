//! Revocations: they arrive whatever happens to the feed, or nothing is accepted.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{describe, eventually, following, issuer::Issuer, ready};
use crate::{Error, Verifier, WhenStale, clock};

fn refusal(verifier: &Verifier, token: &str) -> Option<Error> {
    verifier.verify_now(token, clock::now()).err()
}

/// The token is refused as revoked before long, and never accepted again.
async fn becomes_revoked(verifier: &Verifier, token: &str) {
    eventually("it is revoked", || refusal(verifier, token) == Some(Error::Revoked)).await;
}

#[tokio::test]
async fn a_revoked_token_and_all_tokens_of_a_revoked_grant_are_refused() {
    let issuer = Issuer::start().await;
    issuer.revoke("token", "before");
    let verifier = following(&issuer).await;
    let before = issuer.token("before", "g0");
    assert_eq!(refusal(&verifier, &before), Some(Error::Revoked), "it was in the snapshot");
    let (a, b, c) = (issuer.token("a", "g1"), issuer.token("b", "g1"), issuer.token("c", "g2"));
    let d = issuer.token("d", "g2");
    for token in [&a, &b, &c, &d] {
        assert_eq!(refusal(&verifier, token), None);
    }
    issuer.revoke("grant", "g1");
    issuer.revoke("token", "c");
    for token in [&a, &b, &c] {
        becomes_revoked(&verifier, token).await;
    }
    assert_eq!(refusal(&verifier, &d), None);
    let metrics = verifier.metrics();
    assert_eq!(metrics.revocations, 3);
    assert!(metrics.refused_revoked >= 3);
    let script = issuer.script();
    assert_eq!((script.snapshots, script.feeds_opened), (1, 1));
    for (path, authorization, last_event_id) in &script.requests {
        let expect = match path.as_str() {
            "/snapshot" => ("Basic YXBpOnNlY3JldA==", ""),
            "/feed" => ("Basic YXBpOnNlY3JldA==", "1"),
            _ => ("", ""),
        };
        assert_eq!((authorization.as_str(), last_event_id.as_str()), expect, "{path}");
    }
}

#[tokio::test]
async fn a_revoked_key_ends_all_that_it_signed_and_its_successor_is_fetched_at_once() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let (old, other) = (issuer.token("a", "g"), issuer.token("b", "h"));
    eventually("the feed is open", || issuer.script().feeds_opened == 1).await;
    assert_eq!((refusal(&verifier, &old), refusal(&verifier, &other)), (None, None));
    let revoked = issuer.script().keys[0].key_id().to_owned();
    {
        let mut script = issuer.script();
        // Still published: the deny set alone has to do.
        script.keys.push(super::issuer::new_key());
        script.revoke("key", &revoked);
    }
    becomes_revoked(&verifier, &old).await;
    assert_eq!(refusal(&verifier, &other), Some(Error::Revoked));
    let new = issuer.token("a", "g");
    eventually("the new key is known", || refusal(&verifier, &new).is_none()).await;
    assert_eq!(verifier.metrics().unknown_key_loads, 0, "no token had to ask for it");
    assert!(issuer.script().jwks_loads >= 2);
}

/// The event lives for some hours, a key that somebody has stolen for ever.
#[tokio::test]
async fn a_revoked_key_does_not_come_back_when_its_event_is_forgotten() {
    let issuer = Issuer::start().await;
    let next = super::issuer::new_key();
    issuer.script().keys.insert(0, next);
    let builder = describe(&issuer).revocations("api", "secret").leeway(Duration::ZERO);
    let verifier = builder.start().expect("starts");
    ready(&verifier).await;
    let stolen = issuer.token("a", "g");
    issuer.script().keys.rotate_left(1);
    let good = issuer.token("b", "g");
    for token in [&stolen, &good] {
        assert_eq!(refusal(&verifier, token), None);
    }
    {
        let mut script = issuer.script();
        let (id, expires_at) = (script.keys[0].key_id().to_owned(), clock::now().as_secs() + 2);
        let event = format!(r#"{{"seq":1,"kind":"key","id":"{id}","expires_at":{expires_at}}}"#);
        script.events.push((1, event));
        script.seq = 1;
        // No newer set comes. Those who have it for a copy of their own publish the old one.
        script.jwks = Some((500, Vec::new()));
    }
    becomes_revoked(&verifier, &stolen).await;
    eventually("it is forgotten", || verifier.metrics().revocations == 0).await;
    assert_eq!(refusal(&verifier, &stolen), Some(Error::Revoked));
    assert_eq!(refusal(&verifier, &good), None, "signed by another");
    let loads = issuer.script().jwks_loads;
    issuer.script().jwks = None;
    eventually("the old set comes again", || issuer.script().jwks_loads > loads + 1).await;
    for _ in 0..20 {
        assert_eq!(refusal(&verifier, &stolen), Some(Error::Revoked));
        assert_eq!(refusal(&verifier, &good), None);
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(verifier.verify(&stolen, clock::now()).await.err(), Some(Error::Revoked));
    assert_eq!(verifier.metrics().unknown_key_loads, 0, "it is not asked for either");
}

/// The news may be faster than the server that publishes the keys.
#[tokio::test]
async fn a_new_key_is_waited_for_while_the_revoked_one_is_still_published() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    eventually("the feed is open", || issuer.script().feeds_opened == 1).await;
    let revoked = issuer.script().keys[0].key_id().to_owned();
    let loads = issuer.script().jwks_loads;
    issuer.script().revoke("key", &revoked);
    eventually("it is asked for more than once", || issuer.script().jwks_loads > loads + 1).await;
    issuer.script().keys.push(super::issuer::new_key());
    let new = issuer.token("a", "g");
    let next = issuer.script().keys.pop().expect("a key");
    let waiting = tokio::spawn(async move { verifier.verify(&new, clock::now()).await });
    let loads = issuer.script().jwks_loads;
    eventually("it is asked for again", || issuer.script().jwks_loads > loads).await;
    issuer.script().keys = vec![next];
    assert!(waiting.await.expect("no panic").is_ok(), "the request did not fail");
    // It asks no more once the answer is up to date.
    sleep(Duration::from_millis(100)).await;
    let loads = issuer.script().jwks_loads;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(issuer.script().jwks_loads, loads);
}

#[tokio::test]
async fn a_revoked_client_ends_what_was_issued_to_it_up_to_then() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let until = clock::now().as_secs() - 5;
    let issued = |client_id: &str, issued_at: u64| {
        issuer.token_with(&format!("{client_id} {issued_at}"), "g", |token| {
            client_id.clone_into(&mut token.client_id);
            token.issued_at = issued_at;
        })
    };
    let (old, same_second) = (issued("shop", until - 9), issued("shop", until));
    let (young, other) = (issued("shop", until + 1), issued("bank", until - 9));
    {
        let mut script = issuer.script();
        script.seq += 1;
        let (seq, expires_at) = (script.seq, until + 300);
        let event = format!(
            r#"{{"seq":{seq},"kind":"client","id":"shop","issued_until":{until},"expires_at":{expires_at}}}"#
        );
        script.events.push((seq, event));
    }
    becomes_revoked(&verifier, &old).await;
    assert_eq!(refusal(&verifier, &same_second), Some(Error::Revoked));
    assert_eq!((refusal(&verifier, &young), refusal(&verifier, &other)), (None, None));
}

#[tokio::test]
async fn an_event_after_a_gap_leads_to_a_new_snapshot() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let (missed, told) = (issuer.token("missed", "g"), issuer.token("told", "h"));
    eventually("the feed is open", || issuer.script().feeds_opened == 1).await;
    {
        let mut script = issuer.script();
        script.revoke("token", "missed");
        script.revoke("token", "told");
        // The first is not sent, but the snapshot has it.
        let missed = script.events.remove(0);
        script.only_in_snapshot.push(missed);
    }
    becomes_revoked(&verifier, &told).await;
    becomes_revoked(&verifier, &missed).await;
    assert_eq!(issuer.script().snapshots, 2);
}

#[tokio::test]
async fn what_happens_while_the_feed_is_cut_arrives_by_resuming() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let token = issuer.token("a", "g");
    {
        let mut script = issuer.script();
        script.down = true;
        script.revoke("grant", "g");
    }
    eventually("the cut is noticed", || verifier.metrics().feed_failures >= 3).await;
    issuer.script().down = false;
    becomes_revoked(&verifier, &token).await;
    assert_eq!(issuer.script().snapshots, 1, "resumed, not loaded again");
}

#[tokio::test]
async fn a_connection_that_is_half_open_is_left() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let token = issuer.token("a", "g");
    eventually("the feed is open", || issuer.script().feeds_opened == 1).await;
    {
        let mut script = issuer.script();
        script.stalled = script.feeds_opened;
        script.revoke("grant", "g");
    }
    becomes_revoked(&verifier, &token).await;
    assert!(issuer.script().feeds_opened >= 2);
}

#[tokio::test]
async fn a_lost_place_leads_to_a_new_snapshot() {
    for raw in [
        "event: reset\ndata: {}\n\n",
        "event: heartbeat\ndata: {\"seq\":1000}\n\n",
        "event: heartbeat\ndata: what\n\n",
        "event: revoked\ndata: {\"seq\":2}\n\n",
        "data: \u{0}\nevent: revoked\ndata: \"cut\n\n",
    ] {
        let issuer = Issuer::start().await;
        let verifier = following(&issuer).await;
        let token = issuer.token("a", "g");
        eventually("the feed is open", || issuer.script().feeds_opened == 1).await;
        issuer.script().raw = Some(raw);
        eventually("the snapshot is loaded again", || issuer.script().snapshots >= 2).await;
        issuer.revoke("grant", "g");
        becomes_revoked(&verifier, &token).await;
    }
}

#[tokio::test]
async fn a_heartbeat_ahead_never_counts_as_current() {
    let issuer = Issuer::start().await;
    issuer.script().heartbeat_ahead = 1;
    let verifier = describe(&issuer)
        .revocations("api", "secret")
        .max_staleness(Duration::ZERO)
        .start()
        .expect("starts");
    eventually("it has loaded again and again", || issuer.script().snapshots >= 4).await;
    assert!(!verifier.is_ready());
}

#[tokio::test]
async fn a_restored_database_moves_the_place_back_and_loses_nothing() {
    let issuer = Issuer::start().await;
    for index in 0..5 {
        issuer.revoke("token", &format!("early{index}"));
    }
    let verifier = following(&issuer).await;
    let (early, late) = (issuer.token("early4", "g"), issuer.token("late", "g"));
    {
        let mut script = issuer.script();
        script.cut = script.feeds_opened;
        script.events.clear();
        script.seq = 1;
    }
    eventually("the snapshot is loaded again", || issuer.script().snapshots >= 2).await;
    issuer.revoke("token", "late");
    becomes_revoked(&verifier, &late).await;
    assert_eq!(refusal(&verifier, &early), Some(Error::Revoked));
}

#[tokio::test]
async fn beyond_the_limit_good_tokens_are_refused_until_the_feed_is_back() {
    let issuer = Issuer::start().await;
    let limit = Duration::from_millis(300);
    let describe = |when_stale| {
        describe(&issuer).revocations("api", "secret").max_staleness(limit).when_stale(when_stale)
    };
    let strict = describe(WhenStale::Reject).start().expect("starts");
    let lenient = describe(WhenStale::DangerAccept).start().expect("starts");
    issuer.revoke("grant", "gone");
    ready(&strict).await;
    ready(&lenient).await;
    let (good, gone) = (issuer.token("a", "g"), issuer.token("b", "gone"));
    eventually("it is accepted", || refusal(&strict, &good).is_none()).await;
    becomes_revoked(&lenient, &gone).await;
    issuer.script().down = true;
    let down_since = Instant::now();
    eventually("it is refused", || refusal(&strict, &good) == Some(Error::Stale)).await;
    // Generous: the machine may be busy. Without the limit it would never be refused.
    assert!(down_since.elapsed() < limit + Duration::from_secs(1));
    assert!(!strict.is_ready());
    assert_eq!(refusal(&strict, &gone), Some(Error::Revoked), "what is known stays refused");
    sleep(limit).await;
    assert_eq!(refusal(&lenient, &good), None);
    assert_eq!(refusal(&lenient, &gone), Some(Error::Revoked));
    assert!(lenient.metrics().revocations_age.is_some_and(|age| age > limit));
    issuer.script().down = false;
    eventually("it is accepted again", || refusal(&strict, &good).is_none()).await;
}

#[tokio::test]
async fn without_a_snapshot_nothing_is_accepted_whatever_the_policy() {
    let issuer = Issuer::start().await;
    // A snapshot alone will not do: nobody knows of a verifier that follows no feed.
    for (snapshot_status, feed_status) in [(500, 200), (401, 401), (404, 404), (200, 503)] {
        issuer.script().snapshot_status = snapshot_status;
        issuer.script().feed_status = feed_status;
        for when_stale in [WhenStale::Reject, WhenStale::DangerAccept] {
            let verifier = describe(&issuer).revocations("api", "wrong").when_stale(when_stale);
            let verifier = verifier.start().expect("starts");
            eventually("keys are there", || verifier.metrics().keys_age.is_some()).await;
            eventually("it has failed", || verifier.metrics().feed_failures >= 2).await;
            assert_eq!(refusal(&verifier, &issuer.token("a", "g")), Some(Error::NotReady));
            assert!(!verifier.is_ready());
        }
    }
}

#[tokio::test]
async fn an_issuer_without_a_feed_is_never_ready() {
    let issuer = Issuer::start().await;
    let metadata = issuer.script().metadata_json().replace("revocation_", "other_");
    issuer.script().metadata = Some(("/.well-known/oauth-authorization-server", metadata));
    let verifier = describe(&issuer).revocations("api", "secret").start().expect("starts");
    eventually("it has failed", || verifier.metrics().feed_failures >= 2).await;
    assert_eq!(refusal(&verifier, &issuer.token("a", "g")), Some(Error::NotReady));
}

#[tokio::test]
async fn a_revocation_that_is_not_understood_makes_everything_stale() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let token = issuer.token("a", "g");
    assert_eq!(refusal(&verifier, &token), None);
    issuer.revoke("planet", "earth");
    eventually("it is refused", || refusal(&verifier, &token) == Some(Error::Stale)).await;
    // A new snapshot does not make the verifier any wiser.
    issuer.script().raw = Some("event: reset\ndata: {}\n\n");
    eventually("the snapshot is loaded again", || issuer.script().snapshots >= 2).await;
    assert_eq!(refusal(&verifier, &token), Some(Error::Stale));
    assert!(!verifier.is_ready());
}

#[tokio::test]
async fn expired_revocations_are_given_back() {
    let issuer = Issuer::start().await;
    let verifier = describe(&issuer)
        .revocations("api", "secret")
        .leeway(Duration::ZERO)
        .start()
        .expect("starts");
    let expires_at = clock::now().as_secs() + 2;
    let event = format!(r#"{{"seq":1,"kind":"token","id":"a","expires_at":{expires_at}}}"#);
    issuer.script().events.push((1, event));
    issuer.script().seq = 1;
    ready(&verifier).await;
    eventually("it is there", || verifier.metrics().revocations == 1).await;
    eventually("it is gone", || verifier.metrics().revocations == 0).await;
    assert!(clock::now().as_secs() >= expires_at, "not before its time");
}

/// The clock of the issuer was set back by more than it allows for. The token is alive here.
#[tokio::test]
async fn a_revocation_that_seems_to_be_over_ends_a_live_token() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let (fed, loaded) = (issuer.token("fed", "g"), issuer.token("loaded", "g"));
    let revoke = |seq: u64, id: &str| {
        let expires_at = clock::now().as_secs() - 50 * 60;
        let event =
            format!(r#"{{"seq":{seq},"kind":"token","id":"{id}","expires_at":{expires_at}}}"#);
        let mut script = issuer.script();
        script.events.push((seq, event));
        script.seq = seq;
    };
    revoke(1, "fed");
    eventually("it is acknowledged", || {
        issuer.script().acknowledgements.iter().any(|form| form.contains("seq=1"))
    })
    .await;
    assert_eq!(refusal(&verifier, &fed), Some(Error::Revoked), "what is acknowledged is refused");
    revoke(2, "loaded");
    becomes_revoked(&following(&issuer).await, &loaded).await;
}

/// Revocations during every kind of trouble: in the end none is missing.
#[tokio::test]
async fn no_revocation_is_ever_skipped() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let tokens: Vec<String> =
        (0..120).map(|index| issuer.token(&format!("t{index}"), "g")).collect();
    for index in 0..120_u64 {
        {
            let mut script = issuer.script();
            script.revoke("token", &format!("t{index}"));
            match index % 12 {
                3 => script.cut = script.feeds_opened,
                5 => script.stalled = script.feeds_opened,
                7 => script.raw = Some("event: reset\ndata: {}\n\n"),
                8 => script.snapshot_status = 500,
                9 => script.down = true,
                11 => {
                    script.down = false;
                    script.snapshot_status = 200;
                }
                _ => {}
            }
        }
        sleep(Duration::from_millis(index * 7 % 19)).await;
    }
    for token in &tokens {
        becomes_revoked(&verifier, token).await;
    }
}
