//! Attacks on the choice of the algorithm, and on secrets.

use aws_lc_rs::hmac;
use base64_simd::STANDARD;
use countersign_jose::{
    Algorithm, Error, KeySet, Policy, PrivateJwk, SigningKey, VerifyingKey,
    jws::{Signatory, compact, detached, json as jws_json, unencoded},
};
use serde_json::{Value, json};

use crate::bench::{API, Bench, ISSUER, NOW, claims, decode, encode, honest, split, with, without};

const SHORT: Error = Error::WeakKey("the secret is shorter than the hash");
const KEY_FILE: Error = Error::WeakKey("the secret looks like a PEM, DER or JWK key");

/// Names of no algorithm, and of algorithms in other spellings.
const NONE: &[&str] = &[
    "none",
    "None",
    "NONE",
    "nOnE",
    "noNe",
    " none",
    "none ",
    "none\n",
    "none\u{0}",
    "\u{0}none",
    "",
    "null",
    "n\u{43e}ne",
    "NONE256",
    "HS0",
    "es256",
    "ES256 ",
    "HS1",
    "RS1",
    "ES512\u{0}",
];

/// The control of everything below.
#[test]
fn the_honest_token_is_accepted_with_every_algorithm() {
    for &algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        assert_eq!(bench.verify(&honest(&bench.key)), Ok(()), "{algorithm}");
        assert_eq!(bench.verify(&bench.token(&bench.header(), &claims())), Ok(()), "{algorithm}");
    }
}

/// Class 1: CVE-2015-9235, CVE-2026-28802; RFC 8725 section 3.1. A token that says that it needs
/// no signature, with an empty one, a right one, or anything.
#[test]
fn none_in_every_spelling() {
    for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::Ed25519] {
        let bench = Bench::new(algorithm);
        for name in NONE {
            let signed = bench.token(&with(bench.header(), "alg", json!(name)), &claims());
            let (input, _) = signed.rsplit_once('.').unwrap();
            for token in [signed.clone(), format!("{input}."), format!("{input}.AA")] {
                assert_eq!(bench.verify(&token), Err(Error::AlgorithmNotAllowed), "{name:?}");
                let bytes = compact::verify(&bench.key.verifying_key(), &token);
                assert_eq!(bytes, Err(Error::AlgorithmNotAllowed), "{name:?}");
            }
        }
        assert_eq!(bench.verify(&honest(&bench.key)), Ok(()));
    }
}

/// Class 1 with other types: a name that is no text is not taken for one.
#[test]
fn an_algorithm_that_is_no_text() {
    let bench = Bench::new(Algorithm::ES256);
    let missing = bench.token(&without(bench.header(), "alg"), &claims());
    assert_eq!(bench.verify(&missing), Err(Error::InvalidHeader("alg")));
    for value in [json!(null), json!(0), json!(false), json!([]), json!(["ES256"]), json!({})] {
        let token = bench.token(&with(bench.header(), "alg", value.clone()), &claims());
        assert_eq!(bench.verify(&token), Err(Error::InvalidHeader("alg")), "{value}");
    }
}

