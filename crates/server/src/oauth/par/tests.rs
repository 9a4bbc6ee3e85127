//! Pushed requests: what is taken, who may bring them, and that each is answered once.

use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};
use countersign_jose::{Algorithm, ClientAssertion, DpopProof, SigningKey, jwt};
use countersign_protocol::{client_assertion, random};
use countersign_verify::DPOP_NONCE;
use serde_json::Value;

use super::*;
use crate::fixture::{Fixture, REDIRECT_URI, answered, body, hidden, jwks, location};

const ISSUER: &str = "http://127.0.0.1:8080";
const SECRET: (&str, &str) = ("client_secret", "a secret of the web client");
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A request of the client `web`, with these parameters in the place of its own.
fn request<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid"),
        ("state", "pushed"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        SECRET,
    ];
    form.retain(|(name, _)| !more.iter().any(|(own, _)| own == name));
    form.extend(more.iter().copied().filter(|(_, value)| !value.is_empty()));
    form
}

async fn push(site: &Fixture, more: &[(&str, &str)]) -> (u16, Value) {
    let response = site.post("/par", &request(more)).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&body(response).await).unwrap_or_default())
}

/// The reference of a request that is taken.
async fn pushed(site: &Fixture, more: &[(&str, &str)]) -> String {
    let (status, answer) = push(site, more).await;
    assert_eq!(status, 201, "{answer}");
    answer["request_uri"].as_str().unwrap().to_owned()
}

/// What a browser brings.
fn brought(client_id: &str, reference: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client_id)
        .append_pair("request_uri", reference)
        .finish();
    format!("/authorize?{query}")
}

/// Nobody is led anywhere: the reference is worth nothing.
async fn is_gone(response: Response) {
    assert_eq!((response.status(), location(&response)), (StatusCode::BAD_REQUEST, ""));
    let page = body(response).await;
    assert!(page.contains("request_uri leads to no request of this client"), "{page}");
    assert!(page.contains("Reference <code>"), "{page}");
}

/// Answers the consent page.
async fn decide(site: &Fixture, session: &str, reference: &str, decision: &str) -> Response {
    let asked = site.get(&brought("web", reference), Some(session)).await;
    let page = site.get(location(&asked), Some(session)).await;
    let carried = hidden(&body(page).await, "request");
    site.submit("/consent", session, &[("request", &carried), ("decision", decision)]).await
}

#[tokio::test]
async fn a_pushed_request_goes_the_whole_way_by_its_reference() {
    let site = Fixture::open().await;
    let response = site.post("/par", &request(&[("state", "pushed")])).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let answer: Value = serde_json::from_str(&body(response).await).unwrap();
    assert_eq!(answer["expires_in"], 60);
    let reference = answer["request_uri"].as_str().unwrap();

    // What else the browser brings is not looked at.
    let target = brought("web", reference)
        + "&state=another&scope=email&redirect_uri=https%3A%2F%2Fevil.example&prompt=none";
    let asked = site.get(&target, None).await;
    let login = location(&asked).to_owned();
    assert!(login.starts_with("/login?continue="), "{login}");
    assert!(!login.contains("another") && !login.contains("evil"), "{login}");
    let page = site.get(&login, None).await;
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://web.example;"), "{policy}");
    let page = body(page).await;
    assert!(page.contains("to go on to"), "{page}");
    let form = [
        ("username", "alice"),
        ("password", crate::fixture::PASSWORD),
        ("continue", &hidden(&page, "continue")),
    ];
    let signed_in = site.submit("/login", "a visit", &form).await;
    let session = crate::fixture::session_of(&signed_in);
    let asked = site.get(location(&signed_in), Some(&session)).await;
    assert!(location(&asked).starts_with("/consent?client_id=web&request_uri="));

    let allowed = decide(&site, &session, reference, "allow").await;
    let answer = answered(&allowed, REDIRECT_URI);
    assert_eq!((&*answer["state"], &*answer["iss"]), ("pushed", ISSUER));
    let tokens = site
        .post(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", "web"),
                SECRET,
                ("code", &answer["code"]),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            ],
        )
        .await;
    assert_eq!(tokens.status(), StatusCode::OK, "{}", body(tokens).await);
}

