//! What the types of this crate write, its verifiers read as the same value.

use std::fmt::Debug;

use countersign_jose::{
    AccessToken, Algorithm, AuthorizationResponse, ClientAssertion, Confirmation, DpopProof, Error,
    IdToken, IntrospectionResponse, KeySet, LogoutToken, Policy, Profile, ProofPolicy,
    RequestObject, SecurityEvent, SigningKey, StatusListToken, Timestamp, jwt,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    kind::{EVERYONE, NOW},
    verifier::{ALGORITHMS, Signer},
};

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("no object") };
    members
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn check<P: Profile + Serialize + PartialEq + Debug>(
    typ: &str,
    policy: Result<Policy<P>, Error>,
    values: impl IntoIterator<Item = P>,
) {
    let signer = Signer::new();
    let policy = policy.unwrap();
    for value in values {
        let token = jwt::sign(signer.key(), typ, &value).unwrap();
        let read = policy.verify(&signer.fresh, &token, Timestamp::from_secs(NOW)).unwrap();
        assert_eq!(read.into_inner(), value);
    }
}

const PAST: u64 = NOW - 10;
const SOON: u64 = NOW + 300;

#[test]
fn access_tokens() {
    let least = AccessToken {
        issuer: EVERYONE.to_owned(),
        subject: "ada \u{1f600} \"\\".to_owned(),
        audience: vec![EVERYONE.to_owned()],
        client_id: "web".to_owned(),
        expires_at: SOON,
        issued_at: PAST,
        token_id: "1".to_owned(),
        ..AccessToken::default()
    };
    let most = AccessToken {
        audience: vec!["other".to_owned(), EVERYONE.to_owned()],
        expires_at: 253_402_300_799,
        not_before: Some(PAST),
        scope: text("openid a"),
        grant_id: text("g"),
        auth_time: Some(0),
        acr: text("2"),
        amr: Some(vec!["pwd".to_owned()]),
        confirmation: Some(Confirmation { key_thumbprint: text("x"), ..Confirmation::default() }),
        extra: object(json!({ "n": -0.5, "deep": [[{ "a": null }]] })),
        ..least.clone()
    };
    let policy = Policy::access_token(EVERYONE, EVERYONE, ALGORITHMS);
    check(AccessToken::TYPE, policy, [least, most]);
}

#[test]
fn id_tokens() {
    let least = IdToken {
        issuer: EVERYONE.to_owned(),
        subject: "ada".to_owned(),
        audience: vec![EVERYONE.to_owned()],
        expires_at: SOON,
        issued_at: PAST,
        ..IdToken::default()
    };
    let most = IdToken {
        audience: vec![EVERYONE.to_owned(), "other".to_owned()],
        auth_time: Some(PAST),
        nonce: text("n"),
        acr: text("2"),
        amr: Some(vec!["pwd".to_owned(), "otp".to_owned()]),
        authorized_party: text(EVERYONE),
        access_token_hash: text("x"),
        session_id: text("s"),
        extra: object(json!({ "email": "ada@example.com", "email_verified": true })),
        ..least.clone()
    };
    check(IdToken::TYPE, Policy::id_token(EVERYONE, EVERYONE, ALGORITHMS), [least, most]);
}

#[test]
fn logout_tokens() {
    let by_session = LogoutToken {
        issuer: EVERYONE.to_owned(),
        audience: vec![EVERYONE.to_owned()],
        issued_at: PAST,
        expires_at: SOON,
        token_id: "1".to_owned(),
        subject: None,
        session_id: text("s"),
    };
    let by_subject = LogoutToken { subject: text("ada"), session_id: None, ..by_session.clone() };
    let by_both = LogoutToken { subject: text("ada"), ..by_session.clone() };
    let policy = Policy::logout_token(EVERYONE, EVERYONE, ALGORITHMS);
    check(LogoutToken::TYPE, policy, [by_session, by_subject, by_both]);
}

