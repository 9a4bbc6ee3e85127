//! Encrypted tokens that must not be accepted, each with the exact reason for its refusal.
//!
//! Unless a row says otherwise the token is encrypted with the right key: the refusal must come
//! from what the row changes, not from a tag that does not fit.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    DecryptionKey, EncryptionKey, Error, Jwk, KeyType, PrivateJwk,
    jwe::{self, ContentEncryption, KeyManagement, MediaTypes, compact, password},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: &[ContentEncryption] = ContentEncryption::ALL;
const ENC: ContentEncryption = ContentEncryption::A128GCM;
const SECRET: [u8; 16] = [7; 16];

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

/// The key under which the forger of this file encrypts.
fn direct() -> DecryptionKey {
    DecryptionKey::from_secret(KeyManagement::Dir, &SECRET).unwrap()
}

/// What is encrypted, and its tag, with anything as the authenticated data.
fn seal(authenticated: &str, content: &[u8]) -> [String; 3] {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &SECRET).unwrap());
    let (iv, mut content) = ([1; 12], content.to_vec());
    let nonce = Nonce::assume_unique_for_key(iv);
    let aad = Aad::from(authenticated);
    let tag = key.seal_in_place_separate_tag(nonce, aad, &mut content).unwrap();
    [encode(iv), encode(content), encode(tag)]
}

/// A compact token with any header, as somebody with the key would write it.
fn forge(header: &str, content: &[u8]) -> String {
    let header = encode(header);
    let [iv, content, tag] = seal(&header, content);
    format!("{header}..{iv}.{content}.{tag}")
}

fn refused(token: &str) -> Option<Error> {
    compact::decrypt(&direct(), ALL, token).err()
}

/// One key of each algorithm, and of each curve; made once, since RSA takes its time.
static KEYS: LazyLock<Vec<DecryptionKey>> = LazyLock::new(keys);

fn keys() -> Vec<DecryptionKey> {
    let generate = |kind, management| {
        DecryptionKey::from_jwk(&PrivateJwk::generate_as(kind, management).unwrap()).unwrap()
    };
    let curves = [KeyType::P384, KeyType::P521, KeyType::X25519];
    let usual = KeyManagement::ALL.iter().map(|&algorithm| {
        let kind = KeyType::usual(algorithm);
        generate(kind, algorithm)
    });
    usual.chain(curves.map(|kind| generate(kind, KeyManagement::EcdhEsA256KW))).collect()
}

/// A method that fits every key, also the 32 bytes for `dir`.
const FITTING: ContentEncryption = ContentEncryption::A128CbcHs256;

fn token(key: &DecryptionKey, plaintext: &[u8]) -> String {
    compact::encrypt(&key.encryption_key(), FITTING, MediaTypes::default(), plaintext).unwrap()
}

fn parts(token: &str) -> Vec<String> {
    token.split('.').map(str::to_owned).collect()
}

