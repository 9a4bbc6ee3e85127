//! DPoP and certificates at the token endpoint and at userinfo, as an attacker tries them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use countersign_jose::{Algorithm, DpopProof, SigningKey, base64url, jwt};
use countersign_protocol::grant::{Grant, PendingCode};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::scope::Scope;
use countersign_store::NewGrant;
use countersign_verify::DPOP_NONCE;
use serde_json::Value;

use super::*;
use crate::fixture::{Fixture, body};
use crate::process;

const ISSUER: &str = "http://127.0.0.1:8080";

/// A client's key.
struct Key(SigningKey);

impl Key {
    fn new() -> Self {
        Self(SigningKey::generate(Algorithm::ES256).unwrap())
    }

    fn thumbprint(&self) -> String {
        self.0.public_jwk().unwrap().thumbprint()
    }

    fn sender(&self) -> Sender {
        Sender::Dpop(self.thumbprint())
    }

    /// A proof for the token endpoint with a nonce of this site.
    fn proof(&self, site: &Fixture) -> String {
        self.proof_with(site, |_| {})
    }

    fn proof_with(&self, site: &Fixture, change: impl FnOnce(&mut DpopProof)) -> String {
        let mut proof = DpopProof {
            token_id: countersign_protocol::random::identifier(&process::SystemRandom),
            method: "POST".to_owned(),
            url: format!("{ISSUER}/token"),
            issued_at: process::now().as_secs(),
            access_token_hash: None,
            nonce: nonce_at(site, process::now()),
        };
        change(&mut proof);
        proof.sign(&self.0).unwrap()
    }
}

fn nonce_at(site: &Fixture, now: Timestamp) -> Option<String> {
    site.app.keys.load().sender_rules.dpop.nonce(now)
}

struct Answer {
    status: StatusCode,
    nonce: Option<String>,
    json: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let nonce = response.headers().get(DPOP_NONCE).map(|value| value.to_str().unwrap().into());
        let exposed = response.headers().get(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        assert!(exposed.is_some_and(|names| names.to_str().unwrap().contains("DPoP-Nonce")));
        let status = response.status();
        let json = serde_json::from_str(&body(response).await).unwrap_or_default();
        Self { status, nonce, json }
    }

    fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.json))
    }

    /// The claims of the access token.
    fn claims(&self) -> Value {
        let token = jwt::peek(self.text("access_token")).unwrap();
        serde_json::from_str(token.payload_json()).unwrap()
    }
}

fn request(form: &[(&str, &str)], proofs: &[&str]) -> Request<Body> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = Request::post("/token")
        // The Host header has no say in what the URL is.
        .header(header::HOST, "evil.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for proof in proofs {
        request = request.header("DPoP", *proof);
    }
    request.body(Body::from(body)).unwrap()
}

async fn ask(site: &Fixture, form: &[(&str, &str)], proofs: &[&str]) -> Answer {
    Answer::of(site.send(request(form, proofs)).await).await
}

async fn refresh(site: &Fixture, token: &str, proofs: &[&str]) -> Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", token)];
    ask(site, &form, proofs).await
}

async fn refresh_as_web(site: &Fixture, token: &str, proofs: &[&str]) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("client_secret", "a secret of the web client"),
        ("refresh_token", token),
    ];
    ask(site, &form, proofs).await
}

/// A grant of a client and its first refresh token.
async fn granted(site: &Fixture, client_id: &str, sender: Sender) -> (Grant, String) {
    let subject = site.alice().await.subject;
    let scope = Scope::parse("openid").unwrap();
    let grant = Grant { client_id: client_id.into(), sender, scope, ..site.grant(&subject) };
    let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
    site.app.store().begin_grant(new).await.unwrap();
    let token =
        site.app.keys.load().grant_tokens.issue(Kind::Refresh, grant.id, 1, grant.rotated_at);
    (grant, token)
}

