//! Known attacks by way of a key or of a bare signature, a test for each, named after it.

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    Algorithm, Error, Jwk, PrivateJwk, SigningKey, VerifyingKey, jwe::KeyManagement,
};
use serde_json::{Value, json};

const ECDSA: [Algorithm; 4] =
    [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::ES256K];

fn public(algorithm: Algorithm) -> Value {
    let key = SigningKey::generate(algorithm).and_then(|key| key.public_jwk().ok_or(Error::Crypto));
    serde_json::to_value(key.expect("a public key")).expect("it is JSON")
}

fn refusal(key: &Value) -> &'static str {
    let refused = Jwk::from_json(key.to_string().as_bytes());
    refused.err().unwrap_or_else(|| panic!("accepted: {key}")).code()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// CVE-2022-21449: numbers of zero, or of the order of the curve, that verify anything.
#[test]
fn psychic_signatures() {
    for algorithm in ECDSA {
        let key = SigningKey::generate(algorithm).unwrap();
        let real = key.sign(b"m").unwrap();
        let half = real.len() / 2;
        let zeros = vec![0; half];
        for forged in [
            vec![0; real.len()],
            vec![0xff; real.len()],
            [&zeros, &real[half..]].concat(),
            [&real[..half], &zeros].concat(),
            [&zeros[1..], &[1], &zeros[1..], &[1]].concat(),
        ] {
            let verdict = key.verifying_key().verify(b"m", &forged);
            assert_eq!(verdict, Err(Error::BadSignature), "{algorithm}");
        }
    }
}

/// CVE-2020-14966, CVE-2020-13822: a second form of the same signature.
#[test]
fn signatures_in_der_and_of_another_length() {
    for algorithm in ECDSA {
        let key = SigningKey::generate(algorithm).unwrap();
        let real = key.sign(b"m").unwrap();
        let half = real.len() / 2;
        let number = |bytes: &[u8]| [&[2, bytes.len() as u8 + 1, 0], bytes].concat();
        let inside = [number(&real[..half]), number(&real[half..])].concat();
        let der = [&[0x30, inside.len() as u8], &inside[..]].concat();
        let wide = [&[0], &real[..half], &[0], &real[half..]].concat();
        for other in [der, wide, real[1..].to_vec(), [&real[..], &[0]].concat(), Vec::new()] {
            let verdict = key.verifying_key().verify(b"m", &other);
            assert_eq!(verdict, Err(Error::BadSignature), "{algorithm}");
        }
    }
}

/// "Taming the many EdDSAs": with the identity as key, R as the identity and S = 0 fit any message.
#[test]
fn keys_of_small_order() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for crv in ["Ed25519", "X25519"] {
        for x in [[0; 32], identity, minus_one] {
            let key = json!({ "kty": "OKP", "crv": crv, "x": encode(&x) });
            assert_eq!(refusal(&key), "weak_key", "{crv} {x:?}");
        }
        for x in [[0xff; 32].as_slice(), &[7; 31], &[7; 33], &[]] {
            let key = json!({ "kty": "OKP", "crv": crv, "x": encode(x) });
            assert_eq!(refusal(&key), "invalid_key", "{crv} {x:?}");
        }
    }
}

#[cfg(feature = "ed448")]
#[test]
fn ed448_keys_of_small_order() {
    for first in [0, 1] {
        for sign in [0, 0x80] {
            let mut x = [0; 57];
            (x[0], x[56]) = (first, sign);
            let key = json!({ "kty": "OKP", "crv": "Ed448", "x": encode(&x) });
            assert_eq!(refusal(&key), "weak_key");
        }
    }
    assert_eq!(
        refusal(&json!({ "kty": "OKP", "crv": "Ed448", "x": encode(&[0xff; 57]) })),
        "invalid_key"
    );
}

/// CVE-2016-9121, CVE-2017-12974, CVE-2017-16007: points that lie on another, weaker curve.
#[test]
fn points_off_the_curve() {
    for algorithm in ECDSA {
        let good = public(algorithm);
        let swapped = |name: &str, value: Value| {
            let mut key = good.clone();
            key[name] = value;
            refusal(&key)
        };
        assert_eq!(swapped("x", good["y"].clone()), "invalid_key", "{algorithm}");
        assert_eq!(swapped("y", good["x"].clone()), "invalid_key", "{algorithm}");
        let length = good["x"].as_str().unwrap().len() * 3 / 4;
        for bytes in [vec![0; length], vec![0xff; length], vec![0; length + 1], vec![1], vec![]] {
            assert_eq!(swapped("x", encode(&bytes).into()), "invalid_key", "{algorithm}");
        }
        for crv in ["P-256", "P-384", "P-521", "secp256k1"] {
            if good["crv"] != crv {
                assert_eq!(swapped("crv", crv.into()), "invalid_key", "{algorithm} as {crv}");
            }
        }
    }
}

/// With e = 1 every signature is the padded hash itself.
#[test]
fn rsa_exponents_that_give_the_signature_away() {
    let good = public(Algorithm::RS256);
    for exponent in [&[1][..], &[2], &[3], &[17], &[0xff, 0xff], &[1, 0, 0]] {
        let mut key = good.clone();
        key["e"] = encode(exponent).into();
        assert_eq!(refusal(&key), "weak_key", "{exponent:?}");
    }
    for exponent in [&[][..], &[0], &[0, 1, 0, 1]] {
        let mut key = good.clone();
        key["e"] = encode(exponent).into();
        assert_eq!(refusal(&key), "invalid_key", "{exponent:?}");
    }
}

