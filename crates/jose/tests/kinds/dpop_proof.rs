//! DPoP proofs: the request, the access token, and the key in the header (RFC 9449 section 4.3).

use countersign_jose::{
    Algorithm, DpopProof, Error, PrivateJwk, ProofPolicy, SigningKey, Timestamp,
};
use serde_json::{Value, json};

use crate::{
    kind::{self, EVERYONE, NOW, with, without},
    verifier::Signer,
};

const NOW_AT: Timestamp = Timestamp::from_secs(NOW);

/// Every algorithm that has a public key.
fn asymmetric() -> Vec<Algorithm> {
    Algorithm::ALL.iter().copied().filter(|algorithm| !algorithm.is_symmetric()).collect()
}

fn policy(method: &str, url: &str) -> ProofPolicy {
    ProofPolicy::new(method, url, &asymmetric()).unwrap()
}

fn verdict(policy: &ProofPolicy, token: &str) -> Result<(), Error> {
    policy.verify(token, NOW_AT).map(drop)
}

/// The claims of a good proof for this request.
fn claims(method: &str, url: &str) -> Value {
    with(with(kind::by_name("dpop_proof").minimal, "htm", method), "htu", url)
}

#[test]
fn every_algorithm_with_a_public_key_proves() {
    for algorithm in asymmetric() {
        let key = SigningKey::generate(algorithm).unwrap();
        let proof = DpopProof {
            token_id: "1".to_owned(),
            method: "GET".to_owned(),
            url: EVERYONE.to_owned(),
            issued_at: NOW,
            ..DpopProof::default()
        };
        let token = proof.sign(&key).unwrap();
        let verified = policy("GET", EVERYONE).verify(&token, NOW_AT).unwrap();
        assert_eq!(verified.thumbprint(), key.public_jwk().unwrap().thumbprint(), "{algorithm}");
    }
    let secret = SigningKey::generate(Algorithm::HS256).unwrap();
    let refused = DpopProof::default().sign(&secret);
    assert_eq!(refused, Err(Error::UnsupportedKey("a secret has no public half")));
}

/// The method is case-sensitive (RFC 9110 section 9.1).
#[test]
fn the_method_is_the_one_of_the_request() {
    let signer = Signer::new();
    for (asked, said, passes) in [
        ("POST", "POST", true),
        ("POST", "post", false),
        ("POST", "Post", false),
        ("POST", "GET", false),
        ("POST", "POST ", false),
        ("POST", "POST, GET", false),
        ("POST", "*", false),
        ("get", "get", true),
        ("PROPFIND", "PROPFIND", true),
    ] {
        let token = signer.token(Some("dpop+jwt"), &claims(said, EVERYONE));
        let expected = if passes { Ok(()) } else { Err(Error::InvalidClaim("htm")) };
        assert_eq!(verdict(&policy(asked, EVERYONE), &token), expected, "{asked} {said}");
    }
}