async fn generation(site: &Fixture, grant: &Grant) -> u64 {
    let grant = site.app.store().grant(grant.id).await.unwrap().unwrap();
    assert_eq!(grant.ended, None, "nobody ended it");
    grant.generation
}

#[tokio::test]
async fn a_public_client_gets_a_nonce_and_then_tokens_that_are_bound_to_its_key() {
    let site = Fixture::open().await;
    let key = Key::new();
    let (grant, token) = granted(&site, "spa", key.sender()).await;
    let bare = key.proof_with(&site, |proof| proof.nonce = None);
    let first = refresh(&site, &token, &[&bare]).await;
    assert_eq!((first.status.as_u16(), first.error()), (400, "use_dpop_nonce"));
    let nonce = first.nonce.expect("a nonce comes with it");
    assert_eq!(generation(&site, &grant).await, 1);
    let proof = key.proof_with(&site, |proof| proof.nonce = Some(nonce));
    let answer = refresh(&site, &token, &[&proof]).await;
    assert_eq!((answer.status.as_u16(), answer.text("token_type")), (200, "DPoP"));
    assert_eq!(answer.claims()["cnf"]["jkt"], key.thumbprint());
    assert_eq!(answer.nonce, None, "the nonce is still the newest");
    assert_eq!(generation(&site, &grant).await, 2);
}

#[tokio::test]
async fn nonces_are_renewed_in_time_and_those_of_others_are_refused() {
    let site = Fixture::open().await;
    let key = Key::new();
    let (_, token) = granted(&site, "spa", key.sender()).await;
    let now = process::now();
    let ago = |seconds| now.minus(Duration::from_secs(seconds));
    let elsewhere = Fixture::open().await;
    for (nonce, what) in [
        (nonce_at(&site, ago(400)), "too old"),
        (nonce_at(&elsewhere, now), "of another server"),
        (Some("made up".to_owned()), "made up"),
    ] {
        let proof = key.proof_with(&site, |proof| proof.nonce = nonce);
        let answer = refresh(&site, &token, &[&proof]).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "use_dpop_nonce"), "{what}");
        assert!(answer.nonce.is_some());
    }
    let proof = key.proof_with(&site, |proof| proof.nonce = nonce_at(&site, ago(120)));
    let answer = refresh(&site, &token, &[&proof]).await;
    assert_eq!(answer.status, 200);
    let next = answer.nonce.clone().expect("a newer one before the old one expires");
    let proof = key.proof_with(&site, |proof| proof.nonce = Some(next));
    assert_eq!(refresh(&site, answer.text("refresh_token"), &[&proof]).await.status, 200);
}

