//! Tokens in the `Authorization` header that are none of OAuth's access tokens (RFC 6750).

use axum::http::{HeaderMap, StatusCode};
use countersign_protocol::{ErrorCode, OAuthError};

use super::oauth_error::ErrorAnswer;
use crate::app::authorization;

/// The token of a request.
///
/// # Errors
/// `invalid_token` when there is none.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, ErrorAnswer> {
    let header = authorization(headers).ok().flatten();
    let token = header.and_then(|header| header.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| token.trim()).ok_or_else(|| {
        let why = "the request needs one bearer token in its Authorization header";
        refused(OAuthError::new(ErrorCode::InvalidToken, why))
    })
}

/// The answer to a token that is missing or not taken.
pub(crate) fn refused(error: OAuthError) -> ErrorAnswer {
    ErrorAnswer::with_status(error, StatusCode::UNAUTHORIZED)
}
