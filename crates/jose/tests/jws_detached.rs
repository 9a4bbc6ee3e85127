//! Signatures without their content, and over content that is not encoded.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    Algorithm, Error, KeySet, SigningKey,
    jws::{Signatory, compact, detached, json, unencoded},
};
use serde_json::{Value, json};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn secret() -> SigningKey {
    SigningKey::from_secret(Algorithm::HS256, &(0..32).collect::<Vec<u8>>()).unwrap()
}

#[test]
fn every_algorithm_signs_content_that_travels_elsewhere() {
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let keys = KeySet::new([key.verifying_key()]);
        let (one, both) = (Signatory::new(&key), [Signatory::new(&key), Signatory::new(&key)]);
        // Longer than any text that carries its payload may be.
        let content = &[0xff; 100_000][..];
        let text = detached::sign(&key, Some("x"), content).unwrap();
        assert_eq!(detached::verify(&key.verifying_key(), &text, content), Ok(()));
        let text = unencoded::sign_detached(&key, Some("x"), content).unwrap();
        assert_eq!(unencoded::verify_detached(&key.verifying_key(), &text, content), Ok(()));
        for text in [
            detached::sign_flattened(&one, content).unwrap(),
            detached::sign_general(&both, content).unwrap(),
        ] {
            let report = detached::verify_json(&keys, text.as_bytes(), content).unwrap();
            assert_eq!(report.all(), Ok(content), "{algorithm}");
            let report = detached::verify_json(&keys, text.as_bytes(), &content[1..]).unwrap();
            assert_eq!(report.all(), Err(Error::BadSignature), "{algorithm}");
        }
        let text = unencoded::sign_flattened_detached(&one, content).unwrap();
        let report = unencoded::verify_json_detached(&keys, text.as_bytes(), content).unwrap();
        assert_eq!(report.all(), Ok(content), "{algorithm}");
    }
}

#[test]
fn unencoded_text_is_carried_as_it_is() {
    let key = secret();
    let keys = KeySet::new([key.verifying_key()]);
    let signatories = [Signatory::new(&key), Signatory::new(&key).typ("x")];
    for content in ["", "$.02", "\"quoted\\ \u{1f600}\n\u{0}\"", "a..b"] {
        for text in [
            unencoded::sign_flattened(&signatories[0], content).unwrap(),
            unencoded::sign_general(&signatories, content).unwrap(),
        ] {
            let parsed: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed["payload"], content);
            let report = unencoded::verify_json(&keys, text.as_bytes()).unwrap();
            assert_eq!(report.all(), Ok(content.as_bytes()));
        }
    }
    for content in ["", "plain text!", "~-_", "a\"b\\c", "..", "a.b", "é", "a\tb"] {
        let plain = content.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'.');
        match unencoded::sign(&key, None, content) {
            Ok(text) => {
                assert!(plain, "{content:?}");
                assert_eq!(unencoded::verify(&key.verifying_key(), &text), Ok(content));
            }
            Err(error) => assert_eq!((plain, error), (false, Error::Unserializable)),
        }
    }
    let long = "x".repeat(compact::MAX_BYTES);
    assert_eq!(unencoded::sign(&key, None, &long), Err(Error::TooLarge));
    assert_eq!(unencoded::sign_flattened(&signatories[0], &long), Err(Error::TooLarge));
}