#[tokio::test]
async fn it_may_be_looked_at_again_until_it_is_answered_and_not_afterwards() {
    let site = Fixture::open().await;
    let session = site.sign_in("alice").await;
    for decision in ["allow", "deny"] {
        // Else the consent would be remembered.
        let reference = pushed(&site, &[("prompt", "consent")]).await;
        for _ in 0..3 {
            let asked = site.get(&brought("web", &reference), Some(&session)).await;
            assert!(location(&asked).starts_with("/consent?"), "{}", location(&asked));
        }
        let consent =
            location(&site.get(&brought("web", &reference), Some(&session)).await).to_owned();
        let carried = hidden(&body(site.get(&consent, Some(&session)).await).await, "request");
        let answer = decide(&site, &session, &reference, decision).await;
        let answer = answered(&answer, REDIRECT_URI);
        assert_eq!(answer.contains_key("code"), decision == "allow", "{answer:?}");
        assert_eq!(answer.contains_key("error"), decision == "deny", "{answer:?}");

        is_gone(site.get(&brought("web", &reference), Some(&session)).await).await;
        is_gone(site.get(&consent, Some(&session)).await).await;
        // The page in another tab.
        for late in ["allow", "deny"] {
            let form = [("request", carried.as_str()), ("decision", late)];
            is_gone(site.submit("/consent", &session, &form).await).await;
        }
    }
}

#[tokio::test]
async fn an_answer_without_any_page_uses_it_up_too() {
    let site = Fixture::open().await;
    let quiet = pushed(&site, &[("prompt", "none")]).await;
    let refused = site.get(&brought("web", &quiet), None).await;
    assert_eq!(answered(&refused, REDIRECT_URI)["error"], "login_required");
    is_gone(site.get(&brought("web", &quiet), None).await).await;

    let session = site.sign_in("alice").await;
    let first = pushed(&site, &[]).await;
    decide(&site, &session, &first, "allow").await;
    // Agreed to before, so there is no page.
    let again = pushed(&site, &[]).await;
    let answer = site.get(&brought("web", &again), Some(&session)).await;
    assert!(answered(&answer, REDIRECT_URI).contains_key("code"));
    is_gone(site.get(&brought("web", &again), Some(&session)).await).await;
}

#[tokio::test]
async fn a_reference_is_worth_nothing_to_others_nor_after_its_time() {
    let site = Fixture::open().await;
    let session = site.sign_in("alice").await;
    let reference = pushed(&site, &[]).await;
    is_gone(site.get(&brought("spa", &reference), Some(&session)).await).await;
    let made_up = Reference::new(&SystemRandom).uri();
    is_gone(site.get(&brought("web", &made_up), Some(&session)).await).await;
    let asked = site.get(&brought("web", &reference), Some(&session)).await;
    assert!(location(&asked).starts_with("/consent?"), "a stranger's try has changed nothing");

    let late = Reference::new(&SystemRandom);
    let client = site.app.client("web").await.unwrap().unwrap();
    let form = request(&[]);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let params = Params::parse(form.as_bytes()).unwrap();
    let then = process::now().minus(Duration::from_secs(61));
    let minute = Duration::from_secs(60);
    let expired = PushedRequest::new(&late, &client, &params, minute, then).unwrap();
    site.app.store().push_request(expired, then).await.unwrap();
    is_gone(site.get(&brought("web", &late.uri()), Some(&session)).await).await;
}

