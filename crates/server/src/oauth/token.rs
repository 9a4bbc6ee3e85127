//! `POST /token`: codes, refresh tokens and client credentials for access tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_jose::{AccessToken, Algorithm, IdToken, jwt};
use countersign_protocol::authorization_code;
use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::grant::{Grant, Sender};
use countersign_protocol::grant_token::{Kind, NotOurs};
use countersign_protocol::refresh_family::{self, Refusal};
use countersign_protocol::release;
use countersign_protocol::scope::Scope;
use countersign_protocol::wire::token::{GrantRequest, TokenAnswer, TokenRequest};
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::{CodeOutcome, Moment, RotationOutcome, RotationRequest};

use crate::app::{App, DEFAULT_ALGORITHM, Shared};
use crate::process;
use crate::web::form::Form;
use crate::web::headers::allow_any_origin;
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// RFC 6749 §3.2.
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate(&headers, &params).await?;
    let request = TokenRequest::parse(&params)?;
    let TokenRequest { grant, scope, resources } = request;
    let answer = match grant {
        GrantRequest::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let presented = authorization_code::Presented {
                client_id: client.client_id.clone(),
                redirect_uri,
                code_verifier,
                resources,
                sender: Sender::Bearer,
                refreshable: client.may_use(GrantType::RefreshToken),
            };
            redeem_code(app, &client, &code, presented).await?
        }
        GrantRequest::RefreshToken { refresh_token } => {
            refresh(app, &client, &refresh_token, scope, resources).await?
        }
        GrantRequest::ClientCredentials => {
            client_credentials(app, &client, scope.as_ref(), &resources).await?
        }
    };
    let mut response = json_answer(StatusCode::OK, &answer);
    allow_any_origin(response.headers_mut());
    Ok(response)
}

async fn redeem_code(
    app: &App,
    client: &Arc<Client>,
    code: &str,
    presented: authorization_code::Presented,
) -> Result<TokenAnswer, ErrorAnswer> {
    require(client, GrantType::AuthorizationCode)?;
    let (id, _) = app.grant_tokens.open(Kind::Code, code).map_err(|error| junk(app, error))?;
    // A code is spent once, so first make sure that its tokens can be signed.
    app.signing_key(id_token_algorithm(client)).await?;
    let now = process::now();
    let lifetimes = app.lifetimes.clone();
    let resources = presented.resources.clone();
    let decided = app.store().redeem_code(id, presented, lifetimes, now).await?;
    match decided.peek().clone() {
        CodeOutcome::Refused(error) => {
            decided.committed().await?;
            // A replay has ended the grant; for any other refusal this is an id without tokens.
            let ended = app.store().grant(id).await?.is_some_and(|grant| grant.ended.is_some());
            if ended {
                app.deny_grants(&[id], app.moment());
            }
            Err(error.into())
        }
        CodeOutcome::Redeemed { grant, nonce } => {
            let audience = narrow(&grant, &resources);
            let scope = grant.scope.clone();
            let answer = issue(app, client, &grant, &scope, &audience, nonce, now).await?;
            decided.committed().await?;
            app.metrics.issued("authorization_code");
            Ok(answer)
        }
    }
}

async fn refresh(
    app: &App,
    client: &Arc<Client>,
    refresh_token: &str,
    scope: Option<Scope>,
    resources: Vec<String>,
) -> Result<TokenAnswer, ErrorAnswer> {
    require(client, GrantType::RefreshToken)?;
    let opened = app.grant_tokens.open(Kind::Refresh, refresh_token);
    let (id, generation) = opened.map_err(|error| junk(app, error))?;
    let moment = app.moment();
    let presented = refresh_family::Presented {
        generation,
        client_id: client.client_id.clone(),
        confidential: client.is_confidential(),
        sender: Sender::Bearer,
        scope: scope.clone(),
        resources: resources.clone(),
    };
    let settings = refresh_family::Settings {
        retry_window: app.lifetimes.retry_window,
        idle: app.lifetimes.refresh_idle,
        fast_forward_until: app.fast_forward_until,
    };
    let request = RotationRequest { grant: id, presented, settings };
    let decided = app.store().rotate(request, moment).await?;
    // The tokens are signed while the disk works; nobody sees them before it has finished.
    let (grant, result) = match decided.peek() {
        RotationOutcome::Rotated(grant) => (grant.clone(), "rotated"),
        RotationOutcome::Retried(grant) => (grant.clone(), "retried"),
        RotationOutcome::Reused(grant) => {
            let grant = grant.clone();
            decided.committed().await?;
            return Err(reused(app, &grant, moment).into());
        }
        RotationOutcome::Refused(refusal) => {
            let refusal = *refusal;
            decided.committed().await?;
            app.metrics.refreshed("refused");
            return Err(refused(refusal).into());
        }
    };
    let audience = narrow(&grant, &resources);
    let scope = scope.unwrap_or_else(|| grant.scope.clone());
    let answer = issue(app, client, &grant, &scope, &audience, None, moment.now).await?;
    decided.committed().await?;
    app.metrics.refreshed(result);
    app.metrics.issued("refresh_token");
    Ok(answer)
}

