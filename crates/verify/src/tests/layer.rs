//! What the layer answers, over whole requests.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use countersign_jose::{Algorithm, SigningKey, jwt};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    describe, eventually, following,
    issuer::{Issuer, claims, new_key},
    keys_only, ready,
};
use crate::{
    AccessToken, BearerLayer, Caller, Noted, ReplayError, ReplayGuard, Timestamp, Verifier, clock,
};

/// The API behind the layer: says who calls.
#[derive(Clone)]
struct Api;

impl Service<Request<String>> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let caller: &Caller = request.extensions().get().expect("the layer lets no other through");
        let body = format!("{} {}", caller.subject, caller.key_id().map_or(0, str::len));
        std::future::ready(Ok(Response::new(Full::from(body))))
    }
}

struct Seen {
    status: StatusCode,
    challenge: Option<String>,
    retry_after: bool,
    body: String,
}

async fn send(layer: &BearerLayer, authorization: &[&str]) -> Seen {
    let mut request = Request::new("access_token=in-the-body".to_owned());
    *request.uri_mut() = "/orders?access_token=in-the-query".parse().expect("a path");
    for value in authorization {
        request.headers_mut().append(header::AUTHORIZATION, value.parse().expect("a value"));
    }
    let response = layer.layer(Api).call(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("infallible").to_bytes();
    let challenge = parts.headers.get(header::WWW_AUTHENTICATE);
    Seen {
        status: parts.status,
        challenge: challenge.map(|value| value.to_str().expect("text").to_owned()),
        retry_after: parts.headers.contains_key(header::RETRY_AFTER),
        body: String::from_utf8(body.to_vec()).expect("text"),
    }
}

async fn status(verifier: &Verifier, authorization: &[&str]) -> u16 {
    send(&verifier.layer(), authorization).await.status.as_u16()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn a_good_token_reaches_the_api_and_nothing_else_does() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let good = bearer(&issuer.token("t", "g"));
    let seen = send(&verifier.layer(), &[&good]).await;
    assert_eq!((seen.status.as_u16(), seen.body.as_str()), (200, "ada 43"));
    assert_eq!(status(&verifier, &[&good.replace("Bearer", "bearer")]).await, 200);
    for (authorization, expect) in [
        (&[][..], 401),
        (&["Basic YTpi"][..], 401),
        (&["Bearer"][..], 400),
        (&["Bearer a b"][..], 400),
        (&[&good[..], &good[..]][..], 400),
        (&[&good[..], "Basic YTpi"][..], 400),
        (&["Bearer x"][..], 401),
        (&["Bearer a.b.c"][..], 401),
        (&["Bearer ..."][..], 401),
    ] {
        assert_eq!(status(&verifier, authorization).await, expect, "{authorization:?}");
    }
    let long = bearer(&"a".repeat(20_000));
    assert_eq!(status(&verifier, &[&long]).await, 400);
}

#[tokio::test]
async fn every_wrong_token_is_invalid_and_the_answer_does_not_say_why() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let now = clock::now().as_secs();
    let sign = |key: &SigningKey, typ: &str, claims: &AccessToken| {
        jwt::sign(key, typ, claims).expect("a token")
    };
    let with = |change: fn(&mut AccessToken)| issuer.token_with("t", "g", change);
    let good = issuer.token("t", "g");
    let claims = claims(&issuer.url, "t");
    let key = issuer.script().keys.remove(0);
    let published =
        SigningKey::from_pkcs8(Algorithm::ES256, &key.to_pkcs8().expect("a private key"));
    issuer.script().keys.push(published.expect("the same key"));
    let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 64]).expect("a secret");
    let (head, rest) = good.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let other_payload = issuer.token("other", "g");
    let other_payload = other_payload.split('.').nth(1).expect("three parts");
    // {"alg":"none","typ":"at+jwt"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.");
    for (what, token) in [
        ("no JSON", "bm90IGpzb24.e30.AA".to_owned()),
        ("two parts", format!("{head}.{payload}")),
        ("four parts", format!("{good}.AA")),
        ("no signature", format!("{head}.{payload}.")),
        ("other payload", format!("{head}.{other_payload}.{signature}")),
        ("alg none", none),
        ("shared secret", sign(&secret, "at+jwt", &claims)),
        ("unknown key", sign(&new_key(), "at+jwt", &claims)),
        ("an ID token", sign(&key, "JWT", &claims)),
        ("a logout token", sign(&key, "logout+jwt", &claims)),
        ("other issuer", with(|claims| claims.issuer = "https://evil.example".to_owned())),
        ("other audience", with(|claims| claims.audience = vec!["https://b.example".to_owned()])),
        ("expired", {
            let change = |claims: &mut AccessToken| {
                claims.issued_at = now - 600;
                claims.expires_at = now - 60;
            };
            issuer.token_with("t", "g", change)
        }),
        ("not yet valid", issuer.token_with("t", "g", |claims| claims.not_before = Some(now + 90))),
        ("from the future", issuer.token_with("t", "g", |claims| claims.issued_at = now + 90)),
        ("no jti", with(|claims| claims.token_id.clear())),
    ] {
        let seen = send(&verifier.layer(), &[&bearer(&token)]).await;
        assert_eq!(seen.status.as_u16(), 401, "{what}");
        let text = if what == "expired" {
            "The token has expired."
        } else {
            "The token is not valid here."
        };
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{text}\"");
        assert_eq!(seen.challenge, Some(challenge), "{what}");
        let body = format!(r#"{{"error":"invalid_token","error_description":"{text}"}}"#);
        assert_eq!(seen.body, body, "{what}");
    }
    assert_eq!(status(&verifier, &[&bearer(&good)]).await, 200);
}

