//! Published test vectors for encryption: Wycheproof, the JOSE cookbook (RFC 7520, RFC 8037).
//!
//! `rfc_jwe.rs` has values that always run.

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA256, digest},
};
use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    DecryptionKey, Error, PrivateJwk,
    jwe::{self, ContentEncryption, Decrypted, KeyManagement, compact, password},
};
use serde_json::{Value, json};

use crate::{items, read, text};

fn decryption_key(jwk: &Value) -> Result<DecryptionKey, Error> {
    DecryptionKey::from_jwk(&PrivateJwk::from_json(jwk.to_string().as_bytes())?)
}

fn decrypt(jwk: &Value, token: &str) -> Result<Decrypted, Error> {
    compact::decrypt(&decryption_key(jwk)?, ContentEncryption::ALL, token)
}

#[test]
fn wycheproof_encryption() {
    let Some(file) = read("json_web_encryption_test.json") else { return };
    let mut count = 0;
    for group in items(&file, "testGroups") {
        let jwk = &group["private"];
        for test in items(group, "tests") {
            let id = test["tcId"].as_u64().unwrap();
            // RSA1_5 does not exist here; tc135 is compressed.
            let refused = match id {
                135 => Some(Error::InvalidHeader("zip")),
                _ if jwk["alg"] == "RSA1_5" => Some(Error::UnsupportedKey("alg")),
                _ => None,
            };
            let expected = test["result"] == "valid" && refused.is_none();
            let verdict = decrypt(jwk, text(test, "jwe"));
            assert_eq!(verdict.is_ok(), expected, "tc{id} {}: {verdict:?}", test["comment"]);
            match (verdict, refused) {
                (Ok(decrypted), _) => {
                    let plaintext = hex(text(test, "pt"));
                    assert_eq!(decrypted.plaintext(), plaintext, "tc{id}");
                }
                (Err(error), Some(refused)) => assert_eq!(error, refused, "tc{id}"),
                (Err(_), None) => {}
            }
            count += 1;
        }
    }
    assert_eq!(count, 139, "the file has the tests that were looked at");
}

#[cfg(feature = "deflate")]
#[test]
fn wycheproof_compressed() {
    let Some(file) = read("json_web_encryption_test.json") else { return };
    let groups = items(&file, "testGroups").iter();
    let mut tests = groups
        .flat_map(|group| items(group, "tests").iter().map(move |test| (&group["private"], test)));
    let (jwk, test) = tests.find(|(_, test)| test["tcId"] == 135).unwrap();
    let key = decryption_key(jwk).unwrap();
    let inflate = |max| {
        compact::decrypt_inflating(&key, ContentEncryption::ALL, max, text(test, "jwe"))
            .map(|decrypted| decrypted.plaintext().to_vec())
    };
    let plaintext = hex(text(test, "pt"));
    assert_eq!(inflate(plaintext.len() - 1), Err(Error::TooLarge));
    assert_eq!(inflate(plaintext.len()), Ok(plaintext));
}

#[test]
fn wycheproof_mixed_file() {
    let Some(file) = read("json_web_crypto_test.json") else { return };
    let mut count = 0;
    for group in items(&file, "testGroups") {
        for test in items(group, "tests").iter().filter(|test| test.get("jwe").is_some()) {
            // tc66 is JSON, given to readers of the compact form.
            let token = test["jwe"].as_str().map_or_else(|| test["jwe"].to_string(), str::to_owned);
            let verdict = decrypt(&group["private"], &token);
            let expected = test["result"] == "valid";
            assert_eq!(
                verdict.is_ok(),
                expected,
                "tc{} {}: {verdict:?}",
                test["tcId"],
                test["comment"]
            );
            count += 1;
        }
    }
    assert_eq!(count, 34, "the file has the tests that were looked at");
}

