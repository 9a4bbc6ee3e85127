//! Stolen tokens: what a thief can try who has a bound token but not the key.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign_jose::{Algorithm, Confirmation, DpopProof, PrivateJwk, SigningKey, base64url};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::Full;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    describe,
    issuer::{Issuer, new_key},
    keys_only,
    malleability::{ECDSA_ORDERS, twins},
    ready,
};
use crate::{
    BearerLayer, CertificateThumbprint, DPOP_NONCE, DpopNonces, DpopRules, Error, Peer, Presented,
    ProofError, ReplayMemory, SenderError, Verifier, VerifierBuilder, clock,
};

const URL: &str = "https://api.example/orders";

#[derive(Clone)]
struct Api;

impl Service<Request<()>> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

/// A client with a key of its own.
struct Sender {
    key: SigningKey,
}

impl Sender {
    fn new() -> Self {
        Self { key: new_key() }
    }

    fn thumbprint(&self) -> String {
        self.key.public_jwk().expect("a public half").thumbprint()
    }

    /// A token of the issuer that is bound to this sender's key.
    fn token(&self, issuer: &Issuer, token_id: &str) -> String {
        let key_thumbprint = Some(self.thumbprint());
        issuer.token_with(token_id, "g", |claims| {
            claims.confirmation = Some(Confirmation { key_thumbprint, ..Confirmation::default() });
        })
    }

    fn proof(&self, token: &str, change: impl FnOnce(&mut DpopProof)) -> String {
        proof_claims(token, change).sign(&self.key).expect("a proof")
    }
}

fn proof_claims(token: &str, change: impl FnOnce(&mut DpopProof)) -> DpopProof {
    let mut proof = DpopProof {
        token_id: format!("{}-{}", token.len(), unique()),
        method: "GET".to_owned(),
        url: URL.to_owned(),
        issued_at: clock::now().as_secs(),
        access_token_hash: Some(DpopProof::access_token_hash(token)),
        nonce: None,
    };
    change(&mut proof);
    proof
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Sends a request and gives the status, the first challenge and a nonce.
async fn send(layer: &BearerLayer, request: Request<()>) -> (u16, String, Option<String>) {
    let response = layer.layer(Api).call(request).await.expect("infallible");
    let text = |name: HeaderName| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().expect("text").to_owned())
    };
    let challenge = text(header::WWW_AUTHENTICATE).unwrap_or_default();
    (response.status().as_u16(), challenge, text(DPOP_NONCE))
}

fn request(scheme: &str, token: &str, proofs: &[&str]) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = "/orders?page=2".parse().expect("a path");
    let headers = request.headers_mut();
    let value = format!("{scheme} {token}").parse().expect("a value");
    headers.insert(header::AUTHORIZATION, value);
    for proof in proofs {
        headers.append("dpop", proof.parse().expect("a value"));
    }
    request
}

fn error_of(challenge: &str) -> &str {
    let (_, rest) = challenge.split_once("error=\"").unwrap_or(("", ""));
    rest.split('"').next().unwrap_or_default()
}

