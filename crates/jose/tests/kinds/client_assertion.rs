//! Client assertions and request objects: what only the tokens of clients are asked.

use countersign_jose::{
    ClientAssertion, Error, KeySet, Policy, Profile, RequestObject, SigningKey, Timestamp,
};
use serde_json::{Value, json};

use crate::{
    kind::{self, EVERYONE, NOW, with, without},
    verifier::{self, ALGORITHMS, Settings, Signer, judge},
};

/// RFC 7523 section 3: the client speaks for itself.
#[test]
fn an_assertion_is_by_the_client_and_about_it() {
    let signer = Signer::new();
    let kind = kind::by_name("client_assertion");
    let verifier = verifier::of(kind.name, Settings::default());
    for (name, expected) in [("iss", Error::Issuer), ("sub", Error::InvalidClaim("sub"))] {
        let claims = with(kind.minimal.clone(), name, "another-client");
        let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims));
        assert_eq!(verdict, Err(expected), "{name}");
    }
    let both = with(with(kind.minimal, "iss", "another-client"), "sub", "another-client");
    let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &both));
    assert_eq!(verdict, Err(Error::Issuer));
}

/// RFC 10070: the token endpoint as the audience is what clients sent before, and only for a client
/// of which the operator says so.
#[test]
fn older_audiences_are_accepted_only_where_they_are_named() {
    let signer = Signer::new();
    let endpoint = "https://everyone.example/token";
    let strict = Policy::client_assertion(EVERYONE, EVERYONE, ALGORITHMS).unwrap();
    let older = strict.clone().danger_older_audiences(&[endpoint]);
    let verdict = |policy: &Policy<ClientAssertion>, audience: Value| {
        let claims = with(kind::by_name("client_assertion").minimal, "aud", audience);
        let token = signer.token(None, &claims);
        judge(policy, &signer.fresh, &token, Timestamp::from_secs(NOW))
    };
    assert_eq!(verdict(&strict, json!(endpoint)), Err(Error::Audience));
    assert_eq!(verdict(&older, json!(endpoint)), Ok(()));
    assert_eq!(verdict(&older, json!([endpoint])), Ok(()));
    assert_eq!(verdict(&older, json!(EVERYONE)), Ok(()));
    let both = json!([EVERYONE, endpoint]);
    assert_eq!(verdict(&older, both.clone()), Ok(()), "as Auth.js sends it");
    assert_eq!(verdict(&strict, both), Err(Error::Audience));
    let strange = json!([EVERYONE, "https://everyone.example/other"]);
    assert_eq!(verdict(&older, strange), Err(Error::Audience));
    assert_eq!(verdict(&older, json!("https://everyone.example/other")), Err(Error::Audience));
}

/// A client with one key need not name it; with two of one algorithm it must, and nobody else may
/// leave the name out.
#[test]
fn a_key_without_a_name_is_found_only_when_there_is_no_choice() {
    let signer = Signer::new();
    let other = SigningKey::generate(ALGORITHMS[0]).unwrap();
    let foreign = SigningKey::generate(countersign_jose::Algorithm::Ed25519).unwrap();
    let one = || signer.key().verifying_key();
    let now = Timestamp::from_secs(NOW);
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        let header = without(signer.header(Some(kind.typ)), "kid");
        let token = signer.raw(&header, &kind.full.to_string());
        let verdict = |keys: &[countersign_jose::VerifyingKey]| {
            let keys = KeySet::new(keys.iter().cloned());
            let first = verifier.judge(&keys, &token, now);
            assert_eq!(verifier.judge(&keys, &token, now), first);
            first
        };
        // Clients with one key, and issuers with one (OpenID Connect Core section 10.1).
        let may_be_nameless = matches!(
            kind.name,
            "client_assertion" | "request_object" | "id_token" | "authorization_response"
        );
        let alone = if may_be_nameless { Ok(()) } else { Err(Error::MissingKeyId) };
        let verdicts = [
            verdict(&[one()]),
            verdict(&[one(), foreign.verifying_key()]),
            verdict(&[one(), other.verifying_key()]),
            verdict(&[]),
        ];
        let expected = match kind.name {
            // A proof brings its own key.
            "dpop_proof" => [Ok(()), Ok(()), Ok(()), Ok(())],
            _ => [alone.clone(), alone, Err(Error::MissingKeyId), Err(Error::MissingKeyId)],
        };
        assert_eq!(verdicts, expected, "{}", kind.name);
    }
    // The only key of the algorithm is another one than that which signed.
    let policy = Policy::<ClientAssertion>::client_assertion(EVERYONE, EVERYONE, ALGORITHMS);
    let header = without(signer.header(None), "kid");
    let token = signer.raw(&header, &kind::by_name("client_assertion").full.to_string());
    let keys = KeySet::new([other.verifying_key()]);
    assert_eq!(judge(&policy.unwrap(), &keys, &token, now), Err(Error::BadSignature));
}

/// Older names of the type are read, others are not.
#[test]
fn types_of_the_tokens_of_clients() {
    fn check<P: Profile>(signer: &Signer, policy: &Policy<P>, claims: &Value, own: &str) {
        for (typ, passes) in [
            (Some(own), true),
            (Some("JWT"), true),
            (Some("jwt"), true),
            (Some("application/jwt"), true),
            (None, true),
            (Some("at+jwt"), false),
            (Some("dpop+jwt"), false),
            (Some("oauth-authz-req+jwt;x"), false),
            (Some("JOSE"), false),
        ] {
            let token = signer.token(typ, claims);
            let verdict = judge(policy, &signer.warm, &token, Timestamp::from_secs(NOW));
            let expected = if passes { Ok(()) } else { Err(Error::WrongType) };
            assert_eq!(verdict, expected, "{own} as {typ:?}");
        }
    }
    let signer = Signer::new();
    let (assertion, request) = (kind::by_name("client_assertion"), kind::by_name("request_object"));
    let policy = Policy::<ClientAssertion>::client_assertion(EVERYONE, EVERYONE, ALGORITHMS);
    check(&signer, &policy.unwrap(), &assertion.full, assertion.typ);
    let policy = Policy::<RequestObject>::request_object(EVERYONE, EVERYONE, ALGORITHMS);
    check(&signer, &policy.unwrap(), &request.full, request.typ);
}