/// Each test of agreement as a token whose content key was derived from the shared secret by the
/// test itself, with code of its own.
#[test]
fn wycheproof_x25519() {
    let Some(file) = read("x25519_jwk_test.json") else { return };
    let (mut agreed, mut refused) = (0, 0);
    for test in items(&file["testGroups"][0], "tests") {
        let id = &test["tcId"];
        let shared = hex(text(test, "shared"));
        let token = direct_token(&test["public"], &shared);
        let key = PrivateJwk::from_json(test["private"].to_string().as_bytes())
            .and_then(|jwk| DecryptionKey::from_jwk_as(&jwk, KeyManagement::EcdhEs));
        let verdict = key.and_then(|key| compact::decrypt(&key, ContentEncryption::ALL, &token));
        let is_zero = shared.iter().all(|&byte| byte == 0);
        let expected = test["result"] != "invalid" && !is_zero;
        match verdict {
            Ok(_) => assert!(expected, "tc{id}: {}", test["comment"]),
            Err(error) => assert!(!expected, "tc{id}: {}: {error:?}", test["comment"]),
        }
        if expected { agreed += 1 } else { refused += 1 }
    }
    assert_eq!((agreed, refused), (487, 44), "the file has the tests that were looked at");
}

fn direct_token(epk: &Value, shared: &[u8]) -> String {
    let header = json!({ "alg": "ECDH-ES", "enc": "A128GCM", "epk": epk }).to_string();
    let info = b"\0\0\0\x07A128GCM\0\0\0\0\0\0\0\0\0\0\0\x80";
    let hash = digest(&SHA256, &[&[0, 0, 0, 1], shared, &info[..]].concat());
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &hash.as_ref()[..16]).unwrap());
    let protected = URL_SAFE_NO_PAD.encode_to_string(header);
    let (iv, mut content) = ([7; 12], b"content".to_vec());
    let nonce = Nonce::assume_unique_for_key(iv);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&protected), &mut content).unwrap();
    let [iv, content, tag] =
        [&iv[..], &content, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode_to_string(part));
    format!("{protected}..{iv}.{content}.{tag}")
}

/// Both JSON forms and the compact one, as far as an example has them.
fn cookbook(name: &str, key: &DecryptionKey, plaintext: &str, output: &Value) {
    if let Some(token) = output.get("compact") {
        let token = token.as_str().unwrap();
        let decrypted = compact::decrypt(key, ContentEncryption::ALL, token).unwrap();
        assert_eq!(decrypted.plaintext(), plaintext.as_bytes(), "{name} compact");
    }
    for form in ["json", "json_flat"] {
        let Some(token) = output.get(form) else { continue };
        let decrypted = jwe::json::decrypt(key, ContentEncryption::ALL, &token.to_string());
        let decrypted = decrypted.unwrap_or_else(|error| panic!("{name} {form}: {error}"));
        assert_eq!(decrypted.plaintext(), plaintext.as_bytes(), "{name} {form}");
        let aad = token
            .get("aad")
            .map(|aad| URL_SAFE_NO_PAD.decode_to_vec(aad.as_str().unwrap()).unwrap());
        assert_eq!(decrypted.aad(), aad.as_deref(), "{name} {form}");
    }
}

/// The example's key, for the example's algorithm: some of the keys name none.
fn cookbook_key(jwk: &Value, algorithm: &Value) -> Result<DecryptionKey, Error> {
    let management = KeyManagement::from_name(algorithm.as_str().unwrap());
    let management = management.ok_or(Error::AlgorithmNotAllowed)?;
    let jwk = PrivateJwk::from_json(jwk.to_string().as_bytes())?;
    DecryptionKey::from_jwk_as(&jwk, management)
}

#[test]
fn cookbook_encryption() {
    let examples = [
        "5_2.key_encryption_using_rsa-oaep_with_aes-gcm",
        "5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm",
        "5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2",
        "5_6.direct_encryption_using_aes-gcm",
        "5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2",
        "5_8.key_wrap_using_aes-keywrap_with_aes-gcm",
        "5_10.including_additional_authentication_data",
        "5_11.protecting_specific_header_fields",
        "5_12.protecting_content_only",
    ];
    for name in examples {
        let Some(example) = read(&format!("ietf-jose-cookbook/jwe/{name}.json")) else { return };
        let input = &example["input"];
        let key = cookbook_key(&input["key"], &input["alg"]).unwrap();
        cookbook(name, &key, text(input, "plaintext"), &example["output"]);
    }
}

