//! How a refusal looks to the caller (RFC 6750 section 3, RFC 9449 section 7.1). It says less than
//! the log: which check failed helps whoever forges tokens, and nobody else.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::{BearerError, Error, ProofError, SenderError, SenderRules, dpop::DPOP_NONCE};

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
    /// The token is good but the sign-in behind it is not strong or not recent enough (RFC 9470).
    #[error("the sign-in is none of {acr_values:?}, or older than {max_age_s:?} seconds")]
    InsufficientUserAuthentication {
        /// The authentication contexts of which one is needed, separated by spaces; any if empty.
        acr_values: String,
        /// The greatest age of the sign-in in seconds, if it matters.
        max_age_s: Option<u64>,
    },
}

/// The caller may try again after so many seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What an API takes, as its challenges tell.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// The URL of the API's metadata (RFC 9728 section 5.1).
    pub(crate) resource_metadata: Option<String>,
    /// Whether a token may come without a proof.
    pub(crate) bearer: bool,
    /// The algorithms of proofs, separated by spaces, where proofs are taken.
    pub(crate) dpop_algorithms: Option<String>,
}

/// What is known of the request that is refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried {
    /// Whether it came under the scheme `DPoP`.
    pub(crate) dpop: bool,
    /// The nonce to hand out, if a proof needs one.
    pub(crate) nonce: Option<String>,
}

struct Look {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    /// What would do, as parameters of the challenge.
    needed: Vec<(&'static str, String)>,
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
            Self::InsufficientUserAuthentication { .. } => "insufficient_user_authentication",
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.look().status
    }

    /// The whole answer: status, challenges and a small JSON body.
    pub(crate) fn into_response<B: From<Bytes>>(self, offer: &Offer, tried: Tried) -> Response<B> {
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
        for challenge in offer.challenges(told, tried.dpop) {
            headers.append(header::WWW_AUTHENTICATE, challenge);
        }
        if self.needs_nonce()
            && let Some(nonce) = tried.nonce.and_then(|nonce| HeaderValue::try_from(nonce).ok())
        {
            headers.insert(DPOP_NONCE, nonce);
        }
        response
    }

    fn needs_nonce(&self) -> bool {
        *self == Self::Token(Error::Sender(SenderError::Proof(ProofError::Nonce)))
    }

    fn look(&self) -> Look {
        let look = |status, error, description| {
            let needed = Vec::new();
            Look { status, error, description, needed }
        };
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
            Self::Token(Error::Sender(reason)) => {
                let (error, description) = sender_look(reason);
                look(StatusCode::UNAUTHORIZED, error, description)
            }
            Self::Token(_) => {
                look(StatusCode::UNAUTHORIZED, "invalid_token", "The token is not valid here.")
            }
            Self::InsufficientScope { required } => Look {
                status: StatusCode::FORBIDDEN,
                error: "insufficient_scope",
                description: "The token does not permit this.",
                needed: vec![("scope", required.clone())],
            },
            Self::InsufficientUserAuthentication { acr_values, max_age_s } => {
                let acr = (!acr_values.is_empty()).then(|| ("acr_values", acr_values.clone()));
                let age = max_age_s.map(|seconds| ("max_age", seconds.to_string()));
                Look {
                    status: StatusCode::UNAUTHORIZED,
                    error: "insufficient_user_authentication",
                    description: "The user has to sign in again, or in another way.",
                    needed: acr.into_iter().chain(age).collect(),
                }
            }
        }
    }
}

/// Only the holder of a good token gets here, and is told what its proof lacks.
const fn sender_look(reason: &SenderError) -> (&'static str, &'static str) {
    match reason {
        SenderError::Proof(ProofError::Nonce) => {
            ("use_dpop_nonce", "The DPoP proof needs the nonce in the header DPoP-Nonce.")
        }
        SenderError::Proof(ProofError::Missing | ProofError::Repeated) => {
            ("invalid_dpop_proof", "There must be one DPoP header with one proof.")
        }
        SenderError::Proof(ProofError::Replayed) => {
            ("invalid_dpop_proof", "The DPoP proof was used before.")
        }
        SenderError::Proof(ProofError::Invalid(_)) => {
            ("invalid_dpop_proof", "The DPoP proof is not valid for this request.")
        }
        SenderError::ProofNeeded => {
            ("invalid_token", "The token is bound to a key: use the scheme DPoP, with a proof.")
        }
        SenderError::OtherKey => {
            ("invalid_token", "The token is bound to another key than that of the proof.")
        }
        SenderError::CertificateNeeded | SenderError::OtherCertificate => {
            ("invalid_token", "The token is bound to another client certificate.")
        }
        SenderError::NotBound => ("invalid_token", "The token is not bound to a key."),
        SenderError::UnknownBinding => ("invalid_token", "The token is not valid here."),
    }
}

