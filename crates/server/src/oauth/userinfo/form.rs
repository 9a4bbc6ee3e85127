//! The form of the answer: JSON, or a token that is signed, encrypted, or both, as the client has
//! registered (OpenID Connect Core §5.3.2).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign_jose::jwe::MediaTypes;
use countersign_protocol::OAuthError;
use countersign_protocol::client::Client;
use serde_json::{Map, Value};

use crate::app::App;
use crate::web::headers::no_store;
use crate::web::oauth_error::json_answer;

/// No kind of its own is registered for it. Without `exp` it never passes for an id token.
const TYPE: &str = "JWT";

/// The answer that says this.
pub(super) async fn answer(
    app: &App,
    client: &Client,
    mut told: Map<String, Value>,
) -> Result<Response, OAuthError> {
    let (signature, encryption) =
        (client.userinfo_signed_response_alg, client.userinfo_encryption());
    if signature.is_none() && encryption.is_none() {
        return Ok(json_answer(StatusCode::OK, &told));
    }
    told.insert("iss".to_owned(), Value::from(app.issuer.as_str()));
    told.insert("aud".to_owned(), Value::from(client.client_id.as_str()));
    let (content, types) = match signature {
        Some(algorithm) => {
            let signed = app.sign_for_client(client, algorithm, (TYPE, &told)).await?;
            (signed, MediaTypes::NESTED)
        }
        None => (Value::from(told).to_string(), MediaTypes { typ: Some(TYPE), cty: None }),
    };
    let token = match encryption {
        Some(encryption) => {
            app.encrypt_to_client(client, encryption, types, content.as_bytes()).await?
        }
        None => content,
    };
    let mut response = token.into_response();
    let kind = HeaderValue::from_static("application/jwt");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    no_store(response.headers_mut());
    Ok(response)
}
