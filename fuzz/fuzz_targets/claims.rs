//! Claims: any payload, well signed, as each kind of token. The first byte chooses the kind.

#![no_main]

use std::fmt::Debug;

use countersign_fuzz::{
    KEY, KEYS, NOW_S, memory::bounded, mutate, now, reference, reference::Node, signed,
};
use countersign_jose::{
    AccessToken, Algorithm, ClientAssertion, Error, IdToken, IdTokenHint, IntrospectionResponse,
    LogoutToken, Policy, Profile, RequestObject, SecurityEvent, StatusListToken, jwt,
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde::Serialize;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";
const HS: &[Algorithm] = &[Algorithm::HS256];

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::structure(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    // What is longer says nothing new, and grows beyond a token when it is written again.
    let Some((kind, payload)) = data.split_first() else { return };
    if payload.len() > 4096 {
        return;
    }
    let both = [ISSUER, AUDIENCE];
    match kind % 9 {
        0 => round_trip(
            AccessToken::TYPE,
            payload,
            Policy::access_token(ISSUER, AUDIENCE, HS),
            &both,
        ),
        1 => round_trip(IdToken::TYPE, payload, Policy::id_token(ISSUER, AUDIENCE, HS), &both),
        2 => round_trip(
            LogoutToken::TYPE,
            payload,
            Policy::logout_token(ISSUER, AUDIENCE, HS),
            &both,
        ),
        3 => round_trip(
            ClientAssertion::TYPE,
            payload,
            Policy::client_assertion("web", ISSUER, HS),
            &["web", ISSUER],
        ),
        4 => round_trip(
            RequestObject::TYPE,
            payload,
            Policy::request_object("web", ISSUER, HS),
            &["web", ISSUER],
        ),
        5 => round_trip(
            SecurityEvent::TYPE,
            payload,
            Policy::security_event(ISSUER, AUDIENCE, HS),
            &both,
        ),
        6 => round_trip(
            StatusListToken::TYPE,
            payload,
            Policy::status_list(ISSUER, "https://id.example/list", HS),
            &[ISSUER],
        ),
        7 => round_trip(
            IntrospectionResponse::TYPE,
            payload,
            Policy::introspection_response(ISSUER, AUDIENCE, HS),
            &both,
        ),
        _ => {
            let policy = Policy::<IdTokenHint>::own_id_token_hint(ISSUER, HS);
            let _ = judge(IdToken::TYPE, payload, &policy.expect("a full policy"), &[ISSUER], true);
        }
    }
});

fn round_trip<P: Profile + Serialize + PartialEq + Debug + Clone>(
    typ: &str,
    payload: &[u8],
    policy: Result<Policy<P>, Error>,
    names: &[&str],
) {
    let policy = policy.expect("a full policy");
    if let Some(claims) = judge(typ, payload, &policy, names, false) {
        let again = jwt::sign(&KEY, typ, &claims).expect("what was read is written");
        let again = policy.verify(&KEYS, &again, now()).expect("what was written is read");
        assert_eq!(again.into_inner(), claims);
    }
}

/// What the policy accepts must name these issuer and audience, and must not be over.
fn judge<P: Profile>(
    typ: &str,
    payload: &[u8],
    policy: &Policy<P>,
    names: &[&str],
    expired_too: bool,
) -> Option<P> {
    let token = signed(format!(r#"{{"alg":"HS256","kid":"k","typ":"{typ}"}}"#).as_bytes(), payload);
    let mut buffer = jwt::Buffer::new();
    let borrowed =
        bounded(token.as_bytes(), || policy.verify_in(&KEYS, &token, now(), &mut buffer));
    let owned = bounded(token.as_bytes(), || policy.verify(&KEYS, &token, now()));
    if let Err(refused) = borrowed {
        assert_eq!(owned.err(), Some(refused));
        return None;
    }
    let claims = reference::object(payload).expect("claims are an object");
    // A status list is known by its subject, and may name no issuer.
    match claims.get("iss") {
        None => assert_eq!(typ, StatusListToken::TYPE),
        issuer => assert_eq!(issuer.and_then(Node::text), Some(names[0])),
    }
    if let Some(audience) = names.get(1) {
        let is_it = |node: &Node| node.text() == Some(audience);
        assert!(match claims.get("aud") {
            Some(Node::Array(items)) => items.iter().any(is_it),
            other => other.is_some_and(is_it),
        });
    }
    for (name, latest) in [("iat", NOW_S + 31), ("nbf", NOW_S + 31)] {
        assert!(date(&claims, name).is_none_or(|date| date <= latest as f64), "{name}");
    }
    assert!(expired_too || date(&claims, "exp").is_none_or(|exp| exp > (NOW_S - 31) as f64));
    Some(owned.expect("claims that can be borrowed can be copied").into_inner())
}

fn date(claims: &Node, name: &str) -> Option<f64> {
    match claims.get(name)? {
        Node::Atom(number) => Some(number.parse().expect("a date is a number")),
        other => panic!("{name} is {other:?}"),
    }
}
