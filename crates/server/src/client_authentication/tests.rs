//! Assertions, MACs and certificates, as clients and as thieves show them.

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::{Request, header};
use countersign_jose::{Algorithm, ClientAssertion, Jwk, SigningKey, jwt};
use countersign_protocol::client_secret;
use countersign_protocol::random;
use serde_json::Value;

use super::*;
use crate::fixture::{Fixture, body};

const ISSUER: &str = "http://127.0.0.1:8080";

struct Signer(SigningKey);

impl Signer {
    fn new() -> Self {
        Self(SigningKey::generate(Algorithm::ES256).unwrap())
    }

    /// A server that knows this key as that of the client `signer`.
    async fn site(&self) -> Fixture {
        let jwk = serde_json::to_value(self.0.public_jwk().unwrap()).unwrap();
        let members = ["kty", "crv", "x", "y"].map(|name| format!("{name} = {}", jwk[name]));
        Fixture::open_with(&format!(
            "[[client]]\nclient_id = \"signer\"\ngrant_types = [\"client_credentials\"]\n\
             token_endpoint_auth_method = \"private_key_jwt\"\n\
             protects = [\"https://api.example\"]\njwks = {{ keys = [{{ {} }}] }}",
            members.join(", ")
        ))
        .await
    }

    fn assertion(&self, change: impl FnOnce(&mut ClientAssertion)) -> String {
        let mut claims = ClientAssertion {
            client_id: "signer".to_owned(),
            audience: vec![ISSUER.to_owned()],
            expires_at: process::now().as_secs() + 60,
            token_id: random::identifier(&process::SystemRandom),
            ..ClientAssertion::default()
        };
        change(&mut claims);
        jwt::sign(&self.0, ClientAssertion::TYPE, &claims).unwrap()
    }
}

async fn ask(site: &Fixture, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let response = site.send(request.unwrap()).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&body(response).await).unwrap_or_default())
}

async fn token(site: &Fixture, assertion: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", client_assertion::TYPE),
        ("client_assertion", assertion),
    ];
    ask(site, "/token", &form).await
}

#[tokio::test]
async fn a_signature_authenticates_once_at_each_endpoint() {
    let signer = Signer::new();
    let site = signer.site().await;
    let assertion = signer.assertion(|_| {});
    let (status, answer) = token(&site, &assertion).await;
    assert_eq!(status, 200, "{answer}");
    let access = answer["access_token"].as_str().unwrap();
    let with = |assertion: &str, more: Option<(&str, &str)>| {
        let kind = ("client_assertion_type", client_assertion::TYPE);
        let form = [kind, ("client_assertion", assertion), ("token", access)];
        form.into_iter().chain(more).map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>()
    };
    let endpoints = [("/introspect", None), ("/revoke", Some(("client_id", "signer")))];
    for (path, more) in endpoints {
        for (assertion, expected) in [(assertion.clone(), 401), (signer.assertion(|_| {}), 200)] {
            let form = with(&assertion, more);
            let form: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(ask(&site, path, &form).await.0, expected, "{path}");
        }
    }
}

/// HMAC over header and payload, as a client does it that knows nothing of names of keys.
fn with_mac(secret: &[u8], header: &str, payload: &Value) -> String {
    let encode = |bytes: &[u8]| countersign_jose::base64url::encode(bytes);
    let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", encode(tag.as_ref()))
}

const SECRET: &str = "a secret of 32 bytes, which is it";

async fn site_of_a_secretive_client() -> Fixture {
    Fixture::open_with(&format!(
        "[[client]]\nclient_id = \"mac\"\nclient_secret = \"{SECRET}\"\n\
         grant_types = [\"client_credentials\"]\n\
         token_endpoint_auth_method = \"client_secret_jwt\""
    ))
    .await
}

fn payload(id: &str) -> Value {
    let soon = process::now().as_secs() + 60;
    serde_json::json!({ "iss": "mac", "sub": "mac", "aud": ISSUER, "exp": soon, "jti": id })
}