#[tokio::test]
async fn a_wrong_proof_gets_nothing_and_changes_nothing() {
    let site = Fixture::open().await;
    let key = Key::new();
    let (grant, token) = granted(&site, "spa", key.sender()).await;
    let with = |change: fn(&mut DpopProof)| key.proof_with(&site, change);
    let good = key.proof(&site);
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let header = |text: &str| base64url::encode(text.as_bytes());
    let none = header(r#"{"alg":"none","typ":"dpop+jwt","jwk":{}}"#);
    let shared = header(r#"{"alg":"HS256","typ":"dpop+jwt","jwk":{"kty":"oct","k":"AAAA"}}"#);
    for (what, proofs) in [
        ("other URL", vec![with(|p| p.url = "http://127.0.0.1:8080/revoke".into())]),
        ("the Host header", vec![with(|p| p.url = "http://evil.example/token".into())]),
        ("https", vec![with(|p| p.url = "https://127.0.0.1:8080/token".into())]),
        ("other port", vec![with(|p| p.url = "http://127.0.0.1/token".into())]),
        ("other method", vec![with(|p| p.method = "GET".into())]),
        ("small letters", vec![with(|p| p.method = "post".into())]),
        ("old", vec![with(|p| p.issued_at -= 100)]),
        ("from the future", vec![with(|p| p.issued_at += 100)]),
        ("no jti", vec![with(|p| p.token_id.clear())]),
        ("not signed", vec![format!("{head}.{payload}.")]),
        ("none", vec![format!("{none}.{payload}.{signature}")]),
        ("HS256", vec![format!("{shared}.{payload}.{signature}")]),
        ("empty", vec![String::new()]),
        ("two", vec![good.clone(), key.proof(&site)]),
        ("two in one", vec![format!("{good}, {good}")]),
    ] {
        let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
        let answer = refresh(&site, &token, &proofs).await;
        let seen = (answer.status.as_u16(), answer.error());
        assert_eq!(seen, (400, "invalid_dpop_proof"), "{what}");
    }
    for (what, change) in [
        ("query", (|p: &mut DpopProof| p.url.push_str("?x#y")) as fn(&mut DpopProof)),
        ("dots", |p| p.url = "HTTP://127.0.0.1:8080/x/%2e%2E/./token".into()),
        ("clock ahead", |p| p.issued_at += 20),
        ("clock behind", |p| p.issued_at -= 70),
    ] {
        let (_, token) = granted(&site, "spa", key.sender()).await;
        let answer = refresh(&site, &token, &[&with(change)]).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.json);
    }
    assert_eq!(generation(&site, &grant).await, 1);
}

/// A stranger neither rotates nor ends what is bound to a key, whatever generation they hold.
#[tokio::test]
async fn a_refresh_token_without_its_key_is_refused_and_ends_nothing() {
    let site = Fixture::open().await;
    let (owner, thief) = (Key::new(), Key::new());
    let (grant, first) = granted(&site, "spa", owner.sender()).await;
    let second = refresh(&site, &first, &[&owner.proof(&site)]).await;
    let second = second.text("refresh_token").to_owned();
    let third = refresh(&site, &second, &[&owner.proof(&site)]).await;
    let third = third.text("refresh_token").to_owned();
    for token in [&first, &second, &third] {
        for proof in [Some(thief.proof(&site)), None] {
            let answer = refresh(&site, token, &Vec::from_iter(proof.as_deref())).await;
            assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_grant"));
        }
    }
    assert_eq!(generation(&site, &grant).await, 3);
    // A lost answer is given again, until its token is used.
    for _ in 0..2 {
        let retried = refresh(&site, &second, &[&owner.proof(&site)]).await;
        assert_eq!(retried.text("refresh_token"), third);
    }
    assert_eq!(generation(&site, &grant).await, 3);
    let reused = refresh(&site, &first, &[&owner.proof(&site)]).await;
    assert_eq!(reused.error(), "invalid_grant");
    let ended = site.app.store().grant(grant.id).await.unwrap().unwrap().ended;
    assert!(ended.is_some(), "the owner of the key can end it by a reuse");
}

#[tokio::test]
async fn a_proof_is_taken_once_and_junk_does_not_use_it_up() {
    let site = Fixture::open().await;
    let key = Key::new();
    let (grant, token) = granted(&site, "spa", key.sender()).await;
    let named = |at: u64| {
        key.proof_with(&site, |proof| {
            proof.token_id = "the same".into();
            proof.issued_at -= at;
        })
    };
    let proof = named(0);
    let junk = refresh(&site, "csr_junk", &[&proof]).await;
    assert_eq!(junk.error(), "invalid_grant");
    assert_eq!(refresh(&site, &token, &[&proof]).await.status, 200);
    // The same text, the same claims signed again, and the same name with another time.
    for twin in [proof, named(0), named(1)] {
        let answer = refresh(&site, &token, &[&twin]).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_dpop_proof"));
    }
    assert_eq!(generation(&site, &grant).await, 2);
}

/// RFC 9449 §5: what a confidential client's authentication protects is not bound to a key.
#[tokio::test]
async fn a_confidential_client_may_change_its_key_and_needs_no_nonce() {
    let site = Fixture::open().await;
    let (_, token) = granted(&site, "web", Sender::Bearer).await;
    let bare = |key: &Key| key.proof_with(&site, |proof| proof.nonce = None);
    let mut token = token;
    for key in [Key::new(), Key::new()] {
        let answer = refresh_as_web(&site, &token, &[&bare(&key)]).await;
        assert_eq!((answer.status.as_u16(), answer.text("token_type")), (200, "DPoP"));
        assert_eq!(answer.claims()["cnf"]["jkt"], key.thumbprint());
        token = answer.text("refresh_token").to_owned();
    }
    let plain = refresh_as_web(&site, &token, &[]).await;
    assert_eq!((plain.text("token_type"), plain.claims().get("cnf")), ("Bearer", None));
}

#[tokio::test]
async fn the_configuration_says_who_needs_a_nonce() {
    for (nonces, spa, web) in
        [("off", 200, 200), ("public-clients", 400, 200), ("all-clients", 400, 400)]
    {
        let site = Fixture::open_with(&format!("[dpop]\nnonces = {nonces:?}")).await;
        let key = Key::new();
        let bare = || key.proof_with(&site, |proof| proof.nonce = None);
        let (_, token) = granted(&site, "spa", key.sender()).await;
        let answer = refresh(&site, &token, &[&bare()]).await;
        assert_eq!(answer.status.as_u16(), spa, "{nonces}");
        let (_, token) = granted(&site, "web", Sender::Bearer).await;
        let answer = refresh_as_web(&site, &token, &[&bare()]).await;
        assert_eq!(answer.status.as_u16(), web, "{nonces}");
    }
}

/// RFC 9449 §10, and §5.2 for the client that always has to prove its key.
#[tokio::test]
async fn a_code_that_is_bound_to_a_key_is_redeemed_with_it() {
    let more = "[[client]]\nclient_id = \"bound\"\ntoken_endpoint_auth_method = \"none\"\n\
        redirect_uris = [\"https://bound.example/cb\"]\ndpop_bound_access_tokens = true";
    let site = Fixture::open_with(more).await;
    let (key, other) = (Key::new(), Key::new());
    let pending = PendingCode {
        redirect_uri: "https://bound.example/cb".into(),
        code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
        nonce: None,
        dpop_jkt: Some(key.thumbprint()),
    };
    let grant = Grant {
        client_id: "bound".into(),
        generation: 0,
        pending: Some(pending),
        ..site.grant(&site.alice().await.subject)
    };
    let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
    site.app.store().begin_grant(new).await.unwrap();
    let code = site.app.keys.load().grant_tokens.issue(Kind::Code, grant.id, 0, grant.created_at);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "bound"),
        ("code", code.as_str()),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    assert_eq!(ask(&site, &form, &[]).await.error(), "invalid_request");
    assert_eq!(ask(&site, &form, &[&other.proof(&site)]).await.error(), "invalid_grant");
    let answer = ask(&site, &form, &[&key.proof(&site)]).await;
    assert_eq!((answer.status.as_u16(), answer.text("token_type")), (200, "DPoP"));
    let stored = site.app.store().grant(grant.id).await.unwrap().unwrap();
    assert_eq!(stored.sender, key.sender());
}

