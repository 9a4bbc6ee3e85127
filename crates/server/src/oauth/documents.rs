//! The documents that describe this server: metadata and JWKS, served from memory with an ETag.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use countersign_protocol::wire::metadata::Metadata;

use crate::app::{App, Shared};
use crate::config::RegistrationMode;
use crate::web::document::Document;
use crate::web::headers::allow_any_origin;

/// How long the documents may be kept. Keys are announced longer ahead than this.
const MAX_AGE: &str = "public, max-age=300";

/// The metadata of a server with these settings: what it offers and nothing else.
pub(crate) fn describe(app: &App) -> Document {
    let algorithms = app.keys.load().sender_rules.dpop.algorithm_names().collect();
    let certificates = app.sender_constraint.certificate_header.is_some();
    let settings = &app.self_registration;
    let (offered, documents) =
        (settings.mode != RegistrationMode::Off, settings.documents.is_some());
    let mut metadata = Metadata::new(&app.issuer)
        .with_registration(offered, documents)
        .with_offer(&app.offer)
        .with_pushed_requests(app.authorization.require_pushed)
        .with_sender_constraint(algorithms, certificates);
    if !app.trusted_issuers.is_empty() {
        metadata = metadata.with_trusted_issuers();
    }
    if certificates {
        let verified = app.sender_constraint.certificates_verified;
        metadata = metadata.with_client_certificates(verified);
    }
    Document::metadata(&metadata)
}

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