#[tokio::test]
async fn a_bound_token_is_worth_nothing_without_its_key() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let layer = verifier.layer();
    let (owner, thief) = (Sender::new(), Sender::new());
    let token = owner.token(&issuer, "bound");
    let good = || owner.proof(&token, |_| {});
    let plain = issuer.token("plain", "g");
    let key = &owner.key;
    let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 64]).expect("a secret");
    assert_eq!(send(&layer, request("DPoP", &token, &[&good()])).await.0, 200);
    assert_eq!(send(&layer, request("dpop", &token, &[&good()])).await.0, 200);
    let with = |change: fn(&mut DpopProof)| owner.proof(&token, change);
    let in_parts = good();
    let (head, rest) = in_parts.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let header = |text: &str| base64url::encode(text.as_bytes());
    let none = header(r#"{"alg":"none","typ":"dpop+jwt","jwk":{}}"#);
    let shared = header(r#"{"alg":"HS256","typ":"dpop+jwt","jwk":{"kty":"oct","k":"AAAA"}}"#);
    let by_secret = format!("{shared}.{payload}");
    let mac = base64url::encode(&secret.sign(by_secret.as_bytes()).expect("a MAC"));
    let private: serde_json::Value =
        serde_json::from_str(&PrivateJwk::generate(Algorithm::ES256).expect("a key").to_json())
            .expect("JSON");
    let leaked = serde_json::json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": private });
    let leaked = format!("{}.{payload}", header(&leaked.to_string()));
    let leaked_signature = base64url::encode(&key.sign(leaked.as_bytes()).expect("signed"));
    for (what, request, error) in [
        ("as Bearer", request("Bearer", &token, &[]), "invalid_token"),
        ("as Bearer with a proof", request("Bearer", &token, &[&good()]), "invalid_token"),
        ("no proof", request("DPoP", &token, &[]), "invalid_dpop_proof"),
        ("two proofs", request("DPoP", &token, &[&good(), &good()]), "invalid_dpop_proof"),
        ("another key", request("DPoP", &token, &[&thief.proof(&token, |_| {})]), "invalid_token"),
        ("unbound token", request("DPoP", &plain, &[&owner.proof(&plain, |_| {})]), {
            "invalid_token"
        }),
        ("for another token", request("DPoP", &token, &[&owner.proof(&plain, |_| {})]), {
            "invalid_dpop_proof"
        }),
        ("without ath", request("DPoP", &token, &[&with(|p| p.access_token_hash = None)]), {
            "invalid_dpop_proof"
        }),
        ("other method", request("DPoP", &token, &[&with(|p| p.method = "POST".into())]), {
            "invalid_dpop_proof"
        }),
        ("other path", request("DPoP", &token, &[&with(|p| p.url.push('x'))]), {
            "invalid_dpop_proof"
        }),
        (
            "other host",
            request(
                "DPoP",
                &token,
                &[&with(|p| {
                    p.url = "https://evil.example/orders".into();
                })],
            ),
            "invalid_dpop_proof",
        ),
        ("old", request("DPoP", &token, &[&with(|p| p.issued_at -= 100)]), "invalid_dpop_proof"),
        ("ahead", request("DPoP", &token, &[&with(|p| p.issued_at += 100)]), "invalid_dpop_proof"),
        ("no jti", request("DPoP", &token, &[&with(|p| p.token_id.clear())]), {
            "invalid_dpop_proof"
        }),
        ("not signed", request("DPoP", &token, &[&format!("{head}.{payload}.")]), {
            "invalid_dpop_proof"
        }),
        ("none", request("DPoP", &token, &[&format!("{none}.{payload}.{signature}")]), {
            "invalid_dpop_proof"
        }),
        ("HS256", request("DPoP", &token, &[&format!("{by_secret}.{mac}")]), "invalid_dpop_proof"),
        ("private key", request("DPoP", &token, &[&format!("{leaked}.{leaked_signature}")]), {
            "invalid_dpop_proof"
        }),
        ("the token as its proof", request("DPoP", &token, &[&token]), "invalid_dpop_proof"),
    ] {
        let (status, challenge, _) = send(&layer, request).await;
        assert_eq!((status, error_of(&challenge)), (401, error), "{what}: {challenge}");
    }
    assert_eq!(verifier.verify(&token, clock::now()).await, Err(SenderError::ProofNeeded.into()));
    assert_eq!(verifier.verify_now(&token, clock::now()), Err(SenderError::ProofNeeded.into()));
    assert_eq!(send(&layer, request("DPoP", &token, &[&good()])).await.0, 200);
    assert_eq!(send(&layer, request("Bearer", &plain, &[])).await.0, 200);
}

/// A token that is remembered as verified needs its proof all the same.
#[tokio::test]
async fn the_token_cache_lets_no_token_through_without_its_proof() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let owner = Sender::new();
    let token = owner.token(&issuer, "bound");
    for round in 0..3 {
        let proof = owner.proof(&token, |_| {});
        let presented = Presented::dpop(&token, &proof, "GET", URL);
        let caller = verifier.verify_presented(&presented, clock::now()).await.expect("good");
        assert_eq!(caller.token_id, "bound");
        let replayed = verifier.verify_presented(&presented, clock::now()).await;
        assert_eq!(replayed, Err(SenderError::from(ProofError::Replayed).into()));
        assert!(verifier.verify(&token, clock::now()).await.is_err());
        assert!(round == 0 || verifier.metrics().cached > 0, "it was found in the cache");
    }
}

