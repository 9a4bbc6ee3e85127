//! Signed requests, by value and by reference, as a client sends them and as an attacker does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::hmac;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use countersign_jose::{Algorithm, RequestObject, SigningKey, base64url};
use serde_json::{Value, json};

use super::*;
use crate::fixture::session_of;
use crate::fixture::{Fixture, PASSWORD, REDIRECT_URI, answered, body, hidden, jwks, location};
use crate::remote_site::RemoteSite;

const ISSUER: &str = "http://127.0.0.1:8080";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct Signer(SigningKey);

impl Signer {
    fn new() -> Self {
        Self(SigningKey::generate(Algorithm::ES256).unwrap())
    }

    /// A server that knows this key as that of the client `signer`.
    async fn site(&self, more: &str) -> Fixture {
        Fixture::open_with(&format!(
            "[[client]]\nclient_id = \"signer\"\nclient_name = \"The signer\"\n\
             client_secret = \"0123456789abcdef\"\nredirect_uris = [\"{REDIRECT_URI}\"]\n\
             {}\n{more}",
            jwks(&self.0)
        ))
        .await
    }

    fn object(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        jwt::sign(&self.0, RequestObject::TYPE, &claims).unwrap()
    }
}

fn claims() -> Value {
    json!({
        "iss": "signer", "aud": ISSUER, "client_id": "signer", "response_type": "code",
        "redirect_uri": REDIRECT_URI, "scope": "openid", "state": "inside",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        "exp": process::now().as_secs() + 300,
    })
}

fn query(pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/authorize?{query}")
}

fn by_value(object: &str) -> String {
    query(&[("client_id", "signer"), ("request", object)])
}

/// What the client is told, by way of the address that stands outside.
async fn refusal(site: &Fixture, more: &[(&str, &str)]) -> String {
    let outside = [("client_id", "signer"), ("redirect_uri", REDIRECT_URI), ("state", "outside")];
    let pairs: Vec<_> = outside.iter().chain(more).copied().collect();
    let answer = answered(&site.get(&query(&pairs), None).await, REDIRECT_URI);
    assert_eq!((&*answer["state"], &*answer["iss"]), ("outside", ISSUER), "{answer:?}");
    answer["error"].clone()
}

/// Signs in for a request and gives the session and the page that follows.
async fn sign_in_for(site: &Fixture, session: Option<&str>, target: &str) -> (String, String) {
    let asked = site.get(target, session).await;
    let page = body(site.get(location(&asked), session).await).await;
    let next = hidden(&page, "continue");
    let form = [("username", "alice"), ("password", PASSWORD), ("continue", &*next)];
    let answer = site.submit("/login", session.unwrap_or("a visit"), &form).await;
    (session_of(&answer), location(&answer).to_owned())
}

async fn allow(site: &Fixture, session: &str, consent: &str) -> Response {
    let page = body(site.get(consent, Some(session)).await).await;
    let carried = hidden(&page, "request");
    site.submit("/consent", session, &[("request", &carried), ("decision", "allow")]).await
}

#[tokio::test]
async fn only_what_was_signed_counts() {
    let signer = Signer::new();
    let site = signer.site("").await;
    let object = signer.object(|_| {});
    let outside = [
        ("client_id", "signer"),
        ("request", &object),
        ("state", "outside"),
        ("nonce", "outside"),
        ("scope", "openid email"),
        ("redirect_uri", "https://evil.example/"),
        ("response_type", "token"),
        ("response_mode", "form_post"),
        ("prompt", "none"),
    ];
    let target = query(&outside);
    let login = location(&site.get(&target, None).await).to_owned();
    assert!(!login.contains("outside") && !login.contains("evil"), "{login}");
    let page = site.get(&login, None).await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://web.example;"), "{policy}");
    assert!(body(page).await.contains("The signer"));
    let (session, next) = sign_in_for(&site, None, &target).await;
    let consent = location(&site.get(&next, Some(&session)).await).to_owned();
    let page = body(site.get(&consent, Some(&session)).await).await;
    assert!(page.contains("<code class=\"muted\">openid</code>"), "{page}");
    assert!(!page.contains(">email<"), "{page}");
    let answer = answered(&allow(&site, &session, &consent).await, REDIRECT_URI);
    assert_eq!((&*answer["state"], &*answer["iss"]), ("inside", ISSUER));
    assert!(answer.contains_key("code"));

    // By POST as well (OpenID Connect Core §3.1.2.1).
    let answer = site.post("/authorize", &[("client_id", "signer"), ("request", &object)]).await;
    assert!(location(&answer).starts_with("/login?"), "{}", location(&answer));
}

