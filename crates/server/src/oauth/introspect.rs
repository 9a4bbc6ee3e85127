//! `POST /introspect` (RFC 7662), for clients that authenticate.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_protocol::client::{Client, unauthenticated};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::introspection::Introspection;

use crate::app::{App, Shared};
use crate::process;
use crate::web::form::Form;
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// Access tokens are judged from memory; only a refresh token needs a look at its grant.
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let caller = app.authenticate(&headers, &params).await?;
    if !caller.is_confidential() {
        return Err(unauthenticated().into());
    }
    let answer = judge(app, &caller, params.require("token")?).await?;
    Ok(json_answer(StatusCode::OK, &answer))
}

async fn judge(app: &App, caller: &Client, token: &str) -> Result<Introspection, ErrorAnswer> {
    let now = process::now();
    if let Some(token) = app.verify_access_token(token, now) {
        return Ok(Introspection::of_access_token(&token, caller));
    }
    let Ok((id, generation)) = app.grant_tokens.open(Kind::Refresh, token) else {
        return Ok(Introspection::inactive());
    };
    let grant = app.store().grant(id).await?;
    let newest = grant.filter(|grant| grant.is_live(now) && grant.generation == generation);
    Ok(newest.map_or_else(Introspection::inactive, |grant| {
        Introspection::of_refresh_token(&grant, caller, &app.issuer)
    }))
}
