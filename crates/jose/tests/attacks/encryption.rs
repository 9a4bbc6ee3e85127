//! Attacks that give an encrypted token for a signed one, or the reverse. What can go wrong inside
//! an encrypted token is in `tests/hostile_jwe.rs`.

use countersign_jose::{
    Algorithm, DecryptionKey, EncryptionKey, Error, Jwk, KeySet, PrivateJwk, Recipient, SigningKey,
    Timestamp,
    jwe::{self, ContentEncryption, KeyManagement, MediaTypes},
    jws, jwt,
};
use serde_json::{Value, json};

use crate::bench::{Bench, NOW, claims, encode, honest, split, with, without};

const ENC: ContentEncryption = ContentEncryption::A256GCM;

/// One who signs, one who decrypts, and everybody who has their public keys.
struct Parties {
    bench: Bench,
    recipient: Recipient,
    public: EncryptionKey,
}

impl Parties {
    fn new(management: KeyManagement) -> Self {
        let private = DecryptionKey::generate(management).unwrap();
        Self {
            bench: Bench::new(Algorithm::ES256),
            public: private.encryption_key(),
            recipient: Recipient::new([private], &[ENC]).unwrap(),
        }
    }

    fn encrypted(&self, types: MediaTypes<'_>, content: &str) -> String {
        jwe::compact::encrypt(&self.public, ENC, types, content.as_bytes()).unwrap()
    }

    /// The verdict on a token that should have both layers.
    fn verify_nested(&self, token: &str) -> Result<(), Error> {
        let keys = KeySet::new([self.bench.key.verifying_key()]);
        let now = Timestamp::from_secs(NOW);
        self.bench.access.verify_nested(&self.recipient, &keys, token, now).map(drop)
    }
}

/// Class 36: CVE-2023-51774. Everybody can encrypt for a public key, so what decrypts is no proof:
/// a verifier of signed tokens takes no encrypted one.
#[test]
fn an_encrypted_token_proves_nothing() {
    for management in [KeyManagement::EcdhEs, KeyManagement::RsaOaep256, KeyManagement::Dir] {
        let parties = Parties::new(management);
        let signed = honest(&parties.bench.key);
        for content in [claims().to_string(), signed.clone()] {
            for types in [MediaTypes::NESTED, MediaTypes { typ: Some("at+jwt"), cty: None }] {
                let token = parties.encrypted(types, &content);
                assert_eq!(parties.bench.verify(&token), Err(Error::WrongProtection));
                assert_eq!(parties.bench.verify_id(&token), Err(Error::WrongProtection));
                let key = parties.bench.key.verifying_key();
                let bytes = jws::compact::verify(&key, &token);
                assert_eq!(bytes, Err(Error::WrongProtection));
                assert_eq!(jwt::peek(&token), Err(Error::WrongProtection));
            }
        }
        let both = parties.encrypted(MediaTypes::NESTED, &signed);
        assert_eq!(parties.verify_nested(&both), Ok(()), "{management}");
    }
}

/// Class 36, the reverse: a signed token is no secret, so a recipient takes none.
#[test]
fn a_signed_token_is_not_decrypted() {
    let parties = Parties::new(KeyManagement::EcdhEsA256KW);
    let signed = honest(&parties.bench.key);
    assert_eq!(parties.verify_nested(&signed), Err(Error::WrongProtection));
    let key = DecryptionKey::generate(KeyManagement::Dir).unwrap();
    let decrypted = jwe::compact::decrypt(&key, &[ENC], &signed);
    assert_eq!(decrypted.err(), Some(Error::WrongProtection));
    assert_eq!(jwe::compact::key_id(&signed), Err(Error::WrongProtection));
    let [protected, payload, signature] = split(&signed);
    let json = json!({ "protected": protected, "payload": payload, "signature": signature });
    let decrypted = jwe::json::decrypt(&key, &[ENC], &json.to_string());
    assert_eq!(decrypted.err(), Some(Error::WrongProtection));
}

/// Class 1 and 36: CVE-2026-29000: the outer layer opened, and the inner one had `alg: none` or was
/// the bare claims.
#[test]
fn an_unsigned_token_inside_an_encrypted_one() {
    let parties = Parties::new(KeyManagement::EcdhEsA128KW);
    let header = |alg: &str| encode(with(parties.bench.header(), "alg", json!(alg)).to_string());
    let payload = encode(claims().to_string());
    let signed = honest(&parties.bench.key);
    let (input, _) = signed.rsplit_once('.').unwrap();
    let stranger = honest(&SigningKey::generate(Algorithm::ES256).unwrap());
    for (content, expected) in [
        (signed.clone(), Ok(())),
        (format!("{}.{payload}.", header("none")), Err(Error::AlgorithmNotAllowed)),
        (format!("{}.{payload}.", header("nOnE")), Err(Error::AlgorithmNotAllowed)),
        (format!("{input}."), Err(Error::BadSignature)),
        ("{}".to_owned(), Err(Error::Malformed)),
        // With the two dots of its names it has three parts.
        (claims().to_string(), Err(Error::Base64)),
        (payload, Err(Error::Malformed)),
        (stranger, Err(Error::UnknownKey)),
        (String::new(), Err(Error::Malformed)),
        (format!(" {signed}"), Err(Error::Base64)),
        (parties.encrypted(MediaTypes::NESTED, &signed), Err(Error::WrongProtection)),
    ] {
        let token = parties.encrypted(MediaTypes::NESTED, &content);
        assert_eq!(parties.verify_nested(&token), expected, "{content:.100}");
    }
}