/// What each verifier says of each form: only its own is read.
#[test]
fn each_form_has_its_own_verifier() {
    let key = secret();
    let verifying = key.verifying_key();
    let one = Signatory::new(&key);
    // As base64url it would be readable too.
    let content = "contents";
    let texts = [
        compact::sign(&key, None, content.as_bytes()).unwrap(),
        detached::sign(&key, None, content.as_bytes()).unwrap(),
        unencoded::sign(&key, None, content).unwrap(),
        unencoded::sign_detached(&key, None, content.as_bytes()).unwrap(),
        json::sign_flattened(&one, content.as_bytes()).unwrap(),
        detached::sign_flattened(&one, content.as_bytes()).unwrap(),
        unencoded::sign_flattened(&one, content).unwrap(),
        unencoded::sign_flattened_detached(&one, content.as_bytes()).unwrap(),
    ];
    let critical = Err(Error::UnknownCritical);
    let malformed = Err(Error::Malformed);
    let no_b64 = Err(Error::InvalidHeader("b64"));
    let json = Err(Error::Json);
    let whole = |report: countersign_jose::jws::Report<'_>| report.all().map(drop);
    let bytes = content.as_bytes();
    let verdicts = |text: &str| {
        [
            compact::verify(&verifying, text).map(drop),
            detached::verify(&verifying, text, bytes),
            unencoded::verify(&verifying, text).map(drop),
            unencoded::verify_detached(&verifying, text, bytes),
            json::verify(&verifying, text.as_bytes()).and_then(whole),
            detached::verify_json(&verifying, text.as_bytes(), bytes).and_then(whole),
            unencoded::verify_json(&verifying, text.as_bytes()).and_then(whole),
            unencoded::verify_json_detached(&verifying, text.as_bytes(), bytes).and_then(whole),
        ]
    };
    let expected = [
        [Ok(()), malformed.clone(), no_b64.clone(), malformed.clone()],
        [Err(Error::BadSignature), Ok(()), no_b64.clone(), no_b64.clone()],
        [critical.clone(), malformed.clone(), Ok(()), malformed.clone()],
        [critical.clone(), critical.clone(), Err(Error::BadSignature), Ok(())],
    ];
    for (text, expected) in texts[..4].iter().zip(expected) {
        let verdicts = verdicts(text);
        assert_eq!(verdicts[..4], expected, "{text}");
        assert_eq!(verdicts[4..], vec![json.clone(); 4], "{text}");
    }
    let expected = [
        [Ok(()), malformed.clone(), no_b64.clone(), malformed.clone()],
        [malformed.clone(), Ok(()), malformed.clone(), no_b64],
        [critical.clone(), malformed.clone(), Ok(()), malformed.clone()],
        [malformed.clone(), critical, malformed.clone(), Ok(())],
    ];
    for (text, expected) in texts[4..].iter().zip(expected) {
        let verdicts = verdicts(text);
        assert_eq!(verdicts[..4], vec![malformed.clone(); 4], "{text}");
        assert_eq!(verdicts[4..], expected, "{text}");
    }
    // A text with two dots in it is cut into parts, and the first is still no header.
    let dotted = texts[4].replacen('{', r#"{"dots":"..","#, 1);
    assert_eq!(verdicts(&dotted)[..4], vec![Err(Error::Base64); 4]);
}

/// RFC 7797 section 6: `b64` and `crit` stand together, in the protected header, or not at all.
#[test]
fn attack_16_b64_needs_crit_and_crit_needs_b64() {
    let key = secret();
    let verifying = key.verifying_key();
    for (members, expected) in [
        (r#","b64":false,"crit":["b64"]"#, Ok(())),
        (r#","crit":["b64"],"b64":false"#, Ok(())),
        ("", Err(Error::InvalidHeader("b64"))),
        (r#","b64":false"#, Err(Error::InvalidHeader("crit"))),
        (r#","crit":["b64"]"#, Err(Error::InvalidHeader("b64"))),
        (r#","b64":true,"crit":["b64"]"#, Err(Error::InvalidHeader("b64"))),
        (r#","b64":"false","crit":["b64"]"#, Err(Error::InvalidHeader("b64"))),
        (r#","b64":null,"crit":["b64"]"#, Err(Error::InvalidHeader("b64"))),
        (r#","b64":0,"crit":["b64"]"#, Err(Error::InvalidHeader("b64"))),
        (r#","b64":false,"crit":[]"#, Err(Error::UnknownCritical)),
        (r#","b64":false,"crit":"b64""#, Err(Error::UnknownCritical)),
        (r#","b64":false,"crit":["b64","b64"]"#, Err(Error::UnknownCritical)),
        (r#","b64":false,"crit":["b64","exp"],"exp":1"#, Err(Error::UnknownCritical)),
        (r#","b64":false,"crit":["exp"],"exp":1"#, Err(Error::UnknownCritical)),
        (r#","b64":false,"b64":false,"crit":["b64"]"#, Err(Error::DuplicateMember)),
        (r#","b64":false,"crit":["b64"],"enc":"A256GCM""#, Err(Error::InvalidHeader("enc"))),
    ] {
        let header = encode(format!(r#"{{"alg":"HS256"{members}}}"#));
        let signature = encode(key.sign(format!("{header}.content").as_bytes()).unwrap());
        let attached = format!("{header}.content.{signature}");
        let verdict = unencoded::verify(&verifying, &attached).map(drop);
        assert_eq!(verdict, expected, "{members}");
        let without = format!("{header}..{signature}");
        let verdict = unencoded::verify_detached(&verifying, &without, b"content");
        assert_eq!(verdict, expected, "{members}");
        let text = json!({ "payload": "content", "protected": header, "signature": signature });
        let report = unencoded::verify_json(&verifying, text.to_string().as_bytes()).unwrap();
        assert_eq!(report.all().map(drop), expected, "{members}");
    }
    for outside in [json!({ "b64": false }), json!({ "crit": ["b64"] })] {
        let text = unencoded::sign_flattened(&Signatory::new(&key), "content").unwrap();
        let mut text: Value = serde_json::from_str(&text).unwrap();
        text["header"] = outside;
        let report = unencoded::verify_json(&verifying, text.to_string().as_bytes()).unwrap();
        assert!(report.all().is_err());
    }
}

#[test]
fn a_payload_in_compact_form_is_printable_and_has_no_dot() {
    let key = secret();
    let header = encode(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#);
    for content in ["a.b", "a\nb", "é", "\u{7f}", "\u{0}"] {
        let signature = encode(key.sign(format!("{header}.{content}").as_bytes()).unwrap());
        let text = format!("{header}.{content}.{signature}");
        assert_eq!(unencoded::verify(&key.verifying_key(), &text), Err(Error::Malformed));
    }
}

#[test]
fn other_content_and_other_keys_are_refused() {
    let (key, other) = (secret(), SigningKey::generate(Algorithm::HS256).unwrap());
    let text = detached::sign(&key, None, b"content").unwrap();
    for (verifying, content, expected) in [
        (key.verifying_key(), &b"content"[..], Ok(())),
        (key.verifying_key(), b"Content", Err(Error::BadSignature)),
        (key.verifying_key(), b"", Err(Error::BadSignature)),
        (other.verifying_key(), b"content", Err(Error::BadSignature)),
        (
            SigningKey::generate(Algorithm::ES256).unwrap().verifying_key(),
            b"content",
            Err(Error::AlgorithmNotAllowed),
        ),
    ] {
        assert_eq!(detached::verify(&verifying, &text, content), expected);
    }
    let dotless = text.replace("..", ".");
    let verdict = detached::verify(&key.verifying_key(), &dotless, b"content");
    assert_eq!(verdict, Err(Error::Malformed));
    let long = format!("{text}{}", "A".repeat(compact::MAX_BYTES));
    let verdict = detached::verify(&key.verifying_key(), &long, b"content");
    assert_eq!(verdict, Err(Error::TooLarge));
}

/// RFC 7797 section 4.
#[test]
fn rfc_7797_section_4() {
    let key = SigningKey::from_jwk_json(
        br#"{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
    )
    .unwrap();
    let verifying = key.verifying_key();
    let control = "eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ";
    assert_eq!(compact::verify(&verifying, control), Ok(b"$.02".to_vec()));

    let header = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19";
    let signature = "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY";
    let flattened = json!({ "protected": header, "payload": "$.02", "signature": signature });
    let flattened = flattened.to_string();
    let report = unencoded::verify_json(&verifying, flattened.as_bytes()).unwrap();
    assert_eq!(report.all(), Ok(&b"$.02"[..]));
    let detached = format!("{header}..{signature}");
    assert_eq!(unencoded::verify_detached(&verifying, &detached, b"$.02"), Ok(()));

    // Readers of encoded payloads refuse it for its `crit`.
    assert_eq!(compact::verify(&verifying, &detached), Err(Error::UnknownCritical));
    let report = json::verify(&verifying, flattened.as_bytes());
    assert_eq!(report.err(), Some(Error::Base64));
}

fn example(name: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let text = std::fs::read(folder.join("ietf-jose-cookbook").join(name));
    text.ok().map(|text| serde_json::from_slice(&text).unwrap())
}

fn key_of(example: &Value) -> SigningKey {
    SigningKey::from_jwk_json(example["input"]["key"].to_string().as_bytes()).unwrap()
}

#[test]
fn cookbook_4_5_detached_content() {
    let Some(example) = example("jws/4_5.signature_with_detached_content.json") else { return };
    let key = key_of(&example);
    let payload = example["input"]["payload"].as_str().unwrap().as_bytes();
    let text = example["output"]["compact"].as_str().unwrap();
    assert_eq!(detached::verify(&key.verifying_key(), text, payload), Ok(()));
    // The same header, key and content: what is made here is the published text.
    assert_eq!(detached::sign(&key, None, payload).unwrap(), text);
    let keys = KeySet::new([key.verifying_key()]);
    for form in ["json", "json_flat"] {
        let text = example["output"][form].to_string();
        let report = detached::verify_json(&keys, text.as_bytes(), payload).unwrap();
        assert_eq!(report.all(), Ok(payload), "{form}");
    }
    let made = detached::sign_flattened(&Signatory::new(&key), payload).unwrap();
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made, example["output"]["json_flat"]);
}

#[test]
fn cookbook_rfc7797_compact() {
    let Some(example) = example("rfc7797/hmac-sha2_b64_false.json") else { return };
    let key = key_of(&example);
    let payload = example["input"]["payload"].as_str().unwrap();
    let text = example["output"]["compact"].as_str().unwrap();
    assert_eq!(unencoded::verify(&key.verifying_key(), text), Ok(payload));
    for form in ["json", "json_flat"] {
        let text = example["output"][form].to_string();
        let report = unencoded::verify_json(&key.verifying_key(), text.as_bytes()).unwrap();
        assert_eq!(report.all(), Ok(payload.as_bytes()), "{form}");
    }
}

#[test]
fn cookbook_rfc7797_4_2_lacks_crit_and_is_refused() {
    // Its header, once decoded, has no `crit`, against what the file says of it and RFC 7797
    // section 6 asks for.
    let Some(example) = example("rfc7797/4.2.hmac-sha2_b64_false.json") else { return };
    let key = key_of(&example);
    for form in ["json", "json_flat"] {
        let text = example["output"][form].to_string();
        let report = unencoded::verify_json(&key.verifying_key(), text.as_bytes()).unwrap();
        assert_eq!(report.all(), Err(Error::InvalidHeader("crit")), "{form}");
    }
}
