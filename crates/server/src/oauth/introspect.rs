//! `POST /introspect` (RFC 7662), for clients that authenticate; signed for those who ask for that
//! (RFC 9701).

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign_jose::{IntrospectionResponse, jwt};
use countersign_protocol::client::{Client, unauthenticated};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::introspection::Introspection;
use countersign_protocol::keyring;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};

use crate::app::{App, Shared};
use crate::process;
use crate::web::client_ip::Peer;
use crate::web::form::Form;
use crate::web::headers::no_store;
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// RFC 9701 §5.
const SIGNED: &str = "application/token-introspection+jwt";

/// Access tokens are judged from memory; only a refresh token needs a look at its grant.
/// `token_type_hint` is taken and not needed: every token shows what it is.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let caller = app.authenticate((peer, &headers), &params).await?;
    if !caller.is_confidential() {
        return Err(unauthenticated().into());
    }
    let now = process::now();
    let answer = judge(app, &caller, params.require("token")?, now).await?;
    if wants_signed(&headers) {
        return signed(app, &caller, answer, now).await;
    }
    Ok(json_answer(StatusCode::OK, &answer))
}

async fn judge(
    app: &App,
    caller: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Introspection, ErrorAnswer> {
    if let Some(token) = app.verify_access_token(token, now)? {
        return Ok(Introspection::of_access_token(&token, caller));
    }
    let Some((id, generation)) = app.find_grant_token(Kind::Refresh, token) else {
        return Ok(Introspection::inactive());
    };
    let grant = app.store().grant(id).await?;
    let newest = grant.filter(|grant| grant.is_live(now) && grant.generation == generation);
    Ok(newest.map_or_else(Introspection::inactive, |grant| {
        let keys = app.keys.load();
        let subject = keys.subjects.subject(caller, &grant.subject);
        Introspection::of_refresh_token(&grant, caller, (&app.issuer, &subject), now)
    }))
}

/// The answer as a JWT for the caller and nobody else. What it may not know is not in there either.
async fn signed(
    app: &App,
    caller: &Client,
    answer: Introspection,
    now: Timestamp,
) -> Result<Response, ErrorAnswer> {
    let algorithm = caller.introspection_signed_response_alg.unwrap_or(keyring::DEFAULT_ALGORITHM);
    let key = app.signing_key(algorithm).await?;
    let claims = IntrospectionResponse {
        issuer: app.issuer.clone(),
        audience: vec![caller.client_id.clone()],
        issued_at: now.as_secs(),
        token_introspection: answer.into_members(),
    };
    let token = jwt::sign(&key, IntrospectionResponse::TYPE, &claims).map_err(|error| {
        tracing::error!(code = error.code(), %error, "an introspection answer was not signed");
        OAuthError::new(ErrorCode::ServerError, "the answer could not be signed")
    })?;
    let mut response = token.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(SIGNED));
    no_store(response.headers_mut());
    Ok(response)
}

/// Whether the caller names the signed form in `Accept`, and does not like the plain one better.
fn wants_signed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut signed, mut plain) = (0.0, 0.0);
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse);
        let weight: f32 = weight.unwrap_or(0.0);
        if media_type.eq_ignore_ascii_case(SIGNED) {
            signed = weight;
        } else if media_type.eq_ignore_ascii_case("application/json") {
            plain = weight;
        }
    }
    signed > 0.0 && signed >= plain
}

#[cfg(test)]
mod tests;