#[tokio::test]
async fn a_mac_by_the_secret_authenticates_once() {
    let site = site_of_a_secretive_client().await;
    let header = r#"{"alg":"HS256"}"#;
    let good = with_mac(SECRET.as_bytes(), header, &payload("1"));
    assert_eq!(token(&site, &good).await.0, 200);
    let named = SigningKey::from_secret(Algorithm::HS256, SECRET.as_bytes()).unwrap();
    let named = jwt::sign(&named, ClientAssertion::TYPE, &payload("2")).unwrap();
    assert_eq!(token(&site, &named).await.0, 200);
    let stored = site.app.client("mac").await.unwrap().unwrap();
    let hash = client::hash_secret(SECRET);
    for (what, assertion) in [
        ("a second time", good.clone()),
        ("by another secret", with_mac(&[7; 32], header, &payload("3"))),
        ("by the hash of it", with_mac(hash.as_bytes(), header, &payload("4"))),
        ("by what is stored", {
            let sealed = stored.client_secret_sealed.clone().unwrap();
            with_mac(sealed.as_bytes(), header, &payload("5"))
        }),
        ("by an algorithm that it is too short for", {
            with_mac(SECRET.as_bytes(), r#"{"alg":"HS512"}"#, &payload("6"))
        }),
        ("without any", with_mac(SECRET.as_bytes(), r#"{"alg":"none"}"#, &payload("7"))),
    ] {
        let (status, answer) = token(&site, &assertion).await;
        assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()), "{what}");
    }
    let plain =
        [("grant_type", "client_credentials"), ("client_id", "mac"), ("client_secret", SECRET)];
    let (status, _) = ask(&site, "/token", &plain).await;
    assert_eq!(status, 401, "it is never sent");
    let shown = format!("{stored:?}{}", serde_json::to_string(&*stored).unwrap());
    assert!(!shown.contains(SECRET));
}

#[tokio::test]
async fn a_new_master_key_takes_the_secrets_of_clients_along() {
    let site = site_of_a_secretive_client().await;
    let good = |id| with_mac(SECRET.as_bytes(), r#"{"alg":"HS256"}"#, &payload(id));
    assert_eq!(token(&site, &good("1")).await.0, 200);
    let before = site.app.client("mac").await.unwrap().unwrap();
    let again = site.start_again(&[]).await;
    let unchanged = again.client("mac").await.unwrap().unwrap();
    assert_eq!(before, unchanged, "a start with the same configuration changes nothing");

    let catalogue = site.app.position.borrow().catalogue;
    // Another process: the server still has the old key.
    let operator = site.open_master();
    operator.reseal(site.app.store()).await.unwrap();
    site.app.position.clone().wait_for(|now| now.catalogue > catalogue).await.unwrap();
    let after = site.app.client("mac").await.unwrap().unwrap();
    assert_ne!(before.client_secret_sealed, after.client_secret_sealed);
    assert!(client_secret::open(&before, &operator.load()).is_err());
    assert!(client_secret::open(&after, &site.app.master.load()).is_err(), "so far");
    assert_eq!(token(&site, &good("2")).await.0, 200, "it reads the key again");
    assert!(client_secret::open(&after, &site.app.master.load()).is_ok());

    // Who still has the old one seals nothing with it.
    let stale = site.app.store().put_client((*before).clone(), site.app.moment()).await;
    assert_eq!(stale, Err(countersign_store::StoreError::SealedWithAnOldKey));
    let restarted = site.start_again(&[]).await;
    let kept = restarted.client("mac").await.unwrap().unwrap();
    assert_eq!(kept.client_secret_sealed, after.client_secret_sealed);
}

#[tokio::test]
async fn a_used_foreign_or_ill_addressed_assertion_is_refused() {
    let (signer, thief) = (Signer::new(), Signer::new());
    let site = signer.site().await;
    let named = || signer.assertion(|claims| claims.token_id = "the same".into());
    assert_eq!(token(&site, &named()).await.0, 200);
    let later = signer.assertion(|claims| {
        claims.token_id = "the same".into();
        claims.expires_at += 1;
    });
    let endpoint = format!("{ISSUER}/token");
    let to = |audience: &[&str]| {
        let audience = audience.iter().map(|&one| one.to_owned()).collect();
        signer.assertion(|claims| claims.audience = audience)
    };
    for (what, assertion) in [
        ("signed again under the same name", named()),
        ("the same name, another time", later),
        ("for the token endpoint", to(&[&endpoint])),
        ("for the endpoint of pushed requests", to(&[&format!("{ISSUER}/par")])),
        ("for two", to(&[ISSUER, &endpoint])),
        ("for another one as well", to(&[ISSUER, "https://other.example"])),
        ("not yet", signer.assertion(|c| c.not_before = Some(process::now().as_secs() + 60))),
        ("for another server", to(&["https://other.example"])),
        ("by another key", thief.assertion(|_| {})),
        ("of a client with a secret", signer.assertion(|c| c.client_id = "web".into())),
        ("of nobody", signer.assertion(|c| c.client_id = "nobody".into())),
        ("for ever", signer.assertion(|c| c.expires_at += 100_000)),
        ("too old", signer.assertion(|c| c.expires_at -= 100)),
        ("junk", "a.b.c".to_owned()),
    ] {
        let (status, answer) = token(&site, &assertion).await;
        assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()), "{what}");
    }
    let form = [("grant_type", "client_credentials"), ("client_id", "signer")];
    for secret in [None, Some(("client_secret", ""))] {
        let form: Vec<_> = form.into_iter().chain(secret).collect();
        assert_eq!(ask(&site, "/token", &form).await.0, 401);
    }
    assert_eq!(token(&site, &signer.assertion(|_| {})).await.0, 200);
    let soon = signer.assertion(|claims| {
        claims.not_before = Some(process::now().as_secs() + 8);
        claims.issued_at = claims.not_before;
    });
    assert_eq!(token(&site, &soon).await.0, 200, "its clock is a little ahead");
}

