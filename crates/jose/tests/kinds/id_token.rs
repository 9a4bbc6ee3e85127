//! ID tokens: the parties, the nonce, and what other tokens of an older issuer look like.

use countersign_jose::{Error, IdToken, Policy, Timestamp};
use serde_json::{Value, json};

use crate::{
    kind::{self, EVERYONE, NOW, merged, with, without},
    verifier::{self, ALGORITHMS, Settings, Signer, judge},
};

fn minimal() -> Value {
    kind::by_name("id_token").minimal
}

/// OpenID Connect Core section 3.1.3.7, steps 3 to 5.
#[test]
fn the_authorized_party_is_this_client() {
    let signer = Signer::new();
    let verifier = verifier::of("id_token", Settings::default());
    let other = "https://other.example";
    for (changes, expected) in [
        (json!({ "azp": EVERYONE }), Ok(())),
        (json!({ "azp": other }), Err(Error::AuthorizedParty)),
        (json!({ "azp": "https://everyone.example/" }), Err(Error::AuthorizedParty)),
        (json!({ "azp": [EVERYONE] }), Err(Error::InvalidClaim("azp"))),
        (json!({ "aud": [EVERYONE, other] }), Err(Error::AuthorizedParty)),
        (json!({ "aud": [EVERYONE, other], "azp": other }), Err(Error::AuthorizedParty)),
        (json!({ "aud": [EVERYONE, other], "azp": EVERYONE }), Ok(())),
        (json!({ "aud": other }), Err(Error::Audience)),
        (json!({ "aud": other, "azp": EVERYONE }), Err(Error::Audience)),
    ] {
        let claims = merged(minimal(), changes.clone());
        let verdict = signer.verdict(&verifier, &signer.token(Some("JWT"), &claims));
        assert_eq!(verdict, expected, "{changes}");
    }
}

/// OpenID Connect Core section 3.1.3.7, step 11.
#[test]
fn the_nonce_must_be_the_one_that_was_asked_for() {
    let signer = Signer::new();
    let policy: Policy<IdToken> = Policy::id_token(EVERYONE, EVERYONE, ALGORITHMS).unwrap();
    let policy = policy.nonce("n-1");
    let verdict = |claims: &Value| {
        let token = signer.token(Some("JWT"), claims);
        judge(&policy, &signer.warm, &token, Timestamp::from_secs(NOW))
    };
    assert_eq!(verdict(&with(minimal(), "nonce", "n-1")), Ok(()));
    assert_eq!(verdict(&minimal()), Err(Error::Nonce));
    for nonce in ["n-2", "N-1", "n-1 ", "n"] {
        assert_eq!(verdict(&with(minimal(), "nonce", nonce)), Err(Error::Nonce), "{nonce}");
    }
    for nonce in [json!(7), json!(["n-1"]), json!(null), json!("")] {
        let claims = with(minimal(), "nonce", nonce);
        assert_eq!(verdict(&claims), Err(Error::InvalidClaim("nonce")));
    }
}

/// Class 37: issuers before RFC 9068 call access tokens and ID tokens `JWT`, or nothing. What is an
/// access token by its claims is no ID token; what issuers add to ID tokens leaves them what they
/// are.
#[test]
fn an_access_token_of_an_older_issuer_is_no_id_token() {
    let signer = Signer::new();
    let forbidden = Err(Error::ForbiddenClaim("client_id"));
    let access = kind::by_name("access_token");
    for (claims, expected) in [
        (access.minimal.clone(), forbidden.clone()),
        (access.full.clone(), forbidden.clone()),
        (access.richest(), forbidden.clone()),
        (with(access.minimal, "sub", "ada"), forbidden.clone()),
        // Without `jti`, from before RFC 9068.
        (merged(minimal(), json!({ "client_id": "c", "scope": "openid" })), forbidden.clone()),
        (merged(minimal(), json!({ "client_id": "c", "jti": "1" })), forbidden.clone()),
        // An access token never has these, but with a scope it is one.
        (merged(minimal(), json!({ "client_id": "c", "scope": "a", "nonce": "n" })), forbidden),
        // What ID tokens are known to carry.
        (merged(minimal(), json!({ "client_id": "c" })), Ok(())),
        (merged(minimal(), json!({ "jti": "1" })), Ok(())),
        (merged(minimal(), json!({ "scope": "openid", "jti": "1" })), Ok(())),
        (merged(minimal(), json!({ "client_id": "c", "jti": "1", "azp": EVERYONE })), Ok(())),
        (merged(minimal(), json!({ "client_id": "c", "jti": "1", "nonce": "n" })), Ok(())),
        (merged(minimal(), json!({ "client_id": "c", "jti": "1", "at_hash": "x" })), Ok(())),
        (merged(minimal(), json!({ "client_id": "c", "jti": "1", "c_hash": "x" })), Ok(())),
    ] {
        for verifier in ["id_token", "id_token_hint"] {
            let verifier = verifier::of(verifier, Settings::default());
            for typ in [None, Some("JWT")] {
                let verdict = signer.verdict(&verifier, &signer.token(typ, &claims));
                assert_eq!(verdict, expected, "{} {claims}", verifier.name);
            }
        }
    }
}