/// RFC 9449 section 11.1: a proof is known by its name and its key, not by its text.
#[tokio::test]
async fn a_proof_is_taken_once_however_it_is_written() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let (owner, other) = (Sender::new(), Sender::new());
    let token = owner.token(&issuer, "bound");
    let now = clock::now();
    let try_proof = async |token: &str, proof: &str| {
        verifier.verify_presented(&Presented::dpop(token, proof, "GET", URL), now).await
    };
    let claims = proof_claims(&token, |proof| proof.token_id = "the same".to_owned());
    let first = claims.sign(&owner.key).expect("a proof");
    assert!(try_proof(&token, &first).await.is_ok());
    // ECDSA signs differently each time, and JSON can be written in many ways.
    let twin = claims.sign(&owner.key).expect("a proof");
    assert_ne!(first, twin);
    let later = DpopProof { issued_at: claims.issued_at + 1, ..claims.clone() };
    let respelled =
        DpopProof { url: "https://API.example:443/./orders".to_owned(), ..claims.clone() };
    let spaced = {
        let (head, rest) = first.split_once('.').expect("three parts");
        let payload = rest.split('.').next().expect("a payload");
        let json = base64url::decode(payload.as_bytes()).expect("base64url");
        let json = String::from_utf8(json)
            .expect("text")
            .replace(':', " : ")
            .replace("https : ", "https:");
        let input = format!("{head}.{}", base64url::encode(json.as_bytes()));
        let signature = owner.key.sign(input.as_bytes()).expect("signed");
        format!("{input}.{}", base64url::encode(&signature))
    };
    let sign = |claims: &DpopProof| claims.sign(&owner.key).expect("a proof");
    for (what, proof) in [
        ("the same text", first.clone()),
        ("signed again", twin),
        ("a second later", sign(&later)),
        ("another spelling of the URL", sign(&respelled)),
        ("spaces", spaced),
    ] {
        let refused = Err(Error::Sender(SenderError::Proof(ProofError::Replayed)));
        assert_eq!(try_proof(&token, &proof).await, refused, "{what}");
    }
    // The name alone is not taken away from others.
    let token = other.token(&issuer, "other");
    let claims = proof_claims(&token, |proof| proof.token_id = "the same".to_owned());
    assert!(try_proof(&token, &claims.sign(&other.key).expect("a proof")).await.is_ok());
    assert_eq!(verifier.metrics().refused, 5);
}

/// For each algorithm: every text that can be made of a used proof without its key is refused, and
/// those that are still right are refused as used.
#[tokio::test]
async fn no_twin_of_a_used_proof_passes_by_any_algorithm() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let mut tried = 0;
    let names: Vec<_> = DpopRules::new().algorithm_names().collect();
    for name in names {
        let algorithm = Algorithm::from_name(name).expect("ours");
        let owner = Sender { key: SigningKey::generate(algorithm).expect("a key") };
        let token = owner.token(&issuer, name);
        let proof = owner.proof(&token, |_| {});
        let try_proof = async |proof: &str| {
            let presented = Presented::dpop(&token, proof, "GET", URL);
            verifier.verify_presented(&presented, clock::now()).await
        };
        assert!(try_proof(&proof).await.is_ok(), "{name}");
        let mut replayed = 0;
        let public = owner.key.public_jwk().expect("it has a public key");
        let twins = twins(algorithm, &public, &proof);
        for twin in &twins {
            let refused = try_proof(twin).await.expect_err(name);
            replayed += usize::from(refused == SenderError::from(ProofError::Replayed).into());
        }
        let is_ecdsa = ECDSA_ORDERS.iter().any(|(of, _)| *of == algorithm);
        assert_eq!(replayed, usize::from(is_ecdsa), "{name}");
        tried += twins.len();
    }
    assert!(tried > 1_000, "{tried}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_with_one_proof_one_passes() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let owner = Sender::new();
    let token: Arc<str> = owner.token(&issuer, "bound").into();
    for _ in 0..10 {
        let proof: Arc<str> = owner.proof(&token, |_| {}).into();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (verifier, token) = (verifier.clone(), Arc::clone(&token));
                let proof = Arc::clone(&proof);
                tokio::spawn(async move {
                    let presented = Presented::dpop(&token, &proof, "GET", URL);
                    verifier.verify_presented(&presented, clock::now()).await.is_ok()
                })
            })
            .collect();
        let mut passed = 0;
        for task in tasks {
            passed += usize::from(task.await.expect("no panic"));
        }
        assert_eq!(passed, 1);
    }
}

