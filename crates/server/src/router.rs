//! Which path leads to which room.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use countersign_protocol::{ErrorCode, OAuthError};

use crate::app::Shared;
use crate::oauth::{
    acknowledgement, authorize, client_configuration, device_authorization, documents, introspect,
    par, register, revocations, revoke, status_lists, token, userinfo,
};
use crate::pages::{account, consent, device, login, logo, logout};
use crate::web::oauth_error::ErrorAnswer;
use crate::web::page::PageError;
use crate::{assets, operations};

/// The routes of the authorization server, without a fallback, so that others can be added.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/.well-known/openid-configuration", get(documents::metadata))
        .route("/.well-known/oauth-authorization-server", get(documents::metadata))
        .route("/.well-known/jwks.json", get(documents::jwks))
        .route("/authorize", get(authorize::any).post(authorize::any))
        .route("/par", post(par::post).options(preflight).fallback(only_post))
        .route("/token", post(token::post).options(preflight).fallback(only_post))
        .route(
            "/device_authorization",
            post(device_authorization::post).options(preflight).fallback(only_post),
        )
        .route("/revoke", post(revoke::post).options(preflight).fallback(only_post))
        .route("/introspect", post(introspect::post).fallback(only_post))
        .route("/userinfo", get(userinfo::any).post(userinfo::any).options(preflight))
        .route("/register", post(register::post).options(preflight).fallback(only_post))
        .route("/register/{client_id}", registered_client())
        .route("/revocations/snapshot", get(revocations::snapshot))
        .route("/revocations/feed", get(revocations::feed))
        .route("/revocations/ack", post(acknowledgement::post).fallback(only_post))
        .route("/status-lists", get(status_lists::all))
        .route("/status-lists/{list}", get(status_lists::one))
        .route("/login", get(login::get).post(login::post))
        .route("/consent", get(consent::get).post(consent::post))
        .route("/device", get(device::get).post(device::post))
        .route("/clients/{client_id}/logo", get(logo::get))
        .route("/account", get(account::get))
        .route("/account/grants/revoke", post(account::revoke_grant))
        .route("/account/consents/forget", post(account::forget_consent))
        .route("/account/sessions/end", post(account::end_session))
        .route("/account/sign-out-everywhere", post(account::sign_out_everywhere))
        .route("/logout", get(logout::get).post(logout::post))
        .route("/assets/{*path}", get(assets::get))
}

/// What a client that registered itself does about its registration.
fn registered_client() -> MethodRouter<Shared> {
    get(client_configuration::get)
        .put(client_configuration::put)
        .delete(client_configuration::delete)
        .options(preflight)
}

/// The routes for those who run the server: health and metrics.
pub(crate) fn operations() -> Router<Shared> {
    Router::new()
        .route("/livez", get(operations::live))
        .route("/readyz", get(operations::ready))
        .route("/healthz", get(operations::ready))
        .route("/metrics", get(operations::metrics))
}

/// A page for every path that leads nowhere.
pub(crate) async fn not_found(State(shared): State<Shared>, method: Method) -> Response {
    if method == Method::GET {
        let message = "There is no page at this address.";
        PageError::new(StatusCode::NOT_FOUND, "Page not found", message).show(&shared.app.site)
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// RFC 6749 §3.2: the client must use POST.
async fn only_post() -> Response {
    let error = OAuthError::new(ErrorCode::InvalidRequest, "the method has to be POST");
    let answer = ErrorAnswer::with_status(error, StatusCode::METHOD_NOT_ALLOWED);
    let mut response = answer.into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// CORS preflight for the endpoints that browser applications call. No cookie takes part, so
/// any origin may (Fetch standard, CORS protocol).
async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let set = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, DPoP"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The default answer of `/` outside development.
pub(crate) fn home() -> Router<Shared> {
    Router::new().route("/", any(|| async { crate::web::page::see_other("/account") }))
}
