//! JSON bodies, read strictly.

use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use countersign_protocol::{ErrorCode, OAuthError};

use super::form;
use super::oauth_error::ErrorAnswer;

/// The body of a request that says that it is JSON, not yet parsed.
///
/// # Errors
/// `invalid_request`.
pub(crate) async fn read(request: Request) -> Result<Bytes, ErrorAnswer> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let why = "the Content-Type has to be application/json";
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    form::read_body(request.into_body(), form::BODY_PATIENCE).await
}