#[tokio::test]
async fn a_full_memory_of_proofs_refuses_without_blaming_the_client() {
    let issuer = Issuer::start().await;
    let builder = describe(&issuer).no_revocations().replay_guard(ReplayMemory::new(1));
    let verifier = started(builder).await;
    let owner = Sender::new();
    let token = owner.token(&issuer, "bound");
    for status in [200, 503] {
        let proof = owner.proof(&token, |_| {});
        let answer = send(&verifier.layer(), request("DPoP", &token, &[&proof])).await;
        assert_eq!(answer.0, status);
    }
}

async fn started(builder: VerifierBuilder) -> Verifier {
    let verifier = builder.start().expect("well described");
    ready(&verifier).await;
    verifier
}

#[tokio::test]
async fn nonces_are_handed_out_checked_and_renewed() {
    let issuer = Issuer::start().await;
    let nonces = || DpopNonces::new(&[9; 32], []);
    let verifier = started(describe(&issuer).no_revocations().dpop_nonces(nonces())).await;
    let owner = Sender::new();
    let token = owner.token(&issuer, "bound");
    let try_nonce = async |nonce: Option<String>| {
        let proof = owner.proof(&token, |proof| proof.nonce = nonce);
        send(&verifier.layer(), request("DPoP", &token, &[&proof])).await
    };
    let (status, challenge, nonce) = try_nonce(None).await;
    assert_eq!((status, error_of(&challenge)), (401, "use_dpop_nonce"), "{challenge}");
    assert!(challenge.starts_with("DPoP ") && challenge.contains("algs=\"ES256 "), "{challenge}");
    let nonce = nonce.expect("a nonce is handed out");
    assert_eq!(try_nonce(Some(nonce)).await.0, 200);
    let now = clock::now();
    let aging = nonces().issue(now.minus(Duration::from_secs(120)));
    let (status, _, next) = try_nonce(Some(aging)).await;
    assert_eq!(status, 200);
    assert_eq!(try_nonce(Some(next.expect("a newer one comes along"))).await.0, 200);
    let old = nonces().issue(now.minus(Duration::from_secs(300)));
    let foreign = DpopNonces::new(&[8; 32], []).issue(now);
    for nonce in [old, foreign, "made up".to_owned()] {
        let (status, challenge, next) = try_nonce(Some(nonce)).await;
        assert_eq!((status, error_of(&challenge)), (401, "use_dpop_nonce"), "{challenge}");
        assert!(next.is_some());
    }
}

#[tokio::test]
async fn where_binding_is_required_a_bearer_token_is_refused() {
    let issuer = Issuer::start().await;
    let verifier = started(describe(&issuer).no_revocations().require_bound_tokens()).await;
    let owner = Sender::new();
    let (bound, plain) = (owner.token(&issuer, "bound"), issuer.token("plain", "g"));
    let (status, challenge, _) = send(&verifier.layer(), request("Bearer", &plain, &[])).await;
    assert_eq!((status, error_of(&challenge)), (401, "invalid_token"));
    assert!(challenge.starts_with("DPoP "), "{challenge}");
    assert_eq!(verifier.verify_now(&plain, clock::now()), Err(SenderError::NotBound.into()));
    let proof = owner.proof(&bound, |_| {});
    assert_eq!(send(&verifier.layer(), request("DPoP", &bound, &[&proof])).await.0, 200);
    let with_certificate = certificate_token(&issuer, 1);
    let mut request = request("Bearer", &with_certificate, &[]);
    request.extensions_mut().insert(thumbprint(1));
    assert_eq!(send(&verifier.layer(), request).await.0, 200);
}

#[tokio::test]
async fn a_token_that_is_bound_in_an_unknown_way_is_refused() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let token = issuer.token_with("t", "g", |claims| {
        claims.confirmation = Some(Confirmation::default());
    });
    let refused = verifier.verify_now(&token, clock::now());
    assert_eq!(refused, Err(SenderError::UnknownBinding.into()));
    let proof = Sender::new().proof(&token, |_| {});
    let presented = Presented::dpop(&token, &proof, "GET", URL);
    assert!(verifier.verify_presented(&presented, clock::now()).await.is_err());
}

