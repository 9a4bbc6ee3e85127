//! Health and metrics, for those who run the server.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use countersign_protocol::keyring::DEFAULT_ALGORITHM;

use crate::app::Shared;

/// `GET /livez`: the process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store can be read and is followed, and there is a key to sign with.
pub(crate) async fn ready(State(shared): State<Shared>) -> Response {
    let app = &shared.app;
    if *app.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if shared.sample.as_ref().is_some_and(|verifier| !verifier.is_ready()) {
        let why = "the sample API has not loaded the revocations yet\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    if app.followed_at.is_too_long_ago() {
        let why = "the revocations have not been read from the database for too long\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    let has_key = app.keys.load().keyring.signing_key(DEFAULT_ALGORITHM).is_some();
    match app.store().revocations_after(0, 1).await {
        Ok(_) if has_key && app.keys.are_confirmed() => "ok\n".into_response(),
        Ok(_) if has_key => {
            let why = "the keys have not been read from the database for too long\n";
            (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
        }
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "there is no signing key\n").into_response(),
        Err(error) => {
            tracing::error!(code = error.code(), %error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database can't be read\n").into_response()
        }
    }
}

/// `GET /metrics`: OpenMetrics text.
pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.app.metrics.render()).into_response()
}
