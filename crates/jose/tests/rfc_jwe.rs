//! Encrypted tokens that others have made: the examples of the RFCs, and one token of another
//! implementation for each algorithm, each method and each curve. They always run.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use countersign_jose::{
    DecryptionKey, Error, PrivateJwk,
    jwe::{self, ContentEncryption, KeyManagement, compact, password},
};
use serde_json::Value;

const ALL: &[ContentEncryption] = ContentEncryption::ALL;

fn examples() -> Vec<Value> {
    serde_json::from_str(include_str!("jwe/rfc.json")).unwrap()
}

fn foreign() -> Value {
    serde_json::from_str(include_str!("jwe/foreign.json")).unwrap()
}

/// Some of the keys name no algorithm; the example does.
fn key(jwk: &Value, algorithm: &Value) -> Result<DecryptionKey, Error> {
    let management = KeyManagement::from_name(algorithm.as_str().unwrap());
    let jwk = PrivateJwk::from_json(jwk.to_string().as_bytes())?;
    DecryptionKey::from_jwk_as(&jwk, management.ok_or(Error::AlgorithmNotAllowed)?)
}

/// What reading an example gives, in each of the forms that it has.
fn read(key: &DecryptionKey, example: &Value) -> Vec<Result<Vec<u8>, Error>> {
    let compact = example.get("compact").map(|token| {
        compact::decrypt(key, ALL, token.as_str().unwrap())
            .map(|decrypted| decrypted.plaintext().to_vec())
    });
    let json =
        ["json", "flattened"].into_iter().filter_map(|form| example.get(form)).map(|token| {
            jwe::json::decrypt(key, ALL, &token.to_string())
                .map(|decrypted| decrypted.plaintext().to_vec())
        });
    compact.into_iter().chain(json).collect()
}

#[test]
fn examples_of_the_rfcs_are_read() {
    let mut count = 0;
    for example in examples() {
        let (Some(jwk), algorithm) = (example.get("key"), &example["alg"]) else { continue };
        if algorithm == "RSA1_5" || example["name"] == "RFC 7520 5.9" {
            continue;
        }
        let plaintext = example["plaintext"].as_str().unwrap().as_bytes();
        let key = key(jwk, algorithm).unwrap();
        for verdict in read(&key, &example) {
            assert_eq!(verdict.as_deref(), Ok(plaintext), "{}", example["name"]);
            count += 1;
        }
    }
    assert_eq!(count, 33);
}

