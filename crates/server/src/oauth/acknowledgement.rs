//! `POST /revocations/ack`: a verifier says how far its deny set is complete.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign_protocol::follower::{Acknowledgement, Follower};
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::StoreError;

use super::revocations;
use crate::app::{App, Shared};
use crate::web::client_ip::Peer;
use crate::web::form::Form;
use crate::web::headers::no_store;
use crate::web::oauth_error::ErrorAnswer;

/// Takes what a verifier has applied. The id of its feed is a secret of that client.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = revocations::authenticate(app, peer, &headers).await?;
    let said = Acknowledgement::parse(&params)?;
    let known = app.followers.acknowledge(&client.client_id, &said)
        || acknowledge_elsewhere(app, &client.client_id, &said).await?;
    if !known {
        let why = "no feed of this client is open under that id";
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    no_store(response.headers_mut());
    Ok(response)
}

/// The feed may be one of another server on the same store.
async fn acknowledge_elsewhere(
    app: &App,
    client_id: &str,
    said: &Acknowledgement,
) -> Result<bool, StoreError> {
    let is_it = |known: &Follower| {
        known.id == said.follower && known.client_id == client_id && known.gone_at.is_none()
    };
    let Some(known) = app.store().followers().await?.into_iter().find(is_it) else {
        return Ok(false);
    };
    let follower = Follower {
        acknowledged: Some(said.seq.min(app.position.borrow().revocation)),
        name: said.name.clone(),
        max_staleness: said.max_staleness,
        ..known
    };
    app.store().put_followers(vec![follower], Vec::new()).await?;
    Ok(true)
}
