//! Encrypted tokens in JSON: what is written, what is read, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    DecryptionKey, EncryptionKey, Error,
    jwe::{
        ContentEncryption, KeyManagement, MediaTypes, compact,
        json::{self, Content},
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: &[ContentEncryption] = ContentEncryption::ALL;
const ENC: ContentEncryption = ContentEncryption::A128CbcHs256;
const CONTENT: Content<'static> = Content {
    plaintext: b"content",
    aad: Some(b"seen by all"),
    types: MediaTypes { typ: Some("x"), cty: Some("text/plain") },
};

fn secret(byte: u8) -> DecryptionKey {
    DecryptionKey::from_secret(KeyManagement::A128KW, &[byte; 16]).unwrap()
}

fn public(keys: &[DecryptionKey]) -> Vec<EncryptionKey> {
    keys.iter().map(DecryptionKey::encryption_key).collect()
}

fn parse(token: &str) -> Value {
    serde_json::from_str(token).unwrap()
}

fn decrypt(key: &DecryptionKey, token: &Value) -> Result<Vec<u8>, Error> {
    json::decrypt(key, ALL, &token.to_string()).map(|decrypted| decrypted.plaintext().to_vec())
}

fn encode(text: &Value) -> Value {
    URL_SAFE_NO_PAD.encode_to_string(text.to_string()).into()
}

/// The token with some members changed; null takes one out.
fn with(token: &Value, changes: &Value) -> Value {
    let mut changed = token.clone();
    let members = changed.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    changed
}

fn flattened() -> Value {
    parse(&json::encrypt(&secret(7).encryption_key(), ENC, CONTENT).unwrap())
}

fn general(keys: &[DecryptionKey]) -> Value {
    parse(&json::encrypt_to_all(&public(keys), ENC, CONTENT).unwrap())
}

#[test]
fn every_algorithm_comes_back_in_the_flattened_form() {
    for &management in KeyManagement::ALL {
        let key = DecryptionKey::generate(management).unwrap();
        for aad in [None, Some(&b"\0 any bytes \xff"[..])] {
            let content = Content { aad, ..CONTENT };
            let token = json::encrypt(&key.encryption_key(), ENC, content).unwrap();
            let decrypted = json::decrypt(&key, &[ENC], &token).unwrap();
            assert_eq!(decrypted.plaintext(), b"content", "{management}");
            assert_eq!(decrypted.aad(), aad);
            assert_eq!(decrypted.key_id(), Some(key.key_id()));
            assert_eq!((decrypted.typ(), decrypted.cty()), (Some("x"), Some("text/plain")));
            assert_eq!(decrypted.encryption(), ENC);
            let direct = matches!(management, KeyManagement::Dir | KeyManagement::EcdhEs);
            assert_eq!(parse(&token).get("encrypted_key").is_none(), direct, "{management}");
            assert_eq!(compact::decrypt(&key, ALL, &token).err(), Some(Error::Malformed));
        }
    }
}

#[test]
fn each_of_several_recipients_reads_the_general_form() {
    let direct = [KeyManagement::Dir, KeyManagement::EcdhEs];
    let managements = KeyManagement::ALL.iter().filter(|management| !direct.contains(management));
    let keys: Vec<_> =
        managements.map(|&management| DecryptionKey::generate(management).unwrap()).collect();
    let token = general(&keys);
    assert_eq!(token["recipients"].as_array().unwrap().len(), keys.len());
    for key in &keys {
        let decrypted = json::decrypt(key, ALL, &token.to_string()).unwrap();
        assert_eq!(
            (decrypted.plaintext(), decrypted.key_id()),
            (&b"content"[..], Some(key.key_id()))
        );
    }
    let stranger = DecryptionKey::generate(KeyManagement::A256KW).unwrap();
    assert_eq!(decrypt(&stranger, &token), Err(Error::Decryption));
    for management in direct {
        let key = DecryptionKey::generate(management).unwrap();
        assert_eq!(decrypt(&key, &token), Err(Error::AlgorithmNotAllowed));
        let shared = json::encrypt_to_all(&public(&[key]), ENC, CONTENT).err();
        assert_eq!(shared, Some(Error::AlgorithmNotAllowed), "it cannot share a content key");
    }
}

