//! oidcc-config-certification-test-plan: the discovery document.

use std::process::Command;

use countersign_jose::KeySet;
use countersign_tests::binary;
use countersign_tests::http::{Request, send};
use countersign_tests::server::{Server, Site};
use serde_json::{Value, json};

/// What every plan wants of a discovery document under an https issuer: another program ends TLS
/// in front of the server, so its documents can be read without it.
pub(super) fn document(check: impl FnOnce(&Value, &Server<'_>)) {
    const ISSUER: &str = "https://id.example";
    let site = Site::of_serve("");
    let mut command = Command::new(binary::path());
    command.env("COUNTERSIGN__ISSUER", ISSUER);
    let server = site.start_with(site.address, command);
    let answer = server.send(&Request::get("/.well-known/openid-configuration"));
    assert_eq!(answer.status, 200);
    let content_type = answer.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("application/json"), "{content_type}");
    let document = answer.json();
    assert_eq!(document["issuer"], ISSUER, "the address without its well-known part");
    let members = document.as_object().expect("an object");
    let urls: Vec<&String> = members.keys().filter(|name| name.ends_with("_endpoint")).collect();
    assert!(!urls.is_empty());
    for name in urls.into_iter().map(String::as_str).chain(["jwks_uri"]) {
        let url = document[name].as_str().unwrap_or_default();
        assert!(url.starts_with("https://id.example/"), "{name}: {url}");
    }
    check(&document, &server);
}

/// A list of the document has all of these.
pub(super) fn offers(document: &Value, list: &str, expected: &[&str]) {
    let offered = document[list].as_array().unwrap_or_else(|| panic!("no {list}: {document}"));
    for value in expected {
        assert!(offered.contains(&json!(value)), "{list} has no {value}: {offered:?}");
    }
    for value in offered {
        let text = value.as_str().expect("text");
        assert!(!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    }
}

#[test]
fn discovery_endpoint_verification() {
    document(|document, server| {
        for name in
            ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "issuer"]
        {
            assert!(document[name].is_string(), "{name} is missing: {document}");
        }
        for (list, expected) in [
            ("response_types_supported", &["code"][..]),
            ("grant_types_supported", &["authorization_code"]),
            ("subject_types_supported", &["public"]),
            ("id_token_signing_alg_values_supported", &["RS256"]),
            ("scopes_supported", &["openid"]),
            ("claims_supported", &["sub", "iss", "name", "email"]),
            ("code_challenge_methods_supported", &["S256"]),
            ("token_endpoint_auth_methods_supported", &["client_secret_basic"]),
        ] {
            offers(document, list, expected);
        }
        for flag in [
            "claims_parameter_supported",
            "request_parameter_supported",
            "request_uri_parameter_supported",
        ] {
            assert!(document[flag].is_boolean(), "{flag} is said: {document}");
        }
        let path =
            document["jwks_uri"].as_str().and_then(|uri| uri.strip_prefix("https://id.example"));
        let jwks = send(server.address(), &Request::get(path.expect("it is text")));
        let (keys, rejected) = KeySet::from_jwks_json(&jwks.body).expect("a key set");
        assert!(!keys.is_empty() && rejected.is_empty(), "{rejected:?}");
        let keys = jwks.json();
        for key in keys["keys"].as_array().expect("a list") {
            assert!(key["kid"].is_string() && key["kty"] != "oct", "{key}");
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
                assert!(key.get(private).is_none(), "{private} is not for the public");
            }
        }
    });
}
