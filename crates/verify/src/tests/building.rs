//! What does not start, and what starting and ending mean.

use std::time::Duration;

use super::{describe, eventually, following, issuer::Issuer, short};
use crate::{Algorithm, Verifier, VerifierBuilder, WhenStale};

#[tokio::test]
async fn a_wrong_description_does_not_start() {
    fn check(issuer: &str, change: fn(VerifierBuilder) -> VerifierBuilder, expect: &str) {
        let builder = change(Verifier::discover(issuer, "https://api.example").timing(short()));
        let reason = builder.start().expect_err(expect);
        assert_eq!(reason.code(), expect, "{issuer}: {reason}");
    }
    let good = "https://id.example";
    check(good, |builder| builder, "revocations_undecided");
    check(good, |builder| builder.revocations("", "secret"), "empty_client_id");
    check(good, |builder| builder.no_revocations().algorithms(&[]), "policy");
    check(
        good,
        |builder| builder.no_revocations().algorithms(&[Algorithm::HS256]),
        "symmetric_algorithm",
    );
    check(
        good,
        |builder| builder.no_revocations().resource_metadata("http://api.example/x"),
        "resource_metadata",
    );
    check(good, |builder| builder.no_revocations().introspection("", "secret"), "empty_client_id");
    check(
        good,
        |builder| builder.no_revocations().signed_introspection(),
        "introspection_undecided",
    );
    check(
        good,
        |builder| builder.revocations("a", "b").when_stale(WhenStale::Introspect),
        "introspection_undecided",
    );
    check(
        good,
        |builder| builder.status_lists().status_list_origin("http://status.example"),
        "status_list_origin",
    );
    for issuer in ["", "id.example", "http://id.example", "https://id.example?x=1", "https://a#b"] {
        check(issuer, VerifierBuilder::no_revocations, "issuer");
    }
    let empty = Verifier::discover(good, "").no_revocations().start().expect_err("no audience");
    assert_eq!(empty.code(), "policy");
}

#[test]
fn outside_a_runtime_there_is_an_error_and_no_panic() {
    let builder = Verifier::discover("https://id.example", "https://api.example");
    assert_eq!(builder.no_revocations().start().expect_err("no runtime").code(), "no_runtime");
}

#[tokio::test]
async fn the_tasks_end_with_the_last_clone() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let layer = verifier.layer();
    drop(verifier);
    eventually("the feed is open", || issuer.script().feeds_open == 1).await;
    drop(layer);
    eventually("the feed is closed", || issuer.script().feeds_open == 0).await;
}

#[tokio::test]
async fn shutdown_ends_the_tasks_and_releases_who_waits() {
    let issuer = Issuer::start().await;
    issuer.script().down = true;
    let verifier = describe(&issuer).revocations("api", "secret").start().expect("starts");
    let waiting = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.ready().await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    verifier.shutdown();
    tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("released").expect("ended");
    assert!(!verifier.is_ready());
    issuer.script().down = false;
    let seen = issuer.script().requests.len();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(issuer.script().requests.len(), seen, "no task asks any more");
}

/// TLS is set up with an own provider and the system's certificates, and a peer that does not speak
/// it is a failure like any other.
#[tokio::test]
async fn https_to_a_peer_without_tls_is_a_failure_not_a_panic() {
    let issuer = Issuer::start().await;
    let url = issuer.url.replace("http://", "https://");
    let verifier = Verifier::discover(&url, "https://api.example").timing(short());
    let verifier = verifier.no_revocations().start().expect("starts");
    eventually("it has failed", || verifier.metrics().key_failures >= 2).await;
    assert!(!verifier.is_ready());
}