#[tokio::test]
async fn signing_in_may_take_longer_than_bringing_the_reference() {
    let site = Fixture::open().await;
    let reference = pushed(&site, &[]).await;
    let key = Reference::parse(&reference).unwrap().key();
    let stored = async || {
        let found = site.app.store().pushed_request(key, process::now()).await.unwrap().unwrap();
        found.expires_at.since(found.pushed_at).as_secs()
    };
    assert_eq!(stored().await, 60);
    // A page that shows where it leads is not the browser that brings it.
    let login = format!("/login?continue={}", brought("web", &reference).replace('&', "%26"));
    site.get(&login, None).await;
    assert_eq!(stored().await, 60);
    site.get(&brought("web", &reference), None).await;
    assert_eq!(stored().await, 660);
    site.get(&brought("web", &reference), None).await;
    assert_eq!(stored().await, 660, "it does not live for ever");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_at_once() {
    let site = Fixture::open().await;
    let long = "a".repeat(8_000);
    for (more, status, error) in [
        (&[("request_uri", "https://web.example/request")][..], 400, "invalid_request"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], 400, "invalid_request"),
        (&[("client_secret", "a wrong secret")], 401, "invalid_client"),
        (&[("client_secret", "")], 401, "invalid_client"),
        (&[("client_id", "nobody")], 401, "invalid_client"),
        (&[("client_id", "spa")], 401, "invalid_client"),
        (&[("redirect_uri", "")], 400, "invalid_request"),
        (&[("redirect_uri", "https://web.example/cb/")], 400, "invalid_request"),
        (&[("redirect_uri", "https://WEB.example/cb")], 400, "invalid_request"),
        (&[("redirect_uri", "https://web.example/cb?a=1")], 400, "invalid_request"),
        (&[("redirect_uri", "https://web.example/cb#a")], 400, "invalid_request"),
        (&[("redirect_uri", "https://web.example:443/cb")], 400, "invalid_request"),
        (&[("redirect_uri", "https://a@web.example/cb")], 400, "invalid_request"),
        (&[("redirect_uri", "https://web.example/%63b")], 400, "invalid_request"),
        (&[("response_type", "")], 400, "invalid_request"),
        (&[("response_type", "token")], 400, "unsupported_response_type"),
        (&[("response_type", "code id_token")], 400, "unsupported_response_type"),
        (&[("response_mode", "fragment")], 400, "invalid_request"),
        (&[("code_challenge", "")], 400, "invalid_request"),
        (&[("code_challenge_method", "plain")], 400, "invalid_request"),
        (&[("scope", "admin")], 400, "invalid_scope"),
        (&[("resource", "https://other.example")], 400, "invalid_target"),
        (&[("prompt", "none login")], 400, "invalid_request"),
        (&[("request", "a.b.c")], 400, "invalid_request_object"),
        (&[("a", &long), ("b", &long), ("c", &long)], 400, "invalid_request"),
    ] {
        let (found, answer) = push(&site, more).await;
        assert_eq!((found, &answer["error"]), (status, &error.into()), "{more:.80?}");
        let described = answer["error_description"].as_str().unwrap();
        assert!(described.len() > 10, "{described}");
    }
    let twice = request(&[("state", "a")]).into_iter().chain([("state", "b")]).collect::<Vec<_>>();
    assert_eq!(site.post("/par", &twice).await.status(), StatusCode::BAD_REQUEST);
    let huge = "a".repeat(70_000);
    let answer = site.post("/par", &request(&[("state", &huge)])).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = Request::builder().method(method).uri("/par").body(String::new().into());
        let answer = site.send(request.unwrap()).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()[header::ALLOW], "POST");
    }
    let preflight = Request::builder().method(Method::OPTIONS).uri("/par");
    let answer = site.send(preflight.body(String::new().into()).unwrap()).await;
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

#[tokio::test]
async fn a_public_client_pushes_by_its_name_and_secrets_are_not_kept() {
    let site = Fixture::open().await;
    let spa =
        [("client_id", "spa"), ("client_secret", ""), ("redirect_uri", "https://spa.example/cb")];
    let reference = pushed(&site, &spa).await;
    let found = site.get(&brought("spa", &reference), None).await;
    assert!(location(&found).starts_with("/login?"));
    let reference = pushed(&site, &[]).await;
    let key = Reference::parse(&reference).unwrap().key();
    let kept = site.app.store().pushed_request(key, process::now()).await.unwrap().unwrap();
    assert!(kept.confidential && kept.parameters.contains("state=pushed"), "{kept:?}");
    assert!(!kept.parameters.contains("secret"), "{kept:?}");
}

#[tokio::test]
async fn a_client_or_a_server_may_insist_on_it() {
    let insisting = "[[client]]\nclient_id = \"strict\"\nclient_secret = \"0123456789abcdef\"\n\
        redirect_uris = [\"https://web.example/cb\"]\nrequire_pushed_authorization_requests = true";
    let site = Fixture::open_with(insisting).await;
    let open = |client_id: &str| site.authorize(&[]).replace("client_id=web", client_id);
    let answer = site.get(&open("client_id=strict"), None).await;
    let refused = answered(&answer, REDIRECT_URI);
    assert_eq!((&*refused["error"], &*refused["iss"]), ("invalid_request", ISSUER));
    let form = [("client_id", "strict"), ("client_secret", "0123456789abcdef")];
    let reference = pushed(&site, &form).await;
    let answer = site.get(&brought("strict", &reference), None).await;
    assert!(location(&answer).starts_with("/login?"), "{}", location(&answer));
    assert!(location(&site.get(&open("client_id=web"), None).await).starts_with("/login?"));

    let site = Fixture::open_with("[authorization]\nrequire_pushed = true").await;
    let answer = site.get(&open("client_id=web"), None).await;
    assert_eq!(answered(&answer, REDIRECT_URI)["error"], "invalid_request");
    let metadata = body(site.get("/.well-known/openid-configuration", None).await).await;
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    let endpoint = &metadata["pushed_authorization_request_endpoint"];
    assert_eq!(*endpoint, format!("{ISSUER}/par"));
    let reference = pushed(&site, &[]).await;
    assert!(location(&site.get(&brought("web", &reference), None).await).starts_with("/login?"));
}

