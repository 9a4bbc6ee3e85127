//! `POST /register`: a client registers itself (RFC 7591, OpenID Connect Registration).

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use countersign_protocol::client::Client;
use countersign_protocol::random;
use countersign_protocol::registration::{Registered, Registration, registered_members, sector};
use countersign_protocol::registration_token::{self, Kind};
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::{NewRegistration, RegistrationOutcome};
use serde_json::{Map, Value};

use crate::app::{App, Shared};
use crate::config::RegistrationMode;
use crate::process::{self, SystemRandom};
use crate::web::client_ip::{self, Peer};
use crate::web::headers::allow_any_origin;
use crate::web::oauth_error::{ErrorAnswer, json_answer};
use crate::web::{bearer, json_body};

/// Registers a client. What it may say is settled in [`Registration::apply`].
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let settings = &app.self_registration;
    let permit = match settings.mode {
        RegistrationMode::Off => return Err(not_offered()),
        RegistrationMode::Open => None,
        RegistrationMode::InitialAccessToken => {
            let token = bearer::token(request.headers())?;
            Some(registration_token::read(Kind::Initial, token).ok_or_else(not_permitted)?)
        }
    };
    let now = process::now();
    let address = client_ip::find(peer, request.headers(), &app.trusted_proxies);
    settings
        .count(address, now)
        .map_err(|error| ErrorAnswer::with_status(error, StatusCode::TOO_MANY_REQUESTS))?;
    let registration = Registration::read(&json_body::read(request).await?)?;
    let client = Client::new(&random::identifier(&SystemRandom));
    let secret = app.new_client_secret(&client.client_id);
    let Registered { client, new_secret } =
        registration.apply(client, &settings.terms, secret.fresh())?;
    check_profile(app, &client)?;
    check_sector(app, &client).await?;
    let (management_token, management) = registration_token::issue(Kind::Management, &SystemRandom);
    let new = NewRegistration {
        client: client.clone(),
        management,
        permit,
        most: settings.max_clients,
        now,
    };
    match app.store().register_client(new).await.map_err(|error| app.not_registered(error))? {
        RegistrationOutcome::Done => {}
        RegistrationOutcome::NoPermit => return Err(not_permitted()),
        RegistrationOutcome::Full => {
            tracing::warn!(most = settings.max_clients, "no more clients can register themselves");
            let why = "no more clients can be registered here at the moment";
            return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why).into());
        }
    }
    tracing::info!(client_id = client.client_id, "a client has registered itself");
    let members = information(app, &client, now, new_secret, &management_token);
    let mut response = json_answer(StatusCode::CREATED, &members);
    allow_any_origin(response.headers_mut());
    Ok(response)
}

/// The client information (RFC 7591 §3.2.1, RFC 7592 §3). A secret is told once, when it is new:
/// what is stored is its hash, or sealed.
pub(super) fn information(
    app: &App,
    client: &Client,
    registered_at: Timestamp,
    new_secret: Option<String>,
    management_token: &str,
) -> Map<String, Value> {
    let mut members = registered_members(client);
    let uri = format!("{}/register/{}", app.issuer, client.client_id);
    members.insert("client_id_issued_at".to_owned(), registered_at.as_secs().into());
    members.insert("registration_client_uri".to_owned(), uri.into());
    members.insert("registration_access_token".to_owned(), management_token.into());
    if let Some(secret) = new_secret {
        members.insert("client_secret".to_owned(), secret.into());
        members.insert("client_secret_expires_at".to_owned(), 0.into());
    }
    members
}

/// Where a profile holds for everybody, a client that falls short of it is told here, and not at
/// its first request.
pub(super) fn check_profile(app: &App, client: &Client) -> Result<(), OAuthError> {
    let Err(faults) = client.clone().under(app.authorization.profile) else { return Ok(()) };
    let first = faults.into_iter().next().unwrap_or_default();
    Err(OAuthError::new(ErrorCode::InvalidClientMetadata, first))
}

/// Fetches the list of the sector that a client wants to belong to, if it wants to.
pub(super) async fn check_sector(app: &App, client: &Client) -> Result<(), OAuthError> {
    let Some(url) = &client.sector_identifier_uri else { return Ok(()) };
    let list = match app.outbound.get(url, sector::SECTOR_MAX_BYTES).await {
        Ok(answer) => (answer.status == StatusCode::OK).then_some(answer.body),
        Err(error) => {
            let code = error.code();
            tracing::info!(url, code, %error, "the list of a sector could not be fetched");
            None
        }
    };
    sector::check(client, list.as_deref())
}

/// What whoever asks here learns of a server on which clients don't register themselves.
pub(super) fn not_offered() -> ErrorAnswer {
    let error =
        OAuthError::new(ErrorCode::InvalidRequest, "clients can't register themselves here");
    ErrorAnswer::with_status(error, StatusCode::NOT_FOUND)
}

fn not_permitted() -> ErrorAnswer {
    let why = "the initial access token is unknown, expired or used up";
    bearer::refused(OAuthError::new(ErrorCode::InvalidToken, why))
}

#[cfg(test)]
mod tests;
