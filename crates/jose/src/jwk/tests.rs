use super::*;
use crate::{SigningKey, VerifyingKey, base64url};

// RFC 8037 appendix A.1 and A.2.
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

fn ed25519(more: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED25519_X}"{more}}}"#)
}

fn read(json: &str) -> Result<Jwk, Error> {
    Jwk::from_json(json.as_bytes())
}

#[test]
fn a_public_key_reads_back_as_it_was_written() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::Ed25519] {
        let jwk = SigningKey::generate(algorithm).unwrap().public_jwk().unwrap();
        let json: serde_json::Value = serde_json::to_value(&jwk).unwrap();
        assert_eq!(read(&json.to_string()), Ok(jwk.clone()));
        assert_eq!(json["kid"], jwk.thumbprint());
        assert_eq!(json["alg"], algorithm.name());
        assert_eq!(json["use"], "sig");
        assert!(PRIVATE_MEMBERS.iter().all(|name| json.get(name).is_none()));
    }
}

#[test]
fn the_thumbprint_ignores_all_but_the_required_members() {
    // RFC 8037 appendix A.3.
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    for more in ["", r#","kid":"a","use":"sig","alg":"EdDSA","z":1"#] {
        assert_eq!(read(&ed25519(more)).unwrap().thumbprint(), expected);
    }
    let unnamed = read(&ed25519("")).unwrap();
    assert_eq!(unnamed.key_id(), None);
    assert_eq!(VerifyingKey::from_jwk(&unnamed).unwrap().key_id(), expected);
    let named = read(&ed25519(r#","kid":"a""#)).unwrap();
    assert_eq!(VerifyingKey::from_jwk(&named).unwrap().key_id(), "a");
}

#[test]
fn private_members_are_refused_in_a_public_key() {
    for name in PRIVATE_MEMBERS {
        let json = ed25519(&format!(r#","{name}":"AAAA""#));
        assert_eq!(read(&json), Err(Error::PrivateKey), "{name}");
    }
    assert_eq!(read(r#"{"kty":"oct"}"#), Err(Error::PrivateKey));
}

#[test]
fn malformed_and_foreign_keys_are_refused_each_for_its_reason() {
    let coordinate = base64url::encode(&[1; 32]);
    let off_curve =
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{coordinate}","y":"{coordinate}"}}"#);
    let short = r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#;
    for (json, code) in [
        ("{}", "invalid_key"),
        (r#"{"kty":7}"#, "invalid_key"),
        (r#"{"kty":"quantum"}"#, "unsupported_key"),
        (r#"{"kty":"AKP"}"#, "invalid_key"),
        (r#"{"kty":"AKP","alg":7}"#, "invalid_key"),
        (r#"{"kty":"AKP","alg":"ES256"}"#, "unsupported_key"),
        (r#"{"kty":"AKP","alg":"ML-DSA-44"}"#, "invalid_key"),
        (r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}"#, "invalid_key"),
        (r#"{"kty":"EC"}"#, "invalid_key"),
        (r#"{"kty":"EC","crv":"P-384"}"#, "invalid_key"),
        (r#"{"kty":"EC","crv":"P-224"}"#, "unsupported_key"),
        (r#"{"kty":"OKP","crv":"X25519"}"#, "invalid_key"),
        (r#"{"kty":"OKP","crv":"X448"}"#, "unsupported_key"),
        (r#"{"kty":"OKP","crv":"P-256"}"#, "unsupported_key"),
        (r#"{"kty":"OKP","crv":"Ed25519"}"#, "invalid_key"),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"A="}"#, "base64"),
        (short, "invalid_key"),
        (&off_curve, "invalid_key"),
        (&ed25519(r#","alg":"ES256""#), "invalid_key"),
        (&ed25519(r#","alg":"RSA-OAEP-256""#), "invalid_key"),
        (&ed25519(r#","alg":"RSA1_5""#), "unsupported_key"),
        (&ed25519(r#","alg":7"#), "invalid_key"),
        (&ed25519(r#","kid":7"#), "invalid_key"),
        (&ed25519(r#","kid":"\u0000""#), "invalid_key"),
        (&ed25519(r#","use":7"#), "invalid_key"),
        (&ed25519(r#","key_ops":"verify""#), "invalid_key"),
        (&ed25519(r#","key_ops":[7]"#), "invalid_key"),
        (&ed25519(r#","kty":"OKP""#), "duplicate_member"),
    ] {
        assert_eq!(read(json).map_err(|error| error.code()), Err(code), "{json}");
    }
    assert_eq!(Jwk::from_json(&[b' '; MAX_BYTES + 1]), Err(Error::TooLarge));
}

#[test]
fn use_and_operations_decide_what_a_key_may_do() {
    for (more, permitted) in [
        (r#","use":"sig""#, true),
        (r#","key_ops":["verify"]"#, true),
        (r#","use":"sig","key_ops":["sign","verify"]"#, true),
        (r#","use":"enc""#, false),
        (r#","use":"tls""#, false),
        (r#","key_ops":[]"#, false),
        (r#","key_ops":["sign"]"#, false),
        (r#","use":"enc","key_ops":["verify"]"#, false),
    ] {
        let result = VerifyingKey::from_jwk(&read(&ed25519(more)).unwrap());
        assert_eq!(result.is_ok(), permitted, "{more}");
        assert!(permitted || matches!(result, Err(Error::WrongKeyUse)));
    }
}

#[test]
fn a_private_key_keeps_its_name_and_signs() {
    let json = ed25519(&format!(r#","d":"{ED25519_D}","kid":"mine""#));
    let key = SigningKey::from_jwk_json(json.as_bytes()).unwrap();
    assert_eq!((key.algorithm(), key.key_id()), (Algorithm::Ed25519, "mine"));
    assert_eq!(key.public_jwk().unwrap().key_id(), Some("mine"));
    let public = VerifyingKey::from_jwk(&read(&ed25519("")).unwrap()).unwrap();
    assert_eq!(public.verify(b"m", &key.sign(b"m").unwrap()), Ok(()));
}

#[test]
fn private_keys_that_contradict_themselves_are_refused() {
    let other = base64url::encode(&[9; 32]);
    for more in [
        String::new(),
        format!(r#","d":"{other}""#),
        r#","d":"AAAA""#.to_owned(),
        format!(r#","d":"{ED25519_D}","alg":"ES256""#),
    ] {
        let refused = SigningKey::from_jwk_json(ed25519(&more).as_bytes()).err();
        assert!(matches!(refused, Some(Error::InvalidKey(_))), "{more}: {refused:?}");
    }
    let more_primes = ed25519(&format!(r#","d":"{ED25519_D}","oth":[]"#));
    let refused = SigningKey::from_jwk_json(more_primes.as_bytes()).err();
    assert!(matches!(refused, Some(Error::UnsupportedKey(_))));
    let may_not = ed25519(&format!(r#","d":"{ED25519_D}","key_ops":["verify"]"#));
    assert_eq!(SigningKey::from_jwk_json(may_not.as_bytes()).err(), Some(Error::WrongKeyUse));
}

#[test]
fn a_secret_names_its_algorithm_and_is_long_enough() {
    let secret = base64url::encode(&(0..32).collect::<Vec<u8>>());
    let read = |more: &str| {
        SigningKey::from_jwk_json(format!(r#"{{"kty":"oct","k":"{secret}"{more}}}"#).as_bytes())
    };
    assert_eq!(read(r#","alg":"HS256","kid":"s""#).unwrap().key_id(), "s");
    assert!(matches!(read("").err(), Some(Error::InvalidKey(_))));
    assert!(matches!(read(r#","alg":"ES256""#).err(), Some(Error::InvalidKey(_))));
    assert_eq!(read(r#","alg":"HS256","use":"enc""#).err(), Some(Error::WrongKeyUse));
    let short = r#"{"kty":"oct","alg":"HS256","k":"AAECAw"}"#;
    assert!(matches!(SigningKey::from_jwk_json(short.as_bytes()).err(), Some(Error::WeakKey(_))));
}
