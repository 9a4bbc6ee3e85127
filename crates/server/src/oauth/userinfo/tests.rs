//! What `/userinfo` tells to whom.

use axum::body::Body;
use serde_json::{Value, json};

use super::*;
use crate::fixture::flow::{WEB, claims, returned};
use crate::fixture::{Fixture, body, location};

/// Everything that an account may have.
fn everything() -> Value {
    json!({
        "name": "Alice Example", "given_name": "Alice", "family_name": "Example",
        "middle_name": "B", "nickname": "Al", "preferred_username": "alice",
        "profile": "https://alice.example", "picture": "https://alice.example/a.png",
        "website": "https://alice.example/blog", "gender": "female", "birthdate": "1990-01-01",
        "zoneinfo": "Europe/Vienna", "locale": "de-AT", "updated_at": 1_800_000_000,
        "email": "alice@example.com", "email_verified": true,
        "address": { "country": "Austria", "locality": "Vienna" },
        "phone_number": "+43 1 234", "phone_number_verified": false, "roles": ["buyer"],
    })
}

/// A server whose alice has every claim, and a browser in which she has signed in.
async fn site() -> (Fixture, String) {
    let site = Fixture::open().await;
    let Value::Object(claims) = everything() else { unreachable!() };
    site.put(&countersign_protocol::account::Account { claims, ..site.alice().await }).await;
    let session = site.sign_in("alice").await;
    (site, session)
}

async fn ask(site: &Fixture, token: &Value) -> Value {
    let authorization = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let request = Request::get("/userinfo").header("authorization", authorization);
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    serde_json::from_str(&body(answer).await).unwrap()
}

#[tokio::test]
async fn each_scope_tells_its_claims_and_no_others() {
    let (site, session) = site().await;
    let subject = site.alice().await.subject;
    let profile = [
        "name",
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ];
    for (scope, told) in [
        ("openid", &[][..]),
        ("openid profile", &profile),
        ("openid email", &["email", "email_verified"]),
        ("openid address", &["address"]),
        ("openid phone", &["phone_number", "phone_number_verified"]),
        ("openid roles", &["roles"]),
    ] {
        let tokens = site.tokens(&session, WEB, &[("scope", scope)]).await;
        let mut expected = json!({ "sub": subject });
        for name in told {
            expected[name] = everything()[name].clone();
        }
        assert_eq!(ask(&site, &tokens).await, expected, "{scope}");
        assert_eq!(claims(&tokens["id_token"])["name"], Value::Null, "{scope}");
    }
}

#[tokio::test]
async fn single_claims_leave_by_the_door_that_was_asked_for() {
    let (site, session) = site().await;
    let wanted = json!({
        "userinfo": { "email": { "essential": true }, "name#de": null, "unknown": null,
            "nickname": { "value": "Bob" } },
        "id_token": { "given_name": null, "phone_number": { "values": ["+43 1 234", "x"] } },
    });
    let more = [("claims", &*wanted.to_string()), ("claims_locales", "de en")];
    let tokens = site.tokens(&session, WEB, &more).await;
    let told = ask(&site, &tokens).await;
    let subject = site.alice().await.subject;
    assert_eq!(told, json!({ "sub": subject, "email": "alice@example.com" }));
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token["given_name"], "Alice");
    assert_eq!(id_token["phone_number"], "+43 1 234");
    assert_eq!(id_token["email"], Value::Null);
    let access_token = claims(&tokens["access_token"]);
    assert_eq!(access_token["given_name"], Value::Null, "never in an access token");

    // The next tokens of the same grant say the same.
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    let (status, next) = site.token_request(WEB, &form).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ask(&site, &next).await, told);
    let again = claims(&next["id_token"]);
    assert_eq!(again["given_name"], "Alice");
    // Core §12.2.
    for name in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(again[name], id_token[name], "{name}");
    }
    assert_eq!(again["nonce"], Value::Null);
}

#[tokio::test]
async fn single_claims_are_shown_and_agreed_to_like_scopes() {
    let (site, session) = site().await;
    let request = |claims: &str| WEB.request(&[("claims", claims)]);
    let asks = async |claims: &str| {
        location(&site.get(&request(claims), Some(&session)).await).starts_with("/consent?")
    };
    assert!(asks("{}").await);
    site.agree(&session, &request("{}")).await;
    assert!(!asks("{}").await);
    let email = r#"{"userinfo":{"email":null}}"#;
    assert!(asks(email).await, "it was not asked for before");
    let page = site.get(&request(email).replace("/authorize", "/consent"), Some(&session)).await;
    let page = body(page).await;
    assert!(page.contains("see your e-mail address <code class=\"muted\">email</code>"), "{page}");
    site.agree(&session, &request(email)).await;
    assert!(!asks(email).await, "it is remembered");
    assert!(!asks(r#"{"id_token":{"email":{"essential":true}}}"#).await);
    assert!(asks(r#"{"userinfo":{"email":null,"name":null}}"#).await);
    // Nothing but asking again tells a client without a person what it was not given.
    let quiet = WEB.request(&[("claims", r#"{"userinfo":{"name":null}}"#), ("prompt", "none")]);
    let back = returned(location(&site.get(&quiet, Some(&session)).await));
    assert_eq!(back.get("error"), Some("consent_required"));
}

#[tokio::test]
async fn a_subject_that_was_asked_for_has_to_be_the_one_who_signed_in() {
    let (site, session) = site().await;
    let subject = site.alice().await.subject;
    for door in ["userinfo", "id_token"] {
        for (wanted, error) in [(&*subject, None), ("somebody else", Some("login_required"))] {
            let claims = json!({ door: { "sub": { "value": wanted } } }).to_string();
            let request = WEB.request(&[("claims", &claims)]);
            let back = site.agree(&session, &request).await;
            assert_eq!(back.get("error"), error, "{door}");
            assert_eq!(back.get("code").is_some(), error.is_none(), "{door}");
        }
    }
    let junk = site.agree(&session, &WEB.request(&[("claims", "{")])).await;
    assert_eq!(junk.get("error"), Some("invalid_request"));
}

#[tokio::test]
async fn a_header_that_can_not_be_read_is_answered_in_the_words_of_rfc_6750() {
    let site = Fixture::open().await;
    let request = Request::get("/userinfo").header("authorization", &b"Bearer \xff"[..]);
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_request\""), "{challenge}");
}
