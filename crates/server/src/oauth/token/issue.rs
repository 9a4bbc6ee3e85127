//! The tokens themselves: what is said in them, and the key that they are signed with.

use countersign_jose::jwe::MediaTypes;
use countersign_jose::{AccessToken, IdToken, jwt};
use countersign_protocol::authorization_details::AuthorizationDetails;
use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::grant::{Grant, Sender, token_type};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::release;
use countersign_protocol::scope::Scope;
use countersign_protocol::token::with_details;
use countersign_protocol::token_format::TokenFormat;
use countersign_protocol::wire::token::TokenAnswer;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use serde_json::{Map, Value};

use super::super::sender::Proved;
use super::listing::Listed;
use crate::app::App;
use crate::process::{self, SystemRandom};
use crate::web::oauth_error::ErrorAnswer;

/// What a token request asks for, whatever the grant.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) scope: Option<Scope>,
    pub(super) resources: Vec<String>,
    pub(super) authorization_details: Option<AuthorizationDetails>,
    /// The key or certificate that the request proved to hold.
    pub(super) proved: Proved,
}

impl Asked {
    /// For grants whose tokens carry no details (RFC 9396 §5.1), whatever is asked for.
    pub(super) fn refuse_details(&self) -> Result<(), OAuthError> {
        if self.authorization_details.as_ref().is_none_or(AuthorizationDetails::is_empty) {
            return Ok(());
        }
        let why = "tokens of this grant type carry no authorization_details";
        Err(OAuthError::new(ErrorCode::InvalidAuthorizationDetails, why))
    }
}

/// The tokens that a grant is to give now.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) grant: &'a Grant,
    pub(super) scope: &'a Scope,
    pub(super) audience: &'a [String],
    /// What of the grant's details it will carry.
    pub(super) details: &'a AuthorizationDetails,
    /// For the id token.
    pub(super) nonce: Option<String>,
    /// Whose access token it will be; the grant itself may be bound to nobody.
    pub(super) sender: &'a Sender,
    /// Its place in a status list, if it has one.
    pub(super) listed: Option<Listed>,
    pub(super) now: Timestamp,
}

/// Waits until every token of a client can be made: a code is spent once, so before that.
pub(super) async fn be_ready(app: &App, client: &Client) -> Result<(), OAuthError> {
    app.signing_key(client.access_token_algorithm()).await?;
    app.key_for_client(client, client.id_token_algorithm()).await?;
    if let Some(encryption) = client.id_token_encryption() {
        app.client_encryption_key(client, encryption).await?;
    }
    Ok(())
}

/// The tokens for a grant as it stands now.
pub(super) async fn for_grant(
    app: &App,
    client: &Client,
    order: Order<'_>,
) -> Result<TokenAnswer, ErrorAnswer> {
    let Order { grant, scope, audience, details, nonce, sender, listed, now } = order;
    // Few tokens say anything about the account itself.
    let asked = &grant.details.claims;
    let account = if scope.contains("roles") || !asked.id_token.is_empty() {
        app.store().account(&grant.subject).await?
    } else {
        None
    };
    let extra = account.as_ref().map(|account| release::access_token_claims(account, scope));
    let told = account.as_ref().map(|account| release::id_token_claims(account, asked));
    let issuing = app.issuing(now);
    let extra = extra.unwrap_or_default();
    let keys = app.keys.load_full();
    let person = keys.subjects.person(client, grant);
    let claims = issuing.access_token_for_grant(grant, &person, (scope, audience), extra);
    let claims = with_details(claims, details);
    let mut claims = AccessToken { confirmation: sender.confirmation(), ..claims };
    if let Some(listed) = &listed {
        claims.token_id.clone_from(&listed.token_id);
    }
    let access_token = access_token(app, client, &claims, listed.as_ref()).await?;
    let id_token = if scope.contains("openid") {
        let algorithm = client.id_token_algorithm();
        let told = told.unwrap_or_default();
        let claims = issuing.id_token(grant, &person, nonce, algorithm, &access_token);
        let claims = IdToken { extra: told, ..claims };
        let signed = app.sign_for_client(client, algorithm, (IdToken::TYPE, &claims)).await?;
        Some(match client.id_token_encryption() {
            None => signed,
            Some(encryption) => {
                let (types, signed) = (MediaTypes::NESTED, signed.as_bytes());
                app.encrypt_to_client(client, encryption, types, signed).await?
            }
        })
    } else {
        None
    };
    let refreshable = client.may_use(GrantType::RefreshToken);
    let seconds = |until: Timestamp| Some(until.since(now).as_secs()).filter(|_| refreshable);
    Ok(TokenAnswer {
        refresh_token: refreshable.then(|| refresh_token(app, grant)),
        refresh_token_timeout: seconds(grant.idle_expires_at),
        authorization_expires_in: seconds(grant.expires_at),
        id_token,
        authorization_details: details.clone(),
        ..answer(access_token, &claims, scope)
    })
}

