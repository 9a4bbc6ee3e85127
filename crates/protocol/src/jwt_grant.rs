//! The JWT bearer grant (RFC 7523 §2.1): another issuer, which the operator trusts, says who
//! somebody is, and its word stands in for a sign-in.
//!
//! RFC 7523 gives such an assertion no type of its own, so that it reads as an ID token does, whose
//! client is this server. It is judged as one, with more asked of it: this server alone is its
//! audience, it lives for minutes, and it is taken once.

use std::time::Duration;

use countersign_jose::{Error, IdToken, KeySet, Policy, Timestamp, jwt};
use serde::Deserialize;
use serde_json::Value;

use crate::client_assertion;

/// `grant_type` of such a request.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// One that lives longer could be kept for later, and its name would have to be remembered for as
/// long.
const LIFETIME_MAX: Duration = Duration::from_secs(600);
/// How far the clocks of the two servers may disagree.
const LEEWAY: Duration = Duration::from_secs(30);

/// Whom the subject of an assertion is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectIs {
    /// The account with this user name.
    Username,
    /// The account with this subject.
    Subject,
    /// The client that brings it; then it gets a token for itself.
    Client,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// Here.
    Inline(KeySet),
    /// It publishes them at this URL.
    Published(String),
}

/// An issuer whose word the operator takes.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// `iss`.
    pub issuer: String,
    /// The keys that it signs with.
    pub keys: IssuerKeys,
    /// The clients that may bring its assertions.
    pub clients: Vec<String>,
    /// Whom it speaks about.
    pub subject_is: SubjectIs,
    /// What its subjects begin with; it is taken off. None that begins otherwise is known here.
    pub subject_prefix: String,
}

/// An assertion that is good but for one thing: whether it was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whom it speaks about, without the prefix.
    pub subject: String,
    /// `jti`, of the verified payload: its name among those of its issuer.
    pub token_id: String,
    /// Until when it could be accepted, and has to be remembered.
    pub until: Timestamp,
}

/// Judges an assertion with the keys of its issuer. It was made for `issuer`, which is this server.
///
/// # Errors
/// The first rule that it breaks, for the log. The client only hears `invalid_grant`.
pub fn verify(
    trusted: &TrustedIssuer,
    keys: &KeySet,
    assertion: &str,
    issuer: &str,
    now: Timestamp,
) -> Result<Accepted, Error> {
    let algorithms = client_assertion::ALGORITHMS;
    let policy = Policy::<IdToken>::id_token(&trusted.issuer, issuer, algorithms)?;
    let policy = policy.leeway(LEEWAY).max_age(LIFETIME_MAX);
    let token = policy.verify(keys, assertion, now)?;
    // RFC 10070 lets a grant have the token endpoint as its audience; another server could know
    // that URL as well.
    if token.audience != [issuer] {
        return Err(Error::Audience);
    }
    // It belongs to somebody's sign-in, and is no answer to a request of ours.
    if token.nonce.is_some() || token.access_token_hash.is_some() {
        return Err(Error::ForbiddenClaim("nonce"));
    }
    let expires_at = Timestamp::from_secs(token.expires_at);
    if expires_at > now.plus(LIFETIME_MAX).plus(LEEWAY) {
        return Err(Error::InvalidClaim("exp"));
    }
    let token_id = token.extra.get("jti").ok_or(Error::MissingClaim("jti"))?;
    let token_id = token_id.as_str().filter(|id| !id.is_empty());
    let subject = token.subject.strip_prefix(&trusted.subject_prefix);
    Ok(Accepted {
        subject: subject
            .filter(|subject| !subject.is_empty())
            .ok_or(Error::InvalidClaim("sub"))?
            .to_owned(),
        token_id: token_id.ok_or(Error::InvalidClaim("jti"))?.to_owned(),
        until: expires_at.plus(LEEWAY),
    })
}

