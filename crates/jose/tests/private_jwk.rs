//! Private JWKs of every kind: made, written, read, split from their public half, and refused when
//! they contradict themselves or are used for what they are not for.

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    Algorithm, DecryptionKey, EncryptionKey, Error, Jwk, KeyAlgorithm, KeySet, KeyType, PrivateJwk,
    SigningKey, VerifyingKey,
    jwe::{ContentEncryption, KeyManagement},
};
use serde_json::Value;

const TYPES: &[KeyType] = &[
    KeyType::Secret128,
    KeyType::Secret192,
    KeyType::Secret256,
    KeyType::Secret384,
    KeyType::Secret512,
    KeyType::Rsa2048,
    KeyType::P256,
    KeyType::P384,
    KeyType::P521,
    KeyType::Secp256k1,
    KeyType::Ed25519,
    #[cfg(feature = "ed448")]
    KeyType::Ed448,
    KeyType::X25519,
    KeyType::MlDsa44,
    KeyType::MlDsa65,
    KeyType::MlDsa87,
];

fn every_algorithm() -> Vec<KeyAlgorithm> {
    let signatures = Algorithm::ALL.iter().map(|&one| one.into());
    let management = KeyManagement::ALL.iter().map(|&one| one.into());
    let content = ContentEncryption::ALL.iter().map(|&one| one.into());
    signatures.chain(management).chain(content).collect()
}

fn read(key: &Value) -> Result<PrivateJwk, Error> {
    PrivateJwk::from_json(key.to_string().as_bytes())
}

fn value(key: &PrivateJwk) -> Value {
    serde_json::from_str(&key.to_json()).expect("the key is sound")
}

fn members(key: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        key.as_object().expect("the key is sound").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_algorithm_has_a_usual_kind_of_key_that_survives_its_json() {
    for algorithm in every_algorithm() {
        let key = PrivateJwk::generate(algorithm).unwrap();
        let json = value(&key);
        assert_eq!(json["alg"], algorithm.name());
        assert_eq!(value(&read(&json).unwrap()), json, "{algorithm:?}");
        let signs = matches!(algorithm, KeyAlgorithm::Signature(_));
        assert_eq!(json["use"], if signs { "sig" } else { "enc" });
        assert_eq!((key.algorithm().is_some(), key.key_management().is_some()), (signs, !signs));
        let signing = SigningKey::from_jwk(&key);
        assert_eq!(signing.is_ok(), signs, "{algorithm:?}");
        if !signs {
            assert_eq!(signing.err(), Some(Error::WrongKeyUse), "{algorithm:?}");
        }
        if let Some(public) = key.public() {
            assert_eq!(key.key_id(), Some(&*public.thumbprint()));
            assert_eq!(public.key_id(), key.key_id());
            assert_eq!(
                (public.algorithm(), public.key_management()),
                (key.algorithm(), key.key_management())
            );
        }
    }
}

#[test]
fn a_key_is_made_only_for_an_algorithm_that_it_fits() {
    for &kind in TYPES {
        let fitting = every_algorithm()
            .into_iter()
            .filter(|&algorithm| match PrivateJwk::generate_as(kind, algorithm) {
                Ok(_) => true,
                Err(Error::InvalidKey(_) | Error::WeakKey(_)) => false,
                Err(other) => panic!("{kind:?} {algorithm:?}: {other}"),
            })
            .map(KeyAlgorithm::name);
        let fitting: Vec<&str> = fitting.collect();
        let ecdh = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];
        let with_ecdh = |name| [&[name][..], &ecdh].concat();
        let expected: Vec<&str> = match kind {
            KeyType::Secret128 => vec!["dir", "A128KW", "A128GCMKW", "A128GCM"],
            KeyType::Secret192 => vec!["dir", "A192KW", "A192GCMKW", "A192GCM"],
            KeyType::Secret256 => {
                vec!["HS256", "dir", "A256KW", "A256GCMKW", "A256GCM", "A128CBC-HS256"]
            }
            KeyType::Secret384 => vec!["HS256", "HS384", "dir", "A192CBC-HS384"],
            KeyType::Secret512 => vec!["HS256", "HS384", "HS512", "dir", "A256CBC-HS512"],
            KeyType::Rsa2048 => vec![
                "RS256",
                "RS384",
                "RS512",
                "PS256",
                "PS384",
                "PS512",
                "RSA-OAEP",
                "RSA-OAEP-256",
                "RSA-OAEP-384",
                "RSA-OAEP-512",
            ],
            KeyType::P256 => with_ecdh("ES256"),
            KeyType::P384 => with_ecdh("ES384"),
            KeyType::P521 => with_ecdh("ES512"),
            KeyType::Secp256k1 => vec!["ES256K"],
            KeyType::Ed25519 => vec!["Ed25519"],
            #[cfg(feature = "ed448")]
            KeyType::Ed448 => vec!["Ed448"],
            KeyType::X25519 => ecdh.to_vec(),
            KeyType::MlDsa44 => vec!["ML-DSA-44"],
            KeyType::MlDsa65 => vec!["ML-DSA-65"],
            KeyType::MlDsa87 => vec!["ML-DSA-87"],
            _ => unreachable!("{kind:?}"),
        };
        assert_eq!(fitting, expected, "{kind:?}");
    }
}