#[test]
fn the_forger_of_this_file_can_write_good_tokens() {
    let token = forge(r#"{"alg":"dir","enc":"A128GCM"}"#, b"content");
    let decrypted = compact::decrypt(&direct(), &[ENC], &token).unwrap();
    assert_eq!(decrypted.plaintext(), b"content");
}

#[test]
fn hostile_headers_are_refused_each_for_its_reason() {
    let long = format!(r#"{{"alg":"dir","enc":"A128GCM","x":"{}"}}"#, "x".repeat(5000));
    let many: Vec<String> = (0..70).map(|place| format!(r#""m{place}":0"#)).collect();
    let many = format!(r#"{{"alg":"dir","enc":"A128GCM",{}}}"#, many.join(","));
    let deep =
        format!(r#"{{"alg":"dir","enc":"A128GCM","x":{}{}}}"#, "[".repeat(20), "]".repeat(20));
    for (header, expected) in [
        // crit is refused, whatever it names: authlib CVE-2025-59420, fast-jwt CVE-2026-35042.
        (r#"{"alg":"dir","enc":"A128GCM","crit":["exp"],"exp":1}"#, Error::UnknownCritical),
        (r#"{"alg":"dir","enc":"A128GCM","crit":[]}"#, Error::UnknownCritical),
        (r#"{"alg":"dir","enc":"A128GCM","crit":null}"#, Error::UnknownCritical),
        (r#"{"alg":"dir","enc":"A128GCM","b64":true}"#, Error::InvalidHeader("b64")),
        (r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#, Error::InvalidHeader("zip")),
        (r#"{"alg":"dir","enc":"A128GCM","zip":null}"#, Error::InvalidHeader("zip")),
        // A password protects no token.
        (r#"{"alg":"dir","enc":"A128GCM","p2c":1000}"#, Error::InvalidHeader("p2c")),
        (r#"{"alg":"dir","enc":"A128GCM","p2s":"AAAA"}"#, Error::InvalidHeader("p2s")),
        (
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAAAAAAAAA","p2c":2147483647}"#,
            Error::AlgorithmNotAllowed,
        ),
        (r#"{"alg":"none","enc":"A128GCM"}"#, Error::AlgorithmNotAllowed),
        (r#"{"alg":"Dir","enc":"A128GCM"}"#, Error::AlgorithmNotAllowed),
        (r#"{"alg":"dir ","enc":"A128GCM"}"#, Error::AlgorithmNotAllowed),
        (r#"{"alg":"HS256","enc":"A128GCM"}"#, Error::AlgorithmNotAllowed),
        (r#"{"alg":"RSA1_5","enc":"A128GCM"}"#, Error::AlgorithmNotAllowed),
        (r#"{"alg":"A128KW","enc":"A128GCM"}"#, Error::AlgorithmNotAllowed),
        (r#"{"enc":"A128GCM"}"#, Error::InvalidHeader("alg")),
        (r#"{"alg":["dir"],"enc":"A128GCM"}"#, Error::InvalidHeader("alg")),
        (r#"{"alg":"dir"}"#, Error::InvalidHeader("enc")),
        (r#"{"alg":"dir","enc":7}"#, Error::InvalidHeader("enc")),
        (r#"{"alg":"dir","enc":"a128gcm"}"#, Error::EncryptionNotAllowed),
        (r#"{"alg":"dir","enc":"none"}"#, Error::EncryptionNotAllowed),
        (r#"{"alg":"dir","enc":""}"#, Error::EncryptionNotAllowed),
        (r#"{"alg":"dir","enc":"A128GCM","kid":7}"#, Error::InvalidHeader("kid")),
        (r#"{"alg":"dir","enc":"A128GCM","kid":"a\nb"}"#, Error::InvalidHeader("kid")),
        (r#"{"alg":"dir","enc":"A128GCM","typ":[]}"#, Error::InvalidHeader("typ")),
        (r#"{"alg":"dir","enc":"A128GCM","cty":""}"#, Error::InvalidHeader("cty")),
        (r#"{"alg":"dir","alg":"dir","enc":"A128GCM"}"#, Error::DuplicateMember),
        (r#"{"alg":"dir","enc":"A128GCM","\u0065nc":"A128GCM"}"#, Error::DuplicateMember),
        (r#"["dir"]"#, Error::Json),
        (r#"{"alg":"dir","enc":"A128GCM"}x"#, Error::Json),
        (&deep, Error::Json),
        (&many, Error::TooLarge),
        (&long, Error::TooLarge),
    ] {
        assert_eq!(refused(&forge(header, b"content")), Some(expected), "{header}");
    }
}

/// A token cannot bring or point at its own key: CVE-2018-0114, CVE-2026-27962.
#[test]
fn keys_in_the_header_are_never_used() {
    let header = json!({
        "alg": "dir", "enc": "A128GCM", "jku": "https://evil.example", "x5c": ["MII"],
        "x5u": "https://evil.example", "jwk": { "kty": "oct", "k": encode([9; 16]) },
    });
    let token = forge(&header.to_string(), b"content");
    let decrypted = compact::decrypt(&direct(), ALL, &token).unwrap();
    assert_eq!(decrypted.plaintext(), b"content", "they are not looked at");
    let other = DecryptionKey::from_secret(KeyManagement::Dir, &[9; 16]).unwrap();
    assert_eq!(compact::decrypt(&other, ALL, &token).err(), Some(Error::Decryption));
}

#[test]
fn only_what_is_accepted_is_read() {
    let token = forge(r#"{"alg":"dir","enc":"A128GCM"}"#, b"content");
    let accepted = |list| compact::decrypt(&direct(), list, &token).err();
    assert_eq!(accepted(&[]), Some(Error::EncryptionNotAllowed));
    assert_eq!(accepted(&[ContentEncryption::A256GCM]), Some(Error::EncryptionNotAllowed));
    assert_eq!(accepted(&[ContentEncryption::A256GCM, ENC]), None);
}

/// Nothing tells which step failed (RFC 7516 section 11.5): CVE-2017-12973, and what
/// Bleichenbacher did with such a difference.
#[test]
fn everything_that_fails_while_decrypting_is_the_same_error() {
    for (key, other) in KEYS.iter().zip(&keys()) {
        let name = key.key_management();
        let good = parts(&token(key, b"seventeen letters"));
        let mut broken = Vec::new();
        for (part, bytes) in good.iter().enumerate().skip(1) {
            let bytes = decode(bytes);
            if bytes.is_empty() {
                broken.push((part, vec![0; 40]));
                continue;
            }
            for at in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                broken.push((part, changed));
            }
            // CVE-2026-34986 was a panic when the encrypted key was empty.
            for length in [0, 1, 4, 8, 12, 15, bytes.len() - 1] {
                broken.push((part, bytes[..length.min(bytes.len() - 1)].to_vec()));
            }
            broken.push((part, [&bytes[..], &[0]].concat()));
            broken.push((part, [&bytes[..], &bytes[..]].concat()));
            broken.push((part, vec![0; bytes.len()]));
            broken.push((part, vec![0xff; bytes.len()]));
        }
        for (part, bytes) in broken {
            let mut changed = good.clone();
            changed[part] = encode(&bytes);
            let verdict = compact::decrypt(key, ALL, &changed.join(".")).err();
            assert_eq!(verdict, Some(Error::Decryption), "{name} part {part}: {bytes:?}");
        }
        let verdict = compact::decrypt(other, ALL, &good.join(".")).err();
        assert_eq!(verdict, Some(Error::Decryption), "{name}: another key");
    }
}

#[test]
fn every_change_of_a_character_is_refused() {
    for key in KEYS.iter() {
        let good = token(key, b"content");
        // The last characters of each part, and the rest in steps: RSA takes its time.
        let step = if good.len() > 500 { 7 } else { 1 };
        for place in (0..good.len()).step_by(step) {
            for replacement in ["A", "_", "=", ".", " ", ""] {
                let mut changed = good.clone();
                changed.replace_range(place..=place, replacement);
                if changed != good {
                    assert!(compact::decrypt(key, ALL, &changed).is_err(), "{changed}");
                }
            }
        }
    }
}

/// The last character of a part has bits that stand for nothing; they must be zero.
#[test]
fn a_token_has_one_spelling() {
    let good = forge(r#"{"alg":"dir","enc":"A128GCM"}"#, b"content");
    assert_eq!(refused(&good), None);
    for bad in [format!("{good}="), format!("{good}\n"), format!(" {good}"), good.replace('_', "/")]
    {
        if bad != good {
            assert_eq!(refused(&bad), Some(Error::Base64), "{bad:?}");
        }
    }
    let (rest, tag) = good.split_at(good.len() - 22);
    let last = tag.chars().last().unwrap();
    let next = char::from(last as u8 + 1);
    let bad = format!("{rest}{}{next}", &tag[..21]);
    assert_eq!(refused(&bad), Some(Error::Base64), "{bad}");
}

#[test]
fn another_method_in_the_header_does_not_help() {
    let key = DecryptionKey::from_secret(KeyManagement::Dir, &[7; 32]).unwrap();
    let methods = [ContentEncryption::A256GCM, ContentEncryption::A128CbcHs256];
    for (one, other) in [(methods[0], methods[1]), (methods[1], methods[0])] {
        let types = MediaTypes::default();
        let token = compact::encrypt(&key.encryption_key(), one, types, b"content").unwrap();
        let mut parts = parts(&token);
        let header = String::from_utf8(decode(&parts[0])).unwrap();
        parts[0] = encode(header.replace(one.name(), other.name()));
        let verdict = compact::decrypt(&key, ALL, &parts.join(".")).err();
        assert_eq!(verdict, Some(Error::Decryption));
    }
}

/// The content key of a short method, where a long one is named: its length must fit.
#[test]
fn a_content_key_of_another_length_is_refused() {
    for management in [KeyManagement::A128KW, KeyManagement::A128GCMKW, KeyManagement::RsaOaep] {
        let key = DecryptionKey::generate(management).unwrap();
        let types = MediaTypes::default();
        let token = compact::encrypt(&key.encryption_key(), ENC, types, b"content").unwrap();
        for other in ALL.iter().filter(|&&other| other != ENC) {
            let mut parts = parts(&token);
            let header = String::from_utf8(decode(&parts[0])).unwrap();
            parts[0] = encode(header.replace("A128GCM\"", &format!("{}\"", other.name())));
            let verdict = compact::decrypt(&key, ALL, &parts.join(".")).err();
            assert_eq!(verdict, Some(Error::Decryption), "{management} {other}");
        }
    }
}

#[test]
fn a_key_for_direct_use_comes_with_no_encrypted_key() {
    let token = forge(r#"{"alg":"dir","enc":"A128GCM"}"#, b"content");
    let with_key = token.replacen("..", &format!(".{}.", encode([0; 24])), 1);
    assert_eq!(refused(&with_key), Some(Error::Decryption));
    let key = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap();
    let types = MediaTypes::default();
    let token = compact::encrypt(&key.encryption_key(), ENC, types, b"content").unwrap();
    let with_key = token.replacen("..", &format!(".{}.", encode([0; 24])), 1);
    assert_eq!(compact::decrypt(&key, ALL, &with_key).err(), Some(Error::Decryption));
}

/// go-jose CVE-2016-9121, nimbus CVE-2017-12974, node-jose CVE-2017-16007: each point that is not
/// on the curve gives away some of the private key.
#[test]
fn a_point_that_is_not_on_the_curve_of_the_key_is_refused() {
    let on_p256 = |kind| PrivateJwk::generate_as(kind, KeyManagement::EcdhEs).unwrap();
    let public = |kind| serde_json::to_value(on_p256(kind).public().unwrap()).unwrap();
    let good = public(KeyType::P256);
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    for management in [KeyManagement::EcdhEs, KeyManagement::EcdhEsA128KW] {
        let key = DecryptionKey::generate(management).unwrap();
        for epk in [
            with("x", good["y"].clone()),
            with("y", json!(encode([1; 32]))),
            with("x", json!(encode([0; 32]))),
            with("x", json!(encode([0xff; 32]))),
            with("x", json!(encode([1; 31]))),
            with("y", json!(encode([0; 33]))),
            with("y", json!("not base64url!")),
            with("y", json!(7)),
            with("crv", json!("P-384")),
            with("crv", json!("P-521")),
            with("crv", json!("secp256k1")),
            with("crv", json!("Ed25519")),
            with("kty", json!("OKP")),
            with("kty", json!("RSA")),
            with("d", json!(encode([1; 32]))),
            public(KeyType::P384),
            public(KeyType::P521),
            public(KeyType::X25519),
            json!({}),
            json!("epk"),
            Value::Null,
            json!([good]),
        ] {
            let header = json!({ "alg": management.name(), "enc": "A128GCM", "epk": epk });
            let token = forge(&header.to_string(), b"content");
            let verdict = compact::decrypt(&key, ALL, &token).err();
            assert_eq!(verdict, Some(Error::InvalidHeader("epk")), "{epk}");
        }
        let missing = forge(&format!(r#"{{"alg":"{management}","enc":"A128GCM"}}"#), b"content");
        let verdict = compact::decrypt(&key, ALL, &missing).err();
        assert_eq!(verdict, Some(Error::InvalidHeader("epk")));
        let header = json!({ "alg": management.name(), "enc": "A128GCM", "epk": good });
        for name in ["apu", "apv"] {
            for value in [json!(7), json!("a b"), json!("QR")] {
                let mut header = header.clone();
                header[name] = value;
                let token = forge(&header.to_string(), b"content");
                let verdict = compact::decrypt(&key, ALL, &token).err();
                assert_eq!(verdict.map(|error| error.code()), Some("invalid_header"), "{header}");
            }
        }
    }
}

/// The agreed secret would be all zeros, whatever the private key, so that anybody could write the
/// token (RFC 7748 section 6.1). The content key is that of a reader who does not check.
#[test]
fn an_x25519_point_of_small_order_is_refused() {
    let jwk = PrivateJwk::generate_as(KeyType::X25519, KeyManagement::EcdhEs).unwrap();
    let key = DecryptionKey::from_jwk(&jwk).unwrap();
    let info = b"\0\0\0\x07A128GCM\0\0\0\0\0\0\0\0\0\0\0\x80";
    let zeros = [&[0, 0, 0, 1][..], &[0; 32], info].concat();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &zeros);
    let known = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &hash.as_ref()[..16]).unwrap());
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        let epk = json!({ "kty": "OKP", "crv": "X25519", "x": encode(point) });
        let header = encode(json!({ "alg": "ECDH-ES", "enc": "A128GCM", "epk": epk }).to_string());
        let mut content = b"content".to_vec();
        let (nonce, aad) = (Nonce::assume_unique_for_key([1; 12]), Aad::from(&header));
        let tag = known.seal_in_place_separate_tag(nonce, aad, &mut content).unwrap();
        let [iv, content, tag] = [&[1; 12][..], &content, tag.as_ref()].map(encode);
        let token = format!("{header}..{iv}.{content}.{tag}");
        assert_eq!(compact::decrypt(&key, ALL, &token).err(), Some(Error::Decryption));
    }
}

#[test]
fn the_parameters_of_gcm_key_wrap_have_their_exact_lengths() {
    let key = DecryptionKey::generate(KeyManagement::A128GCMKW).unwrap();
    for (name, length) in [("iv", 12), ("tag", 16)] {
        for value in [
            Value::Null,
            json!(7),
            json!(""),
            json!(encode(vec![0; length - 1])),
            json!(encode(vec![0; length + 1])),
            json!(encode(vec![0; 4])),
        ] {
            let mut header = json!({ "alg": "A128GCMKW", "enc": "A128GCM",
                "iv": encode([0; 12]), "tag": encode([0; 16]) });
            header[name] = value;
            let token = forge(&header.to_string(), b"content");
            let verdict = compact::decrypt(&key, ALL, &token).err();
            assert_eq!(verdict, Some(Error::InvalidHeader(name)), "{header}");
        }
    }
}

/// CVE-2024-28180, CVE-2024-33664, CVE-2024-28176, CVE-2025-63811.
#[cfg(feature = "deflate")]
#[test]
fn a_zip_bomb_ends_at_the_limit() {
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; 16 << 20], 9);
    let token = forge(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#, &bomb);
    assert_eq!(refused(&token), Some(Error::InvalidHeader("zip")));
    let read = |max, token: &str| compact::decrypt_inflating(&direct(), ALL, max, token);
    for max in [0, 1, 1000, (16 << 20) - 1] {
        assert_eq!(read(max, &token).err(), Some(Error::TooLarge), "{max}");
    }
    assert_eq!(read(16 << 20, &token).unwrap().plaintext().len(), 16 << 20);
    let broken = forge(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#, &bomb[..bomb.len() / 2]);
    assert_eq!(read(1 << 30, &broken).err(), Some(Error::Decryption));
    let nothing = forge(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#, b"");
    assert_eq!(read(1000, &nothing).err(), Some(Error::Decryption));
    for zip in ["\"def\"", "\"GZ\"", "null", "[\"DEF\"]"] {
        let other = forge(&format!(r#"{{"alg":"dir","enc":"A128GCM","zip":{zip}}}"#), &bomb);
        assert_eq!(read(1000, &other).err(), Some(Error::InvalidHeader("zip")), "{zip}");
    }
    let plain = forge(r#"{"alg":"dir","enc":"A128GCM"}"#, b"content");
    assert_eq!(read(0, &plain).unwrap().plaintext(), b"content", "it is not compressed");
}

/// CVE-2025-27144, CVE-2025-30204: a reader that splits at every dot.
#[test]
fn a_token_of_another_shape_or_size_is_refused() {
    for (bad, expected) in [
        (String::new(), Error::Malformed),
        ("a.b.c.d".to_owned(), Error::Malformed),
        ("a.b.c.d.e.f".to_owned(), Error::Malformed),
        (".".repeat(60_000), Error::Malformed),
        (".".repeat(70_000), Error::TooLarge),
        ("a".repeat(8 << 20), Error::TooLarge),
        // json-jwt CVE-2023-51774: a signed token where an encrypted one is expected.
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), Error::WrongProtection),
        ("{}".to_owned(), Error::Malformed),
    ] {
        assert_eq!(refused(&bad), Some(expected), "{:.20}", bad);
    }
}

#[test]
fn a_token_goes_only_to_its_own_kind_of_key() {
    for key in KEYS.iter() {
        let token = token(key, b"content");
        for other in KEYS.iter().filter(|other| other.key_management() != key.key_management()) {
            let verdict = compact::decrypt(other, ALL, &token).err();
            assert_eq!(verdict, Some(Error::AlgorithmNotAllowed));
        }
        assert_eq!(password::open(b"secret", &token).err(), Some(Error::AlgorithmNotAllowed));
    }
}

fn jwk(value: &Value) -> Result<EncryptionKey, Error> {
    EncryptionKey::from_jwk(&Jwk::from_json(value.to_string().as_bytes())?)
}

#[test]
fn a_key_serves_only_what_it_is_for() {
    let algorithm = KeyManagement::EcdhEs;
    let key = PrivateJwk::generate(algorithm).unwrap();
    let public = serde_json::to_value(key.public().unwrap()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = public.clone();
        changed[name] = value;
        if changed[name].is_null() {
            changed.as_object_mut().unwrap().remove(name);
        }
        changed
    };
    assert!(jwk(&public).is_ok());
    assert!(jwk(&with("use", Value::Null)).is_ok());
    assert!(jwk(&with("key_ops", json!(["deriveBits"]))).is_ok());
    let code = |value: &Value| jwk(value).err();
    assert_eq!(code(&with("use", json!("sig"))), Some(Error::WrongKeyUse));
    assert_eq!(code(&with("key_ops", json!(["encrypt"]))), Some(Error::WrongKeyUse));
    // What Web Crypto exports: the public half of an agreement has no operation of its own.
    assert_eq!(code(&with("key_ops", json!([]))), None);
    let mut signing = with("key_ops", json!([]));
    signing["use"] = json!("sig");
    assert_eq!(code(&signing), Some(Error::WrongKeyUse));
    assert_eq!(code(&with("alg", json!("ES256"))), Some(Error::WrongKeyUse));
    assert_eq!(code(&with("alg", json!("RSA1_5"))), Some(Error::UnsupportedKey("alg")));
    assert!(matches!(code(&with("alg", json!("RSA-OAEP"))), Some(Error::InvalidKey(_))));
    assert!(matches!(code(&with("alg", Value::Null)), Some(Error::InvalidKey(_))));
    let unnamed = Jwk::from_json(with("alg", Value::Null).to_string().as_bytes()).unwrap();
    for (other, kind) in [
        (KeyManagement::EcdhEsA256KW, None),
        (KeyManagement::RsaOaep, Some("unsupported_key")),
        (KeyManagement::A128KW, Some("unsupported_key")),
        (KeyManagement::Dir, Some("unsupported_key")),
    ] {
        let verdict = EncryptionKey::from_jwk_as(&unnamed, other).err();
        assert_eq!(verdict.map(|error| error.code()), kind, "{other}");
        let named = EncryptionKey::from_jwk_as(&key.public().unwrap(), other).err();
        assert_eq!(named, Some(Error::WrongKeyUse), "{other}");
        let private = DecryptionKey::from_jwk_as(&key, other).err();
        assert_eq!(private, Some(Error::WrongKeyUse), "{other}");
    }
    for kind in [KeyType::Ed25519, KeyType::Secp256k1] {
        let signing = PrivateJwk::generate_as(
            kind,
            match kind {
                KeyType::Ed25519 => countersign_jose::Algorithm::Ed25519,
                _ => countersign_jose::Algorithm::ES256K,
            },
        );
        let mut value = serde_json::to_value(signing.unwrap().public().unwrap()).unwrap();
        value.as_object_mut().unwrap().retain(|name, _| !["alg", "use"].contains(&name.as_str()));
        let public = Jwk::from_json(value.to_string().as_bytes()).unwrap();
        let verdict = EncryptionKey::from_jwk_as(&public, algorithm).err();
        assert!(matches!(verdict, Some(Error::UnsupportedKey(_))), "{kind:?}");
    }
}

#[test]
fn a_secret_has_the_length_of_its_algorithm() {
    let secret =
        |management, length| DecryptionKey::from_secret(management, &vec![7; length]).err();
    for (management, length) in [
        (KeyManagement::A128KW, 16),
        (KeyManagement::A192KW, 24),
        (KeyManagement::A256KW, 32),
        (KeyManagement::A128GCMKW, 16),
        (KeyManagement::A192GCMKW, 24),
        (KeyManagement::A256GCMKW, 32),
    ] {
        assert_eq!(secret(management, length), None);
        assert!(matches!(secret(management, length - 1), Some(Error::WeakKey(_))));
        assert!(matches!(secret(management, 0), Some(Error::WeakKey(_))));
        assert!(matches!(secret(management, length + 1), Some(Error::InvalidKey(_))));
    }
    for length in 0..100 {
        let fits = [16, 24, 32, 48, 64].contains(&length);
        assert_eq!(secret(KeyManagement::Dir, length).is_none(), fits, "{length}");
    }
    assert!(matches!(secret(KeyManagement::RsaOaep, 32), Some(Error::UnsupportedKey(_))));
    assert!(matches!(secret(KeyManagement::EcdhEs, 32), Some(Error::UnsupportedKey(_))));
}

/// A JWK may name the one method that its secret is for (RFC 7520 section 5.6.1).
#[test]
fn a_secret_for_one_method_serves_no_other() {
    let json = json!({ "kty": "oct", "alg": "A256GCM", "k": encode([7; 32]) }).to_string();
    let key = DecryptionKey::from_jwk(&PrivateJwk::from_json(json.as_bytes()).unwrap()).unwrap();
    let other = ContentEncryption::A128CbcHs256;
    let types = MediaTypes::default();
    let refused = compact::encrypt(&key.encryption_key(), other, types, b"content").err();
    assert!(matches!(refused, Some(Error::InvalidKey(_))));
    let any = DecryptionKey::from_secret(KeyManagement::Dir, &[7; 32]).unwrap();
    let token = compact::encrypt(&any.encryption_key(), other, types, b"content").unwrap();
    assert!(compact::decrypt(&any, ALL, &token).is_ok());
    assert_eq!(compact::decrypt(&key, ALL, &token).err(), Some(Error::Decryption));
}

#[test]
fn nothing_secret_is_shown() {
    let secret: Vec<u8> = (200..232).collect();
    let key = DecryptionKey::from_secret(KeyManagement::A256KW, &secret).unwrap();
    let id = key.key_id();
    let fields = format!("{{ key_management: A256KW, key_id: {id:?}, .. }}");
    assert_eq!(format!("{key:?}"), format!("DecryptionKey {fields}"));
    assert_eq!(format!("{:?}", key.encryption_key()), format!("EncryptionKey {fields}"));
    let token = token(&key, b"very private");
    let shown = format!("{:?}", compact::decrypt(&key, ALL, &token).unwrap());
    assert!(shown.contains("A128CbcHs256") && !shown.contains("private"), "{shown}");
    assert!(!shown.contains("118, 101"), "{shown}");
    let types = MediaTypes::NESTED;
    let content = jwe::json::Content { plaintext: b"very private", aad: None, types };
    let shown = format!("{content:?}");
    assert!(shown.contains("JWT") && !shown.contains("118, 101"), "{shown}");
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<EncryptionKey>();
    shared::<DecryptionKey>();
    shared::<jwe::Decrypted>();
}

proptest! {
    /// Whatever happens to a token on its way, it is refused or says what its writer said.
    #[test]
    fn no_change_of_a_token_makes_it_panic_or_lie(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let key = DecryptionKey::from_secret(KeyManagement::A128KW, &SECRET).unwrap();
        let types = MediaTypes::default();
        let good = compact::encrypt(&key.encryption_key(), ENC, types, b"content").unwrap();
        let mut bytes = good.clone().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte % 128;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let changed = String::from_utf8(bytes).unwrap();
        let verdict = compact::decrypt(&key, ALL, &changed);
        prop_assert_eq!(verdict.is_ok(), changed == good, "{}", changed);
        let _ = compact::key_id(&changed);
        let _ = password::open_within(1000, b"secret", &changed);
        let _ = jwe::json::decrypt(&key, ALL, &changed);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[A-Za-z0-9_=.-]{0,80}|.{0,60}") {
        for key in [direct(), DecryptionKey::from_secret(KeyManagement::A128KW, &SECRET).unwrap()] {
            prop_assert!(compact::decrypt(&key, ALL, &text).is_err());
            prop_assert!(jwe::json::decrypt(&key, ALL, &text).is_err());
        }
    }

    /// Any header under a right tag: refused or read, never a panic.
    #[test]
    fn no_header_makes_it_panic(
        members in proptest::collection::btree_map(
            "alg|enc|epk|iv|tag|kid|typ|cty|zip|crit|apu|x",
            prop_oneof![
                Just(json!("dir")), Just(json!("A128GCM")), Just(json!("DEF")), Just(json!(1)),
                Just(json!({ "kty": "EC", "crv": "P-256" })), Just(json!([])), Just(Value::Null),
                "[ -~]{0,20}".prop_map(Value::from),
            ],
            0..6,
        ),
    ) {
        let header = Value::Object(members.into_iter().collect()).to_string();
        let token = forge(&header, b"content");
        if let Ok(decrypted) = compact::decrypt(&direct(), ALL, &token) {
            prop_assert_eq!(decrypted.plaintext(), b"content");
        }
        let _ = compact::decrypt(&DecryptionKey::generate(KeyManagement::EcdhEs).unwrap(), ALL, &token);
    }
}