#[tokio::test]
async fn an_object_that_does_not_hold_is_refused() {
    let (signer, thief) = (Signer::new(), Signer::new());
    let site = signer.site("").await;
    let good = signer.object(|_| {});
    let payload = good.split('.').nth(1).unwrap();
    let none = base64url::encode(br#"{"alg":"none","typ":"oauth-authz-req+jwt"}"#);
    let pem = signer.0.public_jwk().unwrap().to_pem();
    let header = json!({ "alg": "HS256", "kid": signer.0.key_id() });
    let input = format!("{}.{payload}", base64url::encode(header.to_string().as_bytes()));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes());
    let tag = hmac::sign(&secret, input.as_bytes());
    let confused = format!("{input}.{}", base64url::encode(tag.as_ref()));
    let set = |name: &str, value: Value| signer.object(|claims| claims[name] = value);
    let now = process::now().as_secs();
    for (what, object) in [
        ("unsigned", format!("{none}.{payload}.")),
        ("public key as secret", confused),
        ("by another key", thief.object(|_| {})),
        ("for another issuer", set("aud", json!("https://other.example"))),
        ("for the endpoint", set("aud", json!(format!("{ISSUER}/authorize")))),
        ("by another client", set("iss", json!("web"))),
        ("of another client", set("client_id", json!("web"))),
        ("expired", set("exp", json!(now - 31))),
        ("too early", set("nbf", json!(now + 120))),
        ("request inside", set("request", json!(good))),
        ("request_uri inside", set("request_uri", json!("https://a.example/"))),
        ("an assertion", set("sub", json!("signer"))),
        ("junk", "a.b.c".to_owned()),
    ] {
        let error = refusal(&site, &[("request", &object)]).await;
        assert_eq!(error, "invalid_request_object", "{what}");
        // Without an address that can be trusted nobody is led anywhere.
        let page = site.get(&by_value(&object), None).await;
        assert_eq!((page.status(), location(&page)), (StatusCode::BAD_REQUEST, ""), "{what}");
    }
    // Another client's object is worth nothing to this one, and the other way round.
    let foreign = query(&[("client_id", "web"), ("request", &good)]);
    assert_eq!(site.get(&foreign, None).await.status(), StatusCode::BAD_REQUEST);
    for bad in [
        set("redirect_uri", json!("https://evil.example/cb")),
        signer.object(|claims| drop(claims.as_object_mut().unwrap().remove("redirect_uri"))),
    ] {
        let page = site.get(&by_value(&bad), None).await;
        assert_eq!((page.status(), location(&page)), (StatusCode::BAD_REQUEST, ""));
    }
}