/// Keys of one algorithm, on different curves and under different names.
#[test]
fn the_right_one_of_similar_recipients_is_found() {
    let keys: Vec<_> = (1..=16).map(secret).collect();
    let token = general(&keys);
    for key in &keys {
        assert_eq!(decrypt(key, &token).as_deref(), Ok(&b"content"[..]));
    }
    let mut unnamed = token.clone();
    for recipient in unnamed["recipients"].as_array_mut().unwrap() {
        recipient["header"].as_object_mut().unwrap().remove("kid");
    }
    for key in &keys {
        assert_eq!(decrypt(key, &unnamed).as_deref(), Ok(&b"content"[..]));
    }
    let mut misnamed = token;
    misnamed["recipients"][3]["header"]["kid"] = keys[0].key_id().into();
    misnamed["recipients"][0]["header"]["kid"] = "another".into();
    assert_eq!(decrypt(&keys[0], &misnamed), Err(Error::Decryption), "the name is believed");
}

#[test]
fn the_number_of_recipients_is_bounded() {
    let many: Vec<_> = (1..=17).map(secret).collect();
    for keys in [&many[..], &[]] {
        let refused = json::encrypt_to_all(&public(keys), ENC, CONTENT).err();
        assert_eq!(refused, Some(Error::SignatureCount));
    }
    let token = general(&many[..1]);
    let recipient = &token["recipients"][0];
    for count in [0, 17, 100] {
        let list = vec![recipient.clone(); count];
        let changed = with(&token, &json!({ "recipients": list }));
        assert_eq!(decrypt(&many[0], &changed), Err(Error::SignatureCount), "{count}");
    }
    let sixteen = with(&token, &json!({ "recipients": vec![recipient.clone(); 16] }));
    assert_eq!(decrypt(&many[0], &sixteen).as_deref(), Ok(&b"content"[..]));
}

#[test]
fn hostile_tokens_are_refused_each_for_its_reason() {
    let key = secret(7);
    let token = flattened();
    assert_eq!(decrypt(&key, &token).as_deref(), Ok(&b"content"[..]));
    let header = json!({ "alg": "A128KW", "enc": "A128CBC-HS256" });
    let protected = |change: Value| json!({ "protected": encode(&with(&header, &change)) });
    let members: serde_json::Map<String, Value> =
        (0..70).map(|place| (format!("m{place}"), json!(0))).collect();
    for (changes, expected) in [
        // A polyglot that is also a signed token.
        (json!({ "payload": "e30" }), Error::WrongProtection),
        (json!({ "signature": "AAAA" }), Error::WrongProtection),
        (json!({ "signatures": [] }), Error::WrongProtection),
        (json!({ "recipients": [] }), Error::Malformed),
        (json!({ "recipients": [], "encrypted_key": null }), Error::SignatureCount),
        (json!({ "recipients": {}, "encrypted_key": null }), Error::Malformed),
        (json!({ "recipients": [7], "encrypted_key": null }), Error::Malformed),
        (json!({ "ciphertext": null }), Error::Malformed),
        (json!({ "ciphertext": 7 }), Error::Malformed),
        (json!({ "iv": 7 }), Error::Malformed),
        (json!({ "tag": [] }), Error::Malformed),
        (json!({ "encrypted_key": {} }), Error::Malformed),
        (json!({ "aad": 7 }), Error::Malformed),
        (json!({ "aad": "" }), Error::Malformed),
        (json!({ "protected": "" }), Error::Malformed),
        (json!({ "protected": {} }), Error::Malformed),
        (json!({ "unprotected": [] }), Error::Malformed),
        (json!({ "header": "alg" }), Error::Malformed),
        (json!({ "ciphertext": "a b" }), Error::Base64),
        (json!({ "tag": "QR" }), Error::Base64),
        (json!({ "iv": "AA==" }), Error::Base64),
        (json!({ "aad": "!" }), Error::Base64),
        (json!({ "protected": "e30=" }), Error::Base64),
        (json!({ "protected": "e3" }), Error::Base64),
        (json!({ "protected": "W10" }), Error::Json),
        // One member in two headers (RFC 7516 section 7.2.1).
        (json!({ "unprotected": { "alg": "A128KW" } }), Error::DuplicateMember),
        (json!({ "header": { "enc": "A128CBC-HS256" } }), Error::DuplicateMember),
        (json!({ "header": { "x": 1 }, "unprotected": { "x": 1 } }), Error::DuplicateMember),
        (json!({ "unprotected": members }), Error::TooLarge),
        (json!({ "header": { "crit": ["x"], "x": 1 } }), Error::UnknownCritical),
        (json!({ "unprotected": { "crit": [] } }), Error::UnknownCritical),
        (protected(json!({ "crit": ["x"], "x": 1 })), Error::UnknownCritical),
        (json!({ "header": { "b64": false } }), Error::InvalidHeader("b64")),
        (json!({ "header": { "zip": "DEF" } }), Error::InvalidHeader("zip")),
        (json!({ "unprotected": { "zip": "DEF" } }), Error::InvalidHeader("zip")),
        (protected(json!({ "zip": "DEF" })), Error::InvalidHeader("zip")),
        (json!({ "header": { "p2c": 1000 } }), Error::InvalidHeader("p2c")),
        (protected(json!({ "alg": null })), Error::InvalidHeader("alg")),
        (protected(json!({ "enc": null })), Error::InvalidHeader("enc")),
        (protected(json!({ "alg": "A256KW" })), Error::AlgorithmNotAllowed),
        (protected(json!({ "alg": "RSA1_5" })), Error::AlgorithmNotAllowed),
        (protected(json!({ "enc": "none" })), Error::EncryptionNotAllowed),
        (protected(json!({ "kid": 7 })), Error::InvalidHeader("kid")),
        (protected(json!({ "cty": 7 })), Error::InvalidHeader("cty")),
        // Everything else is one refusal.
        (protected(json!({})), Error::Decryption),
        (json!({ "aad": null }), Error::Decryption),
        (json!({ "aad": "AAAA" }), Error::Decryption),
        (json!({ "iv": null }), Error::Decryption),
        (json!({ "iv": "AAAA" }), Error::Decryption),
        (json!({ "tag": null }), Error::Decryption),
        (json!({ "tag": "AAAA" }), Error::Decryption),
        (json!({ "ciphertext": "" }), Error::Decryption),
        (json!({ "ciphertext": "AAAA" }), Error::Decryption),
        (json!({ "encrypted_key": null }), Error::Decryption),
        (json!({ "encrypted_key": "AAAA" }), Error::Decryption),
    ] {
        assert_eq!(decrypt(&key, &with(&token, &changes)), Err(expected), "{changes}");
    }
    let unknown = json!({ "header": { "jku": "https://evil.example", "y": 1 }, "other": [1] });
    assert_eq!(decrypt(&key, &with(&token, &unknown)).as_deref(), Ok(&b"content"[..]));
}

