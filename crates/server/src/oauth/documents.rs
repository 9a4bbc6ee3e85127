//! The documents that describe this server: metadata and JWKS, served from memory with an ETag.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::app::Shared;
use crate::web::headers::allow_any_origin;

/// How long the documents may be kept. Keys are announced longer ahead than this.
const MAX_AGE: &str = "public, max-age=300";

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn metadata(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut response = shared.metadata.answer(&headers, MAX_AGE);
    allow_any_origin(response.headers_mut());
    response
}

/// `GET /.well-known/jwks.json`.
pub(crate) async fn jwks(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    // Who has not seen the store for long may leave out the key that others sign with by now.
    if !shared.app.keys.are_confirmed() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut response = shared.app.keys.load().jwks.answer(&headers, MAX_AGE);
    allow_any_origin(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use countersign_protocol::key_schedule::{JWKS_KEPT_MAX, JWKS_MAX_AGE};

    use super::*;

    #[test]
    fn the_schedule_counts_on_what_is_said_here() {
        assert_eq!(MAX_AGE, format!("public, max-age={}", JWKS_MAX_AGE.as_secs()));
        assert!(JWKS_MAX_AGE <= JWKS_KEPT_MAX);
        assert!(countersign_verify::KEYS_KEPT_MAX <= JWKS_KEPT_MAX);
    }
}
