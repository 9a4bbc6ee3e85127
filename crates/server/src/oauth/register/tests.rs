//! Registering, looking after a registration, and what attackers do at both doors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, header};
use axum::routing::get;
use countersign_jose::{Algorithm, ClientAssertion, SigningKey, jwt};
use countersign_protocol::client_assertion;
use countersign_protocol::grant::Grant;
use countersign_protocol::security_profile::SecurityProfile;
use countersign_store::{InitialAccess, NewGrant};
use serde_json::json;

use super::*;
use crate::fixture::{Fixture, body, location};
use crate::remote_site::RemoteSite;

const OPEN: &str = "[registration]\nmode = \"open\"\nresources = [\"https://api.example\"]";

struct Told {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

impl Told {
    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    fn error(&self) -> (u16, &str) {
        (self.status, self.text("error"))
    }
}

async fn ask(site: &Fixture, method: Method, path: &str, token: &str, json: &Value) -> Told {
    ask_from(site, [127, 0, 0, 1], method, path, token, json).await
}

async fn ask_from(
    site: &Fixture,
    peer: [u8; 4],
    method: Method,
    path: &str,
    token: &str,
    json: &Value,
) -> Told {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(json.to_string())).unwrap();
    let response = site.send_from(peer, request).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let json = serde_json::from_str(&body(response).await).unwrap_or_default();
    Told { status, headers, json }
}

async fn register(site: &Fixture, json: &Value) -> Told {
    ask(site, Method::POST, "/register", "", json).await
}

fn rp() -> Value {
    json!({ "redirect_uris": ["https://rp.example/cb"], "client_name": "The RP" })
}

/// Asks for a token with a secret.
async fn authenticates(site: &Fixture, client_id: &str, secret: &str) -> bool {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", "none")
        .append_pair("client_id", client_id)
        .append_pair("client_secret", secret)
        .finish();
    let request = Request::post("/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let answer = body(site.send(request.unwrap()).await).await;
    assert!(answer.contains("invalid_client") || answer.contains("invalid_grant"), "{answer}");
    answer.contains("invalid_grant")
}

async fn is_offered(site: &Fixture) -> Value {
    let path = "/.well-known/openid-configuration";
    let metadata = body(site.get(path, None).await).await;
    serde_json::from_str::<Value>(&metadata).unwrap()["registration_endpoint"].clone()
}

#[tokio::test]
async fn nobody_registers_unless_it_was_said() {
    let site = Fixture::open().await;
    assert_eq!(register(&site, &rp()).await.status, 404);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(ask(&site, method, "/register/web", "csm_x", &rp()).await.status, 404);
    }
    assert_eq!(is_offered(&site).await, Value::Null);
}