#[tokio::test]
async fn an_authorization_request_carries_the_key_to_its_code() {
    let site = Fixture::open().await;
    let jkt = Key::new().thumbprint();
    let query = site.authorize(&[("dpop_jkt", &jkt)]);
    let query = query.strip_prefix("/authorize?").unwrap();
    let read = crate::oauth::authorize::Asked::read(&site.app, query.as_bytes()).await;
    assert_eq!(read.unwrap().request.dpop_jkt, Some(jkt));
}

/// The caller `api` asks about a token of `web` for itself.
async fn introspected(site: &Fixture, token: &str) -> Value {
    let form =
        [("client_id", "api"), ("client_secret", "a secret of the API's client"), ("token", token)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post("/introspect")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = site.send(request.body(Body::from(body)).unwrap()).await;
    serde_json::from_str(&self::body(response).await).unwrap()
}

#[tokio::test]
async fn introspection_and_userinfo_know_what_a_token_is_bound_to() {
    let site = Fixture::open().await;
    let (key, thief) = (Key::new(), Key::new());
    let (_, token) = granted(&site, "spa", key.sender()).await;
    let answer = refresh(&site, &token, &[&key.proof(&site)]).await;
    let token = answer.text("access_token");
    let seen = introspected(&site, token).await;
    assert_eq!((&seen["active"], &seen["token_type"]), (&true.into(), &"DPoP".into()));
    assert_eq!(seen["cnf"]["jkt"], key.thumbprint());

    let proof = |key: &Key, change: fn(&mut DpopProof)| {
        key.proof_with(&site, |proof| {
            proof.method = "GET".into();
            proof.url = format!("{ISSUER}/userinfo");
            proof.access_token_hash = Some(DpopProof::access_token_hash(token));
            change(proof);
        })
    };
    let userinfo = async |scheme: &str, proofs: &[&str]| {
        let mut request = Request::get("/userinfo").header("host", "evil.example");
        request = request.header(header::AUTHORIZATION, format!("{scheme} {token}"));
        for proof in proofs {
            request = request.header("DPoP", *proof);
        }
        let response = site.send(request.body(Body::empty()).unwrap()).await;
        let challenge = response.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        (Answer::of(response).await, challenge.unwrap_or_default())
    };
    let good = proof(&key, |_| {});
    assert_eq!(userinfo("DPoP", &[&good]).await.0.text("sub"), site.alice().await.subject);
    let (ath, method) = (
        proof(&key, |p| p.access_token_hash = None),
        proof(&key, |p| {
            p.method = "POST".into();
        }),
    );
    let (again, stolen) = (proof(&key, |_| {}), proof(&thief, |_| {}));
    let nonce = proof(&key, |p| p.nonce = None);
    for (what, scheme, proofs, error) in [
        ("as Bearer", "Bearer", vec![], "invalid_token"),
        ("as Bearer with a proof", "Bearer", vec![again.as_str()], "invalid_token"),
        ("no proof", "DPoP", vec![], "invalid_dpop_proof"),
        ("two proofs", "DPoP", vec![&again, &good], "invalid_dpop_proof"),
        ("replayed", "DPoP", vec![&good], "invalid_dpop_proof"),
        ("another key", "DPoP", vec![&stolen], "invalid_token"),
        ("no ath", "DPoP", vec![&ath], "invalid_dpop_proof"),
        ("other method", "DPoP", vec![&method], "invalid_dpop_proof"),
        ("no nonce", "DPoP", vec![&nonce], "use_dpop_nonce"),
    ] {
        let (answer, challenge) = userinfo(scheme, &proofs).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (401, error), "{what}");
        let start = format!("{scheme} error=\"{error}\"");
        assert!(challenge.starts_with(&start), "{what}: {challenge}");
        assert_eq!(answer.nonce.is_some(), error == "use_dpop_nonce", "{what}");
    }
    assert_eq!(userinfo("DPoP", &[&again]).await.0.status, 200, "it was not used up");
}

