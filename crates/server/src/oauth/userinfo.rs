//! `GET` and `POST /userinfo` (OpenID Connect Core §5.3), protected by RFC 6750.

use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use countersign_protocol::release;
use countersign_protocol::scope::Scope;
use countersign_protocol::{ErrorCode, OAuthError};
use serde_json::json;

use crate::app::{Shared, authorization};
use crate::process;
use crate::web::form::Form;
use crate::web::headers::allow_any_origin;
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// Answers with the claims that the token's scope releases.
pub(crate) async fn any(State(shared): State<Shared>, request: Request) -> Response {
    match answer(&shared, request).await {
        Ok(response) => response,
        Err(Fault::Bearer(error)) => challenge(&error),
        Err(Fault::Other(error)) => axum::response::IntoResponse::into_response(error),
    }
}

enum Fault {
    /// Answered with a `Bearer` challenge; `None` when no token was sent at all.
    Bearer(Option<OAuthError>),
    Other(ErrorAnswer),
}

impl<E: Into<ErrorAnswer>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

async fn answer(shared: &Shared, request: Request) -> Result<Response, Fault> {
    let app = &*shared.app;
    let token = bearer_token(request).await?;
    let invalid = || {
        let why = "the access token is malformed, expired, revoked or not of this issuer";
        Fault::Bearer(Some(OAuthError::new(ErrorCode::InvalidToken, why)))
    };
    let token = app.verify_access_token(&token, process::now()).ok_or_else(invalid)?;
    let scope = Scope::parse(token.scope.as_deref().unwrap_or_default()).unwrap_or_default();
    if !scope.contains("openid") {
        let why = "the access token was not granted the scope openid";
        return Err(Fault::Bearer(Some(OAuthError::new(ErrorCode::InsufficientScope, why))));
    }
    let account = app.store().account(&token.subject).await?;
    let account = account.filter(|account| !account.disabled).ok_or_else(invalid)?;
    let mut response = json_answer(StatusCode::OK, &release::user_info(&account, &scope));
    allow_any_origin(response.headers_mut());
    Ok(response)
}

/// The token from the header, or from a form body (RFC 6750 §2.1, §2.2), never from the URL.
async fn bearer_token(request: Request) -> Result<String, Fault> {
    let header = authorization(request.headers()).map_err(|error| {
        // Nobody authenticates as a client here.
        let error = OAuthError { code: ErrorCode::InvalidRequest, ..error };
        Fault::Bearer(Some(error))
    })?;
    let from_header = match header.map(|header| header.split_once(' ')) {
        None => None,
        Some(Some((scheme, token))) if scheme.eq_ignore_ascii_case("bearer") => {
            Some(token.trim().to_owned())
        }
        Some(_) => return Err(Fault::Bearer(None)),
    };
    let is_form =
        request.method() == Method::POST && request.headers().contains_key(header::CONTENT_TYPE);
    let from_body = if is_form {
        let Form(params) = Form::from_request(request, &()).await?;
        params.get("access_token").map(str::to_owned)
    } else {
        None
    };
    match (from_header, from_body) {
        (Some(_), Some(_)) => {
            let why = "the access token is sent twice, in the header and in the body";
            Err(Fault::Bearer(Some(OAuthError::new(ErrorCode::InvalidRequest, why))))
        }
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err(Fault::Bearer(None)),
    }
}

/// RFC 6750 §3.
fn challenge(error: &Option<OAuthError>) -> Response {
    let (status, text, body) = match error {
        None => (StatusCode::UNAUTHORIZED, "Bearer".to_owned(), json!({})),
        Some(error) => {
            let status = match error.code {
                ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
                ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
                _ => StatusCode::UNAUTHORIZED,
            };
            let code = error.code.as_str();
            let scope = match error.code {
                ErrorCode::InsufficientScope => ", scope=\"openid\"",
                _ => "",
            };
            let text = format!(
                "Bearer error=\"{code}\", error_description=\"{}\"{scope}",
                error.description
            );
            (status, text, json!({"error": code, "error_description": error.description}))
        }
    };
    let mut response = json_answer(status, &body);
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    allow_any_origin(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn a_header_that_can_not_be_read_is_answered_in_the_words_of_rfc_6750() {
        let site = Fixture::open().await;
        let request = Request::get("/userinfo").header("authorization", &b"Bearer \xff"[..]);
        let answer = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_request\""), "{challenge}");
    }
}
