//! Who learns what about which token, in which form.

use axum::body::Body;
use axum::http::Request;
use countersign_jose::{AccessToken, Algorithm, Policy};
use countersign_protocol::subject::Person;
use countersign_protocol::token_format::TokenFormat;
use serde_json::{Value, json};

use super::*;
use crate::fixture::{Fixture, body};

/// `api:a secret of the API's client`, and the client `web`, in HTTP Basic.
const API: &str = "Basic YXBpOmErc2VjcmV0K29mK3RoZStBUEklMjdzK2NsaWVudA==";
const WEB: &str = "Basic d2ViOmErc2VjcmV0K29mK3RoZSt3ZWIrY2xpZW50";
const API_URL: &str = "https://api.example";

async fn send(site: &Fixture, path: &str, who: &str, accept: &str, form: &str) -> Response {
    let request = Request::post(path)
        .header(header::AUTHORIZATION, who)
        .header(header::ACCEPT, accept)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    site.send(request.body(Body::from(form.to_owned())).unwrap()).await
}

async fn ask(site: &Fixture, who: &str, token: &str) -> Value {
    let answer =
        send(site, "/introspect", who, "application/json", &format!("token={token}")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    serde_json::from_str(&body(answer).await).unwrap()
}

/// A server where the client `web` gets opaque tokens for itself.
async fn opaque_site() -> Fixture {
    let site = Fixture::open().await;
    let web = (*site.app.client("web").await.unwrap().unwrap()).clone();
    let web = Client {
        grant_types: vec![countersign_protocol::client::GrantType::ClientCredentials],
        resources: vec![API_URL.to_owned()],
        access_token_format: Some(TokenFormat::Opaque),
        ..web
    };
    site.app.store().put_client(web, site.app.moment()).await.unwrap();
    site
}

async fn token(site: &Fixture) -> String {
    let answer = send(site, "/token", WEB, "*/*", "grant_type=client_credentials").await;
    let answer: Value = serde_json::from_str(&body(answer).await).unwrap();
    answer["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn an_opaque_token_says_the_same_as_a_jwt_to_its_api_and_its_client_only() {
    let site = opaque_site().await;
    let token = token(&site).await;
    assert!(token.starts_with("csa_"), "{token}");
    for who in [API, WEB] {
        let told = ask(&site, who, &token).await;
        assert_eq!(told["active"], true);
        assert_eq!((&told["client_id"], &told["aud"]), (&json!("web"), &json!(API_URL)));
        for claim in ["iss", "sub", "iat", "exp", "jti", "grant_id", "token_type"] {
            assert!(told.get(claim).is_some(), "{claim} in {told}");
        }
    }
    let api = (*site.app.client("api").await.unwrap().unwrap()).clone();
    let other = Client { protects: vec!["https://other.example".into()], ..api };
    site.app.store().put_client(other, site.app.moment()).await.unwrap();
    assert_eq!(ask(&site, API, &token).await, json!({ "active": false }));
}

#[tokio::test]
async fn an_opaque_token_can_be_revoked_by_itself_and_by_its_grant() {
    let site = opaque_site().await;
    let (one, two) = (token(&site).await, token(&site).await);
    let revoked = send(&site, "/revoke", WEB, "*/*", &format!("token={one}")).await;
    assert_eq!(revoked.status(), StatusCode::OK);
    assert_eq!(ask(&site, API, &one).await, json!({ "active": false }));
    let told = ask(&site, API, &two).await;
    assert_eq!(told["active"], true);
    let grant = told["grant_id"].as_str().unwrap().parse().unwrap();
    site.app.deny_grant(grant);
    assert_eq!(ask(&site, API, &two).await, json!({ "active": false }));
}

#[tokio::test]
async fn another_clients_opaque_token_is_not_revoked() {
    let site = opaque_site().await;
    let token = token(&site).await;
    let refused = send(&site, "/revoke", API, "*/*", &format!("token={token}")).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(ask(&site, API, &token).await["active"], true);
}

#[tokio::test]
async fn junk_that_looks_opaque_is_inactive_and_costs_no_storage() {
    let site = opaque_site().await;
    let good = token(&site).await;
    let accesses = || {
        let text = site.app.metrics.render();
        let lines = text.lines().filter(|line| line.starts_with("countersign_store_"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // The caller is known from here on.
    assert_eq!(ask(&site, API, &good).await["active"], true);
    let before = accesses();
    assert_eq!(before.len(), 2, "commits and reads: {before:?}");
    for junk in ["csa_", "csa_AAAA", &good[..good.len() - 1], &good.replacen('A', "B", 1)] {
        if junk != good {
            assert_eq!(ask(&site, API, junk).await, json!({ "active": false }), "{junk}");
        }
    }
    assert_eq!(accesses(), before);
}

#[tokio::test]
async fn the_owner_of_a_resource_decides_on_the_form_and_a_change_counts_at_once() {
    let site = opaque_site().await;
    assert!(token(&site).await.starts_with("csa_"));
    let api = (*site.app.client("api").await.unwrap().unwrap()).clone();
    for (wish, opaque) in
        [(Some(TokenFormat::Jwt), false), (Some(TokenFormat::Opaque), true), (None, true)]
    {
        let api = Client { protected_access_token_format: wish, ..api.clone() };
        site.app.store().put_client(api, site.app.moment()).await.unwrap();
        assert_eq!(token(&site).await.starts_with("csa_"), opaque, "{wish:?}");
    }
}

#[tokio::test]
async fn signed_answers_are_for_the_caller_and_say_no_more_than_plain_ones() {
    let site = opaque_site().await;
    let token = token(&site).await;
    let issuer = &site.app.issuer;
    for (algorithm, set) in [(Algorithm::ES256, None), (Algorithm::Ed25519, Some("Ed25519"))] {
        let api = (*site.app.client("api").await.unwrap().unwrap()).clone();
        let api =
            Client { introspection_signed_response_alg: set.and_then(Algorithm::from_name), ..api };
        site.app.store().put_client(api, site.app.moment()).await.unwrap();
        for (asked, active) in [(token.as_str(), true), ("csa_AAAA", false)] {
            let form = format!("token={asked}&token_type_hint=access_token");
            let answer = send(&site, "/introspect", API, SIGNED, &form).await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], SIGNED);
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
            let signed = body(answer).await;
            let policy: Policy<IntrospectionResponse> =
                Policy::introspection_response(issuer, "api", &[algorithm]).unwrap();
            let keys = site.app.keys.load();
            let keys = keys.keyring.verification();
            let verified = policy.verify(keys, &signed, process::now()).unwrap();
            assert_eq!(verified.is_active(), active);
            assert_eq!(
                Value::Object(verified.token_introspection.clone()),
                ask(&site, API, asked).await
            );
            // It never passes for an access token.
            let access = Policy::access_token(issuer, "api", &[algorithm]).unwrap();
            assert!(access.verify(keys, &signed, process::now()).is_err());
            let other = Policy::introspection_response(issuer, "web", &[algorithm]).unwrap();
            assert!(other.verify(keys, &signed, process::now()).is_err(), "for the caller only");
        }
    }
}

#[test]
fn the_form_of_the_answer_is_negotiated() {
    for (accept, expected) in [
        ("", false),
        ("*/*", false),
        ("application/json", false),
        (SIGNED, true),
        ("Application/Token-Introspection+JWT", true),
        ("application/json, application/token-introspection+jwt", true),
        ("application/json;q=0.5, application/token-introspection+jwt;q=0.9", true),
        ("application/json, application/token-introspection+jwt;q=0.9", false),
        ("application/token-introspection+jwt;q=0", false),
        ("application/token-introspection+jwt;q=many", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(wants_signed(&headers), expected, "{accept}");
    }
}

#[tokio::test]
async fn userinfo_takes_opaque_tokens() {
    let site = opaque_site().await;
    let app = &site.app;
    let alice = site.alice().await;
    let scope = countersign_protocol::scope::Scope::parse("openid").unwrap();
    let grant = site.grant(&alice.subject);
    let new = countersign_store::NewGrant {
        grant: grant.clone(),
        remember: false,
        follow_session: false,
    };
    app.store().begin_grant(new).await.unwrap();
    let person = Person { subject: alice.subject.as_str().into(), session_id: None };
    let claims: AccessToken = app.issuing(process::now()).access_token_for_grant(
        &grant,
        &person,
        (&scope, std::slice::from_ref(&app.issuer)),
        serde_json::Map::new(),
    );
    let token = app.keys.load().opaque_tokens.seal(&claims, &process::SystemRandom).unwrap();
    let request =
        Request::get("/userinfo").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let told: Value = serde_json::from_str(&body(answer).await).unwrap();
    assert_eq!(told["sub"], json!(alice.subject));
    app.deny_grant(grant.id);
    let request =
        Request::get("/userinfo").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn junk_is_counted_wherever_it_is_shown() {
    let site = Fixture::open().await;
    let count = || site.app.metrics.junk_tokens.get();
    for (path, token, is_junk) in [
        ("/introspect", "csr_junk", true),
        ("/revoke", "csr_junk", true),
        ("/introspect", "csa_junk", true),
        ("/revoke", "csa_junk", true),
        ("/introspect", "e30.e30.AAAA", false),
        ("/revoke", "e30.e30.AAAA", false),
    ] {
        let before = count();
        let answer = send(&site, path, API, "*/*", &format!("token={token}")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path} {token}");
        assert_eq!(count() - before, u64::from(is_junk), "{path} {token}");
    }
}
