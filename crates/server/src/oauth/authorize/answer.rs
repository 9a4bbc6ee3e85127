//! Sends an answer to the client, in the way that it asked for.

use axum::http::StatusCode;
use axum::response::Response;
use countersign_protocol::client::Client;
use countersign_protocol::wire::authorize::{Answer, Delivery, ReturnAddress};
use countersign_protocol::{ErrorCode, OAuthError};

use crate::app::App;
use crate::pages::form_post;
use crate::process;
use crate::web::page::{PageError, see_other};

/// The browser takes the answer along: in a URL or in a form, plain or signed.
pub(super) async fn send(
    app: &App,
    client: &Client,
    address: &ReturnAddress,
    answer: Answer,
) -> Response {
    let delivery = if address.mode.is_signed() {
        match sign(app, client, answer).await {
            Ok(token) => address.deliver_signed(token),
            // Unsigned it would be worth nothing to this client.
            Err(error) => return not_signed(&error).show(&app.site),
        }
    } else {
        address.deliver(answer, &app.issuer)
    };
    match delivery {
        Delivery::Redirect(url) => see_other(&url),
        Delivery::Form { action, fields } => form_post::show(&app.site, &action, &fields),
    }
}

async fn sign(app: &App, client: &Client, answer: Answer) -> Result<String, OAuthError> {
    let client_id = &client.client_id;
    let key = app.signing_key(client.authorization_response_algorithm()).await?;
    let recipient = match client.authorization_encrypted_response_alg {
        None => None,
        Some(management) => {
            let keys = app.client_keys(client).await.map_err(|error| {
                tracing::info!(client_id, code = error.code(), %error, "no key to encrypt to");
                unfit("the keys of the application can't be had")
            })?;
            let key = keys.encryption(management);
            Some(
                key.ok_or_else(|| unfit("the application has no key that it can be encrypted to"))?,
            )
        }
    };
    let signed = answer.sign((client, &app.issuer), &key, recipient.as_ref(), process::now());
    signed.map_err(|error| {
        tracing::error!(client_id, code = error.code(), %error, "an answer can't be signed");
        unfit("it could not be signed")
    })
}

fn unfit(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::ServerError, why)
}

fn not_signed(error: &OAuthError) -> PageError {
    PageError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Please try again",
        format!("The answer to the application can't be sent as it asks: {}.", error.description),
    )
}

#[cfg(test)]
mod tests;
