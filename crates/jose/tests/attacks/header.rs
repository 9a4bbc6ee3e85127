//! Attacks by what the header says, and honest headers that look unusual.

use countersign_jose::{
    Algorithm, Error,
    jws::{Signatory, compact, json as jws_json, unencoded},
};
use serde_json::{Value, json};

use crate::bench::{Bench, claims, encode, with, without};

/// Class 15: CVE-2025-59420, CVE-2026-35042; RFC 7515 section 4.1.11. An extension that must be
/// understood, and is not.
#[test]
fn critical_extensions_are_never_passed_over() {
    let bench = Bench::new(Algorithm::ES256);
    let lists = [
        json!(["exp"]),
        json!(["b64"]),
        json!(["alg"]),
        json!(["kid", "typ"]),
        json!(["http://example.com/UNDEFINED"]),
        json!([""]),
        json!(["exp", "exp"]),
        json!([7]),
        json!([]),
        json!("exp"),
        json!({}),
        json!(null),
        json!(false),
    ];
    for list in lists {
        let header = with(bench.header(), "crit", list.clone());
        let named = with(with(header.clone(), "exp", json!(1)), "b64", json!(true));
        for header in [header, named] {
            let token = bench.token(&header, &claims());
            assert_eq!(bench.verify(&token), Err(Error::UnknownCritical), "{list}");
            let bytes = compact::verify(&bench.key.verifying_key(), &token);
            assert_eq!(bytes, Err(Error::UnknownCritical), "{list}");
        }
    }
    // A name that only looks like it is one of those that are ignored.
    for name in ["Crit", "critical", "crit "] {
        let token = bench.token(&with(bench.header(), name, json!(["exp"])), &claims());
        assert_eq!(bench.verify(&token), Ok(()), "{name}");
    }
}

/// Class 15 in the JSON form, where josekit looked for "critical".
#[test]
fn critical_extensions_in_both_headers_of_the_json_form() {
    let bench = Bench::new(Algorithm::ES256);
    let verifying = bench.key.verifying_key();
    let good = jws_json::sign_flattened(&Signatory::new(&bench.key), b"m").unwrap();
    let good: Value = serde_json::from_str(&good).unwrap();
    let outside = with(good.clone(), "header", json!({ "crit": ["exp"], "exp": 1 }));
    let protected = encode(with(bench.header(), "crit", json!(["exp"])).to_string());
    let signature = encode(bench.key.sign(format!("{protected}.bQ").as_bytes()).unwrap());
    let inside = json!({ "payload": "bQ", "protected": protected, "signature": signature });
    for (text, expected) in [
        (good, Ok(&b"m"[..])),
        (outside, Err(Error::UnknownCritical)),
        (inside, Err(Error::UnknownCritical)),
    ] {
        let report = jws_json::verify(&verifying, text.to_string().as_bytes()).unwrap();
        assert_eq!(report.all(), expected, "{text}");
    }
}

/// Class 16: RFC 7797 section 6. The payload is read in one way here, in another elsewhere.
#[test]
fn b64_without_crit_and_with_it() {
    let bench = Bench::new(Algorithm::ES256);
    for value in [json!(false), json!(true), json!(null), json!("false"), json!(0)] {
        let token = bench.token(&with(bench.header(), "b64", value.clone()), &claims());
        assert_eq!(bench.verify(&token), Err(Error::InvalidHeader("b64")), "{value}");
        let critical = with(with(bench.header(), "b64", value.clone()), "crit", json!(["b64"]));
        let token = bench.token(&critical, &claims());
        assert_eq!(bench.verify(&token), Err(Error::UnknownCritical), "{value}");
    }
    // The verifier of unencoded payloads reads nothing else, and this one reads nothing of its.
    let verifying = bench.key.verifying_key();
    let text = unencoded::sign(&bench.key, Some("at+jwt"), "eyJ9").unwrap();
    assert_eq!(unencoded::verify(&verifying, &text), Ok("eyJ9"));
    assert_eq!(bench.verify(&text), Err(Error::UnknownCritical));
    let usual = compact::sign(&bench.key, None, b"m").unwrap();
    assert_eq!(unencoded::verify(&verifying, &usual), Err(Error::InvalidHeader("b64")));
}

/// Members of encrypted tokens in a signed one: CVE-2023-51774 and others rest on reading one as
/// the other; and a compressed payload is not looked into.
#[test]
fn members_of_encrypted_tokens() {
    let bench = Bench::new(Algorithm::ES256);
    for (name, value) in [
        ("enc", json!("A256GCM")),
        ("enc", json!(null)),
        ("zip", json!("DEF")),
        ("zip", json!("none")),
        ("zip", json!(null)),
    ] {
        let token = bench.token(&with(bench.header(), name, value.clone()), &claims());
        assert_eq!(bench.verify(&token), Err(Error::InvalidHeader(name)), "{name} = {value}");
    }
}

/// Class 37: RFC 8725 section 3.11. The matrix of all kinds is in `tests/kinds`.
#[test]
fn types_that_are_not_an_access_tokens() {
    let bench = Bench::new(Algorithm::ES256);
    let untyped = bench.token(&without(bench.header(), "typ"), &claims());
    assert_eq!(bench.verify(&untyped), Err(Error::WrongType));
    for typ in [
        "JWT",
        "jwt",
        "at",
        "at+jwt ",
        " at+jwt",
        "at +jwt",
        "at-jwt",
        "bat+jwt",
        "at+jwt+x",
        "at+jwt;a=b",
        "text/at+jwt",
        "application/application/at+jwt",
        "application/",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "a\u{301}t+jwt",
        "AT+JWT\u{0}",
    ] {
        let token = bench.token(&with(bench.header(), "typ", json!(typ)), &claims());
        let printable = typ.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let expected = if printable { Error::WrongType } else { Error::InvalidHeader("typ") };
        assert_eq!(bench.verify(&token), Err(expected), "{typ:?}");
    }
    for typ in [json!(["at+jwt"]), json!(null), json!(1), json!(""), json!("a".repeat(129))] {
        let token = bench.token(&with(bench.header(), "typ", typ.clone()), &claims());
        assert_eq!(bench.verify(&token), Err(Error::InvalidHeader("typ")), "{typ}");
    }
}

#[test]
fn headers_that_are_well_meant_are_accepted() {
    let bench = Bench::new(Algorithm::Ed25519);
    for (name, value) in [
        ("typ", json!("application/at+jwt")),
        ("typ", json!("AT+JWT")),
        ("typ", json!("Application/At+Jwt")),
        // RFC 9864 section 2.2: the older name.
        ("alg", json!("EdDSA")),
        ("cty", json!("JWT")),
        ("x5t", json!("abc")),
        ("iss", json!("https://id.example")),
        ("unknown", json!({ "deep": [1, null] })),
    ] {
        let token = bench.token(&with(bench.header(), name, value.clone()), &claims());
        assert_eq!(bench.verify(&token), Ok(()), "{name} = {value}");
    }
}

/// Class 23: the header is bounded before it is decoded.
#[test]
fn a_header_that_is_too_large() {
    let bench = Bench::new(Algorithm::HS256);
    let padded = |bytes: usize| {
        let text = with(bench.header(), "pad", json!("")).to_string();
        text.replace(r#""pad":"""#, &format!(r#""pad":"{}""#, "x".repeat(bytes - text.len())))
    };
    assert_eq!(bench.verify(&bench.raw(padded(4096), claims().to_string())), Ok(()));
    let token = bench.raw(padded(4097), claims().to_string());
    assert_eq!(bench.verify(&token), Err(Error::TooLarge));
}
