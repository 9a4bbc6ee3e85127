//! A token for the next API, in exchange for the one that an API was shown (RFC 8693).

use countersign_jose::AccessToken;
use countersign_protocol::client::{self, Client, GrantType};
use countersign_protocol::grant::Grant;
use countersign_protocol::subject::Person;
use countersign_protocol::token_exchange::{self, Exchange, Exchanged};
use countersign_protocol::token_format::TokenFormat;
use countersign_protocol::wire::token::TokenAnswer;
use countersign_protocol::wire::token_exchange::{ExchangeRequest, TokenType};
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};

use super::issue::{self, Asked};
use crate::app::App;
use crate::own_token::OwnToken;
use crate::process;
use crate::web::oauth_error::ErrorAnswer;

/// Exchanges a token, by the rule of `token_exchange`.
pub(super) async fn exchange(
    app: &App,
    client: &Client,
    request: ExchangeRequest,
    asked: Asked,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::TokenExchange)?;
    if !client.is_confidential() {
        return Err(client::unauthenticated().into());
    }
    asked.refuse_details()?;
    let now = process::now();
    let subject = read(app, &request.subject_token, now)?;
    let actor = request.actor_token.as_deref().map(|token| read(app, token, now)).transpose()?;
    let Asked { scope, proved, .. } = &asked;
    let judged = token_exchange::judge(
        &Exchange {
            caller: client,
            subject: &subject,
            actor: actor.as_deref(),
            sender: &proved.sender,
            scope: scope.as_ref(),
            targets: &request.targets,
        },
        &app.issuer,
    )?;
    if request.requested == TokenType::Jwt
        && app.token_format(client, &judged.audience).await? == TokenFormat::Opaque
    {
        let why = "access tokens for this resource are opaque";
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    let grant = note(app, &subject, now).await?;
    proved.use_once(app, now).await?;
    // The name that was shown goes on: whoever exchanges it learns no other name of the person.
    let person = Person { subject: subject.subject.as_str().into(), session_id: None };
    let claims = claims(app, client, (&grant, &person), &judged, now).await?;
    let claims = AccessToken { confirmation: proved.sender.confirmation(), ..claims };
    let answer = issue::alone(app, client, claims, &judged.scope).await?;
    if client.status_list {
        // The list may have learnt of the end of the grant before it learnt of this token.
        note(app, &subject, now).await?;
    }
    // As with every token that begins no grant of its client: asked after the time of issue.
    app.client(&client.client_id).await?.ok_or_else(client::unauthenticated)?;
    app.metrics.issued("token_exchange");
    Ok(TokenAnswer { issued_token_type: Some(request.requested.uri()), ..answer })
}

/// A token of this server that holds. Why one does not is nobody's business (RFC 8693 §2.2.2).
fn read(app: &App, token: &str, now: Timestamp) -> Result<OwnToken, OAuthError> {
    app.verify_access_token(token, now)?.ok_or_else(|| {
        let why = "a token is no access token of this server that is valid now";
        OAuthError::new(ErrorCode::InvalidRequest, why)
    })
}

/// Notes in the store that there will be tokens of other clients. A token of a client for itself
/// has no grant there: nothing could end what it was exchanged for when its client ends.
async fn note(app: &App, subject: &AccessToken, now: Timestamp) -> Result<Grant, ErrorAnswer> {
    let id = subject.grant_id.as_deref().and_then(|id| id.parse().ok());
    let grant = match id {
        Some(id) => app.store().exchange_grant(id, now).await?,
        None => None,
    };
    grant.ok_or_else(|| {
        let why = "the subject token comes of no person's consent that still holds";
        OAuthError::new(ErrorCode::InvalidRequest, why).into()
    })
}

/// The grant's token, as one of the caller's, with who acts in it.
async fn claims(
    app: &App,
    client: &Client,
    (grant, person): (&Grant, &Person<'_>),
    judged: &Exchanged,
    now: Timestamp,
) -> Result<AccessToken, ErrorAnswer> {
    let Exchanged { scope, audience, actor, expires_at } = judged;
    let grant = Grant { client_id: client.client_id.clone(), ..grant.clone() };
    let mut extra = issue::personal_claims(app, &grant.subject, scope).await?;
    extra.extend(actor.clone().map(|actor| ("act".to_owned(), actor)));
    let issuing = app.issuing(now);
    let claims = issuing.access_token_for_grant(&grant, person, (scope, audience), extra);
    Ok(AccessToken { expires_at: claims.expires_at.min(*expires_at), ..claims })
}

#[cfg(test)]
mod tests;