const NAMED: &str =
    include_str!("../../../protocol/src/client_certificate/test_certificates/named.pem");
const PLAIN: &str =
    include_str!("../../../protocol/src/client_certificate/test_certificates/plain_rsa.pem");
const PROXY: [u8; 4] = [10, 0, 0, 1];

/// As a proxy writes it (RFC 9440).
fn in_a_header(pem: &str) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    format!(":{body}:")
}

fn jwks_of(pem: &str) -> String {
    let body = in_a_header(pem).replace(':', "").replace('+', "-").replace('/', "_");
    let der = countersign_jose::base64url::decode(body.trim_end_matches('=').as_bytes()).unwrap();
    let key = ClientCertificate::read(&der).unwrap();
    let jwk = Jwk::from_der(key.public_key()).unwrap();
    let jwk = serde_json::to_value(jwk).unwrap();
    let members = jwk.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {value}"));
    format!("{{ keys = [{{ {} }}] }}", members.collect::<Vec<_>>().join(", "))
}

/// A server behind a proxy that ends TLS, and clients that are known by their certificates.
async fn site_behind_a_proxy(verified: bool) -> Fixture {
    let certificates = if verified { "verified" } else { "any" };
    let client = |id: &str, method: &str, more: &str| {
        format!(
            "[[client]]\nclient_id = \"{id}\"\ngrant_types = [\"client_credentials\"]\n\
             protects = [\"https://{id}.example\"]\n\
             token_endpoint_auth_method = \"{method}\"\n{more}\n"
        )
    };
    let by_name = |id: &str, member: &str, name: &str| {
        let more = format!("tls_client_auth_{member} = '{name}'");
        if verified { client(id, "tls_client_auth", &more) } else { String::new() }
    };
    let config = [
        "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
         client_certificate_header = \"Client-Cert\"\n"
            .to_owned(),
        format!("client_certificates = \"{certificates}\"\n"),
        by_name(
            "by-subject",
            "subject_dn",
            r"UID=4711,CN=billing,OU=Zahlungen Süd,O=Example\, Inc.,C=DE",
        ),
        by_name("by-host", "san_dns", "billing.example.com"),
        by_name("by-address", "san_ip", "2001:db8::7"),
        by_name("by-another-host", "san_dns", "shop.example.com"),
        client("by-key", "self_signed_tls_client_auth", &format!("jwks = {}", jwks_of(NAMED))),
        client("by-rsa", "self_signed_tls_client_auth", &format!("jwks = {}", jwks_of(PLAIN))),
    ];
    Fixture::open_with(&config.concat()).await
}

/// Asks for a token, or at another endpoint, with a certificate in the header of the proxy.
async fn show(
    site: &Fixture,
    (peer, headers): ([u8; 4], &[String]),
    path: &str,
    form: &[(&str, &str)],
) -> (u16, Value) {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request =
        Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for header in headers {
        request = request.header("Client-Cert", header);
    }
    let response = site.send_from(peer, request.body(Body::from(form)).unwrap()).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&body(response).await).unwrap_or_default())
}

async fn by_certificate(site: &Fixture, peer: [u8; 4], headers: &[String], id: &str) -> u16 {
    let form = [("grant_type", "client_credentials"), ("client_id", id)];
    let (status, answer) = show(site, (peer, headers), "/token", &form).await;
    let error = answer["error"].as_str();
    assert_eq!(error, (status == 401).then_some("invalid_client"), "{answer}");
    status
}

