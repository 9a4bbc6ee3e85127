//! `POST /par`: a client pushes an authorization request, so that its user's browser brings nothing
//! but a reference to it (RFC 9126).

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_protocol::client::Client;
use countersign_protocol::wire::authorize::pushed::{self, PushedRequest, Reference};
use countersign_protocol::wire::authorize::{AuthorizationRequest, ReturnAddress, Source};
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::Pushed;
use serde_json::json;

use super::authorize::resolve;
use super::sender;
use crate::app::{App, Shared};
use crate::process::{self, SystemRandom};
use crate::web::client_ip::Peer;
use crate::web::form::Form;
use crate::web::headers::{allow_any_origin, hand_out_nonce};
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// RFC 9126 §2. Everything about the request that needs no user is checked at once.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate((peer, &headers), &params).await?;
    let now = process::now();
    let mut request = request_of(app, &client, params, now).await?;
    let proved = sender::prove_key(app, &client, &headers, "/par", now)?;
    if let Some(key) = proved.as_ref().and_then(sender::Proved::key) {
        pushed::bind_to_key(&mut request, key)?;
    }
    let address = ReturnAddress::find(&request, &client)?;
    let asked = AuthorizationRequest::parse(&request, &client, &address, &app.issuer)?;
    asked.check_offer(&app.offer, &client)?;
    let reference = Reference::new(&SystemRandom);
    let lifetime = app.authorization.pushed_request();
    let kept = PushedRequest::new(&reference, &client, &request, lifetime, now)?;
    if let Some(proved) = &proved {
        proved.use_once(app, now).await?;
    }
    if app.store().push_request(kept, now).await? == Pushed::Full {
        let why = "too many pushed requests wait for their users; try again";
        return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why).into());
    }
    let answer = json!({ "request_uri": reference.uri(), "expires_in": lifetime.as_secs() });
    let mut response = json_answer(StatusCode::CREATED, &answer);
    allow_any_origin(response.headers_mut());
    if let Some(nonce) = proved.as_ref().and_then(sender::Proved::nonce_for_next) {
        hand_out_nonce(response.headers_mut(), nonce);
    }
    Ok(response)
}

/// The parameters of the request: those of the form, or those that the client signed (RFC 9126 §3).
async fn request_of(
    app: &App,
    client: &Client,
    form: Params,
    now: Timestamp,
) -> Result<Params, OAuthError> {
    let source = Source::of(&form)?;
    match source {
        Source::Pushed(_) | Source::Elsewhere(_) => {
            let why = "request_uri can't be pushed: push the request itself";
            Err(OAuthError::new(ErrorCode::InvalidRequest, why))
        }
        Source::Object(object) => resolve::signed(app, client, object, now).await,
        Source::Open if client.requires_signed_requests() => {
            let why = "the request has to be signed: send a request object";
            Err(OAuthError::new(ErrorCode::InvalidRequest, why))
        }
        Source::Open => Ok(form),
    }
}

#[cfg(test)]
mod tests;
