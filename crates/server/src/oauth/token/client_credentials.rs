//! A token for the client itself (OAuth 2.1 §4.2).

use countersign_protocol::client::{self, Client, GrantType};
use countersign_protocol::wire::token::TokenAnswer;

use super::issue::{self, Asked};
use crate::app::App;
use crate::process;
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
    let details = asked.authorization_details.unwrap_or_default();
    app.offer.check_own_details(&details, client)?;
    asked.proved.use_once(app, process::now()).await?;
    let sender = &asked.proved.sender;
    let what = (&scope, &audience[..], details);
    let answer = issue::for_client(app, client, what, sender).await?;
    // Asked after the time of issue was taken: a client that is revoked from here on is revoked up
    // to a later time, so no token without a grant slips through.
    app.client(&client.client_id).await?.ok_or_else(client::unauthenticated)?;
    app.metrics.issued("client_credentials");
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use countersign_protocol::grant::EndReason;
    use countersign_store::GrantSelector;

    use crate::fixture::{self, Fixture};
    use crate::process;

    async fn ask(site: &Fixture) -> (StatusCode, String) {
        let body = "grant_type=client_credentials&client_id=api\
            &client_secret=a+secret+of+the+API%27s+client";
        let request = Request::post("/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body));
        let response = site.send(request.unwrap()).await;
        let status = response.status();
        let answer: serde_json::Value =
            serde_json::from_str(&fixture::body(response).await).unwrap();
        (status, answer["access_token"].as_str().unwrap_or_default().to_owned())
    }

    #[tokio::test]
    async fn a_revoked_client_loses_its_tokens_and_gets_new_ones_that_outlive_it() {
        let site = Fixture::open().await;
        let accepted =
            |token: &str| site.app.verify_access_token(token, process::now()).unwrap().is_some();
        let (_, before) = ask(&site).await;
        assert!(accepted(&before));
        let api = GrantSelector::Client("api".into());
        let ended = site.app.store().end_grants(api, EndReason::OperatorRevoked, site.app.moment());
        site.app.deny(&ended.await.unwrap());
        assert!(!accepted(&before), "no grant, and refused all the same");
        // At once: it is made to wait rather than given what is dead.
        let (status, after) = ask(&site).await;
        assert_eq!(status, StatusCode::OK);
        assert!(accepted(&after) && !accepted(&before));
    }

    #[tokio::test]
    async fn a_disabled_client_loses_its_tokens_and_gets_none() {
        let site = Fixture::open().await;
        let (status, before) = ask(&site).await;
        assert_eq!(status, StatusCode::OK);
        let mut client = (*site.app.client("api").await.unwrap().unwrap()).clone();
        client.disabled = true;
        let ended = site.app.store().put_client(client, site.app.moment()).await.unwrap();
        site.app.deny(&ended);
        assert!(site.app.verify_access_token(&before, process::now()).unwrap().is_none());
        let (status, none) = ask(&site).await;
        assert_eq!((status, &*none), (StatusCode::UNAUTHORIZED, ""));
    }
}