#[tokio::test]
async fn a_client_registers_and_is_a_client_like_any_other() {
    let site = Fixture::open_with(OPEN).await;
    assert_eq!(is_offered(&site).await, "http://127.0.0.1:8080/register");
    let told = register(&site, &rp()).await;
    assert_eq!(told.status, 201, "{}", told.json);
    assert_eq!(told.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(told.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let (id, secret) = (told.text("client_id"), told.text("client_secret"));
    assert!(id.len() >= 22 && !id.contains(':'), "{id}");
    assert_eq!(told.json["client_secret_expires_at"], 0);
    assert_eq!(told.json["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(told.json["grant_types"], json!(["authorization_code"]));
    assert!(authenticates(&site, id, secret).await);
    assert!(!authenticates(&site, id, "a guess at the secret").await);
    let stored = site.app.client(id).await.unwrap().unwrap();
    assert!(stored.self_registered && stored.require_pkce);
    // The store alone is worth nothing to a thief.
    let shown = format!("{stored:?}");
    assert!(!shown.contains(secret) && !shown.contains(told.text("registration_access_token")));
    let query = site.authorize(&[]).replace("client_id=web", &format!("client_id={id}"));
    let query = query.replace("web.example", "rp.example");
    let login = site.get(&query, None).await;
    assert!(location(&login).starts_with("/login?"), "{}", location(&login));
    let other = query.replace("rp.example", "evil.example");
    assert_eq!(site.get(&other, None).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_refused_is_refused_by_its_name() {
    let site = Fixture::open_with(OPEN).await;
    for (change, error) in [
        (json!({ "redirect_uris": ["https://rp.example/cb#x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["http://rp.example/cb"] }), "invalid_redirect_uri"),
        (json!({ "response_types": ["token"] }), "invalid_client_metadata"),
        (json!({ "grant_types": ["client_credentials"] }), "invalid_client_metadata"),
        (json!({ "resources": ["https://victim.example"] }), "invalid_client_metadata"),
        (json!({ "jwks_uri": "https://169.254.169.254.\u{20}/" }), "invalid_client_metadata"),
        (json!({ "software_statement": "x" }), "invalid_software_statement"),
        (json!({ "software_statement": "e30.e30.AA" }), "unapproved_software_statement"),
    ] {
        let mut body = rp();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(register(&site, &body).await.error(), (400, error), "{change}");
    }
    assert_eq!(site.app.store().clients().await.unwrap().len(), 3, "those that are declared");
    let plain = Request::post("/register").header(header::CONTENT_TYPE, "text/plain");
    let plain = site.send(plain.body(Body::from(rp().to_string())).unwrap()).await;
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
    let long = json!({ "client_uri": "x".repeat(70_000) });
    assert_eq!(register(&site, &long).await.status, 413);
}

#[tokio::test]
async fn a_profile_that_holds_for_everybody_holds_for_those_who_register() {
    let mut site = Fixture::open_with(OPEN).await;
    // The declared clients of the fixture would not pass.
    let app = Arc::get_mut(&mut site.app).unwrap();
    app.authorization.profile = Some(SecurityProfile::Fapi2Security);
    let told = register(&site, &rp()).await;
    assert_eq!(told.error(), (400, "invalid_client_metadata"), "a secret is too weak");
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let mut good = rp();
    good["token_endpoint_auth_method"] = "private_key_jwt".into();
    good["dpop_bound_access_tokens"] = true.into();
    good["jwks"] = json!({ "keys": [key.public_jwk()] });
    let told = register(&site, &good).await;
    assert_eq!(told.status, 201, "{}", told.json);
    let path = format!("/register/{}", told.text("client_id"));
    let mut weaker = told.json.clone();
    weaker["dpop_bound_access_tokens"] = false.into();
    let token = told.text("registration_access_token");
    let told = ask(&site, Method::PUT, &path, token, &weaker).await;
    assert_eq!(told.error(), (400, "invalid_client_metadata"));
}

#[tokio::test]
async fn only_whoever_was_permitted_registers() {
    let site = Fixture::open_with("[registration]\nmode = \"initial-access-token\"").await;
    let (token, hash) = registration_token::issue(Kind::Initial, &SystemRandom);
    let now = process::now();
    let permit = InitialAccess {
        name: "partner".to_owned(),
        hash,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(60)),
        uses_left: 1,
    };
    assert!(site.app.store().add_initial_access(permit).await.unwrap());
    let (other, _) = registration_token::issue(Kind::Initial, &SystemRandom);
    for wrong in ["", "x", &other, &token[..20]] {
        let told = ask(&site, Method::POST, "/register", wrong, &rp()).await;
        assert_eq!(told.error(), (401, "invalid_token"), "{wrong}");
        let challenge = told.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
    }
    // A mistake does not use it up.
    assert_eq!(ask(&site, Method::POST, "/register", &token, &json!({})).await.status, 400);
    assert_eq!(ask(&site, Method::POST, "/register", &token, &rp()).await.status, 201);
    assert_eq!(ask(&site, Method::POST, "/register", &token, &rp()).await.status, 401);
}

#[tokio::test]
async fn a_client_looks_after_its_own_registration_and_no_other() {
    let site = Fixture::open_with(OPEN).await;
    let (mine, theirs) = (register(&site, &rp()).await, register(&site, &rp()).await);
    let path = mine.text("registration_client_uri").replace("http://127.0.0.1:8080", "");
    let token = mine.text("registration_access_token");
    let told = ask(&site, Method::GET, &path, token, &Value::Null).await;
    assert_eq!(told.status, 200);
    for same in ["client_id", "registration_access_token", "registration_client_uri"] {
        assert_eq!(told.json[same], mine.json[same], "{same}");
    }
    assert_eq!(told.json["client_id_issued_at"], mine.json["client_id_issued_at"]);
    assert!(told.json.get("client_secret").is_none(), "it is told once");

    let wrong = theirs.text("registration_access_token");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for (path, token) in [
            (&*path, wrong),
            (&*path, ""),
            (&*path, mine.text("client_secret")),
            ("/register/web", token),
            ("/register/nobody", token),
        ] {
            let told = ask(&site, method.clone(), path, token, &mine.json).await;
            assert_eq!(told.error(), (401, "invalid_token"), "{method} {path}");
        }
    }

    let mut new = told.json.clone();
    new["client_name"] = "Renamed".into();
    new["redirect_uris"] = json!(["https://rp.example/new"]);
    let changed = ask(&site, Method::PUT, &path, token, &new).await;
    assert_eq!((changed.status, changed.text("client_name")), (200, "Renamed"));
    let client = site.app.client(mine.text("client_id")).await.unwrap().unwrap();
    assert_eq!(client.redirect_uris, ["https://rp.example/new"]);
    assert!(authenticates(&site, &client.client_id, mine.text("client_secret")).await);
    for (name, value) in [
        ("client_id", json!(theirs.text("client_id"))),
        ("client_id", Value::Null),
        ("client_secret", json!("a secret of my own choice")),
        ("client_secret", json!(1)),
        ("resources", json!(["https://victim.example"])),
    ] {
        let mut bad = new.clone();
        bad[name] = value.clone();
        let told = ask(&site, Method::PUT, &path, token, &bad).await;
        assert_eq!(told.error(), (400, "invalid_client_metadata"), "{name} {value}");
    }

    let grant = Grant { client_id: client.client_id.clone(), ..site.grant("alice") };
    let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
    site.app.store().begin_grant(new).await.unwrap();
    assert_eq!(ask(&site, Method::DELETE, &path, token, &Value::Null).await.status, 204);
    assert!(site.app.client(&client.client_id).await.unwrap().is_none());
    assert!(site.app.store().grant(grant.id).await.unwrap().unwrap().ended.is_some());
    assert_eq!(ask(&site, Method::GET, &path, token, &Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_change_of_the_registration_drops_nothing_that_an_operator_set() {
    let site = Fixture::open_with(OPEN).await;
    let told = register(&site, &rp()).await;
    let (id, token) = (told.text("client_id"), told.text("registration_access_token"));
    let path = format!("/register/{id}");
    let found = site.app.store().client(id).await.unwrap().unwrap();
    let set = Client { status_list: true, protects: vec!["https://own.example".into()], ..found };
    site.app.store().put_client(set.clone(), site.app.moment()).await.unwrap();
    let new = json!({ "client_id": id, "redirect_uris": ["https://rp.example/2"] });
    assert_eq!(ask(&site, Method::PUT, &path, token, &new).await.status, 200);
    let after = site.app.store().client(id).await.unwrap().unwrap();
    assert!(after.status_list && after.protects == set.protects);
    // A client that was closed can't open itself again, nor slip away.
    let closed = Client { disabled: true, ..after };
    site.app.store().put_client(closed.clone(), site.app.moment()).await.unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let told = ask(&site, method.clone(), &path, token, &new).await;
        assert_eq!(told.error(), (401, "invalid_token"), "{method}");
    }
    assert_eq!(site.app.store().client(id).await.unwrap(), Some(closed));
}

#[tokio::test]
async fn a_flood_of_registrations_ends() {
    let site = Fixture::open_with(&format!("{OPEN}\nmax_clients = 3")).await;
    for _ in 0..3 {
        assert_eq!(register(&site, &rp()).await.status, 201);
    }
    assert_eq!(register(&site, &rp()).await.error(), (503, "temporarily_unavailable"));
    // Nobody used them, so they make room.
    let tomorrow = process::now().plus(Duration::from_secs(90_000));
    assert_eq!(site.app.forget_unused_clients(tomorrow).await.unwrap(), 3);
    assert_eq!(register(&site, &rp()).await.status, 201);
    // And one address does not take the place of all others.
    let mut flood = Vec::new();
    for _ in 0..200 {
        let peer = [198, 51, 100, 7];
        flood.push(ask_from(&site, peer, Method::POST, "/register", "", &json!({})).await.status);
    }
    assert_eq!(flood, [400; 200]);
    let told = ask_from(&site, [198, 51, 100, 7], Method::POST, "/register", "", &rp()).await;
    assert_eq!(told.status, 429);
    assert!(told.headers.contains_key(header::RETRY_AFTER));
    let other = ask_from(&site, [198, 51, 100, 8], Method::POST, "/register", "", &rp()).await;
    assert_eq!(other.status, 201);
}

#[tokio::test]
async fn the_list_of_a_sector_is_asked_for_and_counts() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let list = get(move || async move {
        count.fetch_add(1, Ordering::Relaxed);
        r#"["https://rp.example/cb"]"#
    });
    let moved = get(|| async { axum::response::Redirect::temporary("/list") });
    let routes = Router::new().route("/list", list).route("/moved", moved);
    let remote = RemoteSite::start(routes).await;
    let site = Fixture::open_with(OPEN).await;
    let with = |url: &str, redirect: &str| {
        let redirect_uris = [redirect];
        json!({ "redirect_uris": redirect_uris, "sector_identifier_uri": url })
    };
    let (list, good) = (remote.url("/list"), "https://rp.example/cb");
    let told = register(&site, &with(&list, good)).await;
    assert_eq!((told.status, told.text("sector_identifier_uri")), (201, &*list));
    let refused = (400, "invalid_client_metadata");
    for (url, redirect) in [
        (&*list, "https://rp.example/other"),
        (&remote.url("/moved"), good),
        (&remote.url("/nowhere"), good),
        ("https://10.0.0.1/list", good),
        ("https://[::ffff:169.254.169.254]/list", good),
    ] {
        let told = register(&site, &with(url, redirect)).await;
        assert_eq!(told.error(), refused, "{url} {redirect}");
        let told = told.json.to_string();
        assert!(!told.contains("10.0.0.1") && !told.contains("resolve"), "{told}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "a redirect is not followed");
    // A later change is held against the list as well.
    let mut new = told.json.clone();
    new["redirect_uris"] = json!(["https://rp.example/other"]);
    let path = format!("/register/{}", told.text("client_id"));
    let token = told.text("registration_access_token");
    assert_eq!(ask(&site, Method::PUT, &path, token, &new).await.error(), refused);
}

#[tokio::test]
async fn a_client_that_registered_for_it_sends_macs_by_its_secret() {
    let site = Fixture::open_with(OPEN).await;
    let body = json!({
        "redirect_uris": ["https://rp.example/cb"],
        "token_endpoint_auth_method": "client_secret_jwt",
    });
    let told = ask(&site, Method::POST, "/register", "", &body).await;
    assert_eq!(told.status, 201, "{}", told.json);
    let (id, secret) = (told.text("client_id"), told.text("client_secret"));
    let key = SigningKey::from_secret(Algorithm::HS256, secret.as_bytes()).unwrap();
    let assertion = ClientAssertion {
        client_id: id.to_owned(),
        audience: vec![site.app.issuer.clone()],
        expires_at: process::now().as_secs() + 60,
        token_id: "a1".to_owned(),
        ..ClientAssertion::default()
    };
    let assertion = jwt::sign(&key, ClientAssertion::TYPE, &assertion).unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "csc_junk"),
        ("client_assertion_type", client_assertion::TYPE),
        ("client_assertion", &assertion),
    ];
    let (status, answer) = site.ask("/token", &form).await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_grant".into()), "it is known");
}