/// What the outer layer says of itself lends nothing to the inner one: claims in its header (RFC
/// 7519 section 5.3) are nobody's word, and neither is its type.
#[test]
fn the_outer_header_lends_nothing() {
    let parties = Parties::new(KeyManagement::EcdhEs);
    let id = parties.bench.token(&parties.bench.id_header(), &claims());
    let types = MediaTypes { typ: Some("at+jwt"), cty: Some("JWT") };
    let token = parties.encrypted(types, &id);
    assert_eq!(parties.verify_nested(&token), Err(Error::WrongType));
    let stale = with(claims(), "exp", json!(NOW - 1000));
    let stale = parties.bench.token(&parties.bench.header(), &stale);
    assert_eq!(parties.verify_nested(&parties.encrypted(types, &stale)), Err(Error::Expired));
}

/// Tervoort, "Three new attacks against JSON Web Tokens" (2023): one text that is a signed token to
/// one reader and an encrypted one to another.
#[test]
fn a_text_that_is_both() {
    let parties = Parties::new(KeyManagement::Dir);
    let key = DecryptionKey::generate(KeyManagement::Dir).unwrap();
    let public = key.encryption_key();
    let content = jwe::json::Content { plaintext: b"m", aad: None, types: MediaTypes::default() };
    let jwe = jwe::json::encrypt(&public, ENC, content);
    let jwe: Value = serde_json::from_str(&jwe.unwrap()).unwrap();
    let jws = jws::json::sign_flattened(&jws::Signatory::new(&parties.bench.key), b"m").unwrap();
    let jws: Value = serde_json::from_str(&jws).unwrap();
    let verify = |text: &Value| {
        let keys = KeySet::new([parties.bench.key.verifying_key()]);
        jws::json::verify(&keys, text.to_string().as_bytes()).map(drop)
    };
    let decrypt = |text: &Value| jwe::json::decrypt(&key, &[ENC], &text.to_string()).map(drop);
    assert_eq!((verify(&jws), decrypt(&jwe)), (Ok(()), Ok(())));
    assert_eq!(verify(&jwe), Err(Error::WrongProtection));
    assert_eq!(decrypt(&jws), Err(Error::WrongProtection));
    // Everything of both, with the protected header of either.
    for protected in [&jws["protected"], &jwe["protected"]] {
        let mut both = jws.clone();
        both.as_object_mut().unwrap().extend(jwe.as_object().unwrap().clone());
        let both = with(both, "protected", protected.clone());
        assert_eq!(verify(&both), Err(Error::WrongProtection));
        assert_eq!(decrypt(&both), Err(Error::WrongProtection));
    }
}

/// Class 14 and 36: one key for both would let a signature service decrypt, or the reverse. `alg`
/// and `use` keep them apart, and so does each key's own type.
#[test]
fn a_key_for_signatures_encrypts_nothing_and_the_reverse() {
    let private = PrivateJwk::generate(Algorithm::ES256).unwrap();
    let public = private.public().unwrap();
    let refused = EncryptionKey::from_jwk_as(&public, KeyManagement::EcdhEs).err();
    assert_eq!(refused, Some(Error::WrongKeyUse));
    let refused = DecryptionKey::from_jwk_as(&private, KeyManagement::EcdhEs).err();
    assert_eq!(refused, Some(Error::WrongKeyUse));
    let private = PrivateJwk::generate(KeyManagement::EcdhEs).unwrap();
    assert_eq!(SigningKey::from_jwk(&private).err(), Some(Error::WrongKeyUse));
    let public = serde_json::to_value(private.public().unwrap()).unwrap();
    let set = json!({ "keys": [public] }).to_string();
    let (keys, rejected) = KeySet::from_jwks_json(set.as_bytes()).unwrap();
    assert!(keys.is_empty());
    assert_eq!(rejected[0].reason, Error::WrongKeyUse);
    // The name alone, without `use`, is enough.
    let bare = without(public, "use");
    let jwk = Jwk::from_json(bare.to_string().as_bytes()).unwrap();
    let refused = countersign_jose::VerifyingKey::from_jwk(&jwk).err();
    assert_eq!(refused, Some(Error::WrongKeyUse));
    // A secret that signs is not one that encrypts.
    let secret = json!({ "kty": "oct", "k": encode([7; 32]), "alg": "HS256" }).to_string();
    let secret = PrivateJwk::from_json(secret.as_bytes()).unwrap();
    for management in [KeyManagement::Dir, KeyManagement::A256KW, KeyManagement::A256GCMKW] {
        let refused = DecryptionKey::from_jwk_as(&secret, management).err();
        assert_eq!(refused, Some(Error::WrongKeyUse), "{management}");
    }
}

/// Algorithms of encryption in the header of a signed token are none of signatures.
#[test]
fn encryption_algorithms_sign_nothing() {
    let bench = Bench::new(Algorithm::HS256);
    let names = KeyManagement::ALL.iter().map(|one| one.name()).chain([
        "RSA1_5",
        "PBES2-HS256+A128KW",
        "A256GCM",
        "A128CBC-HS256",
    ]);
    for name in names {
        let token = bench.token(&with(bench.header(), "alg", json!(name)), &claims());
        assert_eq!(bench.verify(&token), Err(Error::AlgorithmNotAllowed), "{name}");
    }
    for algorithm in Algorithm::ALL {
        let key = DecryptionKey::generate(KeyManagement::Dir).unwrap();
        let enc = ContentEncryption::A256GCM;
        let token = jwe::compact::encrypt(&key.encryption_key(), enc, MediaTypes::default(), b"m");
        let token = token.unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let header = json!({ "alg": algorithm.name(), "enc": "A256GCM" }).to_string();
        let forged = format!("{}.{rest}", encode(header));
        let refused = jwe::compact::decrypt(&key, &[enc], &forged).err();
        assert_eq!(refused, Some(Error::AlgorithmNotAllowed), "{algorithm}");
    }
}
