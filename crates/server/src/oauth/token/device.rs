//! A device code for tokens, once its person has agreed (RFC 8628 §3.4).

use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::device_code::Presented;
use countersign_protocol::grant_token::Kind;
use countersign_protocol::wire::token::TokenAnswer;
use countersign_store::DeviceOutcome;

use super::issue::{self, Asked, Order};
use super::listing::Listing;
use crate::app::App;
use crate::process;
use crate::web::oauth_error::ErrorAnswer;

/// Answers a device that asks whether its person has agreed.
pub(super) async fn poll(
    app: &App,
    client: &Client,
    device_code: &str,
    asked: Asked,
) -> Result<TokenAnswer, ErrorAnswer> {
    client.require(GrantType::DeviceCode)?;
    asked.refuse_details()?;
    let (id, _) = app.open_grant_token(Kind::Device, device_code)?;
    // A code is spent once, so first make sure that its tokens can be signed.
    issue::be_ready(app, client).await?;
    let now = process::now();
    asked.proved.use_once(app, now).await?;
    let sender = &asked.proved.sender;
    let presented = Presented {
        client_id: client.client_id.clone(),
        resources: asked.resources.clone(),
        sender: sender.clone(),
        confidential: client.is_confidential(),
        refreshable: client.may_use(GrantType::RefreshToken),
    };
    let listing = Listing::of_grant(app, client, id, now).await?;
    let token = listing.as_ref().map(Listing::token);
    let polling = app.store().poll_device((id, presented), app.lifetimes.clone(), token, now);
    let decided = polling.await?;
    let (outcome, place) = decided.peek().clone();
    match outcome {
        DeviceOutcome::Refused(error) => {
            decided.committed().await?;
            Err(error.into())
        }
        DeviceOutcome::Redeemed(grant) => {
            let audience = issue::narrow(&grant, &asked.resources);
            let details = &issue::narrow_details(&grant, None, &audience);
            let (scope, audience) = (&grant.scope, &audience[..]);
            let listed = listing.zip(place).map(|(listing, place)| listing.at(place));
            let (grant, nonce) = (&*grant, None);
            let order = Order { grant, scope, audience, details, nonce, sender, listed, now };
            let answer = issue::for_grant(app, client, order).await?;
            decided.committed().await?;
            app.metrics.issued("device_code");
            Ok(answer)
        }
    }
}
