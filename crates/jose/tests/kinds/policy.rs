//! Policies: none with a hole is built, and what each leaves open is said by its name.

use countersign_jose::{
    AccessToken, Algorithm, Buffer, ClientAssertion, Error, IdToken, IdTokenHint,
    IntrospectionResponse, LogoutToken, Policy, Profile, ProofPolicy, RequestObject, SecurityEvent,
    SigningKey, StatusListToken, Timestamp, jwt,
};
use serde_json::json;

use crate::{
    kind::{self, EVERYONE, NOW, with, without},
    verifier::{ALGORITHMS, Signer, judge},
};

/// What makes a policy of two names.
type Build<P> = fn(&str, &str, &[Algorithm]) -> Result<Policy<P>, Error>;

/// RFC 8725 sections 3.1, 3.8 and 3.9: issuer, audience and algorithms cannot be forgotten.
#[test]
fn a_policy_with_a_hole_is_not_built() {
    fn check<P: Profile>(names: [&'static str; 2], build: Build<P>) {
        let hole = |a, b, algorithms: &[Algorithm]| build(a, b, algorithms).err();
        assert_eq!(hole("a", "b", ALGORITHMS), None);
        assert_eq!(hole("", "b", ALGORITHMS), Some(Error::InvalidPolicy(names[0])));
        assert_eq!(hole("a", "", ALGORITHMS), Some(Error::InvalidPolicy(names[1])));
        assert_eq!(hole("a", "b", &[]), Some(Error::InvalidPolicy("algorithms")));
    }
    check(["issuer", "audience"], Policy::<AccessToken>::access_token);
    check(["issuer", "client_id"], Policy::<IdToken>::id_token);
    check(["issuer", "client_id"], Policy::<LogoutToken>::logout_token);
    check(["issuer", "audience"], Policy::<SecurityEvent>::security_event);
    check(["issuer", "uri"], Policy::<StatusListToken>::status_list);
    check(["issuer", "audience"], Policy::<IntrospectionResponse>::introspection_response);
    check(["issuer", "audience"], Policy::<ClientAssertion>::client_assertion);
    check(["issuer", "audience"], Policy::<RequestObject>::request_object);
    let own = Policy::<AccessToken>::own_access_token("", ALGORITHMS).err();
    assert_eq!(own, Some(Error::InvalidPolicy("issuer")));
    let own = Policy::<AccessToken>::own_access_token("a", &[]).err();
    assert_eq!(own, Some(Error::InvalidPolicy("algorithms")));
    let hint = Policy::<IdTokenHint>::own_id_token_hint("", ALGORITHMS).err();
    assert_eq!(hint, Some(Error::InvalidPolicy("issuer")));
    let es256 = [Algorithm::ES256];
    for (method, url, algorithms, hole) in [
        ("", EVERYONE, &es256[..], "method"),
        ("GET", "", &es256, "url"),
        ("GET", "ftp://everyone.example", &es256, "url"),
        ("GET", "/relative", &es256, "url"),
        ("GET", "https://", &es256, "url"),
        ("GET", "https://me@everyone.example/", &es256, "url"),
        ("GET", EVERYONE, &[], "algorithms"),
        ("GET", EVERYONE, &[Algorithm::HS256], "algorithms"),
        ("GET", EVERYONE, &[Algorithm::ES256, Algorithm::HS512], "algorithms"),
    ] {
        let refused = ProofPolicy::new(method, url, algorithms).err();
        assert_eq!(refused, Some(Error::InvalidPolicy(hole)), "{method} {url}");
    }
}

/// An authorization server that is shown its own tokens asks for no audience, and for all else.
#[test]
fn an_issuer_reads_its_own_tokens_for_any_audience_and_checks_all_else() {
    let signer = Signer::new();
    let own: Policy<AccessToken> = Policy::own_access_token(EVERYONE, ALGORITHMS).unwrap();
    let claims = kind::by_name("access_token").full;
    for (changed, expected) in [
        (claims.clone(), Ok(())),
        (with(claims.clone(), "aud", "https://other.example"), Ok(())),
        (without(claims.clone(), "aud"), Err(Error::MissingClaim("aud"))),
        (with(claims.clone(), "aud", json!([])), Err(Error::InvalidClaim("aud"))),
        (with(claims.clone(), "iss", "https://other.example"), Err(Error::Issuer)),
        (with(claims.clone(), "exp", NOW - 30), Err(Error::Expired)),
        (with(claims.clone(), "nbf", NOW + 31), Err(Error::NotYetValid)),
    ] {
        let token = signer.token(Some("at+jwt"), &changed);
        let verdict = judge(&own, &signer.warm, &token, Timestamp::from_secs(NOW));
        assert_eq!(verdict, expected, "{changed}");
    }
    for typ in [None, Some("JWT")] {
        let token = signer.token(typ, &claims);
        let verdict = judge(&own, &signer.warm, &token, Timestamp::from_secs(NOW));
        assert_eq!(verdict, Err(Error::WrongType));
    }
}

#[test]
fn what_no_verifier_would_read_is_not_signed() {
    let key = SigningKey::generate(Algorithm::HS256).unwrap();
    assert_eq!(jwt::sign(&key, "at+jwt", &"text"), Err(Error::Unserializable));
    assert_eq!(jwt::sign(&key, "at+jwt", &[1]), Err(Error::Unserializable));
    assert_eq!(jwt::sign(&key, "at+jwt", &json!(null)), Err(Error::Unserializable));
    let large = json!({ "x": "x".repeat(16 * 1024) });
    assert_eq!(jwt::sign(&key, "at+jwt", &large), Err(Error::TooLarge));
    for typ in ["", "at\njwt", "\u{e9}", &"a".repeat(129)] {
        let refused = jwt::sign(&key, typ, &json!({}));
        assert_eq!(refused, Err(Error::InvalidHeader("typ")), "{typ}");
    }
}

#[test]
fn the_verdict_names_the_key_and_hands_the_claims_over() {
    let signer = Signer::new();
    let policy: Policy<AccessToken> = Policy::access_token(EVERYONE, EVERYONE, ALGORITHMS).unwrap();
    let token = signer.token(Some("at+jwt"), &kind::by_name("access_token").minimal);
    let verified = policy.verify(&signer.fresh, &token, Timestamp::from_secs(NOW)).unwrap();
    assert_eq!(verified.key_id(), signer.key().key_id());
    assert_eq!(verified.client_id, EVERYONE);
    assert_eq!(verified.into_inner().token_id, "1");
}

#[test]
fn a_buffer_does_not_show_what_it_holds() {
    let signer = Signer::new();
    let policy: Policy<AccessToken> = Policy::access_token(EVERYONE, EVERYONE, ALGORITHMS).unwrap();
    let token = signer.token(Some("at+jwt"), &kind::by_name("access_token").minimal);
    let mut buffer = Buffer::new();
    let now = Timestamp::from_secs(NOW);
    assert!(policy.verify_in(&signer.fresh, &token, now, &mut buffer).is_ok());
    assert_eq!(format!("{buffer:?}"), "Buffer { .. }");
}
