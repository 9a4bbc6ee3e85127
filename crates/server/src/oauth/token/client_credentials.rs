//! A token for the client itself (OAuth 2.1 §4.2).

use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::wire::token::TokenAnswer;

use super::issue::{self, Asked};
use crate::app::App;
use crate::web::oauth_error::ErrorAnswer;

/// Grants a client what it is registered for.
pub(super) async fn grant(
    app: &App,
    client: &Client,
    asked: Asked,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::ClientCredentials)?;
    let scope = client.grantable_scope(asked.scope.as_ref(), GrantType::ClientCredentials)?;
    let audience = client.audience(&asked.resources, &app.issuer)?;
    let answer = issue::for_client(app, client, &scope, &audience).await?;
    app.metrics.issued("client_credentials");
    Ok(answer)
}
