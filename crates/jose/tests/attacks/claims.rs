//! Attacks by claims that are missing, of another type, or nearly right. Dates and the rules of
//! each kind are in `tests/kinds`.

use countersign_jose::{Algorithm, Error};
use serde_json::json;

use crate::bench::{API, Bench, ISSUER, NOW, claims, with, without};

/// Classes 17 and 18: RFC 9068 section 2.2.
#[test]
fn claims_that_are_missing() {
    let bench = Bench::new(Algorithm::HS256);
    for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"] {
        let token = bench.token(&bench.header(), &without(claims(), name));
        assert_eq!(bench.verify(&token), Err(Error::MissingClaim(name)));
        // A missing claim under another name, or in a place where no verifier looks.
        let moved = with(without(claims(), name), "claims", claims());
        let token = bench.token(&bench.header(), &moved);
        assert_eq!(bench.verify(&token), Err(Error::MissingClaim(name)));
        let shouted = with(without(claims(), name), &name.to_uppercase(), claims()[name].clone());
        let token = bench.token(&bench.header(), &shouted);
        assert_eq!(bench.verify(&token), Err(Error::MissingClaim(name)));
    }
    let empty = bench.token(&bench.header(), &json!({}));
    assert_eq!(bench.verify(&empty), Err(Error::MissingClaim("iss")));
    // RFC 7519 section 5.3: claims in the header are copies at best.
    let in_header = with(bench.header(), "exp", json!(NOW + 300));
    let token = bench.token(&in_header, &without(claims(), "exp"));
    assert_eq!(bench.verify(&token), Err(Error::MissingClaim("exp")));
}

/// Class 38: an issuer is compared letter for letter: no prefix, no slash, no case, no list.
#[test]
fn issuers_that_are_nearly_right() {
    let bench = Bench::new(Algorithm::HS256);
    for issuer in [
        "https://id.example/",
        "https://id.example//",
        "https://ID.example",
        "HTTPS://id.example",
        "http://id.example",
        "https://id.example.evil.example",
        "https://id.exampl",
        "https://id.example:443",
        "https://id.example?",
        "https://id.example#",
        "https://id.example/tenant",
        "https://evil.example/?https://id.example",
        "https://user@id.example",
        " https://id.example",
        "https://id.example ",
        "https://i\u{501}.example",
        "https://id\u{2024}example",
        "*",
    ] {
        let token = bench.token(&bench.header(), &with(claims(), "iss", json!(issuer)));
        assert_eq!(bench.verify(&token), Err(Error::Issuer), "{issuer}");
    }
    for issuer in [json!(7), json!([ISSUER]), json!({ "a": ISSUER }), json!(null), json!(true)] {
        let token = bench.token(&bench.header(), &with(claims(), "iss", issuer.clone()));
        assert_eq!(bench.verify(&token), Err(Error::InvalidClaim("iss")), "{issuer}");
    }
    for issuer in
        ["", "https://id.example\u{0}", "https://id.example\n", "https://id.example\u{85}"]
    {
        let token = bench.token(&bench.header(), &with(claims(), "iss", json!(issuer)));
        assert_eq!(bench.verify(&token), Err(Error::InvalidClaim("iss")), "{issuer:?}");
    }
    let escaped = claims().to_string().replace("https://", r"\u0068ttps:\/\/");
    let token = bench.raw(bench.header().to_string(), escaped);
    assert_eq!(bench.verify(&token), Ok(()), "another spelling of the same text");
}