/// The issuer that an assertion speaks of, not verified: where to look for the keys.
#[must_use]
pub fn claimed_issuer(assertion: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(jwt::peek(assertion).ok()?.payload_json()).ok()?;
    payload.get("iss")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use countersign_jose::{Algorithm, SigningKey};
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example";
    const THEIRS: &str = "https://corp.example";
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn trusted() -> TrustedIssuer {
        TrustedIssuer {
            issuer: THEIRS.to_owned(),
            keys: IssuerKeys::Published("https://corp.example/keys".to_owned()),
            clients: vec!["batch".to_owned()],
            subject_is: SubjectIs::Username,
            subject_prefix: "corp:".to_owned(),
        }
    }

    fn claims() -> Value {
        let now = NOW.as_secs();
        json!({ "iss": THEIRS, "sub": "corp:alice", "aud": ISSUER, "iat": now, "exp": now + 60,
            "jti": "a1" })
    }

    #[test]
    fn each_rule_is_asked_for() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        let (trusted, keys) = (trusted(), KeySet::new([key.verifying_key()]));
        let verify = |text: &str| verify(&trusted, &keys, text, ISSUER, NOW);
        let judge = |typ: &str, claims: &Value| verify(&jwt::sign(&key, typ, claims).unwrap());
        let accepted = judge("JWT", &claims()).unwrap();
        let until = NOW.plus(Duration::from_secs(90));
        let expected = Accepted { subject: "alice".into(), token_id: "a1".into(), until };
        assert_eq!(accepted, expected);
        let now = NOW.as_secs();
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value,
            }
            judge("JWT", &claims).err()
        };
        for (name, value, expected) in [
            ("aud", json!([ISSUER]), None),
            ("aud", json!([ISSUER, "https://other.example"]), Some(Error::AuthorizedParty)),
            ("aud", json!(format!("{ISSUER}/token")), Some(Error::Audience)),
            ("iss", json!("https://evil.example"), Some(Error::Issuer)),
            ("sub", json!("alice"), Some(Error::InvalidClaim("sub"))),
            ("sub", json!("corp:"), Some(Error::InvalidClaim("sub"))),
            ("exp", json!(now - 30), Some(Error::Expired)),
            ("exp", json!(now + 630), None),
            ("exp", json!(now + 631), Some(Error::InvalidClaim("exp"))),
            ("iat", json!(now - 631), Some(Error::TooOld)),
            ("iat", json!(now + 31), Some(Error::IssuedInFuture)),
            ("iat", Value::Null, Some(Error::MissingClaim("iat"))),
            ("nbf", json!(now + 31), Some(Error::NotYetValid)),
            ("jti", Value::Null, Some(Error::MissingClaim("jti"))),
            ("jti", json!(""), Some(Error::InvalidClaim("jti"))),
            ("jti", json!(7), Some(Error::InvalidClaim("jti"))),
            ("nonce", json!("n"), Some(Error::ForbiddenClaim("nonce"))),
            ("at_hash", json!("x"), Some(Error::ForbiddenClaim("nonce"))),
            ("client_id", json!("batch"), Some(Error::ForbiddenClaim("client_id"))),
            ("events", json!({}), Some(Error::ForbiddenClaim("events"))),
        ] {
            assert_eq!(with(name, value.clone()), expected, "{name} {value}");
        }
        for typ in ["at+jwt", "client-authentication+jwt", "logout+jwt"] {
            assert_eq!(judge(typ, &claims()), Err(Error::WrongType), "{typ}");
        }
        let foreign = jwt::sign(&other, "JWT", &claims()).unwrap();
        assert!(verify(&foreign).is_err());
        assert_eq!(claimed_issuer(&foreign).as_deref(), Some(THEIRS));
        assert_eq!(claimed_issuer("a.b.c"), None);
        let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 64]).unwrap();
        let secret = jwt::sign(&secret, "JWT", &claims()).unwrap();
        assert_eq!(verify(&secret), Err(Error::AlgorithmNotAllowed));
    }
}