#[test]
fn rsa_keys_come_in_three_sizes() {
    for (kind, bytes) in [(KeyType::Rsa2048, 256), (KeyType::Rsa3072, 384), (KeyType::Rsa4096, 512)]
    {
        let key = PrivateJwk::generate_as(kind, Algorithm::PS256).unwrap();
        let modulus = value(&key)["n"].as_str().unwrap().len();
        assert_eq!(modulus, (bytes * 4usize).div_ceil(3), "{kind:?}");
        let signing = SigningKey::from_jwk(&key).unwrap();
        assert_eq!(signing.sign(b"m").unwrap().len(), bytes);
    }
}

#[test]
fn debug_and_the_public_half_show_nothing_private() {
    for &kind in TYPES {
        let key = PrivateJwk::from_json(unnamed(kind).to_string().as_bytes()).unwrap();
        let json = value(&key);
        let debug = format!("{key:?}");
        for name in ["d", "p", "q", "dp", "dq", "qi", "k", "priv"] {
            if let Some(text) = json[name].as_str() {
                assert!(!debug.contains(text), "{kind:?} {name}");
                let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).unwrap();
                assert!(!debug.contains(&format!("{bytes:?}")), "{kind:?} {name}");
            }
        }
        let Some(public) = key.public() else { continue };
        let public = serde_json::to_value(&public).unwrap();
        let expected: &[&str] = match json["kty"].as_str().unwrap() {
            "RSA" => &["e", "kty", "n"],
            "EC" => &["crv", "kty", "x", "y"],
            "OKP" => &["crv", "kty", "x"],
            _ => &["alg", "kty", "pub"],
        };
        assert_eq!(members(&public), expected);
        // The whole key is no public one.
        assert_eq!(Jwk::from_json(json.to_string().as_bytes()), Err(Error::PrivateKey));
    }
}

/// A key without a name, and without an algorithm unless that is part of the key.
fn unnamed(kind: KeyType) -> Value {
    let algorithm = every_algorithm().into_iter().find(|&algorithm| {
        KeyType::usual(algorithm) == kind || PrivateJwk::generate_as(kind, algorithm).is_ok()
    });
    let mut json = value(
        &PrivateJwk::generate_as(kind, algorithm.expect("the key is sound"))
            .expect("the key is sound"),
    );
    let object = json.as_object_mut().expect("the key is sound");
    object.retain(|name, _| !["kid", "use"].contains(&name.as_str()));
    if object["kty"] != "AKP" {
        object.remove("alg");
    }
    json
}

#[test]
fn numbers_that_do_not_belong_together_are_refused() {
    for &kind in TYPES.iter().filter(|kind| !format!("{kind:?}").starts_with("Secret")) {
        let (one, other) = (unnamed(kind), unnamed(kind));
        assert!(read(&one).is_ok());
        for name in ["n", "x", "y", "pub", "d", "p", "q", "dp", "dq", "qi", "priv"] {
            if one.get(name).is_none() {
                continue;
            }
            let short = URL_SAFE_NO_PAD.encode_to_string([7; 31]);
            for wrong in [other[name].clone(), short.into(), "".into(), Value::Null, "=".into()] {
                let mut bad = one.clone();
                bad[name] = wrong;
                let refused = read(&bad).err().unwrap_or_else(|| panic!("{kind:?} {bad}"));
                let known = ["invalid_key", "weak_key", "base64"];
                assert!(known.contains(&refused.code()), "{kind:?} {name}: {refused:?}");
            }
        }
    }
}

#[test]
fn private_numbers_out_of_range_are_refused() {
    // Zero, the order of the curve, and one bit beyond the field.
    let order = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
    for d in [URL_SAFE_NO_PAD.encode_to_string([0; 32]), order.to_owned(), "_".repeat(42) + "8"] {
        let mut key = unnamed(KeyType::P256);
        key["d"] = d.into();
        assert!(matches!(read(&key).err(), Some(Error::InvalidKey(_))), "{key}");
    }
    let mut key = unnamed(KeyType::Rsa2048);
    key["oth"] = serde_json::json!([]);
    assert!(matches!(read(&key).err(), Some(Error::UnsupportedKey(_))));
}