/// Class 39: CVE-2020-26160, CVE-2024-53861. `aud` is a text or a list of texts, and one of them
/// is the audience, whole.
#[test]
fn audiences_that_are_nearly_right() {
    let bench = Bench::new(Algorithm::HS256);
    for audience in [
        json!("https://api.example/"),
        json!("https://API.example"),
        json!("https://api.example:443"),
        json!("https://api.example/orders"),
        json!("https://api.exampl"),
        json!("https://api.example https://other.example"),
        json!("https://api.example,https://other.example"),
        json!("[\"https://api.example\"]"),
        json!("*"),
        json!("https://*.example"),
        json!("web"),
        json!(ISSUER),
        json!(["https://other.example"]),
        json!(["https://api.example/", "https://api.exampl"]),
    ] {
        let token = bench.token(&bench.header(), &with(claims(), "aud", audience.clone()));
        assert_eq!(bench.verify(&token), Err(Error::Audience), "{audience}");
    }
    for audience in [
        json!([]),
        json!(""),
        json!([""]),
        json!([API, ""]),
        json!({ "a": API }),
        json!({ "0": API }),
        json!([[API]]),
        json!([API, [API]]),
        json!([API, 7]),
        json!([API, null]),
        json!([API, {}]),
        json!(null),
        json!(true),
        json!(0),
        json!(vec![API; 65]),
        json!("a".repeat(2049)),
    ] {
        let token = bench.token(&bench.header(), &with(claims(), "aud", audience.clone()));
        assert_eq!(bench.verify(&token), Err(Error::InvalidClaim("aud")), "{audience}");
    }
    for audience in
        [json!(API), json!([API]), json!(["https://other.example", API]), { json!(vec![API; 64]) }]
    {
        let token = bench.token(&bench.header(), &with(claims(), "aud", audience.clone()));
        assert_eq!(bench.verify(&token), Ok(()), "{audience}");
    }
}

/// Class 17: CVE-2026-25537: a claim of another type was taken for one that is not there.
#[test]
fn claims_of_another_type() {
    let bench = Bench::new(Algorithm::HS256);
    let wrong = [json!(null), json!(true), json!([]), json!({}), json!([[]]), json!("\u{0}")];
    for name in [
        "iss",
        "sub",
        "aud",
        "client_id",
        "jti",
        "exp",
        "iat",
        "nbf",
        "scope",
        "grant_id",
        "auth_time",
        "acr",
        "amr",
    ] {
        let own: &[_] = match name {
            "exp" | "iat" | "nbf" | "auth_time" => &[json!("1790000100"), json!([1]), json!("")],
            "amr" => &[json!("pwd"), json!([""]), json!(["pwd", 7]), json!(7)],
            "scope" => &[json!(["a"]), json!("a\tb"), json!("\""), json!("\\"), json!(7)],
            _ => &[json!(7), json!(""), json!([7])],
        };
        for value in wrong.iter().chain(own) {
            // Some issuers know of no method and say so.
            if name == "amr" && *value == json!([]) {
                continue;
            }
            let token = bench.token(&bench.header(), &with(claims(), name, value.clone()));
            assert_eq!(bench.verify(&token), Err(Error::InvalidClaim(name)), "{name} = {value}");
        }
    }
    for (name, value) in [
        ("sub", json!("a".repeat(256))),
        ("sub", json!("a\nb")),
        ("sub", json!(["ada"])),
        ("jti", json!("j".repeat(2049))),
        ("client_id", json!(["web"])),
        ("scope", json!("s".repeat(4097))),
        ("amr", json!(vec!["pwd"; 65])),
    ] {
        let token = bench.token(&bench.header(), &with(claims(), name, value.clone()));
        assert_eq!(bench.verify(&token), Err(Error::InvalidClaim(name)), "{name} = {value}");
    }
}

#[test]
fn claims_at_the_edge_are_accepted() {
    let bench = Bench::new(Algorithm::HS256);
    for (name, value) in [
        ("sub", json!("a".repeat(255))),
        ("sub", json!("\u{e9}\u{1f600}")),
        ("jti", json!("j".repeat(2048))),
        ("scope", json!("")),
        ("scope", json!("s".repeat(4096))),
        ("amr", json!(vec!["pwd"; 64])),
        ("unknown", json!({ "deep": [1, 2, { "x": null }] })),
        ("", json!(null)),
        ("__proto__", json!({ "isAdmin": true })),
    ] {
        let token = bench.token(&bench.header(), &with(claims(), name, value.clone()));
        assert_eq!(bench.verify(&token), Ok(()), "{name} = {value}");
    }
}
