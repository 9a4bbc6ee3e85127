//! The other signature of an ECDSA token, made without the key: whatever happens to the one happens
//! to the other, at every endpoint.

use countersign_jose::base64url;
use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::{DEMO_SERVICE, DEMO_WEB, Tokens, call_api, until_refused};
use countersign_tests::server::{Server, Site};
use serde_json::Value;

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `r` and `order - s` instead of `r` and `s`.
fn twin(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let mut bytes = base64url::decode(signature.as_bytes()).expect("base64url");
    let mut borrow = 0;
    for (s, n) in bytes[32..].iter_mut().zip(ORDER).rev() {
        let digit = 256 + i32::from(n) - i32::from(*s) - borrow;
        borrow = i32::from(digit < 256);
        [*s, ..] = digit.to_le_bytes();
    }
    let twin = format!("{signed}.{}", base64url::encode(&bytes));
    assert_ne!(twin, token);
    twin
}

/// Texts that a careless reader takes for the token.
fn texts(token: &str) -> Vec<String> {
    let (rest, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).expect("base64url");
    // The last of 86 characters holds four bits that no byte takes.
    let spare = (1..16).map(|bit| alphabet.as_bytes()[(at & !15) | ((at + bit) & 15)]);
    let mut texts: Vec<String> =
        spare.map(|character| format!("{rest}{}", char::from(character))).collect();
    texts.extend(["=", "==", "."].map(|added| format!("{token}{added}")));
    texts
}

fn is_active(server: &Server<'_>, token: &str) -> bool {
    let asked = DEMO_SERVICE.form("/introspect", &[("token", token)]);
    server.send(&asked).json()["active"] == true
}

fn userinfo(server: &Server<'_>, token: &str) -> Answer {
    server.send(&Request::get("/userinfo").bearer(token))
}

#[test]
fn a_twin_is_revoked_with_its_token_and_a_token_with_its_twin() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    for (by_twin, by_grant) in [(false, false), (true, false), (false, true)] {
        let tokens = DEMO_WEB.log_in(&server, &mut browser, "alice");
        let (token, twin) = (&tokens.access, &twin(&tokens.access));
        for good in [token, twin] {
            assert_eq!(call_api(&server, good).status, 200, "both are right");
            assert_eq!(userinfo(&server, good).status, 200);
            assert!(is_active(&server, good));
        }
        for text in texts(token).iter().chain(&texts(twin)) {
            assert_eq!(call_api(&server, text).status, 401, "{text}");
            assert_eq!(userinfo(&server, text).status, 401, "{text}");
            assert!(!is_active(&server, text), "{text}");
            // Revoking what is no token ends nothing.
            assert_eq!(server.send(&DEMO_WEB.revoke(text)).status, 200);
        }
        assert_eq!(call_api(&server, token).status, 200);
        let named = if by_grant {
            &tokens.refresh
        } else if by_twin {
            twin
        } else {
            token
        };
        assert_eq!(server.send(&DEMO_WEB.revoke(named)).status, 200);
        for ended in [token, twin] {
            assert!(!is_active(&server, ended));
            assert_eq!(userinfo(&server, ended).status, 401);
            until_refused(&server, ended);
        }
    }
}

/// `r` and `S + order` instead of `S`, which Ed25519 forbids (RFC 8032 section 5.1.7).
fn ed25519_sum(token: &str) -> String {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let mut bytes = base64url::decode(signature.as_bytes()).expect("base64url");
    let mut carry = 0;
    for (s, n) in bytes[32..].iter_mut().zip(ORDER) {
        let digit = u32::from(*s) + u32::from(n) + carry;
        carry = digit >> 8;
        [*s, ..] = digit.to_le_bytes();
    }
    format!("{signed}.{}", base64url::encode(&bytes))
}

/// The signature and the modulus of the RSA key that made it, which RSA forbids (RFC 8017 section
/// 5.2.2); `None` if it does not fit into as many bytes.
fn rsa_sum(server: &Server<'_>, token: &str) -> Option<String> {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let decode = |text: &str| base64url::decode(text.as_bytes()).expect("base64url");
    let header: Value =
        serde_json::from_slice(&decode(token.split('.').next()?)).expect("a header");
    let keys = server.send(&Request::get("/.well-known/jwks.json")).json()["keys"].clone();
    let key = keys.as_array().expect("a list").iter().find(|key| key["kid"] == header["kid"]);
    let modulus = decode(key.expect("it is published")["n"].as_str().expect("an RSA key"));
    let mut bytes = decode(signature);
    let mut carry = 0;
    for (s, n) in bytes.iter_mut().zip(modulus).rev() {
        let digit = u32::from(*s) + u32::from(n) + carry;
        carry = digit >> 8;
        [*s, ..] = digit.to_le_bytes();
    }
    (carry == 0).then(|| format!("{signed}.{}", base64url::encode(&bytes)))
}