#[test]
fn client_assertions_and_request_objects() {
    let least = ClientAssertion {
        client_id: "web".to_owned(),
        audience: vec![EVERYONE.to_owned()],
        expires_at: SOON,
        token_id: "1".to_owned(),
        ..ClientAssertion::default()
    };
    let most = ClientAssertion { issued_at: Some(PAST), not_before: Some(PAST), ..least.clone() };
    let policy = Policy::client_assertion("web", EVERYONE, ALGORITHMS);
    check(ClientAssertion::TYPE, policy, [least, most]);

    let least = RequestObject {
        client_id: "web".to_owned(),
        audience: vec![EVERYONE.to_owned()],
        parameters: object(json!({ "response_type": "code" })),
        ..RequestObject::default()
    };
    let most = RequestObject {
        audience: vec![EVERYONE.to_owned(), "other".to_owned()],
        expires_at: Some(SOON),
        issued_at: Some(PAST),
        not_before: Some(PAST),
        token_id: text("1"),
        parameters: object(json!({ "response_type": "code", "scope": "openid", "max_age": 0,
            "claims": { "id_token": { "acr": null } } })),
        ..least.clone()
    };
    let policy = Policy::request_object("web", EVERYONE, ALGORITHMS);
    check(RequestObject::TYPE, policy, [least, most]);
}

#[test]
fn authorization_responses() {
    let good = AuthorizationResponse {
        issuer: EVERYONE.to_owned(),
        audience: vec!["web".to_owned()],
        expires_at: SOON,
        parameters: object(json!({ "code": "c", "state": "a state" })),
    };
    let bad = AuthorizationResponse {
        audience: vec!["web".to_owned(), "other".to_owned()],
        parameters: object(json!({ "error": "access_denied", "error_description": "no" })),
        ..good.clone()
    };
    let policy = Policy::authorization_response(EVERYONE, "web", ALGORITHMS);
    check(AuthorizationResponse::TYPE, policy, [good, bad]);
}

#[test]
fn security_events() {
    let least = SecurityEvent {
        issuer: EVERYONE.to_owned(),
        audience: vec![EVERYONE.to_owned()],
        issued_at: PAST,
        token_id: "1".to_owned(),
        events: object(json!({ "urn:x": {} })),
        ..SecurityEvent::default()
    };
    let most = SecurityEvent {
        events: object(json!({ "urn:x": { "event_timestamp": PAST }, "urn:y": { "a": [1] } })),
        subject_id: Some(object(json!({ "format": "email", "email": "ada@example.com" }))),
        transaction: text("t"),
        occurred_at: Some(PAST),
        extra: object(json!({ "trace": "x" })),
        ..least.clone()
    };
    let policy = Policy::security_event(EVERYONE, EVERYONE, ALGORITHMS);
    check(SecurityEvent::TYPE, policy, [least, most]);
}

#[test]
fn status_lists_and_introspection_responses() {
    let list = |bits| StatusListToken {
        issuer: Some(EVERYONE.to_owned()),
        uri: "https://everyone.example/list/1".to_owned(),
        issued_at: PAST,
        expires_at: (bits > 1).then_some(SOON),
        time_to_live_s: (bits > 2).then_some(43_200),
        bits,
        list: "eNrbuRgAAhcBXQ".to_owned(),
    };
    let uri = list(1).uri;
    let policy = Policy::status_list(EVERYONE, &uri, ALGORITHMS);
    check(StatusListToken::TYPE, policy, [list(1), list(2), list(4), list(8)]);

    let answer = |answer: Value| IntrospectionResponse {
        issuer: EVERYONE.to_owned(),
        audience: vec![EVERYONE.to_owned()],
        issued_at: PAST,
        token_introspection: object(answer),
    };
    let inactive = answer(json!({ "active": false }));
    assert!(!inactive.is_active());
    let active = answer(json!({ "active": true, "sub": "ada", "exp": SOON, "aud": ["a", "b"] }));
    assert!(active.is_active());
    let policy = Policy::introspection_response(EVERYONE, EVERYONE, ALGORITHMS);
    check(IntrospectionResponse::TYPE, policy, [inactive, active]);
}

