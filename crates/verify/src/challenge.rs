//! How a refusal looks to the caller (RFC 6750 section 3). It says less than the log: which check
//! failed helps whoever forges tokens, and nobody else.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::{BearerError, Error};

/// Why a request does not reach the API.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no token to check.
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The token was not accepted.
    #[error(transparent)]
    Token(#[from] Error),
    /// The token is good but lacks a scope.
    #[error("the token lacks one of the scopes {required:?}")]
    InsufficientScope {
        /// The scopes that are needed, separated by spaces.
        required: String,
    },
}

/// The caller may try again after so many seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

struct Look {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    scope: Option<String>,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: &'static str,
}

impl Refusal {
    /// A stable name for logs, metrics and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bearer(reason) => reason.code(),
            Self::Token(reason) => reason.code(),
            Self::InsufficientScope { .. } => "insufficient_scope",
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.look().status
    }

    /// The whole answer: status, challenge and a small JSON body. `resource_metadata` is the URL of
    /// the API's metadata, for the challenge (RFC 9728 section 5.1).
    pub fn into_response<B: From<Bytes>>(self, resource_metadata: Option<&str>) -> Response<B> {
        let look = self.look();
        let body = Body { error: look.error, error_description: look.description };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(B::from(Bytes::from(body)));
        *response.status_mut() = look.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if look.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            return response;
        }
        // RFC 6750 section 3.1: without any credentials no error code is told.
        let told = (self != Self::Bearer(BearerError::Missing)).then_some(&look);
        headers.insert(header::WWW_AUTHENTICATE, challenge(told, resource_metadata));
        response
    }

    fn look(&self) -> Look {
        let look = |status, error, description| Look { status, error, description, scope: None };
        match self {
            Self::Bearer(BearerError::Missing) => look(
                StatusCode::UNAUTHORIZED,
                "invalid_request",
                "A bearer token is needed in the Authorization header.",
            ),
            Self::Bearer(_) => look(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "There must be one Authorization header with one bearer token.",
            ),
            Self::Token(reason) if reason.is_temporary() => look(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "Tokens cannot be checked at the moment.",
            ),
            // Only the holder of a token with a good signature gets here.
            Self::Token(Error::Token(countersign_jose::Error::Expired)) => {
                look(StatusCode::UNAUTHORIZED, "invalid_token", "The token has expired.")
            }
            Self::Token(_) => {
                look(StatusCode::UNAUTHORIZED, "invalid_token", "The token is not valid here.")
            }
            Self::InsufficientScope { required } => Look {
                status: StatusCode::FORBIDDEN,
                error: "insufficient_scope",
                description: "The token does not permit this.",
                scope: Some(required.clone()),
            },
        }
    }
}

/// The value of `WWW-Authenticate`.
fn challenge(look: Option<&Look>, resource_metadata: Option<&str>) -> HeaderValue {
    let mut parameters = Vec::new();
    if let Some(look) = look {
        parameters.push(("error", Cow::Borrowed(look.error)));
        parameters.push(("error_description", Cow::Borrowed(look.description)));
        parameters.extend(look.scope.as_deref().map(|scope| ("scope", quotable(scope))));
    }
    parameters.extend(resource_metadata.map(|url| ("resource_metadata", quotable(url))));
    let parameters: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let text = format!("Bearer {}", parameters.join(", "));
    // Everything in it is printable ASCII by now, so the fallback is never taken.
    HeaderValue::from_str(text.trim_end()).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// Leaves out what cannot stand in a quoted string without escapes. No scope and no URL has any of
/// it (RFC 6749 section 3.3).
fn quotable(text: &str) -> Cow<'_, str> {
    let is_plain =
        |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    if text.chars().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|character| is_plain(*character)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "https://api.example/.well-known/oauth-protected-resource";

    fn check(refusal: &Refusal, status: u16, challenge: Option<&str>, body: &str) {
        let response: Response<Bytes> = refusal.clone().into_response(Some(METADATA));
        assert_eq!(response.status().as_u16(), status, "{refusal:?}");
        let challenge = challenge.map(|start| {
            let comma = if start == "Bearer" { " " } else { ", " };
            format!("{start}{comma}resource_metadata=\"{METADATA}\"")
        });
        let headers = response.headers();
        let given =
            headers.get(header::WWW_AUTHENTICATE).map(|value| value.to_str().expect("text"));
        assert_eq!(given, challenge.as_deref(), "{refusal:?}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers.contains_key(header::RETRY_AFTER), status == 503);
        let text = str::from_utf8(response.body()).expect("text");
        assert!(text.starts_with(&format!(r#"{{"error":"{body}","#)), "{text}");
    }

    #[test]
    fn each_refusal_has_its_answer() {
        check(&BearerError::Missing.into(), 401, Some("Bearer"), "invalid_request");
        let malformed = "Bearer error=\"invalid_request\", error_description=\"There must be one \
            Authorization header with one bearer token.\"";
        for reason in [BearerError::Repeated, BearerError::Malformed, BearerError::TooLong] {
            check(&reason.into(), 400, Some(malformed), "invalid_request");
        }
        let invalid = "Bearer error=\"invalid_token\", error_description=\"The token is not valid \
            here.\"";
        for reason in [
            Error::Token(countersign_jose::Error::BadSignature),
            Error::Token(countersign_jose::Error::UnknownKey),
            Error::Revoked,
            Error::Replayed,
        ] {
            check(&reason.into(), 401, Some(invalid), "invalid_token");
        }
        let expired =
            "Bearer error=\"invalid_token\", error_description=\"The token has expired.\"";
        let reason = Error::Token(countersign_jose::Error::Expired);
        check(&reason.into(), 401, Some(expired), "invalid_token");
        for reason in [Error::NotReady, Error::Stale, Error::ReplayGuardFull] {
            check(&reason.into(), 503, None, "temporarily_unavailable");
        }
        let scope = "Bearer error=\"insufficient_scope\", error_description=\"The token does not \
            permit this.\", scope=\"orders:read orders:write\"";
        let required = "orders:read orders:write".to_owned();
        let refusal = Refusal::InsufficientScope { required };
        check(&refusal, 403, Some(scope), "insufficient_scope");
    }

    #[test]
    fn a_challenge_cannot_be_broken_out_of() {
        let refusal = Refusal::InsufficientScope { required: "a\", x=\"\r\nb\\ü".to_owned() };
        let response: Response<Bytes> = refusal.into_response(None);
        let text = response.headers()[header::WWW_AUTHENTICATE].to_str().expect("text");
        assert!(text.ends_with("scope=\"a, x=b\""), "{text}");
    }

    #[test]
    fn without_metadata_the_bare_scheme_is_left() {
        let response: Response<Bytes> = Refusal::from(BearerError::Missing).into_response(None);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}