#[test]
fn rsa1_5_is_refused_however_it_is_asked_for() {
    let examples = examples();
    let key = key(&examples[0]["key"], &examples[0]["alg"]).unwrap();
    let mut count = 0;
    for example in examples.iter().filter(|example| example["alg"] == "RSA1_5") {
        for verdict in read(&key, example) {
            assert_eq!(verdict, Err(Error::AlgorithmNotAllowed), "{}", example["name"]);
            count += 1;
        }
        assert_eq!(KeyManagement::from_name("RSA1_5"), None);
        let named = example["key"].to_string().replacen('{', r#"{"alg":"RSA1_5","#, 1);
        let refused = PrivateJwk::from_json(named.as_bytes()).err();
        assert_eq!(refused, Some(Error::UnsupportedKey("alg")));
    }
    assert_eq!(count, 5);
}

/// RFC 7520 section 5.9.
#[test]
fn compressed_content_is_refused_unless_it_is_asked_for() {
    let examples = examples();
    let example = examples.iter().find(|example| example["name"] == "RFC 7520 5.9").unwrap();
    let key = key(&example["key"], &example["alg"]).unwrap();
    for verdict in read(&key, example) {
        assert_eq!(verdict, Err(Error::InvalidHeader("zip")));
    }
    #[cfg(feature = "deflate")]
    {
        let plaintext = example["plaintext"].as_str().unwrap().as_bytes();
        let token = example["compact"].as_str().unwrap();
        let read = |max| compact::decrypt_inflating(&key, ALL, max, token);
        assert_eq!(read(plaintext.len()).unwrap().plaintext(), plaintext);
        assert_eq!(read(plaintext.len() - 1).err(), Some(Error::TooLarge));
        for form in ["json", "flattened"] {
            let read = jwe::json::decrypt_inflating(&key, ALL, 1000, &example[form].to_string());
            assert_eq!(read.unwrap().plaintext(), plaintext);
        }
    }
}

/// RFC 7517 appendix C and RFC 7520 section 5.3.
#[test]
fn key_files_of_the_rfcs_are_opened() {
    let mut count = 0;
    for example in examples() {
        let Some(secret) = example["password"].as_str() else { continue };
        let token = example["compact"].as_str().unwrap();
        let opened = password::open(secret.as_bytes(), token).unwrap();
        assert_eq!(opened.cty(), example["cty"].as_str());
        if let Some(plaintext) = example["plaintext"].as_str() {
            assert_eq!(opened.plaintext(), plaintext.as_bytes());
        }
        assert_eq!(password::open(b"wrong", token).err(), Some(Error::Decryption));
        count += 1;
    }
    assert_eq!(count, 2);
}

/// The file of RFC 7517 appendix C holds a key for encryption.
#[test]
fn the_key_in_the_file_of_rfc_7517_is_read() {
    let examples = examples();
    let example = examples.iter().find(|example| example["name"] == "RFC 7517 C").unwrap();
    let (secret, token) = (&example["password"], &example["compact"]);
    let secret = secret.as_str().unwrap().as_bytes();
    let jwk = PrivateJwk::from_encrypted(secret, token.as_str().unwrap()).unwrap();
    assert_eq!(jwk.key_id(), Some("juliet@capulet.lit"));
    let key = DecryptionKey::from_jwk_as(&jwk, KeyManagement::RsaOaep256).unwrap();
    let token = compact::encrypt(&key.encryption_key(), ALL[0], jwe::MediaTypes::default(), b"a");
    assert_eq!(compact::decrypt(&key, ALL, &token.unwrap()).unwrap().plaintext(), b"a");
}

#[test]
fn every_algorithm_method_and_curve_of_another_implementation_is_read() {
    let file = foreign();
    let plaintext = file["plaintext"].as_str().unwrap().as_bytes();
    let mut seen = Vec::new();
    for case in file["tokens"].as_array().unwrap() {
        let (algorithm, enc) = (case["alg"].as_str().unwrap(), case["enc"].as_str().unwrap());
        let jwk = &file["keys"][case["key"].as_str().unwrap()];
        let key = key(jwk, &case["alg"]).unwrap();
        let token = case["token"].as_str().unwrap();
        let method = ContentEncryption::from_name(enc).unwrap();
        let decrypted = compact::decrypt(&key, &[method], token);
        assert_eq!(decrypted.unwrap().plaintext(), plaintext, "{case}");
        let others: Vec<_> = ALL.iter().copied().filter(|&other| other != method).collect();
        let refused = compact::decrypt(&key, &others, token).err();
        assert_eq!(refused, Some(Error::EncryptionNotAllowed), "{case}");
        seen.extend([algorithm, enc, case["key"].as_str().unwrap()].map(str::to_owned));
    }
    let managements = KeyManagement::ALL.iter().map(|management| management.name());
    let methods = ALL.iter().map(|method| method.name());
    for name in managements.chain(methods).chain(["P-256", "P-384", "P-521", "X25519"]) {
        assert!(seen.iter().any(|other| other == name), "{name}");
    }
}

#[test]
fn key_files_and_general_json_of_another_implementation_are_read() {
    let file = foreign();
    let plaintext = file["plaintext"].as_str().unwrap().as_bytes();
    let secret = file["password"].as_str().unwrap().as_bytes();
    for token in file["passwords"].as_array().unwrap() {
        let opened = password::open(secret, token.as_str().unwrap()).unwrap();
        assert_eq!(opened.plaintext(), plaintext);
    }
    let general = &file["general"];
    for recipient in general["recipients"].as_array().unwrap() {
        let header = &recipient["header"];
        let name = header["kid"].as_str().unwrap();
        let key = key(&file["keys"][name], &header["alg"]).unwrap();
        let decrypted = jwe::json::decrypt(&key, ALL, &general.to_string()).unwrap();
        assert_eq!(decrypted.plaintext(), plaintext);
        assert_eq!(decrypted.aad(), Some(&b"seen by all"[..]));
        assert_eq!(decrypted.key_id(), Some(name));
    }
}