const TLS: &str = r#"
[[client]]
client_id = "tls"
client_secret = "a secret of the TLS client"
grant_types = ["client_credentials"]
tls_client_certificate_bound_access_tokens = true
[server]
trusted_proxies = ["10.0.0.0/8"]
client_certificate_header = "Client-Cert"
"#;

#[tokio::test]
async fn a_certificate_binds_tokens_if_a_listed_proxy_reports_it() {
    let site = Fixture::open_with(TLS).await;
    // DER of nothing in particular.
    let header = |number: u8| {
        let base64 = ["MAMCAQE=", "MAMCAQI="][usize::from(number)];
        format!(":{base64}:")
    };
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "tls"),
        ("client_secret", "a secret of the TLS client"),
    ];
    let ask = async |peer: [u8; 4], certificates: &[String], proofs: &[&str]| {
        let mut request = request(&form, proofs);
        for certificate in certificates {
            request.headers_mut().append("client-cert", certificate.parse().unwrap());
        }
        Answer::of(site.send_from(peer, request).await).await
    };
    let answer = ask([10, 0, 0, 1], &[header(0)], &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text("token_type")), (200, "Bearer"));
    let expected = CertificateThumbprint::from_header(&header(0)).unwrap();
    assert_eq!(answer.claims()["cnf"]["x5t#S256"], expected.as_str());
    let proof = Key::new().proof(&site);
    for (what, peer, certificates, proofs, error) in [
        ("none", [10, 0, 0, 1], vec![], vec![], "invalid_request"),
        ("by a stranger", [192, 0, 2, 1], vec![header(0)], vec![], "invalid_request"),
        ("two", [10, 0, 0, 1], vec![header(0), header(1)], vec![], "invalid_request"),
        ("and a proof", [10, 0, 0, 1], vec![header(0)], vec![&proof[..]], "invalid_dpop_proof"),
    ] {
        let answer = ask(peer, &certificates, &proofs).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, error), "{what}");
    }
}

