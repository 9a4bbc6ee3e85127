//! For each kind: every required claim left out, every forbidden one put in, every claim in every
//! wrong form.

use countersign_jose::Error;
use serde_json::{Value, json};

use crate::{
    kind::{self, EVERYONE, LOGOUT, NOW, with, without},
    verifier::{self, Settings, Signer},
};

#[test]
fn each_required_claim_is_required() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        let verdict =
            |claims: &Value| signer.verdict(&verifier, &signer.token(Some(kind.typ), claims));
        assert_eq!(verdict(&kind.minimal), Ok(()), "{}", kind.name);
        assert_eq!(verdict(&kind.full), Ok(()), "{}", kind.name);
        assert_eq!(verdict(&kind.richest()), Ok(()), "{}", kind.name);
        for name in kind.required() {
            let claims = without(kind.richest(), name);
            // A logout token may name a session instead of a subject.
            let claims = if name == "sub" && kind.name == "logout_token" {
                assert_eq!(verdict(&claims), Ok(()));
                without(claims, "sid")
            } else {
                claims
            };
            assert_eq!(verdict(&claims), Err(Error::MissingClaim(name)), "{} {name}", kind.name);
        }
    }
}

#[test]
fn each_forbidden_claim_is_forbidden() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        for name in kind.forbidden {
            for value in [json!(null), json!({}), json!("x"), json!(NOW), json!(false)] {
                let claims = with(kind.full.clone(), name, value);
                let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims));
                assert_eq!(verdict, Err(Error::ForbiddenClaim(name)), "{} {name}", kind.name);
            }
        }
    }
}

/// Values that are of no use for a claim, by its name.
fn wrong_forms(name: &str) -> Vec<Value> {
    let text = || json!("x");
    let (list, object) = (json!(["x"]), json!({ "x": {} }));
    let mut wrong = vec![json!(null), json!(true), json!(false), json!([]), json!([[]])];
    match name {
        "exp" | "iat" | "nbf" | "auth_time" | "toe" | "ttl" => {
            wrong.extend([
                json!({}),
                text(),
                json!(NOW.to_string()),
                json!([NOW]),
                json!(""),
                object,
            ]);
        }
        "aud" => wrong.extend([
            json!({}),
            json!(7),
            json!(""),
            json!([""]),
            json!([EVERYONE, 7]),
            json!([EVERYONE, null]),
            json!([[EVERYONE]]),
            json!({ EVERYONE: {} }),
            json!(vec![EVERYONE; 65]),
        ]),
        "amr" => {
            wrong.retain(|value| *value != json!([]));
            wrong.extend([json!({}), text(), json!(7), json!([""]), json!([7]), object]);
        }
        "events" | "sub_id" | "status_list" | "token_introspection" | "cnf" => {
            wrong.extend([text(), json!(7), json!(""), list]);
        }
        "scope" => wrong.extend([json!({}), json!(7), json!("a\tb"), json!("\u{e9}"), list]),
        _ => wrong.extend([
            json!({}),
            json!(7),
            json!(0.5),
            json!(""),
            json!("a\u{0}"),
            json!("a\u{7f}b"),
            json!("x".repeat(2049)),
            list,
            object,
        ]),
    }
    wrong
}

#[test]
fn each_claim_has_its_form() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        for name in kind.known() {
            for value in wrong_forms(name) {
                let claims = with(kind.full.clone(), name, value.clone());
                let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims));
                let expected = Err(Error::InvalidClaim(name));
                assert_eq!(verdict, expected, "{} {name} = {value:.60}", kind.name);
            }
        }
    }
}

/// Some issuers write the list of methods even when they know of none.
#[test]
fn a_list_of_methods_may_be_empty() {
    let signer = Signer::new();
    for kind in kind::all() {
        if !kind.known().contains(&"amr") {
            continue;
        }
        let verifier = verifier::of(kind.name, Settings::default());
        let claims = with(kind.full.clone(), "amr", json!([]));
        assert_eq!(signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims)), Ok(()));
    }
}

