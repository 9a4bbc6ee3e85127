//! `GET`, `PUT` and `DELETE /register/{client_id}`: a client that registered itself looks after its
//! registration (RFC 7592), with the token that it got for that.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use countersign_protocol::client::{Client, hash_secret};
use countersign_protocol::registration::Registration;
use countersign_protocol::registration_token::{self, Kind};
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::RegisteredClient;

use super::register::{check_profile, check_sector, information, not_offered};
use crate::app::{App, Shared};
use crate::config::RegistrationMode;
use crate::web::headers::{allow_any_origin, no_store};
use crate::web::oauth_error::{ErrorAnswer, json_answer};
use crate::web::{bearer, json_body};

/// The token that manages a client, as it was shown, and its hash.
struct Management(String, [u8; 32]);

impl Management {
    fn of(app: &App, headers: &HeaderMap) -> Result<Self, ErrorAnswer> {
        if app.self_registration.mode == RegistrationMode::Off {
            return Err(not_offered());
        }
        let token = bearer::token(headers)?;
        let hash = registration_token::read(Kind::Management, token).ok_or_else(unknown)?;
        Ok(Self(token.to_owned(), hash))
    }
}

/// Answers what is registered (RFC 7592 §2.1).
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let management = Management::of(app, &headers)?;
    let found = find(app, &client_id, &management).await?;
    Ok(answer(app, &found, None, &management))
}

/// Registers anew what the client says of itself; what an operator set stays (RFC 7592 §2.2).
pub(crate) async fn put(
    State(shared): State<Shared>,
    Path(client_id): Path<String>,
    request: Request,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let management = Management::of(app, request.headers())?;
    let registration = Registration::read(&json_body::read(request).await?)?;
    let terms = app.self_registration.terms.clone();
    let secret = Arc::new(app.new_client_secret(&client_id));
    let change = move |before: Client| {
        check_identity(&registration, &before)?;
        registration.apply(before, &terms, secret.fresh())
    };
    // First on what is there now, for the list that has to be fetched; then again in the step.
    let before = find(app, &client_id, &management).await?.client;
    let planned = change.clone()(before)?;
    check_profile(app, &planned.client)?;
    check_sector(app, &planned.client).await?;
    let (told, told_later) = std::sync::mpsc::channel();
    let step = move |before: Client| {
        if before.disabled {
            return Err(OAuthError::new(ErrorCode::InvalidToken, UNKNOWN));
        }
        let registered = change(before)?;
        // Nobody listens when the request was given up.
        let _ = told.send(registered.new_secret);
        Ok(registered.client)
    };
    let hash = management.1;
    let changed = app.store().change_registered_client(client_id, hash, Box::new(step)).await;
    let changed = changed.map_err(|error| app.not_registered(error))?;
    let found = changed.ok_or_else(unknown)?.map_err(|error| match error.code {
        ErrorCode::InvalidToken => unknown(),
        _ => error.into(),
    })?;
    tracing::info!(client_id = found.client.client_id, "a client has changed its registration");
    Ok(answer(app, &found, told_later.try_recv().ok().flatten(), &management))
}

/// Removes the client with all that it was granted (RFC 7592 §2.3).
pub(crate) async fn delete(
    State(shared): State<Shared>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let Management(_, hash) = Management::of(app, &headers)?;
    let moment = app.moment();
    let removed = app.store().remove_registered_client(client_id.clone(), hash, moment).await?;
    app.deny(&removed.ok_or_else(unknown)?);
    tracing::info!(client_id, "a client has removed itself");
    let mut response = StatusCode::NO_CONTENT.into_response();
    no_store(response.headers_mut());
    allow_any_origin(response.headers_mut());
    Ok(response)
}

async fn find(
    app: &App,
    client_id: &str,
    management: &Management,
) -> Result<RegisteredClient, ErrorAnswer> {
    let found = app.store().registered_client(client_id, management.1).await?;
    found.filter(|found| !found.client.disabled).ok_or_else(unknown)
}

/// A client says who it is, and can't choose its secret (RFC 7592 §2.2).
fn check_identity(registration: &Registration, before: &Client) -> Result<(), OAuthError> {
    let fault = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidClientMetadata, why));
    if registration.text("client_id") != Some(&before.client_id) {
        return fault("client_id has to be that of the client");
    }
    let secret = registration.text("client_secret").map(hash_secret);
    if registration.has("client_secret") && secret != before.client_secret_sha256 {
        return fault("client_secret is not that of the client, and can't be chosen");
    }
    Ok(())
}

fn answer(
    app: &App,
    found: &RegisteredClient,
    new_secret: Option<String>,
    Management(token, _): &Management,
) -> Response {
    let members = information(app, &found.client, found.registered_at, new_secret, token);
    let mut response = json_answer(StatusCode::OK, &members);
    allow_any_origin(response.headers_mut());
    response
}

const UNKNOWN: &str = "the registration access token is not one of this client";

/// The same whether the client or the token is unknown.
fn unknown() -> ErrorAnswer {
    bearer::refused(OAuthError::new(ErrorCode::InvalidToken, UNKNOWN))
}
