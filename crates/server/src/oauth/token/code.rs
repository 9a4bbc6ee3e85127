//! An authorization code for tokens (OAuth 2.1 §4.1.3).

use countersign_protocol::authorization_code;
use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::wire::token::TokenAnswer;
use countersign_store::CodeOutcome;

use super::issue::{self, Asked, Order};
use super::listing::Listing;
use crate::app::App;
use crate::process;
use crate::web::oauth_error::ErrorAnswer;

/// A code and what has to fit it.
pub(super) struct Presented {
    pub(super) code: String,
    pub(super) redirect_uri: Option<String>,
    pub(super) code_verifier: Option<String>,
}

/// Redeems a code, once.
pub(super) async fn redeem(
    app: &App,
    client: &Client,
    presented: Presented,
    asked: Asked,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::AuthorizationCode)?;
    let (id, _) = app.open_grant_token(Kind::Code, &presented.code)?;
    // A code is spent once, so first make sure that its tokens can be signed.
    issue::be_ready(app, client).await?;
    let now = process::now();
    asked.proved.use_once(app, now).await?;
    let sender = &asked.proved.sender;
    let presented = authorization_code::Presented {
        client_id: client.client_id.clone(),
        redirect_uri: presented.redirect_uri,
        code_verifier: presented.code_verifier,
        resources: asked.resources.clone(),
        authorization_details: asked.authorization_details.clone(),
        sender: sender.clone(),
        confidential: client.is_confidential(),
        refreshable: client.may_use(GrantType::RefreshToken),
    };
    let (store, lifetimes) = (app.store(), app.lifetimes.clone());
    let listing = Listing::of_grant(app, client, id, now).await?;
    let decided = match &listing {
        None => store.redeem_code(id, presented, lifetimes, now).await?.map(|code| (code, None)),
        Some(listing) => {
            let code = (id, presented);
            store.redeem_code_listed(code, lifetimes, listing.token(), now).await?
        }
    };
    let (outcome, place) = decided.peek().clone();
    match outcome {
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
            let audience = issue::narrow(&grant, &asked.resources);
            let named = asked.authorization_details.as_ref();
            let details = &issue::narrow_details(&grant, named, &audience);
            let (scope, audience) = (&grant.scope, &audience[..]);
            let listed = listing.zip(place).map(|(listing, place)| listing.at(place));
            let grant = &*grant;
            let order = Order { grant, scope, audience, details, nonce, sender, listed, now };
            let answer = issue::for_grant(app, client, order).await?;
            decided.committed().await?;
            app.metrics.issued("authorization_code");
            Ok(answer)
        }
    }
}