/// DER of nothing in particular; `number` tells one from another.
fn der(number: u8) -> Vec<u8> {
    vec![0x30, 3, 2, 1, number]
}

fn thumbprint(number: u8) -> CertificateThumbprint {
    CertificateThumbprint::of_der(&der(number))
}

fn certificate_token(issuer: &Issuer, number: u8) -> String {
    let certificate_thumbprint = Some(thumbprint(number).as_str().to_owned());
    issuer.token_with("certificate", "g", |claims| {
        claims.confirmation =
            Some(Confirmation { certificate_thumbprint, ..Confirmation::default() });
    })
}

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const PROXY: &str = "10.1.2.3:4000";
const STRANGER: &str = "192.0.2.7:4000";

fn from(mut request: Request<()>, peer: &str, headers: &[(&'static str, String)]) -> Request<()> {
    let address: SocketAddr = peer.parse().expect("an address");
    request.extensions_mut().insert(Peer(address));
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    request.headers_mut().extend(map);
    request
}

/// RFC 8705 section 3, with TLS ended in front of the program.
#[tokio::test]
async fn a_certificate_counts_only_from_a_listed_proxy_or_this_program() {
    let issuer = Issuer::start().await;
    let builder = describe(&issuer)
        .no_revocations()
        .trusted_proxies(["10.0.0.0/8".parse().expect("a network")])
        .client_certificate_header(CLIENT_CERT);
    let verifier = started(builder).await;
    let token = certificate_token(&issuer, 1);
    let header = |number| {
        let base64 = base64_simd::STANDARD.encode_to_string(der(number));
        ("client-cert", format!(":{base64}:"))
    };
    let ask = || request("Bearer", &token, &[]);
    let mut by_program = ask();
    by_program.extensions_mut().insert(thumbprint(1));
    // What the program itself saw counts, whatever stands in a header.
    let mut overruled = from(ask(), PROXY, &[header(1)]);
    overruled.extensions_mut().insert(thumbprint(2));
    let mut without_peer = ask();
    without_peer.headers_mut().insert("client-cert", header(1).1.parse().expect("a value"));
    for (what, request, status) in [
        ("by a listed proxy", from(ask(), PROXY, &[header(1)]), 200),
        ("by the program", by_program, 200),
        ("none", from(ask(), PROXY, &[]), 401),
        ("another", from(ask(), PROXY, &[header(2)]), 401),
        ("two of them", from(ask(), PROXY, &[header(1), header(1)]), 401),
        ("by a stranger", from(ask(), STRANGER, &[header(1)]), 401),
        ("in another header", from(ask(), PROXY, &[("x-client-cert", header(1).1)]), 401),
        ("no address", without_peer, 401),
        ("the program saw another", overruled, 401),
    ] {
        let (seen, challenge, _) = send(&verifier.layer(), request).await;
        assert_eq!(seen, status, "{what}: {challenge}");
        assert!(status == 200 || error_of(&challenge) == "invalid_token", "{what}: {challenge}");
    }
    // Bound to a certificate alone, a token has no business under the scheme of keys.
    let proof = Sender::new().proof(&token, |_| {});
    let under_dpop = from(request("DPoP", &token, &[&proof]), PROXY, &[header(1)]);
    assert_eq!(send(&verifier.layer(), under_dpop).await.0, 401);
}

#[tokio::test]
async fn a_token_that_is_bound_to_both_needs_both() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let owner = Sender::new();
    let bound = Confirmation {
        key_thumbprint: Some(owner.thumbprint()),
        certificate_thumbprint: Some(thumbprint(1).as_str().to_owned()),
    };
    let token = issuer.token_with("t", "g", |claims| claims.confirmation = Some(bound));
    let judge = async |presented: Presented<'_>| {
        verifier.verify_presented(&presented, clock::now()).await.map(drop)
    };
    let proof = || owner.proof(&token, |_| {});
    let own = Presented::bearer(&token).with_certificate(thumbprint(1));
    assert_eq!(judge(own).await, Err(SenderError::ProofNeeded.into()));
    let (first, second) = (proof(), proof());
    let key_only = Presented::dpop(&token, &first, "GET", URL);
    assert_eq!(judge(key_only).await, Err(SenderError::CertificateNeeded.into()));
    let both = Presented::dpop(&token, &second, "GET", URL).with_certificate(thumbprint(1));
    assert_eq!(judge(both).await, Ok(()));
}