async fn client_credentials(
    app: &App,
    client: &Client,
    scope: Option<&Scope>,
    resources: &[String],
) -> Result<TokenAnswer, ErrorAnswer> {
    require(client, GrantType::ClientCredentials)?;
    let scope = client.grantable_scope(scope, GrantType::ClientCredentials)?;
    let audience = client.audience(resources, &app.issuer)?;
    let claims =
        app.issuing(process::now()).access_token_for_client(&client.client_id, &scope, &audience);
    let key = app.signing_key(DEFAULT_ALGORITHM).await?;
    let access_token = jwt::sign(&key, AccessToken::TYPE, &claims).map_err(|e| unsigned(&e))?;
    app.metrics.issued("client_credentials");
    Ok(TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: app.lifetimes.access_token.as_secs(),
        refresh_token: None,
        refresh_token_timeout: None,
        authorization_expires_in: None,
        id_token: None,
        scope: (!scope.is_empty()).then(|| scope.to_string()),
    })
}

/// The tokens for a grant as it stands now.
async fn issue(
    app: &App,
    client: &Client,
    grant: &Grant,
    scope: &Scope,
    audience: &[String],
    nonce: Option<String>,
    now: Timestamp,
) -> Result<TokenAnswer, ErrorAnswer> {
    let extra = if scope.contains("roles") {
        let account = app.store().account(&grant.subject).await?;
        account.map(|account| release::access_token_claims(&account, scope)).unwrap_or_default()
    } else {
        serde_json::Map::new()
    };
    let issuing = app.issuing(now);
    let claims = issuing.access_token_for_grant(grant, scope, audience, extra);
    let key = app.signing_key(DEFAULT_ALGORITHM).await?;
    let access_token = jwt::sign(&key, AccessToken::TYPE, &claims).map_err(|e| unsigned(&e))?;
    let id_token = if scope.contains("openid") {
        let algorithm = id_token_algorithm(client);
        let key = app.signing_key(algorithm).await?;
        let claims = issuing.id_token(grant, nonce, algorithm, &access_token);
        Some(jwt::sign(&key, IdToken::TYPE, &claims).map_err(|e| unsigned(&e))?)
    } else {
        None
    };
    let refreshable = client.may_use(GrantType::RefreshToken);
    let seconds = |until: Timestamp| Some(until.since(now).as_secs()).filter(|_| refreshable);
    Ok(TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: app.lifetimes.access_token.as_secs(),
        refresh_token: refreshable
            .then(|| app.grant_tokens.issue(Kind::Refresh, grant.id, grant.generation)),
        refresh_token_timeout: seconds(grant.idle_expires_at),
        authorization_expires_in: seconds(grant.expires_at),
        id_token,
        scope: (!scope.is_empty()).then(|| scope.to_string()),
    })
}

fn id_token_algorithm(client: &Client) -> Algorithm {
    client.id_token_signed_response_alg.unwrap_or(DEFAULT_ALGORITHM)
}

/// The resources of this access token: those that were named, or all of the grant's. The rule
/// has refused every other name already.
fn narrow(grant: &Grant, resources: &[String]) -> Vec<String> {
    let named = |known: &&String| resources.is_empty() || resources.contains(known);
    grant.audience.iter().filter(named).cloned().collect()
}

fn require(client: &Client, grant: GrantType) -> Result<(), OAuthError> {
    if client.may_use(grant) {
        return Ok(());
    }
    let why = "the client is not registered for this grant type";
    Err(OAuthError::new(ErrorCode::UnauthorizedClient, why))
}

fn junk(app: &App, error: NotOurs) -> OAuthError {
    app.metrics.junk_tokens.inc();
    OAuthError::new(ErrorCode::InvalidGrant, error.to_string())
}

fn reused(app: &App, grant: &Grant, moment: Moment) -> OAuthError {
    app.deny_grants(&[grant.id], moment);
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
        _ => ErrorCode::InvalidGrant,
    };
    OAuthError::new(code, refusal.to_string())
}

fn unsigned(error: &countersign_jose::Error) -> OAuthError {
    tracing::error!(code = error.code(), %error, "a token could not be signed");
    OAuthError::new(ErrorCode::ServerError, "the token could not be signed")
}