/// Query and fragment do not count; scheme, host, port and escapes are compared after RFC 3986
/// sections 6.2.2 and 6.2.3; everything else is compared as it is.
#[test]
fn the_url_is_the_one_of_the_request() {
    let signer = Signer::new();
    for (asked, said, passes) in [
        ("https://a.example/x", "https://a.example/x", true),
        ("https://a.example/x", "https://a.example/x?q=1", true),
        ("https://a.example/x?q=1", "https://a.example/x?other", true),
        ("https://a.example/x", "https://a.example/x#f", true),
        ("https://a.example/x", "https://a.example/x?q=https://b.example#f?g", true),
        ("https://a.example/x", "HTTPS://A.Example/x", true),
        ("https://a.example/x", "https://a.example:443/x", true),
        ("https://a.example:443/x", "https://a.example/x", true),
        ("https://a.example/x", "https://a.example:/x", true),
        ("http://a.example/x", "http://a.example:80/x", true),
        ("https://a.example", "https://a.example/", true),
        ("https://a.example/", "https://a.example?q", true),
        ("https://a.example", "https://a.example:443", true),
        ("https://[2001:db8::1]/x", "https://[2001:DB8::1]:443/x", true),
        ("https://a.example/~a", "https://a.example/%7Ea", true),
        ("https://a.example/%7ea", "https://a.example/%7Ea", true),
        ("https://a.example/%c3%a9", "https://a.example/%C3%A9", true),
        ("https://a.example/a%2fb", "https://a.example/a%2Fb", true),
        ("https://a.example/a%2Fb", "https://a.example/a/b", false),
        ("https://a.example/%zz%", "https://a.example/%zz%", true),
        ("https://a.example/%+1", "https://a.example/%01", false),
        ("https://a.example/x", "https://a.example/X", false),
        ("https://a.example/x", "https://a.example/x/", false),
        ("https://a.example/x", "https://a.example/", false),
        ("https://a.example/x", "https://a.example/xy", false),
        ("https://a.example/x", "https://a.example//x", false),
        ("https://a.example/x", "https://a.example/y/../x", true),
        ("https://a.example/x", "https://a.example/./y/%2E./x", true),
        ("https://a.example/x/", "https://a.example/x/y/..", true),
        ("https://a.example/x/", "https://a.example/x/.", true),
        ("https://a.example/x", "https://a.example/../../x", true),
        ("https://a.example/x", "https://a.example/y//../x", false),
        ("https://a.example/x", "https://a.example/y%2F../x", false),
        ("https://a.example/x", "https://a.example/y/..%2Fx", false),
        ("https://a.example/x", "https://a.example/x/..", false),
        ("https://a.example/x", "https://a.example/...x", false),
        ("https://a.example/x", "http://a.example/x", false),
        ("http://a.example/x", "http://a.example:443/x", false),
        ("https://a.example/x", "https://a.example:80/x", false),
        ("https://a.example/x", "https://a.example:8443/x", false),
        ("https://a.example:8443/x", "https://a.example/x", false),
        ("https://a.example/x", "https://a.example.evil.example/x", false),
        ("https://a.example/x", "https://evil.example/x?https://a.example/x", false),
        ("https://a.example/x", "https://user@a.example/x", false),
        ("https://a.example/x", "https://a.example@evil.example/x", false),
        ("https://a.example/x", "https://a.example\\x", false),
        ("https://a.example/x", "//a.example/x", false),
        ("https://a.example/x", "/x", false),
        ("https://a.example/x", "a.example/x", false),
        ("https://a.example/x", "https:a.example/x", false),
        ("https://a.example/x", "https:///x", false),
        ("https://a.example/x", "wss://a.example/x", false),
        ("https://a.example/x", " https://a.example/x", false),
        ("https://a.example/x", "https://a.example/x ", false),
        ("https://a.example/x", "*", false),
    ] {
        let token = signer.token(Some("dpop+jwt"), &claims("GET", said));
        let expected = if passes { Ok(()) } else { Err(Error::InvalidClaim("htu")) };
        assert_eq!(verdict(&policy("GET", asked), &token), expected, "{asked} {said}");
    }
}

/// RFC 9449 section 4.3, step 11: beside an access token the proof names it.
#[test]
fn the_access_token_is_the_one_of_the_proof() {
    let signer = Signer::new();
    let open = policy("POST", EVERYONE);
    let bound = open.clone().with_access_token("a.b.c");
    // SHA-256 of "a.b.c", so that both sides do not make the same mistake.
    let right = "hF4wRIgJ4ryJWOsCW_x5UjXROwd6U9DDq70jhRcNybg";
    let other = DpopProof::access_token_hash("a.b.d");
    for (hash, expected) in [
        (json!(DpopProof::access_token_hash("a.b.c")), Ok(())),
        (json!(other), Err(Error::InvalidClaim("ath"))),
        (json!("a.b.c"), Err(Error::InvalidClaim("ath"))),
        (json!(format!("{}=", DpopProof::access_token_hash("a.b.c"))), {
            Err(Error::InvalidClaim("ath"))
        }),
        (json!([DpopProof::access_token_hash("a.b.c")]), Err(Error::InvalidClaim("ath"))),
        (json!(""), Err(Error::InvalidClaim("ath"))),
    ] {
        let token =
            signer.token(Some("dpop+jwt"), &with(claims("POST", EVERYONE), "ath", hash.clone()));
        assert_eq!(verdict(&bound, &token), expected, "{hash}");
    }
    let without_hash = signer.token(Some("dpop+jwt"), &claims("POST", EVERYONE));
    assert_eq!(verdict(&bound, &without_hash), Err(Error::MissingClaim("ath")));
    assert_eq!(verdict(&open, &without_hash), Ok(()));
    assert_eq!(DpopProof::access_token_hash("a.b.c"), right);
}