/// Also a reader who takes compressed content believes only the protected header.
#[cfg(feature = "deflate")]
#[test]
fn compression_outside_the_protected_header_is_refused() {
    for header in ["header", "unprotected"] {
        let token = with(&flattened(), &json!({ header: { "zip": "DEF" } })).to_string();
        let refused = json::decrypt_inflating(&secret(7), ALL, 1000, &token).err();
        assert_eq!(refused, Some(Error::InvalidHeader("zip")), "{header}");
    }
}

#[test]
fn a_member_named_twice_is_refused() {
    let key = secret(7);
    let text = flattened().to_string();
    for name in ["protected", "ciphertext", "tag", "iv", "aad", "encrypted_key", "other"] {
        let twice = text.replacen('{', &format!(r#"{{"{name}":"AAAA","{name}":"AAAA","#), 1);
        let refused = json::decrypt(&key, ALL, &twice).err();
        assert_eq!(refused, Some(Error::DuplicateMember), "{name}");
    }
}

/// A type outside the protected header is anybody's word, so it is not reported.
#[test]
fn only_protected_types_are_reported() {
    let key = secret(7);
    let content = Content { types: MediaTypes::default(), ..CONTENT };
    let token = parse(&json::encrypt(&key.encryption_key(), ENC, content).unwrap());
    let changed = with(&token, &json!({ "header": { "cty": "JWT", "typ": "at+jwt" } }));
    let decrypted = json::decrypt(&key, ALL, &changed.to_string()).unwrap();
    assert_eq!((decrypted.typ(), decrypted.cty()), (None, None));
}

/// Every recipient has the same method, and no header can be moved to fool one of them.
#[test]
fn recipients_with_different_methods_are_refused() {
    let (one, two) = (secret(1), secret(2));
    let content = Content { aad: None, types: MediaTypes::default(), ..CONTENT };
    let token = json::encrypt_to_all(&public(&[secret(1), secret(2)]), ENC, content).unwrap();
    let mut token = with(&parse(&token), &json!({ "protected": null }));
    for (place, enc) in ["A128CBC-HS256", "A256GCM"].into_iter().enumerate() {
        token["recipients"][place]["header"]["enc"] = enc.into();
    }
    for key in [&one, &two] {
        assert_eq!(decrypt(key, &token), Err(Error::InvalidHeader("enc")));
    }
}

/// An unknown or refused algorithm of another recipient is none of our business; a header that
/// breaks the rules is.
#[test]
fn other_recipients_are_passed_over_but_checked() {
    let token = general(&[secret(1), secret(2)]);
    let header = |header: Value| {
        let mut changed = token.clone();
        changed["recipients"][1]["header"] = header;
        decrypt(&secret(1), &changed)
    };
    let content = Ok(b"content".to_vec());
    assert_eq!(header(json!({ "alg": "RSA1_5" })), content);
    assert_eq!(header(json!({ "alg": "ECDH-1PU+A256KW", "kid": 7 })), content);
    assert_eq!(header(json!({ "alg": "PBES2-HS256+A128KW", "p2c": 9, "p2s": "AA" })), content);
    assert_eq!(header(json!({ "alg": "RSA1_5", "crit": ["x"] })), Err(Error::UnknownCritical));
    assert_eq!(header(json!({ "alg": "x", "enc": "x" })), Err(Error::DuplicateMember));
    assert_eq!(header(json!({})), Err(Error::InvalidHeader("alg")));
}

#[test]
fn sizes_and_nesting_are_bounded() {
    let key = secret(7);
    let large = format!(r#"{{"ciphertext":"{}"}}"#, "A".repeat(json::MAX_BYTES));
    assert_eq!(json::decrypt(&key, ALL, &large).err(), Some(Error::TooLarge));
    let header = encode(&json!({ "x": "x".repeat(5000) }));
    let token = with(&flattened(), &json!({ "protected": header }));
    assert_eq!(decrypt(&key, &token), Err(Error::TooLarge));
    let deep = format!(r#"{{"unprotected":{}1{}}}"#, r#"{"a":"#.repeat(20), "}".repeat(20));
    assert_eq!(json::decrypt(&key, ALL, &deep).err(), Some(Error::Json));
    for deep in ["[".repeat(60_000), r#"{"recipients":["#.repeat(3_000)] {
        assert_eq!(json::decrypt(&key, ALL, &deep).err(), Some(Error::Json));
    }
    let write = |content| json::encrypt(&key.encryption_key(), ENC, content).err();
    let bytes = vec![0; json::MAX_BYTES];
    assert_eq!(write(Content { plaintext: &bytes, ..CONTENT }), Some(Error::TooLarge));
    assert_eq!(write(Content { aad: Some(&bytes), ..CONTENT }), Some(Error::TooLarge));
    assert_eq!(write(Content { aad: Some(b""), ..CONTENT }), Some(Error::Malformed));
    let typ = MediaTypes { typ: Some("\n"), cty: None };
    assert_eq!(write(Content { types: typ, ..CONTENT }), Some(Error::InvalidHeader("typ")));
}

proptest! {
    #[test]
    fn any_content_survives_the_round_trip(
        plaintext in proptest::collection::vec(any::<u8>(), 0..300),
        aad in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..50)),
        method in 0..ALL.len(),
    ) {
        let keys = [secret(1), secret(2)];
        let content =
            Content { plaintext: &plaintext, aad: aad.as_deref(), types: MediaTypes::default() };
        let token = json::encrypt_to_all(&public(&keys), ALL[method], content).unwrap();
        for key in keys {
            let decrypted = json::decrypt(&key, &[ALL[method]], &token).unwrap();
            prop_assert_eq!(decrypted.plaintext(), &plaintext);
            prop_assert_eq!(decrypted.aad(), aad.as_deref());
        }
    }

    /// A change is refused, or changes nothing: white space, a member that nobody reads.
    #[test]
    fn no_change_of_a_token_makes_it_panic_or_lie(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..128), 1..4),
    ) {
        let mut bytes = general(&[secret(1), secret(2)]).to_string().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let changed = String::from_utf8(bytes).unwrap();
        if let Ok(decrypted) = json::decrypt(&secret(1), ALL, &changed) {
            prop_assert_eq!(decrypted.plaintext(), b"content");
            prop_assert_eq!(decrypted.aad(), CONTENT.aad);
            prop_assert_eq!(decrypted.cty(), CONTENT.types.cty);
        }
    }
}