impl Offer {
    pub(crate) fn new(
        resource_metadata: Option<String>,
        senders: &SenderRules,
        takes_dpop: bool,
    ) -> Self {
        let names: Vec<_> = senders.dpop.algorithm_names().collect();
        Self {
            resource_metadata,
            bearer: !senders.binding_required || !takes_dpop,
            dpop_algorithms: takes_dpop.then(|| names.join(" ")),
        }
    }

    /// The values of `WWW-Authenticate`: the scheme that was tried, with the error, and, where
    /// another token would help, the other one.
    fn challenges(&self, look: Option<&Look>, dpop_tried: bool) -> Vec<HeaderValue> {
        let dpop = self.dpop_algorithms.as_deref();
        // The error goes with the scheme that was tried, unless that one is not offered.
        let dpop_errs = dpop.is_some() && (dpop_tried || !self.bearer);
        let all = look.is_none_or(|look| look.status == StatusCode::UNAUTHORIZED);
        let mut challenges = Vec::new();
        if self.bearer && (all || !dpop_errs) {
            let look = look.filter(|_| !dpop_errs);
            challenges.push(self.challenge("Bearer", look, None));
        }
        if dpop.is_some() && (all || dpop_errs) {
            let look = look.filter(|_| dpop_errs);
            challenges.push(self.challenge("DPoP", look, dpop));
        }
        if dpop_errs {
            challenges.reverse();
        }
        challenges
    }

    fn challenge(
        &self,
        scheme: &'static str,
        look: Option<&Look>,
        algorithms: Option<&str>,
    ) -> HeaderValue {
        let mut parameters = Vec::new();
        if let Some(look) = look {
            parameters.push(("error", Cow::Borrowed(look.error)));
            parameters.push(("error_description", Cow::Borrowed(look.description)));
            let needed = look.needed.iter().map(|(name, value)| (*name, quotable(value)));
            parameters.extend(needed);
        }
        parameters.extend(algorithms.map(|names| ("algs", quotable(names))));
        let metadata = self.resource_metadata.as_deref();
        parameters.extend(metadata.map(|url| ("resource_metadata", quotable(url))));
        let parameters: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let text = format!("{scheme} {}", parameters.join(", "));
        // Everything in it is printable ASCII by now, so the fallback is never taken.
        HeaderValue::from_str(text.trim_end()).unwrap_or_else(|_| HeaderValue::from_static(scheme))
    }
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

    fn offer(metadata: Option<&str>) -> Offer {
        let resource_metadata = metadata.map(str::to_owned);
        Offer { resource_metadata, bearer: true, dpop_algorithms: None }
    }

    const METADATA: &str = "https://api.example/.well-known/oauth-protected-resource";