/// Class 1 in the other forms: `none` outside the protected header, without payload, unencoded.
#[test]
fn none_in_the_json_detached_and_unencoded_forms() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let verifying = key.verifying_key();
    let bare = json!({ "payload": encode(b"m"), "signature": "", "header": { "alg": "none" } });
    let protected = with(without(bare.clone(), "header"), "protected", json!(encode("{}")));
    let named = with(protected.clone(), "protected", json!(encode(r#"{"alg":"none"}"#)));
    let split = with(protected.clone(), "header", json!({ "alg": "none" }));
    for (text, expected) in [
        (bare, Error::InvalidHeader("alg")),
        (protected, Error::InvalidHeader("alg")),
        (named, Error::AlgorithmNotAllowed),
        (split, Error::InvalidHeader("alg")),
    ] {
        let report = jws_json::verify(&verifying, text.to_string().as_bytes()).unwrap();
        assert_eq!(report.all(), Err(expected.clone()), "{text}");
        assert_eq!(report.danger_any(), Err(expected), "{text}");
    }
    let header = encode(r#"{"alg":"none"}"#);
    let refused = detached::verify(&verifying, &format!("{header}.."), b"m");
    assert_eq!(refused, Err(Error::AlgorithmNotAllowed));
    let header = encode(r#"{"alg":"none","b64":false,"crit":["b64"]}"#);
    let token = format!("{header}.m.");
    assert_eq!(unencoded::verify(&verifying, &token), Err(Error::AlgorithmNotAllowed));
    assert_eq!(compact::verify(&verifying, &token), Err(Error::UnknownCritical));
    let good = jws_json::sign_flattened(&Signatory::new(&key), b"m").unwrap();
    assert_eq!(jws_json::verify(&verifying, good.as_bytes()).unwrap().all(), Ok(&b"m"[..]));
}

/// Class 1: an honest header, and no signature or one of nothing.
#[test]
fn an_empty_signature_under_an_honest_header() {
    for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::MlDsa44] {
        let bench = Bench::new(algorithm);
        let token = honest(&bench.key);
        let (input, _) = token.rsplit_once('.').unwrap();
        for signature in ["", "AA", &encode([0; 32]), &encode([0; 256])] {
            let forged = format!("{input}.{signature}");
            assert_eq!(bench.verify(&forged), Err(Error::BadSignature), "{algorithm}");
        }
    }
}

/// The dresses in which a public key has been given to a library as a secret, and whether a secret
/// of this form can be told from one that was drawn.
fn dresses(key: &SigningKey) -> Vec<(&'static str, Vec<u8>, bool)> {
    let jwk = key.public_jwk().unwrap();
    let (pem, der) = (jwk.to_pem(), jwk.to_spki_der());
    let json = serde_json::to_value(&jwk).unwrap();
    let member = ["n", "x", "pub"].into_iter().find_map(|name| json[name].as_str()).unwrap();
    vec![
        ("PEM", pem.clone().into_bytes(), true),
        ("PEM without the last line break", pem.trim_end().into(), true),
        // CVE-2026-34950: a space in front, and the test for PEM failed.
        ("PEM after a space", format!(" {pem}").into_bytes(), true),
        ("PEM after a byte order mark", format!("\u{feff}{pem}").into_bytes(), true),
        ("PEM with carriage returns", pem.replace('\n', "\r\n").into_bytes(), true),
        ("SPKI", der.clone(), true),
        ("SPKI in base64", STANDARD.encode_to_string(&der).into_bytes(), true),
        ("JWK", json.to_string().into_bytes(), true),
        ("JWK set", json!({ "keys": [json] }).to_string().into_bytes(), true),
        ("the number alone", decode(member), false),
        ("the number in base64url", member.into(), false),
    ]
}

/// Class 2: CVE-2016-5431, CVE-2016-10555, CVE-2022-29217, CVE-2023-48223, CVE-2024-33663,
/// CVE-2026-34950; RFC 8725 section 2.1. HMAC with the public key as its secret.
#[test]
fn a_public_key_as_an_hmac_secret() {
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::Ed25519, Algorithm::MlDsa44];
    for algorithm in algorithms {
        let bench = Bench::new(algorithm);
        let both = Policy::access_token(ISSUER, API, &[algorithm, Algorithm::HS256]).unwrap();
        let header = with(bench.header(), "alg", json!("HS256"));
        let input = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
        for (dress, secret, can_be_told) in dresses(&bench.key) {
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
            let forged = format!("{input}.{}", encode(mac));
            assert_eq!(bench.judge(&both, &forged), Err(Error::AlgorithmNotAllowed), "{dress}");
            assert_eq!(bench.verify(&forged), Err(Error::AlgorithmNotAllowed), "{dress}");
            if can_be_told {
                // An operator who configures it as a secret is stopped as well.
                let refused = VerifyingKey::from_secret(Algorithm::HS256, &secret).err();
                assert_eq!(refused, Some(KEY_FILE), "{algorithm} {dress}");
                let jwk = json!({ "kty": "oct", "alg": "HS256", "k": encode(&secret) });
                let refused = SigningKey::from_jwk_json(jwk.to_string().as_bytes()).err();
                assert_eq!(refused, Some(KEY_FILE), "{algorithm} {dress}");
            }
        }
    }
}

/// Class 2: CVE-2026-22817. A key that names no algorithm does not take the token's.
#[test]
fn the_token_does_not_choose_the_algorithm_of_an_open_key() {
    let private = PrivateJwk::generate(Algorithm::PS512).unwrap();
    let mut json = serde_json::to_value(private.public().unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("alg");
    let jwks = json!({ "keys": [json] }).to_string();
    let (keys, rejected) = KeySet::from_jwks_json(jwks.as_bytes()).unwrap();
    assert_eq!(rejected, []);
    let policy = Policy::access_token(ISSUER, API, Algorithm::ALL).unwrap();
    let bench = Bench::new(Algorithm::HS256);
    let mut open = serde_json::from_str::<Value>(&private.to_json()).unwrap();
    open.as_object_mut().unwrap().remove("alg");
    let open = PrivateJwk::from_json(open.to_string().as_bytes()).unwrap();
    for algorithm in [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
        let key = SigningKey::from_jwk_as(&open, algorithm).unwrap();
        // The default of OpenID Connect, and nothing else.
        let expected = match algorithm {
            Algorithm::RS256 => Ok(()),
            _ => Err(Error::AlgorithmNotAllowed),
        };
        assert_eq!(bench.judge_with(&policy, &[&keys], &honest(&key)), expected, "{algorithm}");
    }
}

/// Classes 2 and 14: each key has one algorithm (RFC 8725 section 3.1), whatever the header says
/// and the policy allows: P-256 with ES384, PS256 with an RS256 key, and every other pair.
#[test]
fn a_key_serves_one_algorithm_whatever_the_header_says() {
    let policy = Policy::access_token(ISSUER, API, Algorithm::ALL).unwrap();
    for &algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        for &other in Algorithm::ALL {
            let token = bench.token(&with(bench.header(), "alg", json!(other.name())), &claims());
            let expected =
                if other == algorithm { Ok(()) } else { Err(Error::AlgorithmNotAllowed) };
            assert_eq!(bench.judge(&policy, &token), expected, "{algorithm} as {other}");
        }
    }
}

/// Class 2 between paddings: the right key and header, and a signature of the other scheme.
#[test]
fn a_signature_of_the_other_rsa_scheme() {
    let private = PrivateJwk::generate(Algorithm::RS256).unwrap();
    let mut open = serde_json::from_str::<Value>(&private.to_json()).unwrap();
    open.as_object_mut().unwrap().remove("alg");
    let open = PrivateJwk::from_json(open.to_string().as_bytes()).unwrap();
    let of = |algorithm| SigningKey::from_jwk_as(&open, algorithm).unwrap();
    for (own, other) in [
        (Algorithm::RS256, Algorithm::PS256),
        (Algorithm::PS256, Algorithm::RS256),
        (Algorithm::RS256, Algorithm::RS512),
        (Algorithm::PS384, Algorithm::PS512),
    ] {
        let bench = Bench::with_key(of(own));
        let token = honest(&bench.key);
        let (input, _) = token.rsplit_once('.').unwrap();
        let foreign = encode(of(other).sign(input.as_bytes()).unwrap());
        let forged = format!("{input}.{foreign}");
        assert_eq!(bench.verify(&forged), Err(Error::BadSignature), "{own} by {other}");
    }
}

/// RFC 8725 section 3.1: a key in the set does not widen the policy.
#[test]
fn a_good_signature_by_an_algorithm_that_the_policy_leaves_out() {
    let bench = Bench::new(Algorithm::ES256);
    for algorithm in [Algorithm::HS256, Algorithm::Ed25519, Algorithm::ES384] {
        let other = SigningKey::generate(algorithm).unwrap();
        let verdict = bench.judge_among(&[&other], &honest(&other));
        assert_eq!(verdict, Err(Error::AlgorithmNotAllowed), "{algorithm}");
    }
}

/// Class 6: CVE-2025-65945. An empty secret is no secret.
/// Class 7: RFC 7518 section 3.2, RFC 8725 section 3.5. One shorter than its hash can be guessed.
#[test]
fn empty_and_weak_secrets() {
    for (algorithm, least) in
        [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)]
    {
        let drawn: Vec<u8> = (1..=200).collect();
        for length in [0, 1, 4, 16, least - 1] {
            let secret = &drawn[..length];
            assert_eq!(SigningKey::from_secret(algorithm, secret).err(), Some(SHORT));
            assert_eq!(VerifyingKey::from_secret(algorithm, secret).err(), Some(SHORT));
            let jwk = json!({ "kty": "oct", "alg": algorithm.name(), "k": encode(secret) });
            let refused = PrivateJwk::from_json(jwk.to_string().as_bytes()).err();
            let short = Error::WeakKey("the secret is too short for its algorithm");
            assert_eq!(refused, Some(short), "{algorithm} {length}");
        }
        assert!(VerifyingKey::from_secret(algorithm, &drawn[..least]).is_ok());
    }
    // The examples of tutorials.
    for secret in ["secret", "password", "changeme", "your-256-bit-secret", "shhhhh"] {
        let refused = VerifyingKey::from_secret(Algorithm::HS256, secret.as_bytes()).err();
        assert_eq!(refused, Some(SHORT), "{secret}");
    }
    let endless = VerifyingKey::from_secret(Algorithm::HS256, &[b'x'; 4097]).err();
    assert_eq!(endless, Some(Error::TooLarge));
}

/// Class 6: a secret of one party does not open the tokens of another with the same name.
#[test]
fn a_secret_that_the_attacker_chose() {
    let bench = Bench::new(Algorithm::HS256);
    for secret in [[0; 32], [b' '; 32]] {
        let attacker = SigningKey::from_secret(Algorithm::HS256, &secret).unwrap();
        assert_eq!(bench.verify(&honest(&attacker)), Err(Error::UnknownKey));
        let input = [encode(bench.header().to_string()), encode(claims().to_string())].join(".");
        let signature = encode(attacker.sign(input.as_bytes()).unwrap());
        assert_eq!(bench.verify(&format!("{input}.{signature}")), Err(Error::BadSignature));
    }
}

/// Class 41, as far as a test can see it: a MAC is compared as a whole, so no prefix of the right
/// one is worth more than another text, and none longer than it passes. The comparison itself is
/// the crypto library's, in constant time.
#[test]
fn no_part_of_a_mac_is_enough() {
    let bench = Bench::new(Algorithm::HS512);
    let token = honest(&bench.key);
    let [header, payload, signature] = split(&token);
    let mac = decode(signature);
    for length in 0..mac.len() {
        let forged = format!("{header}.{payload}.{}", encode(&mac[..length]));
        assert_eq!(bench.verify(&forged), Err(Error::BadSignature), "{length} bytes");
    }
    let longer = [&mac[..], &[0]].concat();
    let forged = format!("{header}.{payload}.{}", encode(longer));
    assert_eq!(bench.verify(&forged), Err(Error::BadSignature));
    assert_eq!(bench.verify(&token), Ok(()));
}

/// The policy names algorithms of its own, so a wrong clock or audience is judged with them alone.
#[test]
fn the_order_of_refusals_tells_nothing_of_the_payload() {
    let bench = Bench::new(Algorithm::ES256);
    let stale = with(claims(), "exp", json!(NOW - 1000));
    let token = bench.token(&bench.header(), &stale);
    assert_eq!(bench.verify(&token), Err(Error::Expired));
    // Without a right signature nothing of it is read.
    let [header, payload, _] = split(&token);
    let unsigned = format!("{header}.{payload}.{}", encode([1; 64]));
    assert_eq!(bench.verify(&unsigned), Err(Error::BadSignature));
    let broken = format!("{header}.{}.{}", encode("no JSON"), encode([1; 64]));
    assert_eq!(bench.verify(&broken), Err(Error::BadSignature));
}
