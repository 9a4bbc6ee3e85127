//! The documents that describe this server: metadata and JWKS, served from memory with an ETag.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::app::Shared;
use crate::web::headers::allow_any_origin;

/// How long the documents may be kept, in seconds. Keys are announced longer ahead than this.
const MAX_AGE: &str = "public, max-age=300";

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn metadata(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut response = shared.metadata.answer(&headers, MAX_AGE);
    allow_any_origin(response.headers_mut());
    response
}

/// `GET /.well-known/jwks.json`.
pub(crate) async fn jwks(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut response = shared.app.keys.load().jwks.answer(&headers, MAX_AGE);
    allow_any_origin(response.headers_mut());
    response
}
