use std::sync::Mutex as Lock;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use countersign_jose::{Algorithm, ClientAssertion, SigningKey, jwt};
use countersign_protocol::{client_assertion, random};
use serde_json::Value;

use super::*;
use crate::config::OutboundSection;
use crate::fixture::{Fixture, body};
use crate::process;
use crate::remote_site::RemoteSite;

const ISSUER: &str = "http://127.0.0.1:8080";

/// A client's site, which publishes its keys.
struct Publisher {
    site: RemoteSite,
    answer: Arc<Lock<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Publisher {
    async fn start(keys: &[&SigningKey]) -> Self {
        let answer = Arc::new(Lock::new((200, set(keys))));
        let asked = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        let keys = get(move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            let (status, body) = told.lock().unwrap().clone();
            let location = [(header::LOCATION, "/elsewhere")];
            (StatusCode::from_u16(status).unwrap(), location, body).into_response()
        });
        let site = RemoteSite::start(Router::new().route("/keys", keys)).await;
        Self { site, answer, asked }
    }

    fn url(&self) -> String {
        self.site.url("/keys")
    }

    fn publish(&self, keys: &[&SigningKey]) {
        self.answer(200, &set(keys));
    }

    fn answer(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn set(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().filter_map(|key| key.public_jwk()).collect();
    serde_json::json!({ "keys": keys }).to_string()
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

fn outbound() -> Arc<Outbound> {
    Arc::new(Outbound::new(&OutboundSection::default(), ISSUER).unwrap())
}

fn cache(lifetime: u64, stale: u64, retry: u64, pause: u64) -> PublishedKeys {
    let millis = Duration::from_millis;
    let lifetime =
        Bounds { least: millis(lifetime), silent: millis(lifetime), most: millis(lifetime) };
    let (stale, retry, pause) = (millis(stale), millis(retry), millis(pause));
    PublishedKeys(RemoteCache::new(10, Timing { lifetime, stale, retry, pause }))
}

fn has(keys: Option<&Arc<ClientKeys>>, key: &SigningKey) -> bool {
    keys.is_some_and(|keys| keys.signatures().get(key.key_id()).is_some())
}

#[tokio::test]
async fn keys_are_fetched_once_for_all_and_again_when_they_are_not_fresh() {
    let (first, second) = (key(), key());
    let publisher = Publisher::start(&[&first]).await;
    let (cache, outbound, url) = (Arc::new(cache(100, 10_000, 0, 0)), outbound(), publisher.url());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (cache, outbound, url) = (Arc::clone(&cache), Arc::clone(&outbound), url.clone());
        asking.spawn(async move { cache.current(&outbound, &url).await });
    }
    while let Some(found) = asking.join_next().await {
        assert!(has(found.unwrap().as_ref(), &first));
    }
    assert_eq!(publisher.asked(), 1);
    publisher.publish(&[&second]);
    tokio::time::sleep(Duration::from_millis(120)).await;
    let found = cache.current(&outbound, &url).await;
    assert!(has(found.as_ref(), &second) && !has(found.as_ref(), &first));
}

#[tokio::test]
async fn while_nothing_better_comes_the_old_keys_serve_but_not_for_ever() {
    let first = key();
    let publisher = Publisher::start(&[&first]).await;
    let (cache, outbound, url) = (cache(0, 300, 0, 0), outbound(), publisher.url());
    assert!(has(cache.current(&outbound, &url).await.as_ref(), &first));
    for (status, text) in [
        (500, ""),
        (404, ""),
        (302, ""),
        (200, "<html>"),
        (200, r#"{"keys":[]}"#),
        (200, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#),
        (200, &"x".repeat(SET_MAX_BYTES + 1)),
    ] {
        publisher.answer(status, text);
        assert!(has(cache.current(&outbound, &url).await.as_ref(), &first), "{status} {text:.20}");
    }
    tokio::time::sleep(Duration::from_millis(320)).await;
    assert!(cache.current(&outbound, &url).await.is_none());
    publisher.publish(&[&first]);
    assert!(cache.current(&outbound, &url).await.is_some());
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_while() {
    let publisher = Publisher::start(&[]).await;
    let (cache, outbound, url) = (cache(0, 0, 200, 0), outbound(), publisher.url());
    for _ in 0..5 {
        assert!(cache.current(&outbound, &url).await.is_none());
    }
    assert_eq!(publisher.asked(), 1);
    publisher.publish(&[&key()]);
    tokio::time::sleep(Duration::from_millis(220)).await;
    assert!(cache.current(&outbound, &url).await.is_some());
}

#[tokio::test]
async fn unknown_keys_cost_one_request_a_pause() {
    let publisher = Publisher::start(&[&key()]).await;
    let (cache, outbound, url) = (cache(10_000, 10_000, 0, 200), outbound(), publisher.url());
    let known = cache.current(&outbound, &url).await.unwrap();
    for _ in 0..20 {
        let newer = cache.newer(&outbound, &url, &known).await;
        // The same keys, read again, are no reason for a second look.
        assert!(newer.is_none_or(|newer| !Arc::ptr_eq(&newer, &known)));
    }
    assert_eq!(publisher.asked(), 2);
    tokio::time::sleep(Duration::from_millis(220)).await;
    let known = cache.current(&outbound, &url).await.unwrap();
    cache.newer(&outbound, &url, &known).await;
    assert_eq!(publisher.asked(), 3);
}

async fn signer_at(publisher: &Publisher) -> Fixture {
    Fixture::open_with(&format!(
        "[[client]]\nclient_id = \"signer\"\ngrant_types = [\"client_credentials\"]\n\
         token_endpoint_auth_method = \"private_key_jwt\"\njwks_uri = \"{}\"",
        publisher.url()
    ))
    .await
}

async fn token(site: &Fixture, key: &SigningKey) -> (u16, Value) {
    let claims = ClientAssertion {
        client_id: "signer".to_owned(),
        audience: vec![ISSUER.to_owned()],
        expires_at: process::now().as_secs() + 60,
        token_id: random::identifier(&process::SystemRandom),
        ..ClientAssertion::default()
    };
    let assertion = jwt::sign(key, ClientAssertion::TYPE, &claims).unwrap();
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_assertion_type", client_assertion::TYPE)
        .append_pair("client_assertion", &assertion)
        .finish();
    let request = Request::post("/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let response = site.send(request.unwrap()).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&body(response).await).unwrap())
}

#[tokio::test]
async fn a_client_replaces_its_keys_without_a_word() {
    let (first, second, foreign) = (key(), key(), key());
    let publisher = Publisher::start(&[&first]).await;
    let site = signer_at(&publisher).await;
    assert_eq!(token(&site, &first).await.0, 200);
    publisher.publish(&[&second]);
    // At once, although the first fetch was a moment ago; and the key that is gone is gone.
    assert_eq!(token(&site, &second).await.0, 200);
    assert_eq!(token(&site, &first).await.0, 401);
    for _ in 0..5 {
        let (status, answer) = token(&site, &foreign).await;
        assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()));
    }
    assert_eq!(publisher.asked(), 2, "strangers cost nothing more");
    assert_eq!(token(&site, &second).await.0, 200);
}

#[tokio::test]
async fn keys_that_can_not_be_had_are_no_client() {
    let signing = key();
    let publisher = Publisher::start(&[&signing]).await;
    publisher.answer(302, "");
    let site = signer_at(&publisher).await;
    let (status, answer) = token(&site, &signing).await;
    assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()));
    let told = answer.to_string();
    assert!(!told.contains("fetch") && !told.contains("302"), "{told}");
}