/// The URL of a proof is the public one. What a stranger says about it does not count, and neither
/// does the Host header.
#[tokio::test]
async fn the_public_url_comes_from_the_description_or_a_listed_proxy() {
    let issuer = Issuer::start().await;
    let listed = || ["10.0.0.0/8".parse().expect("a network")];
    let plain = || describe(&issuer).no_revocations();
    let fixed = started(plain().public_url("https://www.example/api/")).await;
    let told = started(plain().trusted_proxies(listed()).public_url_from_proxy()).await;
    let deaf = started(plain().trusted_proxies(listed())).await;
    let from_audience = started(plain()).await;
    let owner = Sender::new();
    let forwarded = |host: &str| {
        vec![
            ("x-forwarded-proto", "https".to_owned()),
            ("x-forwarded-host", host.to_owned()),
            ("host", "internal:8080".to_owned()),
        ]
    };
    let list = forwarded("made-up.example, shop.example");
    let mut doubled = forwarded("shop.example");
    doubled.push(("x-forwarded-host", "shop.example".to_owned()));
    for (what, verifier, peer, headers, url, status) in [
        ("the audience", &from_audience, STRANGER, vec![], URL.to_owned(), 200),
        ("set", &fixed, STRANGER, vec![], "https://www.example/api/orders".into(), 200),
        ("set, not the audience", &fixed, STRANGER, vec![], URL.into(), 401),
        (
            "a stranger tells",
            &told,
            STRANGER,
            forwarded("evil.example"),
            { "https://evil.example/orders".into() },
            401,
        ),
        ("a stranger is not heard", &told, STRANGER, forwarded("evil.example"), URL.into(), 200),
        (
            "the proxy tells",
            &told,
            PROXY,
            forwarded("shop.example"),
            { "https://shop.example/orders".into() },
            200,
        ),
        ("the proxy tells, another", &told, PROXY, forwarded("shop.example"), URL.into(), 401),
        (
            "the last of a list",
            &told,
            PROXY,
            list.clone(),
            "https://shop.example/orders".into(),
            200,
        ),
        ("the first of a list", &told, PROXY, list, "https://made-up.example/orders".into(), 401),
        ("two headers say nothing", &told, PROXY, doubled, URL.into(), 200),
        (
            "not asked for",
            &deaf,
            PROXY,
            forwarded("shop.example"),
            { "https://shop.example/orders".into() },
            401,
        ),
        (
            "the Host header",
            &from_audience,
            PROXY,
            forwarded("x"),
            { "http://internal:8080/orders".into() },
            401,
        ),
    ] {
        let token = owner.token(&issuer, "bound");
        let proof = owner.proof(&token, |proof| proof.url = url);
        let request = from(request("DPoP", &token, &[&proof]), peer, &headers);
        let (seen, challenge, _) = send(&verifier.layer(), request).await;
        assert_eq!(seen, status, "{what}: {challenge}");
    }
}

#[tokio::test]
async fn an_audience_that_is_no_url_takes_no_proofs_unless_the_url_is_set() {
    let issuer = Issuer::start().await;
    let builder = Verifier::discover(&issuer.url, "orders").no_revocations();
    let verifier = started(builder.timing(super::short())).await;
    let (_, challenge, _) = send(&verifier.layer(), request("Bearer", "x", &[])).await;
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    let owner = Sender::new();
    let key_thumbprint = Some(owner.thumbprint());
    let token = issuer.token_with("t", "g", |claims| {
        claims.audience = vec!["orders".to_owned()];
        claims.confirmation = Some(Confirmation { key_thumbprint, ..Confirmation::default() });
    });
    let proof = owner.proof(&token, |_| {});
    let refused = send(&verifier.layer(), request("DPoP", &token, &[&proof])).await;
    assert_eq!(refused.0, 401);
    for (url, code) in [
        ("api.example", "public_url"),
        ("http://api.example", "public_url"),
        ("https://api.example/?x", "public_url"),
    ] {
        let reason = describe(&issuer).no_revocations().public_url(url).start();
        assert_eq!(reason.map(drop).map_err(|reason| reason.code()), Err(code), "{url}");
    }
}