#[tokio::test]
async fn a_certificate_that_names_the_client_or_holds_its_key_authenticates() {
    let site = site_behind_a_proxy(true).await;
    let (named, plain) = ([in_a_header(NAMED)], [in_a_header(PLAIN)]);
    for (id, with_named, with_plain) in [
        ("by-subject", 200, 401),
        ("by-host", 200, 401),
        ("by-address", 200, 401),
        ("by-another-host", 401, 401),
        ("by-key", 200, 401),
        ("by-rsa", 401, 200),
        ("web", 401, 401),
        ("nobody", 401, 401),
    ] {
        assert_eq!(by_certificate(&site, PROXY, &named, id).await, with_named, "{id}");
        assert_eq!(by_certificate(&site, PROXY, &plain, id).await, with_plain, "{id}");
    }
    for path in ["/introspect", "/revoke"] {
        let form = [("client_id", "by-host"), ("token", "x")];
        assert_eq!(show(&site, (PROXY, &named), path, &form).await.0, 200, "{path}");
        assert_eq!(show(&site, (PROXY, &plain), path, &form).await.0, 401, "{path}");
    }
    let answer = site.get("/.well-known/oauth-authorization-server", None).await;
    let metadata: Value = serde_json::from_str(&body(answer).await).unwrap();
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
        assert!(methods.contains(&method.into()), "{metadata}");
    }
}

#[tokio::test]
async fn a_certificate_counts_only_as_a_listed_proxy_reports_it() {
    let site = site_behind_a_proxy(true).await;
    let named = in_a_header(NAMED);
    let thumbprint = countersign_verify::CertificateThumbprint::from_header(&named).unwrap();
    let hash = countersign_jose::base64url::decode(thumbprint.as_str().as_bytes()).unwrap();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let one = [named.clone()];
    assert_eq!(by_certificate(&site, PROXY, &one, "by-host").await, 200);
    for (what, peer, headers) in [
        ("from somebody else", [192, 0, 2, 1], vec![named.clone()]),
        ("from this machine", [127, 0, 0, 1], vec![named.clone()]),
        ("none", PROXY, vec![]),
        ("two", PROXY, vec![named.clone(), named.clone()]),
        ("two in one", PROXY, vec![format!("{named}, {named}")]),
        ("a hash", PROXY, vec![format!("Hash={hash}")]),
        ("cut", PROXY, vec![named[..named.len() - 9].to_owned()]),
        ("junk", PROXY, vec![":MAA=:".to_owned()]),
    ] {
        for id in ["by-host", "by-subject", "by-key"] {
            assert_eq!(by_certificate(&site, peer, &headers, id).await, 401, "{what}, {id}");
        }
    }
    // No secret and no assertion stands in for it.
    for more in [("client_secret", "x"), ("client_secret", "")] {
        let form = [("grant_type", "client_credentials"), ("client_id", "by-host"), more];
        assert_eq!(show(&site, (PROXY, &[]), "/token", &form).await.0, 401);
    }
    let signer = Signer::new();
    let assertion = signer.assertion(|claims| claims.client_id = "by-host".into());
    assert_eq!(token(&site, &assertion).await.0, 401);
}

#[tokio::test]
async fn names_that_nobody_verified_are_not_believed() {
    let site = site_behind_a_proxy(false).await;
    let named = [in_a_header(NAMED)];
    assert_eq!(by_certificate(&site, PROXY, &named, "by-key").await, 200, "its key is enough");
    // As if it had been registered while another proxy stood in front.
    let by_host = Client {
        token_endpoint_auth_method: AuthMethod::TlsClientAuth,
        tls_client_auth_san_dns: Some("billing.example.com".to_owned()),
        ..(*site.app.client("by-key").await.unwrap().unwrap()).clone()
    };
    let by_host = Client { client_id: "by-host".to_owned(), ..by_host };
    site.app.store().put_client(by_host, site.app.moment()).await.unwrap();
    assert_eq!(by_certificate(&site, PROXY, &named, "by-host").await, 401);
    let answer = site.get("/.well-known/oauth-authorization-server", None).await;
    let metadata: Value = serde_json::from_str(&body(answer).await).unwrap();
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&"self_signed_tls_client_auth".into()));
    assert!(!methods.contains(&"tls_client_auth".into()));
}
