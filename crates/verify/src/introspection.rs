//! What an issuer says about a token (RFC 7662, RFC 9701), and which texts it is asked about. Pure:
//! bytes come in, a verdict comes out.

use countersign_jose::{
    AccessToken, Error as TokenError, IntrospectionResponse, KeySet, Policy, Timestamp, base64url,
};
use serde::Deserialize;

use crate::{Caller, Error};

/// What an opaque access token of Countersign begins with.
const OWN_PREFIX: &str = "csa_";
/// Version, key id, nonce and tag.
const OWN_MIN_BYTES: usize = 1 + 4 + 12 + 16;
/// Longer texts than this are no opaque tokens.
const MAX_TEXT_BYTES: usize = 8_192;

/// How much a text looks like an opaque token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As Countersign writes them. Whether it did, only it can say.
    Own,
    /// It could be any issuer's.
    Unknown,
    /// No issuer needs to be asked.
    Impossible,
}

/// Judges a text that is no JWT.
pub(crate) fn form(text: &str) -> Form {
    if text.len() > MAX_TEXT_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Form::Impossible;
    }
    let Some(body) = text.strip_prefix(OWN_PREFIX) else { return Form::Unknown };
    match base64url::decode(body.as_bytes()) {
        Ok(bytes) if bytes.len() > OWN_MIN_BYTES => Form::Own,
        _ => Form::Impossible,
    }
}

/// Whether a text calls itself an opaque token of Countersign.
pub(crate) fn is_own(text: &str) -> bool {
    text.starts_with(OWN_PREFIX)
}

/// An answer that says nothing about the token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("the answer is no JSON object with `active`")]
    Malformed,
    #[error("the signed answer was not accepted: {0}")]
    Signature(TokenError),
}

#[derive(Deserialize)]
struct Activity {
    active: bool,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    token_type: Option<std::borrow::Cow<'a, str>>,
}

/// Reads a plain answer. An active token has to say all that a JWT would have to, and to be an
/// access token, which a refresh token is not.
pub(crate) fn read(
    json: &[u8],
    policy: &Policy<AccessToken>,
    now: Timestamp,
) -> Result<Result<Caller, Error>, Unusable> {
    let activity: Activity = serde_json::from_slice(json).map_err(|_| Unusable::Malformed)?;
    if !activity.active {
        return Ok(Err(Error::Inactive));
    }
    let kind: Kind<'_> = serde_json::from_slice(json).map_err(|_| Unusable::Malformed)?;
    let is_access_token = kind.token_type.is_some_and(|kind| {
        kind.eq_ignore_ascii_case("Bearer") || kind.eq_ignore_ascii_case("DPoP")
    });
    if !is_access_token {
        return Ok(Err(TokenError::InvalidClaim("token_type").into()));
    }
    Ok(match policy.judge_claims(json, now) {
        Ok(mut token) => {
            // They speak of the token and are no claims of it.
            token.extra.remove("active");
            token.extra.remove("token_type");
            Ok(Caller::told(token))
        }
        Err(reason) => Err(reason.into()),
    })
}

/// Reads a signed answer, which has to be signed by the issuer for this API.
pub(crate) fn read_signed(
    text: &[u8],
    (answers, keys): (&Policy<IntrospectionResponse>, &KeySet),
    policy: &Policy<AccessToken>,
    now: Timestamp,
) -> Result<Result<Caller, Error>, Unusable> {
    let text = str::from_utf8(text).map_err(|_| Unusable::Malformed)?;
    let answer = answers.verify(keys, text, now).map_err(Unusable::Signature)?;
    let json = serde_json::to_vec(&answer.token_introspection).map_err(|_| Unusable::Malformed)?;
    read(&json, policy, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_that_could_be_tokens_are_asked_about() {
        let own = |bytes: usize| format!("csa_{}", base64url::encode(&vec![7; bytes]));
        for (text, expect) in [
            (own(200), Form::Own),
            (own(34), Form::Own),
            (own(33), Form::Impossible),
            (format!("{}=", own(200)), Form::Impossible),
            (format!("{}!", own(200)), Form::Impossible),
            ("csa_".to_owned(), Form::Impossible),
            ("0f7c2a".to_owned(), Form::Unknown),
            ("a b".to_owned(), Form::Impossible),
            ("ä".to_owned(), Form::Impossible),
            ("a".repeat(9_000), Form::Impossible),
        ] {
            assert_eq!(form(&text), expect, "{text:.60}");
        }
    }

    #[test]
    fn an_answer_is_judged_as_strictly_as_a_token() {
        let policy =
            Policy::access_token("https://id", "https://api", &[crate::Algorithm::ES256]).unwrap();
        let good = r#"{"active":true,"token_type":"Bearer","iss":"https://id","sub":"ada",
            "aud":"https://api","client_id":"web","iat":100,"exp":200,"jti":"t",
            "cnf":{"jkt":"k"},"tenant":"blue"}"#;
        let read = |json: &str| read(json.as_bytes(), &policy, Timestamp::from_secs(150));
        let caller = read(good).unwrap().unwrap();
        assert_eq!((caller.subject.as_str(), caller.key_id()), ("ada", None));
        assert_eq!(caller.extra.keys().collect::<Vec<_>>(), ["tenant"]);
        assert!(caller.confirmation.is_some());
        let refused = |from: &str, to: &str| read(&good.replace(from, to)).unwrap().unwrap_err();
        let missing = |name| Error::Token(TokenError::MissingClaim(name));
        let kind = Error::Token(TokenError::InvalidClaim("token_type"));
        for (from, to, reason) in [
            ("true", "false", Error::Inactive),
            ("Bearer", "N_A", kind.clone()),
            ("\"token_type\":\"Bearer\",", "", kind),
            ("https://id\"", "https://other\"", TokenError::Issuer.into()),
            ("https://api", "https://other", TokenError::Audience.into()),
            ("\"aud\"", "\"aut\"", missing("aud")),
            ("\"jti\"", "\"jtj\"", missing("jti")),
            ("\"exp\"", "\"exq\"", missing("exp")),
            ("200", "119", TokenError::Expired.into()),
            ("\"iat\":100", "\"iat\":190", TokenError::IssuedInFuture.into()),
        ] {
            assert_eq!(refused(from, to), reason, "{from} as {to}");
        }
        assert_eq!(read(r#"{"active":false}"#), Ok(Err(Error::Inactive)));
        for bad in ["", "[]", "{}", r#"{"active":1}"#, r#"{"active":"true"}"#, "<html>"] {
            assert_eq!(read(bad), Err(Unusable::Malformed), "{bad}");
        }
        let twice = good.replace("\"sub\"", "\"active\":true,\"sub\"");
        assert_eq!(read(&twice), Err(Unusable::Malformed));
        let twice = good.replace("\"jti\"", "\"sub\":\"eve\",\"jti\"");
        assert!(read(&twice).unwrap().is_err());
    }
}