/// Class 37: where a server is a client elsewhere, under one name and with one key, its assertion
/// has the claims of an ID token. It is about its own issuer, and no user is that.
#[test]
fn a_client_assertion_is_no_id_token() {
    let signer = Signer::new();
    let assertion = kind::by_name("client_assertion").full;
    for verifier in ["id_token", "id_token_hint"] {
        let verifier = verifier::of(verifier, Settings::default());
        let verdict = |claims: &Value| signer.verdict(&verifier, &signer.token(None, claims));
        assert_eq!(verdict(&assertion), Err(Error::InvalidClaim("sub")));
        assert_eq!(verdict(&with(assertion.clone(), "sub", "ada")), Ok(()));
        // A self-issued ID token is about its issuer as well, and always has a nonce.
        assert_eq!(verdict(&with(assertion.clone(), "nonce", "n")), Ok(()));
    }
}

/// The type of an ID token may be left out (OpenID Connect Core section 2) and may not be another.
#[test]
fn types_of_id_tokens() {
    let signer = Signer::new();
    for verifier in ["id_token", "id_token_hint"] {
        let verifier = verifier::of(verifier, Settings::default());
        for typ in [None, Some("JWT"), Some("jwt"), Some("application/jwt")] {
            let verdict = signer.verdict(&verifier, &signer.token(typ, &minimal()));
            assert_eq!(verdict, Ok(()), "{typ:?}");
        }
        for typ in ["at+jwt", "logout+jwt", "id_token", "JWT;x", "JWE", "JWT "] {
            let verdict = signer.verdict(&verifier, &signer.token(Some(typ), &minimal()));
            assert_eq!(verdict, Err(Error::WrongType), "{typ}");
        }
    }
}

/// An issuer that is shown its own ID token as a hint asks less, and nothing less than this.
#[test]
fn a_hint_may_be_old_and_for_any_client_and_nothing_else() {
    let signer = Signer::new();
    let verifier = verifier::of("id_token_hint", Settings::default());
    let old = with(minimal(), "exp", NOW - 1_000_000);
    let verdict = |claims: &Value| signer.verdict(&verifier, &signer.token(Some("JWT"), claims));
    for (claims, expected) in [
        (old.clone(), Ok(())),
        (with(old.clone(), "aud", "other"), Ok(())),
        (with(old.clone(), "azp", "other"), Ok(())),
        (with(old.clone(), "iss", "https://other.example"), Err(Error::Issuer)),
        (without(old.clone(), "exp"), Err(Error::MissingClaim("exp"))),
        (with(old.clone(), "iat", NOW + 31), Err(Error::IssuedInFuture)),
        (with(old.clone(), "nbf", NOW + 31), Err(Error::NotYetValid)),
    ] {
        assert_eq!(verdict(&claims), expected, "{claims}");
    }
    let token = signer.token(Some("JWT"), &old);
    let (input, _) = token.rsplit_once('.').unwrap();
    assert_eq!(signer.verdict(&verifier, &format!("{input}.")), Err(Error::BadSignature));
}