#[tokio::test]
async fn challenges_name_the_metadata_of_the_resource() {
    let issuer = Issuer::start().await;
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    let verifier = describe(&issuer).no_revocations().resource_metadata(metadata);
    let verifier = verifier.start().expect("starts");
    ready(&verifier).await;
    let seen = send(&verifier.layer(), &[]).await;
    assert_eq!(seen.challenge, Some(format!("Bearer resource_metadata=\"{metadata}\"")));
    let seen = send(&verifier.layer(), &["Bearer x"]).await;
    assert!(seen.challenge.is_some_and(|challenge| challenge.contains(metadata)));
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let token = bearer(&issuer.token("t", "g"));
    let layer = verifier.layer().require_scope("orders:read");
    assert_eq!(send(&layer, &[&token]).await.status, 200);
    let seen = send(&layer.require_scope("orders:write"), &[&token]).await;
    assert_eq!(seen.status, 403);
    let challenge = seen.challenge.expect("a challenge");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.ends_with("scope=\"orders:read orders:write\""), "{challenge}");
    for scope in ["", "orders", "orders:read orders:write", "ORDERS:READ"] {
        let seen = send(&verifier.layer().require_scope(scope), &[&token]).await;
        assert_eq!(seen.status, 403, "{scope:?}");
    }
}

