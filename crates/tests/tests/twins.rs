//! The other signature of an ECDSA token, made without the key: whatever happens to the one happens
//! to the other, at every endpoint.

use countersign_jose::base64url;
use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::{DEMO_SERVICE, DEMO_WEB, Tokens, call_api, until_refused};
use countersign_tests::server::{Server, Site};

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