/// CVE-2015-9235 and its kin: what is signed under one algorithm counts under no other, even where
/// the same bytes are the key of both.
#[test]
fn a_key_of_one_algorithm_under_the_name_of_another() {
    for &algorithm in Algorithm::ALL {
        if algorithm.is_symmetric() {
            continue;
        }
        let mut key = public(algorithm);
        let fits = |other: Algorithm| {
            other == algorithm
                || (key["kty"] == "RSA" && ["RS", "PS"].contains(&&other.name()[..2]))
        };
        let foreign: Vec<&str> = Algorithm::ALL
            .iter()
            .filter(|&&other| !fits(other))
            .map(|other| other.name())
            .chain(["none", "dir", "A128KW", "RSA1_5", "PBES2-HS256+A128KW", "A256GCM", ""])
            .collect();
        for name in foreign {
            key["alg"] = name.into();
            let code = refusal(&key);
            assert!(["invalid_key", "unsupported_key"].contains(&code), "{algorithm} as {name}");
        }
    }
}

/// CVE-2026-22817 and its kin: a key for encryption checks no signature.
#[test]
fn a_key_of_encryption_signs_nothing() {
    for management in [
        KeyManagement::RsaOaep256,
        KeyManagement::EcdhEs,
        KeyManagement::A256KW,
        KeyManagement::Dir,
    ] {
        let key = PrivateJwk::generate(management).unwrap();
        assert_eq!(SigningKey::from_jwk(&key).err(), Some(Error::WrongKeyUse), "{management}");
        for &algorithm in Algorithm::ALL {
            assert!(SigningKey::from_jwk_as(&key, algorithm).is_err(), "{management} {algorithm}");
        }
        if let Some(public) = key.public() {
            let refused = VerifyingKey::from_jwk(&public).err();
            assert_eq!(refused, Some(Error::WrongKeyUse), "{management}");
        }
    }
}

/// ML-DSA keys carry no curve: only `alg` tells the parameter set, so it has to be there and right.
#[test]
fn ml_dsa_keys_of_another_set_or_length() {
    let good = public(Algorithm::MlDsa65);
    for (alg, expected) in [
        (json!("ML-DSA-44"), "invalid_key"),
        (json!("ML-DSA-87"), "invalid_key"),
        (json!("ES256"), "unsupported_key"),
        (json!("ML-DSA"), "unsupported_key"),
        (json!(null), "invalid_key"),
        (json!(["ML-DSA-65"]), "invalid_key"),
    ] {
        let mut key = good.clone();
        key["alg"] = alg.clone();
        assert_eq!(refusal(&key), expected, "{alg}");
    }
    let mut key = good;
    key["priv"] = encode(&[0; 32]).into();
    assert_eq!(refusal(&key), "private_key");
    for seed in [&[0; 31][..], &[0; 33], &[]] {
        key["priv"] = encode(seed).into();
        let refused = PrivateJwk::from_json(key.to_string().as_bytes()).err();
        assert!(matches!(refused, Some(Error::InvalidKey(_))), "{refused:?}");
    }
    let signing = SigningKey::generate(Algorithm::MlDsa65).unwrap();
    let forged = vec![0; signing.sign(b"m").unwrap().len()];
    let verdict = signing.verifying_key().verify(b"m", &forged);
    assert_eq!(verdict, Err(Error::BadSignature));
}

/// A public JWK, PEM or DER of any kind as an HMAC secret (CVE-2016-10555, CVE-2026-34950).
#[test]
fn public_keys_as_secrets() {
    for &algorithm in Algorithm::ALL.iter().filter(|one| !one.is_symmetric()) {
        let json = public(algorithm).to_string();
        let jwk = Jwk::from_json(json.as_bytes()).unwrap();
        let (pem, der) = (jwk.to_pem(), jwk.to_spki_der());
        let padded = format!(" \n{pem}");
        for text in [json.as_bytes(), pem.as_bytes(), &der, padded.as_bytes()] {
            let refused = VerifyingKey::from_secret(Algorithm::HS256, text).err();
            let reason = refused.as_ref().map(Error::code);
            assert!(matches!(reason, Some("weak_key" | "too_large")), "{algorithm}: {reason:?}");
        }
    }
}

/// More labels than there are, or one twice, are a mistake that readers would take differently.
#[test]
fn labels_that_readers_disagree_about() {
    let good = public(Algorithm::ES256);
    let many: Vec<String> = (0..20).map(|number| format!("op{number}")).collect();
    for (name, value) in [
        ("key_ops", json!(["verify", "verify"])),
        ("key_ops", json!(many)),
        ("key_ops", json!("verify")),
        ("key_ops", json!({ "0": "verify" })),
        ("key_ops", json!([1])),
        ("use", json!(["sig"])),
        ("kid", json!(1)),
        ("kid", json!("")),
        ("kid", json!("x".repeat(257))),
        ("alg", json!(["ES256"])),
    ] {
        let mut key = good.clone();
        key[name] = value.clone();
        assert_eq!(refusal(&key), "invalid_key", "{name} {value}");
    }
}