#[tokio::test]
async fn a_sign_in_that_is_too_weak_or_too_old_is_to_be_repeated() {
    let issuer = Issuer::start().await;
    let verifier = describe(&issuer).no_revocations().leeway(Duration::ZERO).start();
    let verifier = verifier.expect("starts");
    ready(&verifier).await;
    let now = clock::now().as_secs();
    let token = |acr: Option<&str>, age: Option<u64>| {
        bearer(&issuer.token_with("t", "g", |claims| {
            claims.acr = acr.map(str::to_owned);
            claims.auth_time = age.map(|age| now - age);
        }))
    };
    let strong = verifier.layer().require_acr("3").require_acr("2");
    let recent = verifier.layer().require_recent_sign_in(Duration::from_secs(60));
    let both = recent.clone().require_acr("2");
    for (layer, token, needed) in [
        (&strong, token(Some("2"), None), None),
        (&strong, token(Some("3"), None), None),
        (&strong, token(Some("1"), Some(0)), Some("acr_values=\"3 2\"")),
        (&strong, token(None, None), Some("acr_values=\"3 2\"")),
        (&recent, token(None, Some(0)), None),
        (&recent, token(None, Some(50)), None),
        (&recent, token(None, Some(70)), Some("max_age=\"60\"")),
        (&recent, token(Some("2"), None), Some("max_age=\"60\"")),
        (&both, token(Some("2"), Some(0)), None),
        (&both, token(Some("1"), Some(0)), Some("acr_values=\"2\", max_age=\"60\"")),
    ] {
        let seen = send(layer, &[&token]).await;
        assert_eq!(seen.status.as_u16(), if needed.is_some() { 401 } else { 200 }, "{needed:?}");
        let Some(needed) = needed else { continue };
        let challenge = seen.challenge.expect("a challenge");
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.ends_with(needed), "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_use_token_passes_once() {
    let issuer = Issuer::start().await;
    let verifier = describe(&issuer).no_revocations().replay_capacity(3).start().expect("starts");
    ready(&verifier).await;
    let layer = verifier.layer().single_use();
    let token = bearer(&issuer.token("many", "g"));
    // Refused for its scope, the token is not used up.
    let scoped = layer.clone().require_scope("orders:write");
    assert_eq!(send(&scoped, &[&token]).await.status, 403);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (layer, token) = (layer.clone(), token.clone());
            tokio::spawn(async move { send(&layer, &[&token]).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("no panic"));
    }
    statuses.sort_unstable();
    let mut expect = vec![200];
    expect.extend([401; 19]);
    assert_eq!(statuses, expect);
    assert_eq!(verifier.metrics().refused_replayed, 19);
    // A layer without single use takes it still; another with single use does not.
    assert_eq!(status(&verifier, &[&token]).await, 200);
    assert_eq!(send(&verifier.layer().single_use(), &[&token]).await.status, 401);
    for (token_id, expect) in [("b", 200), ("c", 200), ("d", 503), ("many", 401)] {
        let seen = send(&layer, &[&bearer(&issuer.token(token_id, "g"))]).await;
        assert_eq!(seen.status.as_u16(), expect, "{token_id}");
    }
}

#[tokio::test]
async fn not_ready_and_stale_are_503_without_a_challenge() {
    let issuer = Issuer::start().await;
    issuer.script().down = true;
    let verifier = describe(&issuer)
        .revocations("api", "secret")
        .max_staleness(Duration::from_millis(300))
        .start()
        .expect("starts");
    let token = bearer(&issuer.token("t", "g"));
    let check_unavailable = |seen: Seen| {
        assert_eq!(seen.status, 503);
        assert!(seen.challenge.is_none() && seen.retry_after);
        assert!(seen.body.contains("temporarily_unavailable"), "{}", seen.body);
    };
    check_unavailable(send(&verifier.layer(), &[&token]).await);
    assert_eq!(status(&verifier, &[]).await, 401);
    issuer.script().snapshot_status = 500;
    issuer.script().down = false;
    eventually("keys are there", || verifier.metrics().keys_age.is_some()).await;
    check_unavailable(send(&verifier.layer(), &[&token]).await);
    issuer.script().snapshot_status = 200;
    ready(&verifier).await;
    assert_eq!(status(&verifier, &[&token]).await, 200);
    issuer.script().down = true;
    eventually("it is stale", || !verifier.is_ready()).await;
    check_unavailable(send(&verifier.layer(), &[&token]).await);
    assert_eq!(status(&verifier, &["Bearer x"]).await, 401);
}

#[tokio::test]
async fn a_revoked_token_is_invalid_to_its_holder() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let token = bearer(&issuer.token("t", "g"));
    assert_eq!(status(&verifier, &[&token]).await, 200);
    issuer.revoke("grant", "g");
    eventually("it has arrived", || verifier.metrics().revocations == 1).await;
    let seen = send(&verifier.layer(), &[&token]).await;
    assert_eq!(seen.status, 401);
    assert!(seen.body.contains("invalid_token") && !seen.body.contains("revoked"), "{}", seen.body);
}

/// Whatever bytes come as a token: the answer is 400 or 401.
#[tokio::test]
async fn no_token_makes_a_server_error() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let good = issuer.token("t", "g");
    let mut tried = 0;
    for at in 0..good.len() {
        for replacement in ["", ".", "A", "=", " ", "\u{7e}"] {
            let mut token = good.clone();
            if token[at..].starts_with(replacement) && !replacement.is_empty() {
                continue;
            }
            token.replace_range(at..=at, replacement);
            let status = status(&verifier, &[&bearer(&token)]).await;
            assert!(matches!(status, 400 | 401), "{status} for {token}");
            tried += 1;
        }
    }
    assert!(tried > 1_000);
}

/// A guard whose store is gone.
#[derive(Debug)]
struct Gone;

impl ReplayGuard for Gone {
    fn use_once<'a>(&'a self, _: &'a str, _: &'a str, _: Timestamp, _: Timestamp) -> Noted<'a> {
        Box::pin(std::future::ready(Err(ReplayError::Unreachable)))
    }
}

#[tokio::test]
async fn a_token_that_a_guard_cannot_tell_about_does_not_pass() {
    let issuer = Issuer::start().await;
    let verifier = describe(&issuer).no_revocations().replay_guard(Gone).start().expect("starts");
    ready(&verifier).await;
    let token = bearer(&issuer.token("t", "g"));
    assert_eq!(send(&verifier.layer().single_use(), &[&token]).await.status, 503);
    assert_eq!(send(&verifier.layer(), &[&token]).await.status, 200);
}