#[test]
fn cookbook_rsa1_5_is_refused() {
    let name = "5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2";
    let Some(example) = read(&format!("ietf-jose-cookbook/jwe/{name}.json")) else { return };
    let (input, output) = (&example["input"], &example["output"]);
    assert_eq!(cookbook_key(&input["key"], &input["alg"]).err(), Some(Error::AlgorithmNotAllowed));
    let key = cookbook_key(&input["key"], &json!("RSA-OAEP")).unwrap();
    let compact = compact::decrypt(&key, ContentEncryption::ALL, text(output, "compact"));
    assert_eq!(compact.err(), Some(Error::AlgorithmNotAllowed));
    for form in ["json", "json_flat"] {
        let token = output[form].to_string();
        let refused = jwe::json::decrypt(&key, ContentEncryption::ALL, &token).err();
        assert_eq!(refused, Some(Error::AlgorithmNotAllowed), "{form}");
    }
}

#[test]
fn cookbook_password() {
    let name = "5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2";
    let Some(example) = read(&format!("ietf-jose-cookbook/jwe/{name}.json")) else { return };
    let (input, output) = (&example["input"], &example["output"]);
    let opened = password::open(text(input, "pwd").as_bytes(), text(output, "compact")).unwrap();
    assert_eq!(opened.plaintext(), text(input, "plaintext").as_bytes());
    assert_eq!(opened.cty(), Some("jwk-set+json"));
}

#[test]
fn cookbook_compressed() {
    let name = "5_9.compressed_content";
    let Some(example) = read(&format!("ietf-jose-cookbook/jwe/{name}.json")) else { return };
    let (input, output) = (&example["input"], &example["output"]);
    let key = cookbook_key(&input["key"], &input["alg"]).unwrap();
    let token = text(output, "compact");
    let refused = compact::decrypt(&key, ContentEncryption::ALL, token).err();
    assert_eq!(refused, Some(Error::InvalidHeader("zip")));
    for form in ["json", "json_flat"] {
        let token = output[form].to_string();
        let refused = jwe::json::decrypt(&key, ContentEncryption::ALL, &token).err();
        assert_eq!(refused, Some(Error::InvalidHeader("zip")), "{form}");
        #[cfg(feature = "deflate")]
        {
            let read = jwe::json::decrypt_inflating(&key, ContentEncryption::ALL, 1000, &token);
            assert_eq!(read.unwrap().plaintext(), text(input, "plaintext").as_bytes());
        }
    }
    #[cfg(feature = "deflate")]
    {
        let read = compact::decrypt_inflating(&key, ContentEncryption::ALL, 1000, token);
        assert_eq!(read.unwrap().plaintext(), text(input, "plaintext").as_bytes());
    }
}

/// Each recipient of the one token reads it; the one with RSA1_5 is passed over.
#[test]
fn cookbook_several_recipients() {
    let name = "5_13.encrypting_to_multiple_recipients";
    let Some(example) = read(&format!("ietf-jose-cookbook/jwe/{name}.json")) else { return };
    let input = &example["input"];
    let mut read = 0;
    for (jwk, algorithm) in items(input, "key").iter().zip(items(input, "alg")) {
        if algorithm != "RSA1_5" {
            let key = cookbook_key(jwk, algorithm).unwrap();
            cookbook(name, &key, text(input, "plaintext"), &example["output"]);
            read += 1;
        }
    }
    assert_eq!(read, 2);
}

#[test]
fn cookbook_x25519() {
    let Some(example) = read("ietf-jose-cookbook/curve25519/ecdh-es.json") else { return };
    let input = &example["input"];
    let key = cookbook_key(&input["key"], &input["alg"]).unwrap();
    cookbook("ecdh-es", &key, text(input, "plaintext"), &example["output"]);
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
