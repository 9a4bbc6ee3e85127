//! `POST /revoke` (RFC 7009).

use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign_protocol::client::Client;
use countersign_protocol::follower::{Follower, wait_limit};
use countersign_protocol::grant::EndReason;
use countersign_protocol::grant_token::Kind;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::GrantSelector;
use countersign_verify::Revoked;
use serde_json::json;

use crate::app::{App, Shared};
use crate::web::client_ip::Peer;
use crate::web::form::Form;
use crate::web::headers::{allow_any_origin, no_store};
use crate::web::oauth_error::{ErrorAnswer, json_answer};
use crate::{process, propagation};

/// A refresh token ends its grant with all access tokens; an access token ends alone. A token
/// that is unknown or dead already is answered like one that was just revoked (RFC 7009 §2.2).
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate((peer, &headers), &params).await?;
    let presented = params.require("token")?;
    let limit = wait_limit(&params)?;
    if limit.is_some() && !client.is_confidential() {
        let why = "only a confidential client may wait for every verifier";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, why).into());
    }
    // Before anything is revoked: who asked for a confirmation is not left without.
    let _turn = match limit {
        Some(_) => Some(app.barriers.try_acquire().map_err(|_| {
            let why = "too many answers are waiting for verifiers";
            OAuthError::new(ErrorCode::TemporarilyUnavailable, why)
        })?),
        None => None,
    };
    let seq = if let Some((id, _)) = app.find_grant_token(Kind::Refresh, presented) {
        let owner = app.store().grant(id).await?.map(|grant| grant.client_id);
        if owner.as_ref().is_some_and(|owner| *owner != client.client_id) {
            return Err(not_yours().into());
        }
        let moment = app.moment();
        let selector = GrantSelector::One(id);
        let ended = app.store().end_grants(selector, EndReason::ClientRevoked, moment).await?;
        app.deny(&ended);
        ended.seq
    } else {
        revoke_access_token(app, &client, presented).await?
    };
    if let Some(limit) = limit {
        return propagated(app, seq, limit).await;
    }
    // An empty body without a content type: some browser clients parse whatever has one.
    let mut response = StatusCode::OK.into_response();
    no_store(response.headers_mut());
    allow_any_origin(response.headers_mut());
    Ok(response)
}

/// Answers when every verifier refuses the token, or who has not confirmed in time.
async fn propagated(app: &App, seq: u64, limit: Duration) -> Result<Response, ErrorAnswer> {
    let started = Instant::now();
    let propagation = propagation::wait(app, seq, limit).await?;
    let acknowledged = propagation.acknowledged;
    let unconfirmed = propagation.unconfirmed();
    let outstanding: Vec<_> = unconfirmed.iter().map(Follower::public_name).collect();
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = json!({
        "seq": seq,
        "acknowledged": acknowledged,
        "outstanding": outstanding,
        "elapsed_ms": elapsed_ms,
    });
    let mut response = json_answer(StatusCode::OK, &answer);
    allow_any_origin(response.headers_mut());
    Ok(response)
}

/// Answers the place from which on verifiers refuse the token.
async fn revoke_access_token(app: &App, client: &Client, token: &str) -> Result<u64, ErrorAnswer> {
    let now = process::now();
    let Some((token, until)) = app.revocable_access_token(token, now) else {
        // It is dead or revoked already: then whoever has come to here refuses it.
        return Ok(app.position.borrow().revocation);
    };
    if token.client_id != client.client_id {
        return Err(not_yours().into());
    }
    let seq = app.store().revoke_token(token.token_id.clone(), until).await?;
    app.denied.insert(Revoked::Token(&token.token_id), until);
    app.metrics.revocations.inc();
    Ok(seq)
}

fn not_yours() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, "the token was issued to another client")
}

#[cfg(test)]
mod tests {
    use countersign_jose::{AccessToken, jwt};
    use countersign_protocol::Timestamp;
    use countersign_protocol::keyring::DEFAULT_ALGORITHM;
    use countersign_protocol::lifetimes::CLOCK_STEP_MAX;
    use countersign_protocol::scope::Scope;

    use super::*;
    use crate::fixture::Fixture;

    /// By the clock of a verifier, or by the one that was this server's when it was issued.
    #[tokio::test]
    async fn a_token_that_is_not_alive_here_may_be_elsewhere_and_is_revoked() {
        let site = Fixture::open().await;
        let app = &*site.app;
        let web = app.client("web").await.unwrap().unwrap();
        let key = app.signing_key(DEFAULT_ALGORITHM).await.unwrap();
        let (now, life) = (process::now(), app.lifetimes.access_token);
        for (issued, is_revoked) in [
            (now.minus(life), true),
            (now.minus(life + Duration::from_secs(200)), true),
            (now.minus(life + CLOCK_STEP_MAX), true),
            (now.minus(life + CLOCK_STEP_MAX + Duration::from_secs(400)), false),
            (now.plus(CLOCK_STEP_MAX), true),
            (now.plus(2 * CLOCK_STEP_MAX), false),
        ] {
            let audience = ["https://api.example".to_owned()];
            let claims = app.issuing(issued);
            let claims = claims.access_token_for_client("web", &Scope::default(), &audience);
            let token = jwt::sign(&key, AccessToken::TYPE, &claims).unwrap();
            let before = app.position.borrow().revocation;
            let seq = revoke_access_token(app, &web, &token).await.unwrap();
            assert_eq!(seq, before + u64::from(is_revoked), "{issued:?}");
            let events = app.store().revocations_after(before, 9).await.unwrap().unwrap();
            let until = events.first().map(|event| Timestamp::from_secs(event.expires_at));
            let dead_to_all = issued.plus(life).plus(CLOCK_STEP_MAX);
            assert!(until.is_none_or(|until| until > dead_to_all), "{until:?}");
            assert_eq!(app.denied.is_revoked((&claims).into(), now), is_revoked, "{issued:?}");
        }
    }
}
