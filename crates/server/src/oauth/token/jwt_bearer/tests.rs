//! The word of another issuer, and what others try with it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use countersign_jose::{Algorithm, SigningKey, jwt};
use countersign_protocol::random;
use serde_json::{Value, json};

use super::*;
use crate::fixture::Fixture;
use crate::remote_site::RemoteSite;

const ISSUER: &str = "http://127.0.0.1:8080";
const CORP: &str = "https://corp.example";
const WORK: &str = "https://work.example";

/// The keys of two other issuers: of people, and of machines.
struct Others {
    corp: SigningKey,
    work: SigningKey,
}

impl Others {
    async fn trusted() -> (Self, Fixture) {
        let key = || SigningKey::generate(Algorithm::ES256).unwrap();
        let others = Self { corp: key(), work: key() };
        let jwks = |key: &SigningKey| {
            let jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
            let members = ["kty", "crv", "x", "y"].map(|name| format!("{name} = {}", jwk[name]));
            format!("{{ keys = [{{ {} }}] }}", members.join(", "))
        };
        let client = |id: &str| {
            format!(
                "[[client]]\nclient_id = \"{id}\"\nclient_secret = \"a secret of {id}, long\"\n\
                 grant_types = [\"{}\"]\nresources = [\"https://api.example\"]\n\
                 scope = \"roles orders\"\n",
                jwt_grant::GRANT_TYPE
            )
        };
        let issuer = |issuer: &str, key: &SigningKey, more: &str| {
            let jwks = jwks(key);
            format!("[[trusted_issuer]]\nissuer = \"{issuer}\"\njwks = {jwks}\n{more}\n")
        };
        let config = [
            client("batch"),
            client("build"),
            issuer(
                CORP,
                &others.corp,
                "clients = [\"batch\"]\nsubject = \"username\"\n\
                subject_prefix = \"corp:\"",
            ),
            issuer(WORK, &others.work, "clients = [\"build\"]\nsubject = \"client\""),
        ];
        let site = Fixture::open_with(&config.concat()).await;
        (others, site)
    }
}

fn assertion(key: &SigningKey, issuer: &str, change: impl FnOnce(&mut Value)) -> String {
    let now = process::now().as_secs();
    let subject = if issuer == CORP { "corp:Alice" } else { "build" };
    let mut claims = json!({ "iss": issuer, "sub": subject, "aud": ISSUER, "iat": now,
        "exp": now + 60, "jti": random::identifier(&SystemRandom) });
    change(&mut claims);
    jwt::sign(key, "JWT", &claims).unwrap()
}

async fn ask(site: &Fixture, who: &str, assertion: &str, scope: &str) -> (u16, Value) {
    let secret = format!("a secret of {who}, long");
    let form = [
        ("grant_type", jwt_grant::GRANT_TYPE),
        ("client_id", who),
        ("client_secret", &secret),
        ("assertion", assertion),
        ("scope", scope),
    ];
    site.ask("/token", &form).await
}

