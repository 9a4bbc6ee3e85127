//! A refresh token for the next one (OAuth 2.1 §4.3).

use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::grant::Grant;
use countersign_protocol::grant_token::Kind;
use countersign_protocol::refresh_family::{Presented, Refusal, Settings};
use countersign_protocol::wire::token::TokenAnswer;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::{RotationOutcome, RotationRequest};

use super::issue::{self, Asked, Order};
use super::listing::Listing;
use crate::app::App;
use crate::web::oauth_error::ErrorAnswer;

/// Rotates a refresh token by the rule of `refresh_family`.
pub(super) async fn rotate(
    app: &App,
    client: &Client,
    refresh_token: &str,
    asked: Asked,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::RefreshToken)?;
    let (id, generation) = app.open_grant_token(Kind::Refresh, refresh_token)?;
    issue::be_ready(app, client).await?;
    let moment = app.moment();
    asked.proved.use_once(app, moment.now).await?;
    let presented = Presented {
        generation,
        client_id: client.client_id.clone(),
        confidential: client.is_confidential(),
        keeps: client.profile.is_some(),
        sender: asked.proved.sender.clone(),
        scope: asked.scope.clone(),
        resources: asked.resources.clone(),
        authorization_details: asked.authorization_details.clone(),
    };
    let settings = Settings {
        retry_window: app.lifetimes.retry_window,
        idle: app.lifetimes.refresh_idle,
        fast_forward_until: app.fast_forward_until,
    };
    let request = RotationRequest { grant: id, presented, settings };
    let listing = Listing::of_grant(app, client, id, moment.now).await?;
    let decided = match &listing {
        None => app.store().rotate(request, moment).await?.map(|outcome| (outcome, None)),
        Some(listing) => app.store().rotate_listed(request, listing.token(), moment).await?,
    };
    // The tokens are signed while the disk works; nobody sees them before it has finished.
    let (outcome, place) = decided.peek();
    let listed = listing.zip(*place).map(|(listing, place)| listing.at(place));
    let (grant, result) = match outcome {
        RotationOutcome::Rotated(grant) => (grant.clone(), "rotated"),
        RotationOutcome::Retried(grant) => (grant.clone(), "retried"),
        RotationOutcome::Reused(grant) => {
            let grant = grant.clone();
            decided.committed().await?;
            return Err(reused(app, &grant).into());
        }
        RotationOutcome::Refused(refusal) => {
            let refusal = *refusal;
            decided.committed().await?;
            app.metrics.refreshed("refused");
            return Err(refused(refusal).into());
        }
    };
    let audience = issue::narrow(&grant, &asked.resources);
    let scope = asked.scope.unwrap_or_else(|| grant.scope.clone());
    let (sender, now) = (&asked.proved.sender, moment.now);
    let details = issue::narrow_details(&grant, asked.authorization_details.as_ref(), &audience);
    let (scope, audience, details) = (&scope, &audience[..], &details);
    let order = Order { grant: &grant, scope, audience, details, nonce: None, sender, listed, now };
    let answer = issue::for_grant(app, client, order).await?;
    decided.committed().await?;
    app.metrics.refreshed(result);
    app.metrics.issued("refresh_token");
    Ok(answer)
}

fn reused(app: &App, grant: &Grant) -> OAuthError {
    app.deny_grant(grant.id);
    app.metrics.refreshed("reused");
    tracing::warn!(
        event = "refresh_reuse",
        grant_id = %grant.id,
        client_id = grant.client_id,
        "a refresh token was used again: the grant and its access tokens are revoked"
    );
    OAuthError::new(
        ErrorCode::InvalidGrant,
        "the refresh token was used before; everything issued from this grant has been revoked",
    )
}

fn refused(refusal: Refusal) -> OAuthError {
    let code = match refusal {
        Refusal::ScopeTooWide => ErrorCode::InvalidScope,
        Refusal::ResourceNotGranted => ErrorCode::InvalidTarget,
        Refusal::DetailsNotGranted => ErrorCode::InvalidAuthorizationDetails,
        _ => ErrorCode::InvalidGrant,
    };
    OAuthError::new(code, refusal.to_string())
}
