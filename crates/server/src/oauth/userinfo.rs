//! `GET` and `POST /userinfo` (OpenID Connect Core §5.3), protected by RFC 6750 and RFC 9449.

mod form;

use std::net::SocketAddr;

use axum::Extension;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign_jose::AccessToken;
use countersign_protocol::claims_request::ClaimsRequest;
use countersign_protocol::grant::Grant;
use countersign_protocol::release;
use countersign_protocol::scope::Scope;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_verify::{CheckedProof, Presented, ProofError, SenderError, SenderRules};
use serde_json::json;

use super::sender::not_used;
use crate::app::{App, Shared, authorization};
use crate::process;
use crate::web::client_ip::Peer;
use crate::web::form::Form;
use crate::web::headers::{allow_any_origin, hand_out_nonce};
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// Answers with the claims that the token's scope releases.
pub(crate) async fn any(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let app = &*shared.app;
    let dpop = scheme(request.headers()).eq_ignore_ascii_case("dpop");
    match answer(app, peer, request).await {
        Ok(response) => response,
        Err(Fault::Token(error)) => challenge(app, error.as_ref(), dpop),
        Err(Fault::Other(error)) => error.into_response(),
    }
}

enum Fault {
    /// Answered with a challenge; `None` when no token was sent at all.
    Token(Option<OAuthError>),
    Other(ErrorAnswer),
}

impl<E: Into<ErrorAnswer>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Fault {
    fn token(code: ErrorCode, why: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::Token(Some(OAuthError::new(code, why)))
    }
}

async fn answer(app: &App, peer: SocketAddr, request: Request) -> Result<Response, Fault> {
    let (headers, method) = (request.headers().clone(), request.method().clone());
    let dpop = scheme(&headers).eq_ignore_ascii_case("dpop");
    let text = token(request).await?;
    let now = process::now();
    let invalid = || {
        let why = "the access token is malformed, expired, revoked or not of this issuer";
        Fault::token(ErrorCode::InvalidToken, why)
    };
    let token = app.verify_access_token(&text, now)?.ok_or_else(invalid)?;
    let presented = if dpop {
        let url = format!("{}/userinfo", app.issuer);
        Presented::dpop_headers(&text, &headers, method.as_str(), &url)
    } else {
        Presented::bearer(&text)
    };
    let shown = app.sender_constraint.certificate(peer, &headers, &app.trusted_proxies);
    let presented = match shown {
        Some(certificate) => presented.with_certificate(certificate),
        None => presented,
    };
    let proof = check_sender(app, &token, &presented, now).await?;
    let scope = Scope::parse(token.scope.as_deref().unwrap_or_default()).unwrap_or_default();
    if !scope.contains("openid") {
        let why = "the access token was not granted the scope openid";
        return Err(Fault::token(ErrorCode::InsufficientScope, why));
    }
    // The grant knows the person, whatever the client knows them by, and what it asked for.
    let grant = grant_of(app, &token).await?.ok_or_else(invalid)?;
    let account = app.store().account(&grant.subject).await?;
    let account = account.filter(|account| !account.disabled).ok_or_else(invalid)?;
    let nothing = ClaimsRequest::default();
    let own = grant.client_id == token.client_id;
    let asked = if own { &grant.details.claims } else { &nothing };
    let told = release::user_info(&account, &token.subject, &scope, asked);
    let client = app.client(&token.client_id).await?.ok_or_else(invalid)?;
    let mut response = form::answer(app, &client, told).await?;
    allow_any_origin(response.headers_mut());
    if let Some(nonce) = proof.as_ref().and_then(CheckedProof::nonce_for_next) {
        hand_out_nonce(response.headers_mut(), nonce);
    }
    Ok(response)
}

/// The grant that a token came of. It is in the store as long as its tokens may live.
async fn grant_of(app: &App, token: &AccessToken) -> Result<Option<Grant>, Fault> {
    let id = token.grant_id.as_deref().and_then(|id| id.parse().ok());
    match id {
        Some(id) => Ok(app.store().grant(id).await?),
        None => Ok(None),
    }
}