#[tokio::test]
async fn the_key_of_a_proof_is_the_key_of_the_code() {
    let site = Fixture::open().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let thumbprint = key.public_jwk().unwrap().thumbprint();
    let proof = |url: &str| {
        let nonce = site.app.keys.load().sender_rules.dpop.nonce(process::now());
        let proof = DpopProof {
            token_id: random::identifier(&SystemRandom),
            method: "POST".to_owned(),
            url: format!("{ISSUER}{url}"),
            issued_at: process::now().as_secs(),
            access_token_hash: None,
            nonce,
        };
        proof.sign(&key).unwrap()
    };
    let push = async |proof: &str, more: &[(&str, &str)]| {
        let form = request(more);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post("/par")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("DPoP", proof);
        let response = site.send(request.body(form.into()).unwrap()).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str::<Value>(&body(response).await).unwrap_or_default())
    };
    let other = "A".repeat(43);
    let good = proof("/par");
    for (proof, jkt, status) in [
        (&good, "", 201),
        (&good, "", 400),
        (&proof("/par"), &*thumbprint, 201),
        (&proof("/par"), &*other, 400),
        (&proof("/token"), "", 400),
        (&"a.b.c".to_owned(), "", 400),
    ] {
        let (found, answer) = push(proof, &[("dpop_jkt", jkt)]).await;
        assert_eq!(found, status, "{answer}");
        if status == 201 {
            let reference = Reference::parse(answer["request_uri"].as_str().unwrap()).unwrap();
            let kept = site.app.store().pushed_request(reference.key(), process::now()).await;
            let kept = kept.unwrap().unwrap().parameters;
            assert!(kept.contains(&format!("dpop_jkt={thumbprint}")), "{kept}");
        }
    }
    // A public client is told the nonce that it needs.
    let spa =
        [("client_id", "spa"), ("client_secret", ""), ("redirect_uri", "https://spa.example/cb")];
    let form = request(&spa);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let without = DpopProof {
        token_id: random::identifier(&SystemRandom),
        method: "POST".to_owned(),
        url: format!("{ISSUER}/par"),
        issued_at: process::now().as_secs(),
        access_token_hash: None,
        nonce: None,
    };
    let request = Request::post("/par")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("DPoP", without.sign(&key).unwrap());
    let response = site.send(request.body(form.into()).unwrap()).await;
    assert!(response.headers().contains_key(DPOP_NONCE));
    assert!(body(response).await.contains("use_dpop_nonce"));
}

/// RFC 10070: RFC 9126 once let the URL of the endpoint be the audience.
#[tokio::test]
async fn an_assertion_is_addressed_to_the_issuer_alone() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let site = Fixture::open_with(&format!(
        "[[client]]\nclient_id = \"signer\"\ntoken_endpoint_auth_method = \"private_key_jwt\"\n\
         redirect_uris = [\"https://web.example/cb\"]\n{}",
        jwks(&key)
    ))
    .await;
    let par = format!("{ISSUER}/par");
    let token = format!("{ISSUER}/token");
    for (audience, status) in [
        (&[ISSUER][..], 201),
        (&[&*par], 401),
        (&[&*token], 401),
        (&[ISSUER, &par], 401),
        (&[ISSUER, ISSUER], 401),
    ] {
        let claims = ClientAssertion {
            client_id: "signer".to_owned(),
            audience: audience.iter().map(|&one| one.to_owned()).collect(),
            expires_at: process::now().as_secs() + 60,
            token_id: random::identifier(&SystemRandom),
            ..ClientAssertion::default()
        };
        let assertion = jwt::sign(&key, ClientAssertion::TYPE, &claims).unwrap();
        let more = [
            ("client_id", "signer"),
            ("client_secret", ""),
            ("client_assertion_type", client_assertion::TYPE),
            ("client_assertion", &assertion),
        ];
        let (found, answer) = push(&site, &more).await;
        assert_eq!(found, status, "{audience:?} {answer}");
    }
}