#[tokio::test]
async fn what_is_missing_inside_is_not_taken_from_outside() {
    let signer = Signer::new();
    let site = signer.site("").await;
    let without = signer.object(|claims| {
        claims.as_object_mut().unwrap().remove("code_challenge");
        claims["response_mode"] = json!("query");
    });
    // A downgrade of PKCE: the attacker's own challenge beside the client's request.
    let target = query(&[
        ("client_id", "signer"),
        ("request", &without),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let answer = answered(&site.get(&target, None).await, REDIRECT_URI);
    assert_eq!((&*answer["error"], &*answer["state"]), ("invalid_request", "inside"));
    let stateless = signer.object(|claims| {
        claims.as_object_mut().unwrap().remove("state");
        claims["scope"] = json!("openid nonsense");
    });
    let target = query(&[("client_id", "signer"), ("request", &stateless), ("state", "outside")]);
    let answer = answered(&site.get(&target, None).await, REDIRECT_URI);
    assert_eq!((&*answer["error"], answer.get("state")), ("invalid_scope", None));
}

#[tokio::test]
async fn a_request_has_one_source_and_no_parameter_twice() {
    let signer = Signer::new();
    let site = signer.site("").await;
    let object = signer.object(|_| {});
    let elsewhere = ("request_uri", "https://a.example/");
    assert_eq!(refusal(&site, &[("request", &object), elsewhere]).await, "invalid_request");
    for twice in ["request", "scope", "nonce"] {
        let more = [("request", &*object), (twice, &*object), (twice, "x")];
        let answer = site
            .get(
                &query(
                    &[&[("client_id", "signer"), ("redirect_uri", REDIRECT_URI)], &more[..]]
                        .concat(),
                ),
                None,
            )
            .await;
        assert_eq!(answered(&answer, REDIRECT_URI)["error"], "invalid_request", "{twice}");
    }
    let two = by_value(&object) + "&client_id=web";
    assert_eq!(site.get(&two, None).await.status(), StatusCode::BAD_REQUEST);
    let long = signer.object(|claims| claims["state"] = json!("s".repeat(2_000)));
    assert!(location(&site.get(&by_value(&long), None).await).starts_with("/login?"));
    let longer = signer.object(|claims| {
        for name in ["state", "nonce", "login_hint", "unknown"] {
            claims[name] = json!("s".repeat(2_000));
        }
    });
    let answer = answered(&site.get(&by_value(&longer), None).await, REDIRECT_URI);
    assert_eq!((&*answer["error"], answer["state"].len()), ("invalid_request", 2_000));
}

#[tokio::test]
async fn a_client_may_have_to_sign_and_with_one_algorithm() {
    let signer = Signer::new();
    let site = signer.site("require_signed_request_object = true").await;
    let open = site.authorize(&[]).replace("client_id=web", "client_id=signer");
    let answer = answered(&site.get(&open, None).await, REDIRECT_URI);
    assert_eq!(answer["error"], "invalid_request");
    let object = signer.object(|_| {});
    assert!(location(&site.get(&by_value(&object), None).await).starts_with("/login?"));
    let push = async |more: &[(&str, &str)]| {
        let credentials = [("client_id", "signer"), ("client_secret", "0123456789abcdef")];
        site.post("/par", &[&credentials[..], more].concat()).await
    };
    let unsigned = push(&[
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    assert!(body(unsigned.await).await.contains("\"invalid_request\""));
    let signed = push(&[("request", &object), ("state", "outside")]).await;
    assert_eq!(signed.status(), StatusCode::CREATED);
    let answer: Value = serde_json::from_str(&body(signed).await).unwrap();
    let reference = answer["request_uri"].as_str().unwrap();
    let session = site.sign_in("alice").await;
    let target = query(&[("client_id", "signer"), ("request_uri", reference)]);
    let consent = location(&site.get(&target, Some(&session)).await).to_owned();
    let answer = answered(&allow(&site, &session, &consent).await, REDIRECT_URI);
    assert_eq!(answer["state"], "inside");
    for (what, change) in [("another client", json!("web")), ("nobody", json!(null))] {
        let object = signer.object(|claims| claims["client_id"] = change);
        let refused = body(push(&[("request", &object)]).await).await;
        assert!(refused.contains("invalid_request_object"), "{what}: {refused}");
    }

    let site = signer.site("request_object_signing_alg = \"Ed25519\"").await;
    let error = refusal(&site, &[("request", &object)]).await;
    assert_eq!(error, "invalid_request_object");
}

#[tokio::test]
async fn a_password_that_is_asked_for_inside_is_asked_for_once() {
    let signer = Signer::new();
    let site = signer.site("").await;
    for change in [("prompt", json!("login consent")), ("max_age", json!(0))] {
        let object = |state: &str| {
            signer.object(|claims| {
                claims["prompt"] = json!("consent");
                claims["state"] = json!(state);
                claims[change.0] = change.1.clone();
            })
        };
        let session = site.sign_in("alice").await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let target = by_value(&object("inside"));
        let asked = site.get(&target, Some(&session)).await;
        assert!(location(&asked).starts_with("/login?"), "{}", location(&asked));
        // The consent page is no way around.
        let around = site.get(&target.replace("/authorize?", "/consent?"), Some(&session)).await;
        assert!(location(&around).starts_with("/authorize?"), "{}", location(&around));
        let carried = target.strip_prefix("/authorize?").unwrap();
        let form = [("request", carried), ("decision", "allow")];
        let around = site.submit("/consent", &session, &form).await;
        assert!(location(&around).starts_with("/authorize?"), "{}", location(&around));

        let (session, next) = sign_in_for(&site, Some(&session), &target).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let consent = location(&site.get(&next, Some(&session)).await).to_owned();
        assert!(consent.starts_with("/consent?"), "{consent}");
        let answer = answered(&allow(&site, &session, &consent).await, REDIRECT_URI);
        assert!(answer.contains_key("code"), "{answer:?}");

        // The mark is for this request and this session.
        let mark = next.rsplit_once('&').unwrap().1;
        let other = format!("{}&{mark}", by_value(&object("another")));
        let asked = site.get(&other, Some(&session)).await;
        assert!(location(&asked).starts_with("/login?"), "{}", location(&asked));
        let session = site.sign_in("alice").await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let asked = site.get(&next, Some(&session)).await;
        assert!(location(&asked).starts_with("/login?"), "{}", location(&asked));
    }
}

/// A site of the client that shows these objects one after the other, and counts.
async fn objects(objects: Vec<String>) -> (RemoteSite, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let next = move || {
        let number = counter.fetch_add(1, Ordering::Relaxed) as usize;
        let object = objects[number.min(objects.len() - 1)].clone();
        async move { ([(header::CONTENT_TYPE, "application/oauth-authz-req+jwt")], object) }
    };
    let routes = Router::new()
        .route("/request", get(next))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .route("/elsewhere", get(|| async { axum::response::Redirect::temporary("/request") }))
        .route("/huge", get(|| async { "a".repeat(100_000) }));
    (RemoteSite::start(routes).await, asked)
}

#[tokio::test]
async fn what_was_shown_is_what_is_agreed_to() {
    let signer = Signer::new();
    let small = signer.object(|_| {});
    let wide = signer.object(|claims| claims["scope"] = json!("openid email"));
    let (remote, asked) = objects(vec![format!("{small}\n"), wide]).await;
    let uri = remote.url("/request");
    let site = signer.site(&format!("request_uris = [\"{uri}\"]")).await;
    let (session, next) =
        sign_in_for(&site, None, &query(&[("client_id", "signer"), ("request_uri", &uri)])).await;
    let consent = location(&site.get(&next, Some(&session)).await).to_owned();
    assert!(consent.contains("request_uri=urn"), "{consent}");
    let page = body(site.get(&consent, Some(&session)).await).await;
    assert!(!page.contains(">email<"), "{page}");
    let answer = answered(&allow(&site, &session, &consent).await, REDIRECT_URI);
    assert_eq!(answer["state"], "inside");
    let grants = site.app.store().grants(countersign_store::GrantSelector::All, 9).await.unwrap();
    assert_eq!(grants[0].scope.to_string(), "openid");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "it is fetched once");
}

#[tokio::test]
async fn only_registered_urls_are_asked_at() {
    let (signer, thief) = (Signer::new(), Signer::new());
    let (remote, asked) = objects(vec![thief.object(|_| {})]).await;
    let registered = ["/request", "/missing", "/elsewhere", "/huge"].map(|path| remote.url(path));
    let site = signer.site(&format!("request_uris = {registered:?}")).await;
    for (uri, error) in [
        (remote.url("/request?a=1"), "invalid_request_uri"),
        (remote.url("/request#a"), "invalid_request_uri"),
        (remote.url("/Request"), "invalid_request_uri"),
        (remote.url("/missing"), "invalid_request_uri"),
        (remote.url("/elsewhere"), "invalid_request_uri"),
        (remote.url("/huge"), "invalid_request_uri"),
        ("http://169.254.169.254/latest".to_owned(), "invalid_request_uri"),
        ("file:///etc/passwd".to_owned(), "invalid_request_uri"),
        ("urn:ietf:params:oauth:request_uri:short".to_owned(), "invalid_request_uri"),
    ] {
        assert_eq!(refusal(&site, &[("request_uri", &uri)]).await, error, "{uri}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    // What is there has to be signed by the client all the same.
    let uri = remote.url("/request");
    assert_eq!(refusal(&site, &[("request_uri", &uri)]).await, "invalid_request_object");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let waiting = site.app.store().sweep(site.app.lifetimes.clone(), process::now()).await;
    assert_eq!(waiting.unwrap(), 0, "nothing was kept");
}