#[test]
fn no_text_of_a_revoked_token_is_active_by_any_algorithm_of_the_server() {
    const SECRET: &str = "a-secret-of-a-client-0123456789abcdef";
    let algorithms = ["ES256", "RS256", "Ed25519"];
    let clients: String = algorithms
        .iter()
        .map(|algorithm| {
            format!(
                "[[client]]\nclient_id = \"by-{algorithm}\"\nclient_secret = \"{SECRET}\"\n\
                 access_token_signed_response_alg = \"{algorithm}\"\n\
                 grant_types = [\"client_credentials\"]\nresources = [\"https://a.example\"]\n"
            )
        })
        .collect();
    let site = Site::of_serve(&clients);
    let server = site.start();
    for algorithm in algorithms {
        let id = format!("by-{algorithm}");
        let ask = |path: &str, fields: &[(&str, &str)]| {
            server.send(&Request::form(path, fields).basic(&id, SECRET))
        };
        let is_active =
            |token: &str| ask("/introspect", &[("token", token)]).json()["active"] == true;
        let make = |_| {
            let answer = ask("/token", &[("grant_type", "client_credentials")]);
            let token = Tokens::of(&answer).access;
            let twin = match algorithm {
                "ES256" => twin(&token),
                "Ed25519" => ed25519_sum(&token),
                _ => rsa_sum(&server, &token)?,
            };
            Some((token, twin))
        };
        let (token, twin) = (0..2_000).find_map(make).expect("one of so many");
        let header = base64url::decode(token.split('.').next().unwrap_or_default().as_bytes());
        let header = String::from_utf8(header.expect("base64url")).expect("text");
        assert!(header.contains(&format!("\"alg\":\"{algorithm}\"")), "{header}");
        assert!(is_active(&token));
        assert_eq!(is_active(&twin), algorithm == "ES256", "only ECDSA has two right signatures");
        assert!(texts(&token).iter().all(|text| !is_active(text)));
        assert_eq!(ask("/revoke", &[("token", &twin)]).status, 200);
        assert_eq!(is_active(&token), algorithm != "ES256", "what is no token revokes none");
        assert_eq!(ask("/revoke", &[("token", &token)]).status, 200);
        for text in texts(&token).iter().chain([&token, &twin]) {
            assert!(!is_active(text), "{algorithm}: {text}");
        }
    }
}

#[test]
fn what_may_be_used_once_is_used_up_for_its_twin_too() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    for twin_first in [false, true] {
        let token = DEMO_WEB.log_in(&server, &mut browser, "alice").access;
        let mut order = [token.clone(), twin(&token)];
        if twin_first {
            order.reverse();
        }
        let [first, second] = order.map(|token| {
            server.send(&Request::new("POST", "/sample/transfer").bearer(&token)).status
        });
        assert_eq!((first, second), (200, 401));
    }
}

/// A refresh token has one text as well: another is junk, and ends nothing.
#[test]
fn another_text_of_a_refresh_token_is_junk() {
    let site = Site::new();
    let server = site.start();
    let tokens = DEMO_WEB.log_in(&server, &mut Browser::new(server.address()), "alice");
    let token = &tokens.refresh;
    let (rest, last) = token.split_at(token.len() - 1);
    let changed = ["A", "B", "Q", "g", "w", "_"].into_iter().filter(|other| *other != last);
    let mut texts: Vec<String> = changed.map(|other| format!("{rest}{other}")).collect();
    texts.extend(["=", "==", " ", "\n", "A"].map(|added| format!("{token}{added}")));
    texts.extend([token.replacen("csr_", "csr_ ", 1), token.replacen("csr_", "CSR_", 1)]);
    texts.extend([token.replacen("csr_", "", 1), token.replacen("csr_", "csc_", 1)]);
    for text in texts {
        let refused = server.send(&DEMO_WEB.refresh(&text));
        // A control character is not even a token's text.
        let expected = if text.contains('\n') { "invalid_request" } else { "invalid_grant" };
        assert_eq!(refused.error().as_deref(), Some(expected), "{text:?}");
    }
    let next = Tokens::of(&server.send(&DEMO_WEB.refresh(token)));
    assert_ne!(next.refresh, *token);
}
