//! `POST /revoke` (RFC 7009).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign_protocol::client::Client;
use countersign_protocol::grant::EndReason;
use countersign_protocol::grant_token::Kind;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::GrantSelector;
use countersign_verify::Revoked;

use crate::app::{App, Shared};
use crate::process;
use crate::web::form::Form;
use crate::web::headers::{allow_any_origin, no_store};
use crate::web::oauth_error::ErrorAnswer;

/// A refresh token ends its grant with all access tokens; an access token ends alone. A token
/// that is unknown or dead already is answered like one that was just revoked (RFC 7009 §2.2).
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate(&headers, &params).await?;
    let presented = params.require("token")?;
    if let Ok((id, _)) = app.grant_tokens.open(Kind::Refresh, presented) {
        let owner = app.store().grant(id).await?.map(|grant| grant.client_id);
        if owner.as_ref().is_some_and(|owner| *owner != client.client_id) {
            return Err(not_yours().into());
        }
        let moment = app.moment();
        let selector = GrantSelector::One(id);
        let ended = app.store().end_grants(selector, EndReason::ClientRevoked, moment).await?;
        app.deny(&ended);
    } else {
        revoke_access_token(app, &client, presented).await?;
    }
    // An empty body without a content type: some browser clients parse whatever has one.
    let mut response = StatusCode::OK.into_response();
    no_store(response.headers_mut());
    allow_any_origin(response.headers_mut());
    Ok(response)
}

async fn revoke_access_token(app: &App, client: &Client, token: &str) -> Result<(), ErrorAnswer> {
    let now = process::now();
    let Some(token) = app.revocable_access_token(token, now) else { return Ok(()) };
    if token.client_id != client.client_id {
        return Err(not_yours().into());
    }
    let until =
        Timestamp::from_secs(token.expires_at).plus(countersign_protocol::lifetimes::LEEWAY_MAX);
    app.store().revoke_token(token.token_id.clone(), until).await?;
    app.denied.insert(Revoked::Token(&token.token_id), until);
    app.metrics.revocations.inc();
    Ok(())
}

fn not_yours() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, "the token was issued to another client")
}

#[cfg(test)]
mod tests {
    use countersign_jose::{AccessToken, jwt};
    use countersign_protocol::keyring::DEFAULT_ALGORITHM;
    use countersign_protocol::scope::Scope;

    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn a_token_that_has_just_expired_here_may_live_elsewhere_and_is_revoked() {
        let site = Fixture::open().await;
        let app = &*site.app;
        let web = app.client("web").await.unwrap().unwrap();
        let key = app.signing_key(DEFAULT_ALGORITHM).await.unwrap();
        let now = process::now();
        let revoked_when_expired_for = async |seconds| {
            let gone = std::time::Duration::from_secs(seconds);
            let issued = now.minus(app.lifetimes.access_token).minus(gone);
            let audience = ["https://api.example".to_owned()];
            let claims = app.issuing(issued);
            let claims = claims.access_token_for_client("web", &Scope::default(), &audience);
            let token = jwt::sign(&key, AccessToken::TYPE, &claims).unwrap();
            revoke_access_token(app, &web, &token).await.unwrap();
            app.denied.is_revoked((&claims).into(), now)
        };
        assert!(revoked_when_expired_for(0).await);
        assert!(revoked_when_expired_for(200).await);
        assert!(!revoked_when_expired_for(400).await, "nobody accepts it any more");
    }
}
