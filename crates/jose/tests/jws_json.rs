//! The JSON forms of JWS: every signature is reported, and what it takes to get the payload.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    Algorithm, Error, Jwk, KeySet, SigningKey, VerifyingKey,
    jws::{Report, Signatory, compact, json},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const PAYLOAD: &[u8] = b"the \xff payload";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn generate(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

/// A signature over [`PAYLOAD`] as an entry of the general form, with any headers.
fn entry(key: &SigningKey, protected: &str, unprotected: Option<Value>) -> Value {
    let protected = encode(protected);
    let input = format!("{protected}.{}", encode(PAYLOAD));
    let signature = encode(key.sign(input.as_bytes()).unwrap());
    let mut entry = json!({ "protected": protected, "signature": signature });
    if let Some(header) = unprotected {
        entry["header"] = header;
    }
    entry
}

fn general(entries: &[Value]) -> Value {
    json!({ "payload": encode(PAYLOAD), "signatures": entries })
}

fn flattened(mut entry: Value) -> Value {
    entry["payload"] = encode(PAYLOAD).into();
    entry
}

fn verify(keys: &KeySet, text: &Value) -> Result<Report<'static>, Error> {
    json::verify(keys, text.to_string().as_bytes())
}

/// An honest protected header with one more member.
fn header(key: &SigningKey, more: &str) -> String {
    format!(r#"{{"alg":"{}","kid":"{}"{more}}}"#, key.algorithm(), key.key_id())
}

#[test]
fn every_algorithm_signs_both_forms() {
    for &algorithm in Algorithm::ALL {
        let key = generate(algorithm);
        let keys = KeySet::new([key.verifying_key()]);
        let signatory = Signatory::new(&key).typ("x+json");
        for text in [
            json::sign_flattened(&signatory, PAYLOAD).unwrap(),
            json::sign_general(std::slice::from_ref(&signatory), PAYLOAD).unwrap(),
        ] {
            for report in [
                json::verify(&keys, text.as_bytes()).unwrap(),
                json::verify(&key.verifying_key(), text.as_bytes()).unwrap(),
            ] {
                assert_eq!(report.all(), Ok(PAYLOAD), "{algorithm}");
                let [signature] = report.signatures() else { panic!("one signature") };
                assert_eq!(signature.key_id.as_deref(), Some(key.key_id()));
                assert_eq!(signature.algorithm, Some(algorithm));
                assert_eq!(signature.typ.as_deref(), Some("x+json"));
                assert_eq!(signature.verdict, Ok(()));
            }
        }
    }
}

/// With one key, nothing looks the `kid` up, so what it says must not pass for the signer.
#[test]
fn a_signature_is_reported_under_the_key_that_verified_it() {
    let (mallory, bob) = (generate(Algorithm::ES256), generate(Algorithm::ES256));
    let key = mallory.verifying_key();
    let report =
        |entry: Value| json::verify(&key, flattened(entry).to_string().as_bytes()).unwrap();
    let named = header(&bob, "");
    let outside = Some(json!({ "kid": bob.key_id() }));
    for entry in [entry(&mallory, &named, None), entry(&mallory, r#"{"alg":"ES256"}"#, outside)] {
        let report = report(entry);
        assert_eq!(report.by(&[bob.key_id()]), Err(Error::MissingSignature));
        assert_eq!(report.by(&[mallory.key_id()]), Ok(PAYLOAD));
        assert_eq!(report.signatures()[0].key_id.as_deref(), Some(mallory.key_id()));
    }
    let nameless = report(entry(&mallory, r#"{"alg":"ES256"}"#, None));
    assert_eq!(nameless.by(&[mallory.key_id()]), Ok(PAYLOAD));
    // What is not verified keeps its claim.
    let refused = report(entry(&bob, &named, None));
    assert_eq!(refused.signatures()[0].key_id.as_deref(), Some(bob.key_id()));
    assert_eq!(refused.by(&[bob.key_id()]), Err(Error::BadSignature));
}

#[test]
fn the_payload_is_given_out_only_for_what_holds() {
    let (a, b, c) =
        (generate(Algorithm::ES256), generate(Algorithm::Ed25519), generate(Algorithm::HS256));
    let keys = KeySet::new([a.verifying_key(), b.verifying_key()]);
    let signatories = [Signatory::new(&a), Signatory::new(&b), Signatory::new(&c)];

    let both = json::sign_general(&signatories[..2], PAYLOAD).unwrap();
    let report = json::verify(&keys, both.as_bytes()).unwrap();
    assert_eq!(report.all(), Ok(PAYLOAD));
    assert_eq!(report.by(&[b.key_id(), a.key_id()]), Ok(PAYLOAD));
    assert_eq!(report.by(&[a.key_id(), c.key_id()]), Err(Error::MissingSignature));
    assert_eq!(report.by(&[]), Err(Error::InvalidPolicy("key_ids")));

    let three = json::sign_general(&signatories, PAYLOAD).unwrap();
    let report = json::verify(&keys, three.as_bytes()).unwrap();
    assert_eq!(report.all(), Err(Error::UnknownKey));
    assert_eq!(report.by(&[a.key_id(), b.key_id()]), Ok(PAYLOAD));
    assert_eq!(report.by(&[c.key_id()]), Err(Error::UnknownKey));

    // One signature is spoilt, the other is not.
    let mut text: Value = serde_json::from_str(&both).unwrap();
    text["signatures"][0]["signature"] = text["signatures"][1]["signature"].clone();
    let report = verify(&keys, &text).unwrap();
    let verdicts: Vec<_> = report.signatures().iter().map(|one| one.verdict.clone()).collect();
    assert_eq!(verdicts, [Err(Error::BadSignature), Ok(())]);
    assert_eq!(report.all(), Err(Error::BadSignature));
    assert_eq!(report.by(&[a.key_id()]), Err(Error::BadSignature));
    assert_eq!(report.by(&[b.key_id()]), Ok(PAYLOAD));
    assert_eq!(report.danger_any(), Ok(PAYLOAD));

    // The last one is spoilt too.
    text["payload"] = encode("other").into();
    let report = verify(&keys, &text).unwrap();
    assert_eq!(report.danger_any(), Err(Error::BadSignature));
}

#[test]
fn attack_35_headers_outside_the_signature_decide_nothing() {
    let key = generate(Algorithm::ES256);
    let keys = KeySet::new([key.verifying_key()]);
    let (id, honest) = (key.key_id(), header(&key, ""));
    let key_only = format!(r#"{{"kid":"{id}"}}"#);
    let algorithm_only = r#"{"alg":"ES256"}"#;
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("m{n}"), json!(n))).collect();
    let invalid = Error::InvalidHeader;
    for (protected, unprotected, expected) in [
        (&*honest, None, Ok(())),
        (&honest, Some(json!({})), Ok(())),
        (&honest, Some(json!({ "jku": "https://evil.example", "x": [1] })), Ok(())),
        (algorithm_only, Some(json!({ "kid": id })), Ok(())),
        (algorithm_only, None, Err(Error::MissingKeyId)),
        (algorithm_only, Some(json!({ "kid": "other" })), Err(Error::UnknownKey)),
        (algorithm_only, Some(json!({ "kid": 7 })), Err(invalid("kid"))),
        (algorithm_only, Some(json!({ "kid": "a\nb" })), Err(invalid("kid"))),
        (&key_only, None, Err(invalid("alg"))),
        (&key_only, Some(json!({ "alg": "ES256" })), Err(invalid("alg"))),
        (&honest, Some(json!({ "alg": "ES256" })), Err(invalid("alg"))),
        (&honest, Some(json!({ "alg": "none" })), Err(invalid("alg"))),
        (&honest, Some(json!({ "kid": id })), Err(Error::DuplicateMember)),
        (&honest, Some(json!({ "crit": ["exp"] })), Err(Error::UnknownCritical)),
        (&honest, Some(json!({ "crit": [] })), Err(Error::UnknownCritical)),
        (&honest, Some(json!({ "b64": false })), Err(invalid("b64"))),
        (&honest, Some(json!({ "b64": true })), Err(invalid("b64"))),
        (&honest, Some(json!({ "zip": "DEF" })), Err(invalid("zip"))),
        (&honest, Some(json!({ "enc": "A256GCM" })), Err(invalid("enc"))),
        (&honest, Some(Value::Object(many)), Err(Error::TooLarge)),
        (&header(&key, r#","crit":["x"],"x":1"#), None, Err(Error::UnknownCritical)),
        (&header(&key, r#","crit":["b64"],"b64":false"#), None, Err(Error::UnknownCritical)),
        (&header(&key, r#","b64":false"#), None, Err(invalid("b64"))),
        (&header(&key, r#","b64":true"#), None, Err(invalid("b64"))),
        (&header(&key, r#","x":1"#), Some(json!({ "x": 1 })), Err(Error::DuplicateMember)),
        (&header(&key, r#","x":1,"x":1"#), None, Err(Error::DuplicateMember)),
        (r#"{"alg":"none"}"#, None, Err(Error::AlgorithmNotAllowed)),
        (&honest.replace("ES256", "HS256"), None, Err(Error::AlgorithmNotAllowed)),
        ("", None, Err(Error::Json)),
        ("{}", None, Err(invalid("alg"))),
        (&" ".repeat(4097), None, Err(Error::TooLarge)),
    ] {
        let entry = entry(&key, protected, unprotected.clone());
        for text in [general(std::slice::from_ref(&entry)), flattened(entry)] {
            let report = verify(&keys, &text).unwrap();
            let [signature] = report.signatures() else { panic!("one signature") };
            assert_eq!(signature.verdict, expected, "{protected} {unprotected:?}");
            assert_eq!(report.all().map(drop), expected, "{protected} {unprotected:?}");
        }
    }
}

#[test]
fn a_signature_without_protected_header_is_reported_as_refused() {
    let key = generate(Algorithm::ES256);
    let mut entry = entry(&key, &header(&key, ""), Some(json!({ "alg": "ES256" })));
    entry.as_object_mut().unwrap().remove("protected");
    let report = verify(&KeySet::new([key.verifying_key()]), &flattened(entry)).unwrap();
    assert_eq!(report.all(), Err(Error::InvalidHeader("alg")));
}

#[test]
fn texts_that_are_no_signature_are_refused_as_a_whole() {
    let key = generate(Algorithm::Ed25519);
    let keys = KeySet::new([key.verifying_key()]);
    let good = entry(&key, &header(&key, ""), None);
    let change = |name: &str, value: Value| {
        let mut text = flattened(good.clone());
        text[name] = value;
        text.to_string()
    };
    let without = |name: &str| {
        let mut text = flattened(good.clone());
        text.as_object_mut().unwrap().remove(name);
        text.to_string()
    };
    let list = |count: usize| general(&vec![good.clone(); count]).to_string();
    let honest = flattened(good.clone()).to_string();
    let malformed = Err(Error::Malformed);
    for (text, expected) in [
        (honest.clone(), Ok(())),
        (change("extra", json!({ "a": 1 })), Ok(())),
        (without("payload"), malformed.clone()),
        (without("signature"), malformed.clone()),
        (change("payload", json!(null)), malformed.clone()),
        (change("payload", json!({ "a": 1 })), malformed.clone()),
        (change("payload", json!("a b")), Err(Error::Base64)),
        (change("payload", json!("AQ==")), Err(Error::Base64)),
        (change("payload", json!("AR")), Err(Error::Base64)),
        (change("signature", json!(1)), malformed.clone()),
        (change("signature", json!("")), Err(Error::BadSignature)),
        (change("signature", json!("=")), Err(Error::Base64)),
        (change("protected", json!(null)), malformed.clone()),
        (change("protected", json!({ "alg": "Ed25519" })), malformed.clone()),
        (change("header", json!(null)), malformed.clone()),
        (change("header", json!("{}")), malformed.clone()),
        (change("signatures", json!([good])), malformed.clone()),
        (json!({ "payload": "", "signatures": {} }).to_string(), malformed.clone()),
        (json!({ "payload": "", "signatures": [1] }).to_string(), malformed.clone()),
        (json!({ "payload": "", "signatures": [{}] }).to_string(), malformed.clone()),
        (list(0), Err(Error::SignatureCount)),
        (list(16), Ok(())),
        (list(17), Err(Error::SignatureCount)),
        (change("ciphertext", json!("AAAA")), Err(Error::WrongProtection)),
        (change("pad", json!("x".repeat(json::MAX_BYTES))), Err(Error::TooLarge)),
        (honest.replacen('{', r#"{"payload":"","#, 1), Err(Error::DuplicateMember)),
        (format!("{honest}{honest}"), Err(Error::Json)),
        (format!("[{honest}]"), Err(Error::Json)),
        (String::new(), Err(Error::Json)),
        ("{}".to_owned(), malformed),
    ] {
        let verdict = json::verify(&keys, text.as_bytes());
        let verdict = verdict.and_then(|report| report.all().map(drop));
        assert_eq!(verdict, expected, "{}", &text[..text.len().min(300)]);
    }
}

#[test]
fn a_single_key_reads_a_single_signature() {
    let key = generate(Algorithm::Ed25519);
    let nameless = entry(&key, r#"{"alg":"Ed25519"}"#, None);
    let one = general(std::slice::from_ref(&nameless)).to_string();
    let report = json::verify(&key.verifying_key(), one.as_bytes()).unwrap();
    assert_eq!(report.all(), Ok(PAYLOAD));
    let two = general(&[nameless.clone(), nameless]).to_string();
    let refused = json::verify(&key.verifying_key(), two.as_bytes()).err();
    assert_eq!(refused, Some(Error::SignatureCount));
    let other = generate(Algorithm::ES256).verifying_key();
    let report = json::verify(&other, one.as_bytes()).unwrap();
    assert_eq!(report.all(), Err(Error::AlgorithmNotAllowed));
}

#[test]
fn a_compact_verifier_refuses_json_and_the_reverse() {
    let key = generate(Algorithm::ES256);
    let text = json::sign_flattened(&Signatory::new(&key).unprotected("a", ".."), b"m").unwrap();
    assert_eq!(text.matches('.').count(), 2);
    assert_eq!(compact::verify(&key.verifying_key(), &text), Err(Error::Base64));
    let text = json::sign_flattened(&Signatory::new(&key), b"m").unwrap();
    assert_eq!(compact::verify(&key.verifying_key(), &text), Err(Error::Malformed));
    let text = compact::sign(&key, None, b"m").unwrap();
    let refused = json::verify(&key.verifying_key(), text.as_bytes()).err();
    assert_eq!(refused, Some(Error::Json));
}

#[test]
fn headers_that_nobody_would_read_are_not_written() {
    let key = generate(Algorithm::Ed25519);
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let many = (0..65).fold(Signatory::new(&key), |one, n| one.unprotected(&n.to_string(), n));
    let signatory = || Signatory::new(&key);
    for (signatory, expected) in [
        (signatory().protected("alg", "none"), Error::InvalidHeader("alg")),
        (signatory().unprotected("alg", "none"), Error::InvalidHeader("alg")),
        (signatory().protected("crit", json!(["x"])), Error::InvalidHeader("crit")),
        (signatory().unprotected("kid", "x"), Error::InvalidHeader("kid")),
        (signatory().protected("b64", false), Error::InvalidHeader("b64")),
        (signatory().typ("line\nbreak"), Error::InvalidHeader("typ")),
        (signatory().protected("a", 1).unprotected("a", 2), Error::DuplicateMember),
        (signatory().protected("a", "x".repeat(4096)), Error::TooLarge),
        (signatory().unprotected("a", "x".repeat(json::MAX_BYTES)), Error::TooLarge),
        (signatory().protected("a", deep), Error::Json),
        (many, Error::TooLarge),
    ] {
        assert_eq!(json::sign_flattened(&signatory, b"m"), Err(expected), "{signatory:?}");
    }
    assert_eq!(json::sign_general(&[], b"m"), Err(Error::SignatureCount));
    let too_many = vec![signatory(); json::MAX_SIGNATURES + 1];
    assert_eq!(json::sign_general(&too_many, b"m"), Err(Error::SignatureCount));
    let long = vec![0; json::MAX_BYTES];
    assert_eq!(json::sign_flattened(&signatory(), &long), Err(Error::TooLarge));
}

#[test]
fn the_report_shows_no_payload_in_a_log() {
    let key = generate(Algorithm::Ed25519);
    let text = json::sign_flattened(&Signatory::new(&key), b"inside").unwrap();
    let report = json::verify(&key.verifying_key(), text.as_bytes()).unwrap();
    let shown = format!("{report:?}");
    assert!(shown.contains("verdict: Ok(())"), "{shown}");
    assert!(!shown.contains("105") && !shown.contains("inside"), "{shown}");
}

/// The RSA key of RFC 7515 appendix A.2, public numbers only.
const A2_KEY: &str = r#"{"kty":"RSA","alg":"RS256","kid":"2010-12-29","e":"AQAB","n":"
    ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4
    QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbB
    YUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWN
    moudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
/// The P-256 key of RFC 7515 appendix A.3, public numbers only.
const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"e9bc097a-ce51-4036-9562-d2ade882db0d",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const A6_PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv\
    bS9pc19yb290Ijp0cnVlfQ";
const A6_RSA: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc\
    _lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIAR\
    NPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvW\
    h6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const A6_EC: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3\
    -Kg6NU1Q";

/// The key without the line breaks of this file.
fn public_key(jwk: &str) -> VerifyingKey {
    let json: String = jwk.split_whitespace().collect();
    VerifyingKey::from_jwk(&Jwk::from_json(json.as_bytes()).unwrap()).unwrap()
}

#[test]
fn rfc_7515_appendix_a6_and_a7() {
    let keys = KeySet::new([public_key(A2_KEY), public_key(A3_KEY)]);
    let general = json!({ "payload": A6_PAYLOAD, "signatures": [
        { "protected": "eyJhbGciOiJSUzI1NiJ9", "header": { "kid": "2010-12-29" },
          "signature": A6_RSA },
        { "protected": "eyJhbGciOiJFUzI1NiJ9",
          "header": { "kid": "e9bc097a-ce51-4036-9562-d2ade882db0d" }, "signature": A6_EC },
    ] });
    let report = verify(&keys, &general).unwrap();
    let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \
                   \"http://example.com/is_root\":true}";
    assert_eq!(report.all(), Ok(payload.as_bytes()));
    assert_eq!(report.signatures()[0].algorithm, Some(Algorithm::RS256));
    assert_eq!(report.signatures()[1].algorithm, Some(Algorithm::ES256));

    let mut flattened = general["signatures"][1].clone();
    flattened["payload"] = A6_PAYLOAD.into();
    assert_eq!(verify(&keys, &flattened).unwrap().all(), Ok(payload.as_bytes()));
}

#[test]
fn rfc_7515_appendix_a5_is_refused() {
    let key = generate(Algorithm::HS256);
    let (header, payload) = ("eyJhbGciOiJub25lIn0", A6_PAYLOAD);
    let refused = compact::verify(&key.verifying_key(), &format!("{header}.{payload}."));
    assert_eq!(refused, Err(Error::AlgorithmNotAllowed));
    let text = json!({ "payload": payload, "protected": header, "signature": "" }).to_string();
    let report = json::verify(&key.verifying_key(), text.as_bytes()).unwrap();
    assert_eq!(report.all(), Err(Error::AlgorithmNotAllowed));
}

fn cookbook(name: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let text = std::fs::read(folder.join("ietf-jose-cookbook/jws").join(name));
    text.ok().map(|text| serde_json::from_slice(&text).unwrap())
}

fn private_key(jwk: &Value) -> SigningKey {
    SigningKey::from_jwk_json(jwk.to_string().as_bytes()).unwrap()
}

#[test]
fn cookbook_4_6_protects_the_algorithm_alone() {
    let Some(example) = cookbook("4_6.protecting_specific_header_fields.json") else { return };
    let input = &example["input"];
    let keys = KeySet::new([private_key(&input["key"]).verifying_key()]);
    for form in ["json", "json_flat"] {
        let report = verify(&keys, &example["output"][form]).unwrap();
        assert_eq!(report.all(), Ok(input["payload"].as_str().unwrap().as_bytes()), "{form}");
    }
}

#[test]
fn cookbook_4_7_protects_nothing_and_is_refused() {
    // Its algorithm stands outside the signature, so anybody could change it (RFC 8725 3.1).
    let Some(example) = cookbook("4_7.protecting_content_only.json") else { return };
    let keys = KeySet::new([private_key(&example["input"]["key"]).verifying_key()]);
    for form in ["json", "json_flat"] {
        let report = verify(&keys, &example["output"][form]).unwrap();
        assert_eq!(report.all(), Err(Error::InvalidHeader("alg")), "{form}");
    }
}

#[test]
fn cookbook_4_8_has_three_signatures_of_which_one_is_not_protected() {
    let Some(example) = cookbook("4_8.multiple_signatures.json") else { return };
    let input = &example["input"];
    let mut rsa = input["key"][0].clone();
    rsa["alg"] = "RS256".into();
    let (rsa, secret) = (private_key(&rsa), private_key(&input["key"][2]));
    let keys = KeySet::new([rsa.verifying_key(), secret.verifying_key()]);
    let report = verify(&keys, &example["output"]["json"]).unwrap();
    let verdicts: Vec<_> = report.signatures().iter().map(|one| one.verdict.clone()).collect();
    assert_eq!(verdicts, [Ok(()), Err(Error::InvalidHeader("alg")), Ok(())]);
    assert_eq!(report.all(), Err(Error::InvalidHeader("alg")));
    let payload = input["payload"].as_str().unwrap().as_bytes();
    assert_eq!(report.by(&[rsa.key_id(), secret.key_id()]), Ok(payload));
}

proptest! {
    #[test]
    fn any_payload_survives_the_round_trip(
        payload in proptest::collection::vec(any::<u8>(), 0..500),
    ) {
        let key = SigningKey::from_secret(Algorithm::HS256, &[7; 32]).unwrap();
        let text = json::sign_flattened(&Signatory::new(&key), &payload).unwrap();
        let report = json::verify(&key.verifying_key(), text.as_bytes()).unwrap();
        prop_assert_eq!(report.all(), Ok(&*payload));
    }
}