/// The token for a client acting for itself.
pub(super) async fn for_client(
    app: &App,
    client: &Client,
    (scope, audience, details): (&Scope, &[String], AuthorizationDetails),
    sender: &Sender,
) -> Result<TokenAnswer, ErrorAnswer> {
    let issuing = app.issuing(process::now());
    let claims = issuing.access_token_for_client(&client.client_id, scope, audience);
    let claims = with_details(claims, &details);
    let claims = AccessToken { confirmation: sender.confirmation(), ..claims };
    let answer = alone(app, client, claims, scope).await?;
    Ok(TokenAnswer { authorization_details: details, ..answer })
}

/// An access token that comes without others.
pub(super) async fn alone(
    app: &App,
    client: &Client,
    claims: AccessToken,
    scope: &Scope,
) -> Result<TokenAnswer, ErrorAnswer> {
    let listed = if client.status_list {
        Some(Listed::of_client(app, client, &claims).await?)
    } else {
        None
    };
    let access_token = access_token(app, client, &claims, listed.as_ref()).await?;
    Ok(answer(access_token, &claims, scope))
}

/// What the scope lets an access token say about the person.
pub(super) async fn personal_claims(
    app: &App,
    subject: &str,
    scope: &Scope,
) -> Result<Map<String, Value>, ErrorAnswer> {
    if !scope.contains("roles") {
        return Ok(Map::new());
    }
    let account = app.store().account(subject).await?;
    Ok(account.map(|account| release::access_token_claims(&account, scope)).unwrap_or_default())
}

/// The resources of this access token: those that were named, or all of the grant's. The rule
/// has refused every other name already.
pub(super) fn narrow(grant: &Grant, resources: &[String]) -> Vec<String> {
    let named = |known: &&String| resources.is_empty() || resources.contains(known);
    grant.audience.iter().filter(named).cloned().collect()
}

/// The details of this access token: those that were named, or all of the grant's, as far as they
/// concern its resources. The rule has refused whatever is more.
pub(super) fn narrow_details(
    grant: &Grant,
    named: Option<&AuthorizationDetails>,
    audience: &[String],
) -> AuthorizationDetails {
    let details = named.unwrap_or(&grant.details.authorization_details);
    details.for_audience(audience, &grant.audience)
}

/// An access token on the wire, in the form that its resources, or else its client, want.
async fn access_token(
    app: &App,
    client: &Client,
    claims: &AccessToken,
    listed: Option<&Listed>,
) -> Result<String, ErrorAnswer> {
    let written = match (app.token_format(client, &claims.audience).await?, listed) {
        (TokenFormat::Opaque, _) => app.keys.load().opaque_tokens.seal(claims, &SystemRandom),
        (TokenFormat::Jwt, Some(listed)) => listed.sign(claims, &app.issuer),
        (TokenFormat::Jwt, None) => {
            let key = app.signing_key(client.access_token_algorithm()).await?;
            jwt::sign(&key, AccessToken::TYPE, claims)
        }
    };
    written.map_err(|error| unsigned(&error).into())
}

/// The refresh token of a grant as it stands: of one generation always the same string.
fn refresh_token(app: &App, grant: &Grant) -> String {
    let keys = &app.keys.load().grant_tokens;
    keys.issue(Kind::Refresh, grant.id, grant.generation, grant.rotated_at)
}

/// The answer for an access token alone.
fn answer(access_token: String, claims: &AccessToken, scope: &Scope) -> TokenAnswer {
    TokenAnswer {
        access_token,
        issued_token_type: None,
        token_type: token_type(claims.confirmation.as_ref()),
        expires_in: claims.expires_at - claims.issued_at,
        refresh_token: None,
        refresh_token_timeout: None,
        authorization_expires_in: None,
        id_token: None,
        authorization_details: AuthorizationDetails::default(),
        scope: (!scope.is_empty()).then(|| scope.to_string()),
    }
}

fn unsigned(error: &countersign_jose::Error) -> OAuthError {
    tracing::error!(code = error.code(), %error, "a token could not be signed");
    OAuthError::new(ErrorCode::ServerError, "the token could not be signed")
}