/// A proof by `key` under a header of the test's choice.
fn proof(key: &SigningKey, header: &Value) -> String {
    use base64_simd::URL_SAFE_NO_PAD as BASE64URL;
    let payload = claims("POST", EVERYONE).to_string();
    let input = format!(
        "{}.{}",
        BASE64URL.encode_to_string(header.to_string()),
        BASE64URL.encode_to_string(payload)
    );
    format!("{input}.{}", BASE64URL.encode_to_string(key.sign(input.as_bytes()).unwrap()))
}

/// RFC 9449 section 4.3, steps 4 to 7: the header of the proof.
#[test]
fn the_key_is_in_the_header_public_sound_and_of_its_algorithm() {
    let private = PrivateJwk::generate(Algorithm::ES256).unwrap();
    let key = SigningKey::from_jwk(&private).unwrap();
    let public = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    let leaked: Value = serde_json::from_str(&private.to_json()).unwrap();
    let good = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": public });
    let other = SigningKey::generate(Algorithm::ES256).unwrap().public_jwk();
    let bare = json!({ "kty": "EC", "crv": "P-256", "x": public["x"], "y": public["y"] });
    let no_key = Error::InvalidHeader("jwk");
    let unfit = Error::InvalidKey("the algorithm does not fit the kind of key");
    for (header, expected) in [
        (good.clone(), Ok(())),
        (with(good.clone(), "jwk", bare.clone()), Ok(())),
        (with(good.clone(), "kid", "anything"), Ok(())),
        (with(good.clone(), "typ", "application/DPoP+JWT"), Ok(())),
        (without(good.clone(), "jwk"), Err(no_key.clone())),
        (with(good.clone(), "jwk", json!(null)), Err(no_key.clone())),
        (with(good.clone(), "jwk", public.to_string()), Err(no_key.clone())),
        (with(good.clone(), "jwk", json!([public])), Err(no_key)),
        (with(good.clone(), "jwk", json!({})), Err(Error::InvalidKey("kty is missing"))),
        // A proof that gives its private key away proves nothing from here on.
        (with(good.clone(), "jwk", leaked), Err(Error::PrivateKey)),
        (with(good.clone(), "jwk", with(bare.clone(), "d", "")), Err(Error::PrivateKey)),
        (with(good.clone(), "jwk", json!({ "kty": "oct", "k": "AAAA" })), Err(Error::PrivateKey)),
        (with(good.clone(), "jwk", json!(other)), Err(Error::BadSignature)),
        (with(good.clone(), "jwk", with(public.clone(), "use", "enc")), Err(Error::WrongKeyUse)),
        (
            with(good.clone(), "jwk", with(public.clone(), "key_ops", json!(["sign"]))),
            Err(Error::WrongKeyUse),
        ),
        (with(good.clone(), "jwk", with(bare.clone(), "x", "AAAA")), {
            Err(Error::InvalidKey("a coordinate is not of the curve's length"))
        }),
        (with(good.clone(), "jwk", with(bare, "y", public["x"].clone())), {
            Err(Error::InvalidKey("the point is not on the curve"))
        }),
        (with(good.clone(), "alg", "HS256"), Err(Error::AlgorithmNotAllowed)),
        (with(good.clone(), "alg", "none"), Err(Error::AlgorithmNotAllowed)),
        (with(good.clone(), "alg", "ES256K"), Err(unfit.clone())),
        (with(good.clone(), "alg", "ES384"), Err(unfit)),
        (without(good.clone(), "alg"), Err(Error::InvalidHeader("alg"))),
        (with(good.clone(), "typ", "JWT"), Err(Error::WrongType)),
        (with(good.clone(), "typ", "at+jwt"), Err(Error::WrongType)),
        (without(good.clone(), "typ"), Err(Error::WrongType)),
        (with(good.clone(), "crit", json!(["jwk"])), Err(Error::UnknownCritical)),
        (with(good.clone(), "b64", false), Err(Error::InvalidHeader("b64"))),
        (with(good, "x5u", "https://evil.example"), Ok(())),
    ] {
        assert_eq!(verdict(&policy("POST", EVERYONE), &proof(&key, &header)), expected, "{header}");
    }
}