#[test]
fn secrets_have_the_length_that_their_algorithm_needs() {
    let secret = |bytes: usize, more: &str| {
        let k = URL_SAFE_NO_PAD.encode_to_string((0..bytes as u8).collect::<Vec<u8>>());
        PrivateJwk::from_json(format!(r#"{{"kty":"oct","k":"{k}"{more}}}"#).as_bytes())
            .map(drop)
            .map_err(|error| error.code())
    };
    let cases: [(usize, &str, Result<(), &str>); 14] = [
        (16, "", Ok(())),
        (15, "", Err("weak_key")),
        (0, "", Err("weak_key")),
        (32, r#","alg":"HS256""#, Ok(())),
        (31, r#","alg":"HS256""#, Err("weak_key")),
        (47, r#","alg":"HS384""#, Err("weak_key")),
        (63, r#","alg":"HS512""#, Err("weak_key")),
        (64, r#","alg":"HS512""#, Ok(())),
        (16, r#","alg":"A128KW""#, Ok(())),
        (17, r#","alg":"A128KW""#, Err("invalid_key")),
        (32, r#","alg":"A256GCM""#, Ok(())),
        (16, r#","alg":"A256GCM""#, Err("invalid_key")),
        (64, r#","alg":"ES256""#, Err("invalid_key")),
        (64, r#","alg":"RSA-OAEP""#, Err("invalid_key")),
    ];
    for (bytes, more, expected) in cases {
        assert_eq!(secret(bytes, more), expected, "{bytes} {more}");
    }
}

/// `use`, `key_ops` and `alg` bind private and public keys alike (RFC 7517 sections 4.2 to 4.4).
#[test]
fn a_key_does_only_what_its_labels_say() {
    for (kind, algorithm) in
        [(KeyType::P384, Algorithm::ES384), (KeyType::Rsa2048, Algorithm::PS384)]
    {
        let plain = unnamed(kind);
        let sign_only = serde_json::json!(["sign"]);
        for (name, label, permitted) in [
            ("use", "sig".into(), true),
            ("use", "enc".into(), false),
            ("use", "tls".into(), false),
            ("key_ops", sign_only, true),
            ("key_ops", serde_json::json!(["sign", "verify"]), true),
            ("key_ops", serde_json::json!(["verify"]), false),
            ("key_ops", serde_json::json!(["unwrapKey", "deriveKey"]), false),
            ("key_ops", serde_json::json!([]), false),
            ("alg", algorithm.name().into(), true),
        ] {
            let mut labelled = plain.clone();
            labelled[name] = label;
            let key = read(&labelled).unwrap();
            let signing = SigningKey::from_jwk_as(&key, algorithm);
            assert_eq!(signing.is_ok(), permitted, "{kind:?} {name} {}", labelled[name]);
            if !permitted {
                assert_eq!(signing.err(), Some(Error::WrongKeyUse));
                assert_eq!(SigningKey::from_jwk(&key).err(), Some(Error::WrongKeyUse));
                continue;
            }
            // The operations of the public half are the counterparts.
            let public = key.public().unwrap();
            let verifying = VerifyingKey::from_jwk_as(&public, algorithm).unwrap();
            let signature = signing.unwrap().sign(b"m").unwrap();
            assert_eq!(verifying.verify(b"m", &signature), Ok(()));
            assert!(!serde_json::to_string(&public).unwrap().contains(r#""sign""#));
        }
    }
}

/// The public half of a key with permissions can be given to a sender as it is.
#[test]
fn the_public_half_encrypts_whatever_operations_the_private_one_lists() {
    for (algorithm, operations) in [
        (KeyManagement::EcdhEsA256KW, serde_json::json!(["deriveKey"])),
        (KeyManagement::EcdhEs, serde_json::json!(["deriveBits", "deriveKey"])),
        (KeyManagement::RsaOaep256, serde_json::json!(["unwrapKey"])),
    ] {
        let plain = PrivateJwk::generate(algorithm).unwrap();
        let mut labelled: Value = serde_json::from_str(&plain.to_json()).unwrap();
        labelled["key_ops"] = operations;
        let key = read(&labelled).unwrap();
        assert!(DecryptionKey::from_jwk(&key).is_ok(), "{algorithm}");
        let public = key.public().unwrap();
        assert!(EncryptionKey::from_jwk(&public).is_ok(), "{algorithm}");
        let published = serde_json::to_string(&public).unwrap();
        assert!(!published.contains(r#""key_ops":[]"#), "{published}");
    }
}

#[test]
fn a_private_key_can_be_renamed() {
    for algorithm in [Algorithm::ES256, Algorithm::HS256] {
        let key = PrivateJwk::generate(algorithm).unwrap().with_key_id("2026-11").unwrap();
        assert_eq!(key.key_id(), Some("2026-11"));
        let signing = SigningKey::from_jwk(&key).unwrap();
        assert_eq!(signing.key_id(), "2026-11");
        assert_eq!(signing.verifying_key().key_id(), "2026-11");
        let public = key.public().map(|public| public.key_id().map(str::to_owned));
        assert_eq!(public, (algorithm == Algorithm::ES256).then(|| Some("2026-11".to_owned())));
        assert!(matches!(key.with_key_id("a\nb"), Err(Error::InvalidKey(_))));
    }
}

#[test]
fn an_rsa_key_is_bound_by_its_alg_or_by_the_caller() {
    let plain = unnamed(KeyType::Rsa2048);
    let key = read(&plain).unwrap();
    assert_eq!(key.algorithm(), None);
    assert_eq!(SigningKey::from_jwk(&key).unwrap().algorithm(), Algorithm::RS256);
    let public = key.public().unwrap();
    assert_eq!(VerifyingKey::from_jwk(&public).unwrap().algorithm(), Algorithm::RS256);
    let mut bound = plain;
    bound["alg"] = "PS512".into();
    let bound = read(&bound).unwrap();
    let half = bound.public().unwrap();
    for &algorithm in Algorithm::ALL {
        let fits = matches!(&algorithm.name()[..2], "RS" | "PS");
        let (signing, verifying) = (
            SigningKey::from_jwk_as(&key, algorithm),
            VerifyingKey::from_jwk_as(&public, algorithm),
        );
        assert_eq!((signing.is_ok(), verifying.is_ok()), (fits, fits), "{algorithm}");
        let same = algorithm == Algorithm::PS512;
        let signing = SigningKey::from_jwk_as(&bound, algorithm);
        assert_eq!(signing.is_ok(), same, "{algorithm}");
        let refused = |error| match error {
            Some(Error::WrongKeyUse) => fits,
            Some(Error::InvalidKey(_)) => !fits,
            _ => false,
        };
        assert!(same || refused(signing.err()), "{algorithm}");
        let verifying = VerifyingKey::from_jwk_as(&half, algorithm);
        assert_eq!(verifying.is_ok(), same, "{algorithm}");
        assert!(same || refused(verifying.err()), "{algorithm}");
    }
}

#[test]
fn keys_of_encryption_are_left_out_of_a_set_of_verification_keys() {
    let keys = [
        PrivateJwk::generate(Algorithm::ES256).unwrap(),
        PrivateJwk::generate(KeyManagement::EcdhEs).unwrap(),
        PrivateJwk::generate(KeyManagement::RsaOaep256).unwrap(),
        PrivateJwk::generate_as(KeyType::X25519, KeyManagement::EcdhEsA256KW).unwrap(),
        PrivateJwk::generate(Algorithm::MlDsa65).unwrap(),
    ];
    let public: Vec<Jwk> = keys.iter().filter_map(PrivateJwk::public).collect();
    let json = serde_json::json!({ "keys": public }).to_string();
    let (set, rejected) = KeySet::from_jwks_json(json.as_bytes()).unwrap();
    assert_eq!(set.len(), 2);
    let reasons: Vec<_> = rejected.into_iter().map(|key| key.reason).collect();
    assert_eq!(reasons, [Error::WrongKeyUse, Error::WrongKeyUse, Error::WrongKeyUse]);
}

/// RFC 9278 section 4, with the key of RFC 7638 section 3.1.
#[test]
fn the_thumbprint_as_a_uri() {
    let modulus = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1",
        "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4",
        "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO",
        "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF",
        "Cur-kEgU8awapJzKnqDKgw",
    );
    let json =
        format!(r#"{{"kty":"RSA","n":"{modulus}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
    let key = Jwk::from_json(json.as_bytes()).unwrap();
    let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(key.thumbprint(), expected);
    let uri = format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{expected}");
    assert_eq!(key.thumbprint_uri(), uri);
    let renamed = key.with_key_id("mine").unwrap();
    assert_eq!((renamed.key_id(), &*renamed.thumbprint()), (Some("mine"), expected));
    for bad in ["", "line\nbreak", &"x".repeat(257)] {
        let refused = renamed.clone().with_key_id(bad);
        assert!(matches!(refused, Err(Error::InvalidKey(_))), "{bad:?}");
    }
}