    fn check(refusal: &Refusal, status: u16, challenge: Option<&str>, body: &str) {
        let response: Response<Bytes> =
            refusal.clone().into_response(&offer(Some(METADATA)), Tried::default());
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
            Error::Opaque,
            Error::Inactive,
        ] {
            check(&reason.into(), 401, Some(invalid), "invalid_token");
        }
        let expired =
            "Bearer error=\"invalid_token\", error_description=\"The token has expired.\"";
        let reason = Error::Token(countersign_jose::Error::Expired);
        check(&reason.into(), 401, Some(expired), "invalid_token");
        for reason in
            [Error::NotReady, Error::Stale, Error::IntrospectionFailed, Error::ReplayGuardFull]
        {
            check(&reason.into(), 503, None, "temporarily_unavailable");
        }
        let scope = "Bearer error=\"insufficient_scope\", error_description=\"The token does not \
            permit this.\", scope=\"orders:read orders:write\"";
        let required = "orders:read orders:write".to_owned();
        let refusal = Refusal::InsufficientScope { required };
        check(&refusal, 403, Some(scope), "insufficient_scope");
        for (acr, max_age_s, needed) in [
            ("2 3", None, "acr_values=\"2 3\""),
            ("", Some(5), "max_age=\"5\""),
            ("2", Some(5), "acr_values=\"2\", max_age=\"5\""),
        ] {
            let refusal =
                Refusal::InsufficientUserAuthentication { acr_values: acr.to_owned(), max_age_s };
            let challenge = format!(
                "Bearer error=\"insufficient_user_authentication\", error_description=\"The user \
                 has to sign in again, or in another way.\", {needed}"
            );
            check(&refusal, 401, Some(&challenge), "insufficient_user_authentication");
        }
    }

    #[test]
    fn a_challenge_cannot_be_broken_out_of() {
        let refusal = Refusal::InsufficientScope { required: "a\", x=\"\r\nb\\ü".to_owned() };
        let response: Response<Bytes> = refusal.into_response(&offer(None), Tried::default());
        let text = response.headers()[header::WWW_AUTHENTICATE].to_str().expect("text");
        assert!(text.ends_with("scope=\"a, x=b\""), "{text}");
    }

    #[test]
    fn without_metadata_the_bare_scheme_is_left() {
        let refusal = Refusal::from(BearerError::Missing);
        let response: Response<Bytes> = refusal.into_response(&offer(None), Tried::default());
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }

    /// RFC 9449 section 7.1: the scheme that was tried carries the error, and where another token
    /// would do, the other scheme is named as well.
    #[test]
    fn each_scheme_has_its_challenge() {
        let metadata = "resource_metadata=\"m\"";
        let both = Offer {
            resource_metadata: Some("m".to_owned()),
            bearer: true,
            dpop_algorithms: Some("ES256 RS256".to_owned()),
        };
        let bound_only = Offer { bearer: false, ..both.clone() };
        let missing = Refusal::from(BearerError::Missing);
        let invalid = Refusal::from(Error::Revoked);
        let scope = Refusal::InsufficientScope { required: "a".to_owned() };
        let nonce = Refusal::from(Error::from(SenderError::from(ProofError::Nonce)));
        let algs = "algs=\"ES256 RS256\"";
        let error = |code: &str| format!("error=\"{code}\"");
        for (refusal, offer, dpop, expected) in [
            (&missing, &both, false, vec![("Bearer", None), ("DPoP", None)]),
            (&missing, &bound_only, false, vec![("DPoP", None)]),
            (&invalid, &both, false, vec![("Bearer", Some("invalid_token")), ("DPoP", None)]),
            (&invalid, &both, true, vec![("DPoP", Some("invalid_token")), ("Bearer", None)]),
            (&invalid, &bound_only, false, vec![("DPoP", Some("invalid_token"))]),
            (&scope, &both, false, vec![("Bearer", Some("insufficient_scope"))]),
            (&scope, &both, true, vec![("DPoP", Some("insufficient_scope"))]),
            (&nonce, &both, true, vec![("DPoP", Some("use_dpop_nonce")), ("Bearer", None)]),
        ] {
            let tried = Tried { dpop, nonce: Some("n-1".to_owned()) };
            let response: Response<Bytes> = refusal.clone().into_response(offer, tried);
            let given: Vec<_> =
                response.headers().get_all(header::WWW_AUTHENTICATE).iter().collect();
            assert_eq!(given.len(), expected.len(), "{refusal:?} {given:?}");
            for (given, (scheme, code)) in given.into_iter().zip(expected) {
                let given = given.to_str().expect("text");
                assert!(given.starts_with(&format!("{scheme} ")), "{given}");
                assert_eq!(given.contains("error="), code.is_some(), "{given}");
                assert!(code.is_none_or(|code| given.contains(&error(code))), "{given}");
                assert_eq!(given.contains(algs), scheme == "DPoP", "{given}");
                assert!(given.ends_with(metadata), "{given}");
            }
            let handed_out = response.headers().get(DPOP_NONCE).is_some();
            assert_eq!(handed_out, *refusal == nonce, "{refusal:?}");
        }
    }
}