/// Names are compared whole: a claim in another case is another claim.
#[test]
fn claims_in_another_case_are_others() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        for name in kind.required() {
            let shouted = with(
                without(kind.minimal.clone(), name),
                &name.to_uppercase(),
                kind.minimal[name].clone(),
            );
            let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &shouted));
            assert_eq!(verdict, Err(Error::MissingClaim(name)), "{} {name}", kind.name);
        }
    }
}

/// What stands inside the one claim that makes the kind.
#[test]
fn the_claim_that_makes_the_kind_is_looked_into() {
    let signer = Signer::new();
    for (kind, name, value, passes) in [
        ("logout_token", "events", json!({}), false),
        ("logout_token", "events", json!({ "other": {} }), false),
        ("logout_token", "events", json!({ LOGOUT: null }), false),
        ("logout_token", "events", json!({ LOGOUT: true }), false),
        ("logout_token", "events", json!({ LOGOUT: [] }), false),
        ("logout_token", "events", json!({ LOGOUT.to_uppercase(): {} }), false),
        ("logout_token", "events", json!({ LOGOUT: { "x": 1 }, "other": {} }), true),
        ("security_event", "events", json!({}), false),
        ("security_event", "events", json!({ "urn:x": null }), false),
        ("security_event", "events", json!({ "urn:x": {}, "urn:y": "text" }), false),
        ("security_event", "events", json!({ "urn:x": {}, "urn:y": {} }), true),
        ("status_list", "status_list", json!({}), false),
        ("status_list", "status_list", json!({ "bits": 1 }), false),
        ("status_list", "status_list", json!({ "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": 3, "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": 16, "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": 0, "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": -1, "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": 1.0, "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": "1", "lst": "x" }), false),
        ("status_list", "status_list", json!({ "bits": 1, "lst": ["x"] }), false),
        ("status_list", "status_list", json!({ "bits": 8, "lst": "x", "z": 1 }), true),
        ("introspection", "token_introspection", json!({}), false),
        ("introspection", "token_introspection", json!({ "active": "true" }), false),
        ("introspection", "token_introspection", json!({ "active": 1 }), false),
        ("introspection", "token_introspection", json!({ "active": null }), false),
        ("introspection", "token_introspection", json!({ "Active": true }), false),
        ("introspection", "token_introspection", json!({ "active": false }), true),
    ] {
        let kind = kind::by_name(kind);
        let verifier = verifier::of(kind.name, Settings::default());
        let claims = with(kind.minimal.clone(), name, value.clone());
        let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims));
        let expected = if passes { Ok(()) } else { Err(Error::InvalidClaim(name)) };
        assert_eq!(verdict, expected, "{value}");
    }
}

/// Class 38: each kind compares its issuer letter for letter.
#[test]
fn each_kind_compares_its_issuer_whole() {
    let signer = Signer::new();
    for kind in kind::all() {
        if kind.name == "dpop_proof" {
            // A proof has no issuer: it speaks for its key.
            continue;
        }
        let verifier = verifier::of(kind.name, Settings::default());
        for issuer in [
            "https://everyone.example/",
            "https://Everyone.example",
            "https://everyone.exampl",
            "https://everyone.example.evil.example",
            "http://everyone.example",
            "https://everyone.example:443",
            " https://everyone.example",
        ] {
            let claims = with(kind.full.clone(), "iss", issuer);
            let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims));
            assert_eq!(verdict, Err(Error::Issuer), "{} {issuer}", kind.name);
        }
    }
}

/// The other names that a kind ties to what its verifier knows.
#[test]
fn the_subject_of_a_list_and_the_client_of_a_request_are_compared_whole() {
    let signer = Signer::new();
    for (kind, name) in [
        ("status_list", "sub"),
        ("client_assertion", "sub"),
        ("request_object", "client_id"),
        ("dpop_proof", "htm"),
        ("dpop_proof", "htu"),
    ] {
        let kind = kind::by_name(kind);
        let verifier = verifier::of(kind.name, Settings::default());
        for other in ["https://everyone.example/1", "https://everyone.exampl", "x", "*"] {
            let claims = with(kind.minimal.clone(), name, other);
            let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims));
            assert_eq!(verdict, Err(Error::InvalidClaim(name)), "{} {other}", kind.name);
        }
    }
}
