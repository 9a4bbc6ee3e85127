//! `POST /token`: codes, refresh tokens and client credentials for access tokens.

mod client_credentials;
mod code;
mod issue;
mod refresh;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_protocol::authorization_code;
use countersign_protocol::client::GrantType;
use countersign_protocol::grant::Sender;
use countersign_protocol::wire::token::{GrantRequest, TokenRequest};

use crate::app::Shared;
use crate::web::form::Form;
use crate::web::headers::allow_any_origin;
use crate::web::oauth_error::{ErrorAnswer, json_answer};

use issue::Asked;

/// RFC 6749 §3.2.
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate(&headers, &params).await?;
    app.outlive_revocation(&client.client_id).await?;
    let TokenRequest { grant, scope, resources } = TokenRequest::parse(&params)?;
    let asked = Asked { scope, resources, sender: Sender::Bearer };
    let answer = match grant {
        GrantRequest::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let presented = authorization_code::Presented {
                client_id: client.client_id.clone(),
                redirect_uri,
                code_verifier,
                resources: asked.resources,
                sender: asked.sender,
                refreshable: client.may_use(GrantType::RefreshToken),
            };
            code::redeem(app, &client, &code, presented).await?
        }
        GrantRequest::RefreshToken { refresh_token } => {
            refresh::rotate(app, &client, &refresh_token, asked).await?
        }
        GrantRequest::ClientCredentials => client_credentials::grant(app, &client, asked).await?,
    };
    let mut response = json_answer(StatusCode::OK, &answer);
    allow_any_origin(response.headers_mut());
    Ok(response)
}