#[test]
fn proofs() {
    let signer = Signer::new();
    let least = DpopProof {
        token_id: "1".to_owned(),
        method: "POST".to_owned(),
        url: "https://everyone.example/token".to_owned(),
        issued_at: PAST,
        ..DpopProof::default()
    };
    let most = DpopProof {
        access_token_hash: Some(DpopProof::access_token_hash("a.b.c")),
        nonce: text("n"),
        ..least.clone()
    };
    let policy = ProofPolicy::new("POST", &least.url, ALGORITHMS).unwrap();
    for (proof, policy) in [(least, policy.clone()), (most, policy.with_access_token("a.b.c"))] {
        let token = proof.sign(signer.key()).unwrap();
        let read = policy.verify(&token, Timestamp::from_secs(NOW)).unwrap();
        assert_eq!(read.proof(), &proof);
        assert_eq!(read.thumbprint(), signer.key().public_jwk().unwrap().thumbprint());
    }
}

/// A name from the kind's own table among the extra claims does not stand beside the real one.
#[test]
fn extra_claims_never_stand_in_for_registered_ones() {
    fn check<T: Serialize>(value: &T) {
        let json = serde_json::to_string(value).unwrap();
        assert!(!json.contains("forged"), "{json}");
    }
    let names = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "jti",
        "client_id",
        "scope",
        "grant_id",
        "auth_time",
        "acr",
        "amr",
        "nonce",
        "azp",
        "at_hash",
        "sid",
        "events",
        "sub_id",
        "txn",
        "toe",
        "request",
        "request_uri",
    ];
    let among = |own: &[&str]| {
        let forged = names.iter().filter(|name| own.contains(name));
        forged.map(|name| ((*name).to_owned(), json!("forged"))).collect::<Map<_, _>>()
    };
    let audience = vec!["a".to_owned()];
    check(&AccessToken {
        audience: audience.clone(),
        extra: among(&names[..13]),
        ..AccessToken::default()
    });
    let own = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "azp",
        "at_hash",
        "sid",
        "events",
    ];
    check(&IdToken { audience: audience.clone(), extra: among(&own), ..IdToken::default() });
    let own = ["iss", "aud", "iat", "jti", "nbf", "events", "sub_id", "txn", "toe", "exp", "sub"];
    check(&SecurityEvent {
        audience: audience.clone(),
        extra: among(&own),
        ..SecurityEvent::default()
    });
    let own = [
        "iss",
        "aud",
        "client_id",
        "exp",
        "iat",
        "nbf",
        "jti",
        "request",
        "request_uri",
        "sub",
        "events",
    ];
    check(&RequestObject { audience, parameters: among(&own), ..RequestObject::default() });
}

/// A token for nobody is not written.
#[test]
fn a_token_without_audience_is_not_written() {
    fn check<T: Serialize>(typ: &str, value: &T) {
        let written = jwt::sign(Signer::new().key(), typ, value);
        assert_eq!(written, Err(Error::Unserializable), "{typ}");
    }
    check(AccessToken::TYPE, &AccessToken::default());
    check(IdToken::TYPE, &IdToken::default());
    check(LogoutToken::TYPE, &LogoutToken::default());
    check(ClientAssertion::TYPE, &ClientAssertion::default());
    check(RequestObject::TYPE, &RequestObject::default());
    check(SecurityEvent::TYPE, &SecurityEvent::default());
    check(IntrospectionResponse::TYPE, &IntrospectionResponse::default());
}

/// A list for hundreds of thousands of tokens is longer than any other token.
#[test]
fn a_long_status_list() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let keys = KeySet::new([key.verifying_key()]);
    let policy = Policy::status_list(EVERYONE, "https://l.example", &[Algorithm::ES256]).unwrap();
    let list = StatusListToken {
        uri: "https://l.example".to_owned(),
        issued_at: NOW,
        bits: 1,
        list: "A".repeat(400_000),
        ..StatusListToken::default()
    };
    let token = list.sign(&key).unwrap();
    assert_eq!(*policy.verify(&keys, &token, Timestamp::from_secs(NOW)).unwrap(), list);
    let longer = StatusListToken { list: "A".repeat(800_000), ..list.clone() };
    assert_eq!(longer.sign(&key), Err(Error::TooLarge));
    assert_eq!(jwt::sign(&key, StatusListToken::TYPE, &list), Err(Error::TooLarge));
    let foreign = StatusListToken { issuer: Some("https://other.example".to_owned()), ..list };
    let verdict = policy.verify(&keys, &foreign.sign(&key).unwrap(), Timestamp::from_secs(NOW));
    assert_eq!(verdict.err(), Some(Error::Issuer));
}
