//! `POST /token`: codes, refresh tokens and other grants for access tokens.

mod client_credentials;
mod code;
mod device;
mod exchange;
mod issue;
mod jwt_bearer;
mod listing;
mod refresh;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_protocol::wire::token::{GrantRequest, TokenRequest};

use super::sender;
use crate::app::Shared;
use crate::process;
use crate::web::client_ip::Peer;
use crate::web::form::Form;
use crate::web::headers::{allow_any_origin, hand_out_nonce};
use crate::web::oauth_error::{ErrorAnswer, json_answer};

use issue::Asked;

/// RFC 6749 §3.2.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate((peer, &headers), &params).await?;
    app.outlive_revocation(&client.client_id).await?;
    let TokenRequest { grant, scope, resources, authorization_details } =
        TokenRequest::parse(&params)?;
    let proved = sender::prove(app, &client, (peer, &headers), "/token", process::now())?;
    let nonce = proved.nonce_for_next().map(str::to_owned);
    let asked = Asked { scope, resources, authorization_details, proved };
    let answer = match grant {
        GrantRequest::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let presented = code::Presented { code, redirect_uri, code_verifier };
            code::redeem(app, &client, presented, asked).await?
        }
        GrantRequest::RefreshToken { refresh_token } => {
            refresh::rotate(app, &client, &refresh_token, asked).await?
        }
        GrantRequest::DeviceCode { device_code } => {
            device::poll(app, &client, &device_code, asked).await?
        }
        GrantRequest::JwtBearer { assertion } => {
            jwt_bearer::grant(app, &client, &assertion, asked).await?
        }
        GrantRequest::TokenExchange(request) => {
            exchange::exchange(app, &client, *request, asked).await?
        }
        GrantRequest::ClientCredentials => client_credentials::grant(app, &client, asked).await?,
    };
    shared.app.note_client_use(&client, process::now());
    let mut response = json_answer(StatusCode::OK, &answer);
    allow_any_origin(response.headers_mut());
    if let Some(nonce) = nonce {
        hand_out_nonce(response.headers_mut(), &nonce);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, header};
    use countersign_jose::{Algorithm, jwt};
    use countersign_protocol::client::Client;
    use countersign_protocol::keyring;

    use crate::fixture::{self, Fixture};
    use crate::process;

    #[tokio::test]
    async fn access_tokens_are_signed_as_the_client_registered() {
        let site = Fixture::open().await;
        let registered = site.app.client("api").await.unwrap().unwrap();
        for wanted in [None, Some(Algorithm::Ed25519), Some(Algorithm::ES256)] {
            let client =
                Client { access_token_signed_response_alg: wanted, ..(*registered).clone() };
            let catalogue = site.app.position.borrow().catalogue;
            let changed = client != *registered;
            site.app.store().put_client(client, site.app.moment()).await.unwrap();
            let mut position = site.app.position.clone();
            let told = position.wait_for(|now| !changed || now.catalogue > catalogue);
            tokio::time::timeout(std::time::Duration::from_secs(5), told).await.unwrap().unwrap();
            let body = "grant_type=client_credentials&client_id=api\
                        &client_secret=a+secret+of+the+API%27s+client";
            let form = "application/x-www-form-urlencoded";
            let request = Request::post("/token").header(header::CONTENT_TYPE, form);
            let answer = site.send(request.body(Body::from(body)).unwrap()).await;
            let answer: serde_json::Value =
                serde_json::from_str(&fixture::body(answer).await).unwrap();
            let token = answer["access_token"].as_str().expect("a token");
            let header = jwt::peek(token).unwrap();
            let expected =
                format!("\"alg\": \"{}\"", wanted.unwrap_or(keyring::DEFAULT_ALGORITHM).name());
            assert!(header.header_json().contains(&expected), "{}", header.header_json());
            assert!(site.app.verify_access_token(token, process::now()).unwrap().is_some());
        }
    }
}
