//! OAuth errors as HTTP answers: which status, which headers.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::StoreError;
use serde_json::json;

use super::headers;

/// An error answer of an OAuth endpoint (RFC 6749 §5.2).
#[derive(Debug)]
pub(crate) struct ErrorAnswer {
    error: OAuthError,
    status: StatusCode,
    dpop_nonce: Option<String>,
}

impl ErrorAnswer {
    /// An answer with a status of its own.
    pub(crate) const fn with_status(error: OAuthError, status: StatusCode) -> Self {
        Self { error, status, dpop_nonce: None }
    }

    /// The same, handing out a nonce for the next DPoP proof (RFC 9449 §8).
    pub(crate) fn with_dpop_nonce(self, nonce: Option<String>) -> Self {
        Self { dpop_nonce: nonce, ..self }
    }
}

impl From<OAuthError> for ErrorAnswer {
    fn from(error: OAuthError) -> Self {
        let status = match error.code {
            ErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
            ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::with_status(error, status)
    }
}

impl From<StoreError> for ErrorAnswer {
    fn from(error: StoreError) -> Self {
        tracing::error!(code = error.code(), %error, "the store failed");
        let why = "the server can't reach its database; try again";
        OAuthError::new(ErrorCode::TemporarilyUnavailable, why).into()
    }
}

impl IntoResponse for ErrorAnswer {
    fn into_response(self) -> Response {
        let body = json!({
            "error": self.error.code.as_str(),
            "error_description": self.error.description,
        });
        let mut response = json_answer(self.status, &body);
        headers::allow_any_origin(response.headers_mut());
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(match self.error.code {
                ErrorCode::InvalidToken => "Bearer error=\"invalid_token\"",
                _ => "Basic realm=\"countersign\"",
            });
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(nonce) = &self.dpop_nonce {
            headers::hand_out_nonce(response.headers_mut(), nonce);
        }
        let seconds = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some("1"),
            StatusCode::TOO_MANY_REQUESTS => Some("60"),
            _ => None,
        };
        if let Some(seconds) = seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

/// A JSON answer that no cache keeps.
pub(crate) fn json_answer(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("answers are plain data");
    let mut response = (status, bytes).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    headers::no_store(response.headers_mut());
    response
}
