//! OAuth errors as the RFCs word them.

use std::borrow::Cow;

/// The registered error codes that this server answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// RFC 6749 §5.2: malformed, repeated or missing parameters.
    InvalidRequest,
    /// RFC 6749 §5.2: the client did not authenticate.
    InvalidClient,
    /// RFC 6749 §5.2: a code or refresh token that is wrong, used, expired or revoked.
    InvalidGrant,
    /// RFC 6749 §5.2: this client may not use this grant.
    UnauthorizedClient,
    /// RFC 6749 §5.2: a grant type that is not offered.
    UnsupportedGrantType,
    /// RFC 6749 §5.2: a scope that is unknown or too wide.
    InvalidScope,
    /// RFC 8707 §2: a resource that the client may not ask for.
    InvalidTarget,
    /// RFC 6749 §4.1.2.1: the user said no.
    AccessDenied,
    /// RFC 8628 §3.5: the person has not answered yet.
    AuthorizationPending,
    /// RFC 8628 §3.5: the same, and the device asks too often.
    SlowDown,
    /// RFC 8628 §3.5: nobody has answered in time.
    ExpiredToken,
    /// RFC 6749 §4.1.2.1: only `code` is offered.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1: the server is overloaded or stopping.
    TemporarilyUnavailable,
    /// RFC 6749 §4.1.2.1: something that should not have happened, with a reference in the log.
    ServerError,
    /// OpenID Connect Core §3.1.2.6: `prompt=none`, but nobody is signed in.
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6: `prompt=none`, but the user has to be asked.
    ConsentRequired,
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0 §2, RFC 9470 §5: the
    /// sign-in can't be as strong as it has to be.
    UnmetAuthenticationRequirements,
    /// RFC 9396 §5: details that are malformed, unknown, or more than what was granted.
    InvalidAuthorizationDetails,
    /// OpenID Connect Core §3.1.2.6: `request` objects are not taken.
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6: `request_uri` is not taken.
    RequestUriNotSupported,
    /// RFC 9101 §7: a `request_uri` that leads to no request of this client, or no longer.
    InvalidRequestUri,
    /// RFC 9101 §7: a `request` object that does not hold.
    InvalidRequestObject,
    /// OpenID Connect Core §3.1.2.6: `registration` is not taken.
    RegistrationNotSupported,
    /// RFC 9449 §5: a DPoP proof that does not hold, or none where one is needed.
    InvalidDpopProof,
    /// RFC 9449 §8: a DPoP proof without the server's nonce, which comes with this answer.
    UseDpopNonce,
    /// RFC 7591 §3.2.2: an address that can't be registered.
    InvalidRedirectUri,
    /// RFC 7591 §3.2.2: a member with a value that is not taken.
    InvalidClientMetadata,
    /// RFC 7591 §3.2.2: a software statement that is none.
    InvalidSoftwareStatement,
    /// RFC 7591 §3.2.2: a software statement of an issuer that is not trusted.
    UnapprovedSoftwareStatement,
    /// RFC 6750 §3.1: an access token that does not hold.
    InvalidToken,
    /// RFC 6750 §3.1: a good token without the scope that is needed.
    InsufficientScope,
}

impl ErrorCode {
    /// The code as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// An error code with a sentence for the developer at the other end.
///
/// The description never repeats what the caller sent: it stays within the characters that
/// RFC 6749 §5.2 allows, and nothing can be smuggled through it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The registered code.
    pub code: ErrorCode,
    /// What was wrong and what to do about it.
    pub description: Cow<'static, str>,
}

impl OAuthError {
    /// An error with its explanation.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into() }
    }
}