/// RFC 9449 §7.2 and RFC 8705 §3: a bound token is worth nothing without what it is bound to.
async fn check_sender(
    app: &App,
    token: &AccessToken,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Result<Option<CheckedProof>, Fault> {
    let constraint = &app.sender_constraint;
    let client = app.client(&token.client_id).await?;
    let needs_nonce = client.is_some_and(|client| constraint.needs_nonce(&client));
    let proof = app.keys.load().sender_rules.judge(token, presented, needs_nonce, now);
    let proof = proof.map_err(|error| {
        let code = match &error {
            SenderError::Proof(ProofError::Nonce) => ErrorCode::UseDpopNonce,
            SenderError::Proof(_) => ErrorCode::InvalidDpopProof,
            _ => ErrorCode::InvalidToken,
        };
        Fault::token(code, error.to_string())
    })?;
    if let Some(proof) = &proof {
        proof.use_once(&*app.used_tokens, now).await.map_err(|error| {
            let error = not_used(error);
            if error.code == ErrorCode::InvalidDpopProof {
                Fault::Token(Some(error))
            } else {
                error.into()
            }
        })?;
    }
    Ok(proof)
}

/// The scheme of the `Authorization` header; none when there is no single one.
fn scheme(headers: &HeaderMap) -> &str {
    let header = authorization(headers).ok().flatten().unwrap_or_default();
    header.split(' ').next().unwrap_or_default()
}

/// The token from the header, or from a form body (RFC 6750 §2.1, §2.2), never from the URL.
async fn token(request: Request) -> Result<String, Fault> {
    let header = authorization(request.headers()).map_err(|error| {
        // Nobody authenticates as a client here.
        let error = OAuthError { code: ErrorCode::InvalidRequest, ..error };
        Fault::Token(Some(error))
    })?;
    let is_ours =
        |scheme: &str| scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop");
    let from_header = match header.map(|header| header.split_once(' ')) {
        None => None,
        Some(Some((scheme, token))) if is_ours(scheme) => Some(token.trim().to_owned()),
        Some(_) => return Err(Fault::Token(None)),
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
            Err(Fault::token(ErrorCode::InvalidRequest, why))
        }
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err(Fault::Token(None)),
    }
}

/// RFC 6750 §3, RFC 9449 §7.1: the scheme that was tried carries the error; a 401 names the other.
fn challenge(app: &App, error: Option<&OAuthError>, dpop: bool) -> Response {
    let keys = app.keys.load();
    let rules: &SenderRules = &keys.sender_rules;
    let status = match error.map(|error| error.code) {
        Some(ErrorCode::InvalidRequest) => StatusCode::BAD_REQUEST,
        Some(ErrorCode::InsufficientScope) => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    };
    let mut parameters = Vec::new();
    let mut body = json!({});
    if let Some(error) = error {
        let code = error.code.as_str();
        parameters.push(format!("error=\"{code}\""));
        parameters.push(format!("error_description=\"{}\"", error.description));
        if error.code == ErrorCode::InsufficientScope {
            parameters.push("scope=\"openid\"".to_owned());
        }
        body = json!({"error": code, "error_description": error.description});
    }
    let algorithms: Vec<_> = rules.dpop.algorithm_names().collect();
    let algorithms = format!("algs=\"{}\"", algorithms.join(" "));
    let (mut tried, mut other) = ("Bearer".to_owned(), format!("DPoP {algorithms}"));
    if dpop {
        (tried, other) = ("DPoP".to_owned(), "Bearer".to_owned());
        parameters.push(algorithms);
    }
    if !parameters.is_empty() {
        tried = format!("{tried} {}", parameters.join(", "));
    }
    let mut response = json_answer(status, &body);
    let headers = response.headers_mut();
    let others = (status == StatusCode::UNAUTHORIZED).then_some(other);
    for text in [tried].into_iter().chain(others) {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
    if error.is_some_and(|error| error.code == ErrorCode::UseDpopNonce)
        && let Some(nonce) = rules.dpop.nonce(process::now())
    {
        hand_out_nonce(headers, &nonce);
    }
    allow_any_origin(headers);
    response
}

#[cfg(test)]
mod tests;
