//! A token for the word of another issuer (RFC 7523 §2.1).

use countersign_jose::{AccessToken, KeySet};
use countersign_protocol::account::{Account, canonical_username};
use countersign_protocol::authorization_details::AuthorizationDetails;
use countersign_protocol::client::{self, Client, GrantType};
use countersign_protocol::grant::{EndReason, Grant, GrantId, Sender};
use countersign_protocol::grant_details::GrantDetails;
use countersign_protocol::jwt_grant::{self, Accepted, IssuerKeys, SubjectIs, TrustedIssuer};
use countersign_protocol::scope::Scope;
use countersign_protocol::wire::token::TokenAnswer;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::{GrantSelector, NewGrant, StoreError};
use countersign_verify::ReplayError;

use super::issue::{self, Asked};
use crate::app::App;
use crate::client_keys::ClientKeyError;
use crate::process::{self, SystemRandom};
use crate::web::oauth_error::ErrorAnswer;

/// Takes an assertion, once.
pub(super) async fn grant(
    app: &App,
    client: &Client,
    assertion: &str,
    asked: Asked,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::JwtBearer)?;
    if !client.is_confidential() {
        return Err(client::unauthenticated().into());
    }
    asked.refuse_details()?;
    let now = process::now();
    let (trusted, accepted) = judge(app, client, assertion, now).await?;
    let own = trusted.subject_is == SubjectIs::Client;
    let whose = if own { GrantType::ClientCredentials } else { GrantType::JwtBearer };
    let scope = client.grantable_scope(asked.scope.as_ref(), whose)?;
    let audience = client.audience(&asked.resources, &app.issuer)?;
    let account = account(app, client, trusted, &accepted).await?;
    // It is spent once, so first make sure that its token can be signed.
    app.signing_key(client.access_token_algorithm()).await?;
    use_once(app, trusted, &accepted, now).await?;
    asked.proved.use_once(app, now).await?;
    let sender = &asked.proved.sender;
    let answer = match account {
        None => {
            let what = (&scope, &audience[..], AuthorizationDetails::default());
            issue::for_client(app, client, what, sender).await?
        }
        Some(account) => {
            let grant = Grant { scope, audience, ..new_grant(app, client, &account, now) };
            for_account(app, client, &grant, sender, now).await?
        }
    };
    // As with every token that begins no grant of long life: asked after the time of issue.
    app.client(&client.client_id).await?.ok_or_else(client::unauthenticated)?;
    app.metrics.issued("jwt_bearer");
    Ok(answer)
}

async fn judge<'a>(
    app: &'a App,
    client: &Client,
    assertion: &str,
    now: Timestamp,
) -> Result<(&'a TrustedIssuer, Accepted), OAuthError> {
    let issuer = jwt_grant::claimed_issuer(assertion);
    let trusted = issuer.and_then(|issuer| app.trusted_issuers.get(&issuer));
    let trusted = trusted.ok_or_else(refused)?;
    if !trusted.clients.contains(&client.client_id) {
        let why = "the client may not bring assertions of this issuer";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, why));
    }
    let judge = |keys: &KeySet| jwt_grant::verify(trusted, keys, assertion, &app.issuer, now);
    let accepted = match &trusted.keys {
        IssuerKeys::Inline(keys) => judge(keys).map_err(ClientKeyError::from),
        IssuerKeys::Published(url) => app.judge_with_keys_at(url, judge).await,
    };
    let accepted = accepted.map_err(|error| {
        let issuer = &trusted.issuer;
        tracing::info!(issuer, code = error.code(), %error, "an assertion was refused");
        refused()
    })?;
    Ok((trusted, accepted))
}

/// RFC 7521 §4.1.1. Why is for the log; to whom it speaks is for nobody.
fn refused() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, "the assertion is not accepted")
}

/// The account that an assertion speaks about; none if it speaks about the client itself.
async fn account(
    app: &App,
    client: &Client,
    trusted: &TrustedIssuer,
    accepted: &Accepted,
) -> Result<Option<Account>, ErrorAnswer> {
    let subject = &accepted.subject;
    let found = match trusted.subject_is {
        SubjectIs::Client if *subject == client.client_id => return Ok(None),
        SubjectIs::Client => None,
        SubjectIs::Subject => app.store().account(subject).await?,
        SubjectIs::Username => match canonical_username(subject) {
            Some(name) => app.store().account_named(&name).await?,
            None => None,
        },
    };
    let account = found.filter(|account| !account.disabled);
    Ok(Some(account.ok_or_else(refused)?))
}

/// Its name is one of its issuer's. Those of clients have no colon, so no two run together.
async fn use_once(
    app: &App,
    trusted: &TrustedIssuer,
    accepted: &Accepted,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let Accepted { token_id, until, .. } = accepted;
    let noting = app.used_tokens.use_once(&trusted.issuer, token_id, *until, now);
    noting.await.map_err(|error| match error {
        ReplayError::Replayed => {
            tracing::warn!(issuer = trusted.issuer, "an assertion was used twice");
            refused()
        }
        _ => {
            let why = "the server can't tell whether the assertion was used before; try again";
            OAuthError::new(ErrorCode::TemporarilyUnavailable, why)
        }
    })
}

/// A grant for one access token: by it the token can be ended before its time.
fn new_grant(app: &App, client: &Client, account: &Account, now: Timestamp) -> Grant {
    let expires_at = now.plus(app.lifetimes.access_token);
    Grant {
        id: GrantId::new(now, &SystemRandom),
        subject: account.subject.clone(),
        client_id: client.client_id.clone(),
        scope: Scope::default(),
        audience: Vec::new(),
        auth_time: now,
        amr: Vec::new(),
        session_id: None,
        sender: Sender::Bearer,
        generation: 1,
        rotated_at: now,
        created_at: now,
        idle_expires_at: expires_at,
        expires_at,
        ended: None,
        pending: None,
        details: GrantDetails::default(),
    }
}

async fn for_account(
    app: &App,
    client: &Client,
    grant: &Grant,
    sender: &Sender,
    now: Timestamp,
) -> Result<TokenAnswer, ErrorAnswer> {
    let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
    app.store().begin_grant(new).await?;
    let Grant { scope, audience, subject, .. } = grant;
    let extra = issue::personal_claims(app, subject, scope).await?;
    let keys = app.keys.load_full();
    let person = keys.subjects.person(client, grant);
    let issuing = app.issuing(now);
    let claims = issuing.access_token_for_grant(grant, &person, (scope, audience), extra);
    // When the person proved who they are is the other issuer's knowledge.
    let claims = AccessToken { auth_time: None, confirmation: sender.confirmation(), ..claims };
    let answer = issue::alone(app, client, claims, scope).await?;
    if still_holds(app, grant).await? {
        return Ok(answer);
    }
    Err(refused().into())
}

/// Closing an account ends the grants that are there. One that came a moment later must not slip
/// through, and a status list must not miss the end of one that it learnt of too late.
async fn still_holds(app: &App, grant: &Grant) -> Result<bool, StoreError> {
    let account = app.store().account(&grant.subject).await?;
    let stored = app.store().grant(grant.id).await?;
    if stored.is_some_and(|stored| stored.ended.is_some()) {
        return Ok(false);
    }
    if account.is_some_and(|account| !account.disabled) {
        return Ok(true);
    }
    let one = GrantSelector::One(grant.id);
    let ended = app.store().end_grants(one, EndReason::Disabled, app.moment()).await?;
    app.deny(&ended);
    Ok(false)
}

#[cfg(test)]
mod tests;
