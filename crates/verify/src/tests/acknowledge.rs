//! Acknowledgements: what is acknowledged is refused, and nothing else waits for them.

use std::{collections::HashMap, time::Duration};

use tokio::time::sleep;

use super::{describe, eventually, following, issuer::Issuer, ready};
use crate::{Error, Verifier, WhenStale, clock};

fn is_refused(verifier: &Verifier, token: &str) -> bool {
    verifier.verify_now(token, clock::now()) == Err(Error::Revoked)
}

/// The acknowledgements that came, as the members of their forms.
fn told(issuer: &Issuer) -> Vec<HashMap<String, String>> {
    let script = issuer.script();
    let read = |form: &String| form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    script.acknowledgements.iter().map(read).collect()
}

fn newest(issuer: &Issuer) -> Option<u64> {
    let told = told(issuer);
    told.iter().map(|form| form["seq"].parse().expect("a number")).max()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_refused_from_then_on() {
    let issuer = Issuer::start().await;
    issuer.revoke("token", "before");
    let verifier = following(&issuer).await;
    eventually("the snapshot is acknowledged", || newest(&issuer) == Some(1)).await;
    assert!(is_refused(&verifier, &issuer.token("before", "g")));
    for index in 2..80_u64 {
        let (kind, id) = if index % 2 == 0 { ("token", "t") } else { ("grant", "g") };
        let id = format!("{id}{index}");
        let token = issuer.token(&id, &id);
        issuer.revoke(kind, &id);
        // Looks all the time, so that an acknowledgement a moment too early would be seen.
        while newest(&issuer) < Some(index) {
            tokio::task::yield_now().await;
        }
        assert!(is_refused(&verifier, &token), "{index} is acknowledged");
        assert!(newest(&issuer) <= Some(index), "nothing is acknowledged ahead");
    }
    let form = &told(&issuer)[0];
    assert_eq!((&*form["follower"], &*form["max_staleness_ms"]), ("f1", "10000"));
    assert!(verifier.metrics().acknowledgements > 0);
    assert_eq!(verifier.metrics().revocations_applied, Some(79));
}

#[tokio::test]
async fn a_verifier_says_who_it_is_and_what_it_goes_by() {
    let issuer = Issuer::start().await;
    let verifier = describe(&issuer)
        .revocations("api", "secret")
        .max_staleness(Duration::from_millis(1_500))
        .instance("orders\n 1")
        .start()
        .expect("starts");
    ready(&verifier).await;
    eventually("it has acknowledged", || newest(&issuer) == Some(0)).await;
    let form = &told(&issuer)[0];
    assert_eq!((&*form["name"], &*form["max_staleness_ms"]), ("orders 1", "1500"));
    let reckless =
        describe(&issuer).revocations("api", "secret").when_stale(WhenStale::DangerAccept);
    let _reckless = reckless.start().expect("starts");
    eventually("it says that it never stops", || {
        told(&issuer).iter().any(|form| !form.contains_key("max_staleness_ms"))
    })
    .await;
}

#[tokio::test]
async fn another_connection_takes_the_place_of_the_one_before() {
    let issuer = Issuer::start().await;
    let _verifier = following(&issuer).await;
    eventually("it has acknowledged", || newest(&issuer) == Some(0)).await;
    issuer.script().cut = 1;
    let is_second = |form: &HashMap<String, String>| form["follower"] == "f2";
    eventually("it has again", || told(&issuer).iter().any(is_second)).await;
    let told = told(&issuer);
    let second = told.iter().find(|form| is_second(form)).expect("it came");
    assert_eq!(second.get("replaces").map(|old| &**old), Some("f1"));
    assert!(told.iter().filter(|form| !is_second(form)).all(|form| !form.contains_key("replaces")));
}

#[tokio::test]
async fn places_that_are_reached_meanwhile_are_told_together() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    eventually("it has acknowledged", || newest(&issuer) == Some(0)).await;
    issuer.script().acknowledgement_delay = Duration::from_millis(150);
    let token = issuer.token("last", "g");
    for index in 0..200 {
        issuer.revoke("token", &index.to_string());
        if index % 20 == 0 {
            sleep(Duration::from_millis(3)).await;
        }
    }
    issuer.revoke("token", "last");
    let before = told(&issuer).len();
    eventually("it is refused, however slow the answers are", || is_refused(&verifier, &token))
        .await;
    eventually("the last is acknowledged", || newest(&issuer) == Some(201)).await;
    assert!(told(&issuer).len() - before <= 4, "{:?}", told(&issuer).len() - before);
}

#[tokio::test]
async fn an_acknowledgement_that_fails_is_tried_again() {
    let issuer = Issuer::start().await;
    issuer.script().acknowledgement_status = 503;
    let verifier = following(&issuer).await;
    eventually("it is tried", || told(&issuer).len() >= 2).await;
    assert_eq!(verifier.metrics().acknowledgements, 0);
    issuer.script().acknowledgement_status = 204;
    eventually("it arrives", || verifier.metrics().acknowledgements > 0).await;
    assert!(verifier.is_ready());
}

#[tokio::test]
async fn what_is_not_understood_is_not_acknowledged() {
    let issuer = Issuer::start().await;
    for when_stale in [WhenStale::Reject, WhenStale::DangerAccept] {
        let verifier = describe(&issuer).revocations("api", "secret").when_stale(when_stale);
        let verifier = verifier.start().expect("starts");
        eventually("it has acknowledged", || verifier.metrics().acknowledgements > 0).await;
        let place = issuer.script().seq;
        issuer.revoke("planet", "earth");
        let applied = || verifier.metrics().revocations_applied;
        eventually("it has come", || applied() == Some(place + 1)).await;
        issuer.revoke("token", "t");
        eventually("it has come", || applied() == Some(place + 2)).await;
        sleep(Duration::from_millis(150)).await;
        assert_eq!(newest(&issuer), Some(place), "{when_stale:?}");
        let mut script = issuer.script();
        script.events.clear();
        script.acknowledgements.clear();
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_ask_is_not_told() {
    let issuer = Issuer::start().await;
    let metadata = issuer.script().metadata_json().replace("revocation_ack", "other_ack");
    issuer.script().metadata = Some(("/.well-known/oauth-authorization-server", metadata));
    let verifier = following(&issuer).await;
    let token = issuer.token("t", "g");
    issuer.revoke("token", "t");
    eventually("it is refused", || is_refused(&verifier, &token)).await;
    assert!(told(&issuer).is_empty());
}