async fn error(site: &Fixture, who: &str, assertion: &str) -> String {
    let (status, answer) = ask(site, who, assertion, "orders").await;
    assert_eq!(status, 400, "{answer}");
    answer["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_whom_another_issuer_names_gets_one_access_token() {
    let (others, site) = Others::trusted().await;
    let text = assertion(&others.corp, CORP, |_| {});
    let (status, answer) = ask(&site, "batch", &text, "orders").await;
    assert_eq!(status, 200, "{answer}");
    for absent in ["refresh_token", "id_token"] {
        assert_eq!(answer.get(absent), None);
    }
    let token = answer["access_token"].as_str().unwrap();
    let claims = site.app.verify_access_token(token, process::now()).unwrap().unwrap();
    let alice = site.alice().await;
    assert_eq!((&claims.subject, &*claims.client_id), (&alice.subject, "batch"));
    assert_eq!((claims.auth_time, &claims.amr), (None, &None), "which is not ours to say");
    assert_eq!(claims.scope.as_deref(), Some("orders"));
    assert_eq!(error(&site, "batch", &text).await, "invalid_grant", "it is taken once");
    // What ends a person's grants ends this one.
    let ended =
        site.app.store().put_account(Account { disabled: true, ..alice }, site.app.moment());
    site.app.deny(&ended.await.unwrap());
    assert!(site.app.verify_access_token(token, process::now()).unwrap().is_none());
    let text = assertion(&others.corp, CORP, |_| {});
    assert_eq!(error(&site, "batch", &text).await, "invalid_grant");
}

#[tokio::test]
async fn a_client_whom_another_issuer_names_gets_a_token_for_itself() {
    let (others, site) = Others::trusted().await;
    let text = assertion(&others.work, WORK, |_| {});
    let (status, answer) = ask(&site, "build", &text, "orders").await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let claims = site.app.verify_access_token(token, process::now()).unwrap().unwrap();
    assert_eq!((&*claims.subject, &*claims.client_id), ("build", "build"));
    let text = assertion(&others.work, WORK, |claims| claims["sub"] = "batch".into());
    assert_eq!(error(&site, "build", &text).await, "invalid_grant", "another client");
}

#[tokio::test]
async fn only_the_word_of_a_trusted_issuer_for_this_server_counts() {
    let (others, site) = Others::trusted().await;
    let corp = |change: &dyn Fn(&mut Value)| assertion(&others.corp, CORP, change);
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    for (what, text) in [
        ("by a stranger", assertion(&stranger, CORP, |_| {})),
        ("by another trusted issuer", assertion(&others.work, CORP, |_| {})),
        ("of an unknown issuer", assertion(&stranger, "https://evil.example", |_| {})),
        ("of this server", assertion(&stranger, ISSUER, |_| {})),
        ("for another server", corp(&|claims| claims["aud"] = "https://other.example".into())),
        ("for the token endpoint", corp(&|c| c["aud"] = format!("{ISSUER}/token").into())),
        ("for two", corp(&|c| c["aud"] = json!([ISSUER, "https://other.example"]))),
        ("about nobody here", corp(&|claims| claims["sub"] = "corp:nobody".into())),
        ("without the prefix", corp(&|claims| claims["sub"] = "alice".into())),
        ("without a name", corp(&|c| drop(c.as_object_mut().unwrap().remove("jti")))),
        ("for ever", corp(&|c| c["exp"] = (process::now().as_secs() + 100_000).into())),
        ("for a sign-in", corp(&|claims| claims["nonce"] = "n".into())),
        ("junk", "a.b.c".to_owned()),
    ] {
        assert_eq!(error(&site, "batch", &text).await, "invalid_grant", "{what}");
    }
    assert_eq!(error(&site, "build", &corp(&|_| {})).await, "unauthorized_client");
    let (status, answer) = ask(&site, "batch", &corp(&|_| {}), "openid").await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_scope".into()));
    assert_eq!(ask(&site, "batch", &corp(&|_| {}), "orders").await.0, 200);
}

#[tokio::test]
async fn an_issuer_may_publish_its_keys_and_replace_them() {
    let keys = [(); 3].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
    let published = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&published);
    let publish = |key: &SigningKey| {
        *published.lock().unwrap() = json!({ "keys": [key.public_jwk()] }).to_string();
    };
    publish(&keys[0]);
    let answer = get(move || async move { told.lock().unwrap().clone() });
    let corp = RemoteSite::start(Router::new().route("/keys", answer)).await;
    let site = Fixture::open_with(&format!(
        "[[client]]\nclient_id = \"batch\"\nclient_secret = \"a secret of batch, long\"\n\
         grant_types = [\"{}\"]\n\
         [[trusted_issuer]]\nissuer = \"{CORP}\"\njwks_uri = \"{}\"\nclients = [\"batch\"]\n\
         subject = \"username\"\nsubject_prefix = \"corp:\"",
        jwt_grant::GRANT_TYPE,
        corp.url("/keys")
    ))
    .await;
    assert_eq!(ask(&site, "batch", &assertion(&keys[0], CORP, |_| {}), "").await.0, 200);
    publish(&keys[1]);
    assert_eq!(ask(&site, "batch", &assertion(&keys[1], CORP, |_| {}), "").await.0, 200);
    let stranger = assertion(&keys[2], CORP, |_| {});
    assert_eq!(error(&site, "batch", &stranger).await, "invalid_grant");
}

#[tokio::test]
async fn it_is_offered_where_an_issuer_is_trusted() {
    let (_, site) = Others::trusted().await;
    for (site, offered) in [(site, true), (Fixture::open().await, false)] {
        let answer = site.get("/.well-known/oauth-authorization-server", None).await;
        let text = crate::fixture::body(answer).await;
        assert_eq!(text.contains(jwt_grant::GRANT_TYPE), offered);
    }
}