/// Keys that prove nothing, since others can sign with them.
#[test]
fn weak_keys_prove_nothing() {
    let key = SigningKey::generate(Algorithm::Ed25519).unwrap();
    let identity = format!("AQ{}", "A".repeat(41));
    let small_order = Error::WeakKey("the Ed25519 key is a point of small order");
    let short = Error::WeakKey("the RSA modulus is shorter than 2048 bits");
    let exponent = Error::WeakKey("the RSA exponent is even or below 65537");
    let modulus = format!("{}Q", "z".repeat(341));
    for (alg, jwk, expected) in [
        ("Ed25519", json!({ "kty": "OKP", "crv": "Ed25519", "x": identity }), small_order),
        ("RS256", json!({ "kty": "RSA", "n": "z".repeat(172), "e": "AQAB" }), short),
        ("RS256", json!({ "kty": "RSA", "n": modulus, "e": "AQ" }), exponent),
    ] {
        let header = json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk });
        let verdict = verdict(&policy("POST", EVERYONE), &proof(&key, &header));
        assert_eq!(verdict, Err(expected), "{jwk}");
    }
}

/// The policy's list of algorithms, and the algorithm that the key names.
#[test]
fn the_algorithm_is_one_of_the_policy_and_of_the_key() {
    let rsa = SigningKey::generate(Algorithm::PS256).unwrap();
    let jwk = serde_json::to_value(rsa.public_jwk().unwrap()).unwrap();
    let open = without(jwk.clone(), "alg");
    let header = |alg: &str, jwk: &Value| json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk });
    let all = policy("POST", EVERYONE);
    let another = Err(Error::WrongKeyUse);
    assert_eq!(verdict(&all, &proof(&rsa, &header("PS256", &jwk))), Ok(()));
    assert_eq!(verdict(&all, &proof(&rsa, &header("PS256", &open))), Ok(()));
    assert_eq!(verdict(&all, &proof(&rsa, &header("RS256", &jwk))), another);
    assert_eq!(verdict(&all, &proof(&rsa, &header("RS256", &open))), Err(Error::BadSignature));
    let narrow = ProofPolicy::new("POST", EVERYONE, &[Algorithm::ES256]).unwrap();
    let verdict = verdict(&narrow, &proof(&rsa, &header("PS256", &jwk)));
    assert_eq!(verdict, Err(Error::AlgorithmNotAllowed));
}

/// RFC 9449 section 8: the nonce is the one that the server handed out.
#[test]
fn the_nonce_must_be_the_one_that_was_handed_out() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let policy = policy("GET", EVERYONE).nonce("n-1");
    for (nonce, expected) in
        [(Some("n-1"), Ok(())), (Some("n-2"), Err(Error::Nonce)), (None, Err(Error::Nonce))]
    {
        let proof = DpopProof {
            token_id: "1".to_owned(),
            method: "GET".to_owned(),
            url: format!("{EVERYONE}?query=1#fragment"),
            issued_at: NOW,
            nonce: nonce.map(str::to_owned),
            ..DpopProof::default()
        };
        let token = proof.sign(&key).unwrap();
        assert_eq!(verdict(&policy, &token), expected, "{nonce:?}");
        // What is signed names neither query nor fragment.
        assert!(!countersign_jose::jwt::peek(&token).unwrap().payload_json().contains("query"));
    }
}
