//! An authorization code for tokens (OAuth 2.1 §4.1.3).

use countersign_protocol::authorization_code::Presented;
use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::wire::token::TokenAnswer;
use countersign_store::CodeOutcome;

use super::issue;
use crate::app::App;
use crate::process;
use crate::web::oauth_error::ErrorAnswer;

/// Redeems a code, once.
pub(super) async fn redeem(
    app: &App,
    client: &Client,
    code: &str,
    presented: Presented,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::AuthorizationCode)?;
    let (id, _) = app.open_grant_token(Kind::Code, code)?;
    // A code is spent once, so first make sure that its tokens can be signed.
    issue::be_ready(app, client).await?;
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
                app.deny_grant(id);
            }
            Err(error.into())
        }
        CodeOutcome::Redeemed { grant, nonce } => {
            let audience = issue::narrow(&grant, &resources);
            let scope = grant.scope.clone();
            let answer =
                issue::for_grant(app, client, &grant, &scope, &audience, nonce, now).await?;
            decided.committed().await?;
            app.metrics.issued("authorization_code");
            Ok(answer)
        }
    }
}