/// RFC 8705 §4: the refresh tokens of a public client are bound to its certificate.
#[tokio::test]
async fn a_refresh_token_is_bound_to_the_certificate_of_a_public_client() {
    let more = TLS.replace(
        "[server]",
        "[[client]]\nclient_id = \"app\"\n\
        token_endpoint_auth_method = \"none\"\nredirect_uris = [\"https://app.example/cb\"]\n\
        tls_client_certificate_bound_access_tokens = true\n[server]",
    );
    let site = Fixture::open_with(&more).await;
    let (own, other) = (":MAMCAQE=:", ":MAMCAQI=:");
    let own_thumbprint = CertificateThumbprint::from_header(own).unwrap();
    let sender = Sender::Certificate(own_thumbprint.as_str().to_owned());
    let (grant, token) = granted(&site, "app", sender).await;
    let refresh = async |peer: [u8; 4], certificate: &str| {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &token)];
        let mut request = request(&form, &[]);
        request.headers_mut().insert("client-cert", certificate.parse().unwrap());
        Answer::of(site.send_from(peer, request).await).await
    };
    let proxy = [10, 0, 0, 1];
    assert_eq!(refresh(proxy, other).await.error(), "invalid_grant");
    assert_eq!(refresh(proxy, "").await.error(), "invalid_request");
    assert_eq!(refresh([192, 0, 2, 1], own).await.error(), "invalid_request");
    assert_eq!(generation(&site, &grant).await, 1);
    let answer = refresh(proxy, own).await;
    assert_eq!(answer.claims()["cnf"]["x5t#S256"], own_thumbprint.as_str());
    assert_eq!(generation(&site, &grant).await, 2);

    let userinfo = async |peer: [u8; 4], certificate: &str| {
        let request = Request::get("/userinfo")
            .header(header::AUTHORIZATION, format!("Bearer {}", answer.text("access_token")))
            .header("client-cert", certificate);
        site.send_from(peer, request.body(Body::empty()).unwrap()).await.status().as_u16()
    };
    assert_eq!(userinfo(proxy, own).await, 200);
    assert_eq!(userinfo(proxy, other).await, 401);
    assert_eq!(userinfo([192, 0, 2, 1], own).await, 401);
}

#[tokio::test]
async fn the_metadata_tells_what_is_offered() {
    for (more, certificates) in [("", false), (TLS, true)] {
        let site = Fixture::open_with(more).await;
        let document = site.get("/.well-known/oauth-authorization-server", None).await;
        let document: Value = serde_json::from_str(&body(document).await).unwrap();
        assert_eq!(document["dpop_signing_alg_values_supported"][0], "ES256");
        assert_eq!(document["tls_client_certificate_bound_access_tokens"], certificates);
    }
}
