//! The sample API: what an API of one's own looks like behind the verifier.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign_verify::{Caller, ProtectedResource, Verifier};
use serde_json::{Value, json};

use super::resource;
use crate::config::Config;

/// The routes below the resource, and its metadata (RFC 9728).
pub(super) fn routes(config: &Config, verifier: Arc<Verifier>) -> Router {
    let described = described(&config.issuer);
    let document = described.to_json();
    Router::new()
        .route("/sample/me", get(me).layer(verifier.layer()))
        .route("/sample/transfer", post(transfer).layer(verifier.layer().single_use()))
        .route(&described.well_known_path(), get(move || metadata(document.clone())))
        // The background tasks of a verifier live as long as it does.
        .layer(axum::Extension(verifier))
}

/// Where the metadata of the sample API lies.
pub(super) fn metadata_url(issuer: &str) -> String {
    format!("{issuer}{}", described(issuer).well_known_path())
}

fn described(issuer: &str) -> ProtectedResource {
    ProtectedResource::new(&resource(issuer), issuer).name("Countersign sample API").dpop(false)
}

/// Who calls: the claims of the token.
async fn me(caller: Caller) -> Json<Value> {
    Json(serde_json::to_value(&*caller).unwrap_or_default())
}

/// Something that must not happen twice with one token.
async fn transfer(caller: Caller) -> Json<Value> {
    Json(json!({ "transferred": true, "by": caller.subject, "jti": caller.token_id }))
}

async fn metadata(document: String) -> Response {
    let mut response = document.into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    crate::web::headers::allow_any_origin(response.headers_mut());
    response
}
