//! `GET` and `POST /authorize` (OAuth 2.1 §4.1.1, OpenID Connect Core §3.1.2), and what follows
//! once the user has signed in and agreed.

mod person;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use countersign_protocol::client::Client;
use countersign_protocol::grant::{Grant, GrantId, PendingCode, Sender};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::wire::authorize::{AuthorizationRequest, ReturnAddress};
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::{NewGrant, StoreError};

use crate::app::{App, Shared};
use crate::process::{self, SystemRandom};
use crate::sign_in::{self, SignedIn};
use crate::web::form;
use crate::web::page::{PageError, see_other};
use crate::web::site::Site;

/// OpenID Connect Core §3.1.2.1, §5.5.1: never an answer about somebody else.
const ANOTHER_PERSON: &str = "the request is about another person than the one who is signed in";

/// Sends the browser on: to sign in, to agree, or back to the client with a code.
pub(crate) async fn any(State(shared): State<Shared>, request: Request) -> Response {
    let headers = request.headers().clone();
    let app = &*shared.app;
    let encoded = if request.method() == Method::POST {
        match form::body(request).await {
            Ok(body) => body,
            Err(error) => return error.into_response(),
        }
    } else {
        match form::query(request.uri().query()) {
            Ok(query) => Bytes::copy_from_slice(query),
            Err(error) => return invalid(&error).show(&app.site),
        }
    };
    let (asked, params) = match Asked::read(app, &encoded).await {
        Ok(read) => read,
        Err(answer) => return answer.show(&app.site),
    };
    match asked.next_step(app, &params, &headers).await {
        Ok(response) => response,
        Err(error) => PageError::from(error).show(&app.site),
    }
}

/// A request that can be answered to its client.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: Arc<Client>,
    pub(crate) request: AuthorizationRequest,
    address: ReturnAddress,
}

/// Why there is nothing to go on with.
#[derive(Debug)]
pub(crate) enum Unanswerable {
    /// Shown to the person: there is no address that can be trusted.
    Page(PageError),
    /// Sent back to the client.
    Client(String),
}

impl Unanswerable {
    pub(crate) fn show(self, site: &Site) -> Response {
        match self {
            Self::Page(error) => error.show(site),
            Self::Client(url) => see_other(&url),
        }
    }
}

impl Asked {
    /// Checks everything about a request that needs no user. Answers its parameters as well,
    /// for the pages that carry the request on.
    pub(crate) async fn read(app: &App, encoded: &[u8]) -> Result<(Self, Params), Unanswerable> {
        let (params, fault) = Params::parse_sound(encoded);
        let page = |error: &OAuthError| Unanswerable::Page(invalid(error));
        let client_id = params.require("client_id").map_err(|error| page(&error))?;
        let found = app.client(client_id).await;
        let client = found.map_err(|error| Unanswerable::Page(error.into()))?.ok_or_else(|| {
            page(&OAuthError::new(ErrorCode::InvalidRequest, "the client is not known here"))
        })?;
        let address = ReturnAddress::find(&params, &client).map_err(|error| page(&error))?;
        let request = match fault {
            Some(fault) => Err(fault),
            None => AuthorizationRequest::parse(&params, &client, &address, &app.issuer),
        };
        let request =
            request.and_then(|asked| asked.check_offer(&app.offer, &client).map(|()| asked));
        match request {
            Ok(request) => Ok((Self { client, request, address }, params)),
            Err(error) => Err(Unanswerable::Client(address.with_error(&error, &app.issuer))),
        }
    }

    /// The redirect URI, for pages that lead to it.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.address.redirect_uri
    }

    async fn next_step(
        &self,
        app: &App,
        params: &Params,
        headers: &HeaderMap,
    ) -> Result<Response, StoreError> {
        let quiet = self.request.prompt.none;
        let signed_in = sign_in::current(app, headers).await?.filter(|signed_in| {
            !self.request.needs_fresh_login(signed_in.session.auth_time, process::now())
        });
        let Some(signed_in) = signed_in else {
            return Ok(if quiet {
                self.fail(app, ErrorCode::LoginRequired, "nobody is signed in here")
            } else {
                see_other(&login_url(params, &self.client))
            });
        };
        if !person::is_meant(app, &self.request, &signed_in.account) {
            return Ok(self.fail(app, ErrorCode::LoginRequired, ANOTHER_PERSON));
        }
        if !self.needs_consent(app, &signed_in).await? {
            return self.allow(app, &signed_in, false).await;
        }
        Ok(if quiet {
            self.fail(app, ErrorCode::ConsentRequired, "the user has to be asked")
        } else {
            see_other(&format!("/consent?{}", params.to_query(&[])))
        })
    }

    /// Whether the user has to be asked. A client that another program could pose as is never
    /// waved through (RFC 8252 §8.6), and neither is access that outlives the session.
    async fn needs_consent(&self, app: &App, signed_in: &SignedIn) -> Result<bool, StoreError> {
        if self.request.prompt.consent
            || self.request.scope.contains("offline_access")
            // What is spelled out is agreed to each time: it may be a payment.
            || !self.request.authorization_details.is_empty()
            || self.client.can_be_impersonated(&self.request.redirect_uri)
        {
            return Ok(true);
        }
        let subject = &signed_in.account.subject;
        let known = app.store().consent(subject, &self.client.client_id).await?;
        let AuthorizationRequest { scope, audience, asked, .. } = &self.request;
        Ok(!known.covers(scope, audience, &asked.claims))
    }

    /// Begins the grant and sends its code to the client.
    pub(crate) async fn allow(
        &self,
        app: &App,
        signed_in: &SignedIn,
        remember: bool,
    ) -> Result<Response, StoreError> {
        if !person::is_meant(app, &self.request, &signed_in.account) {
            return Ok(self.fail(app, ErrorCode::LoginRequired, ANOTHER_PERSON));
        }
        let now = process::now();
        let expires_at = now.plus(app.lifetimes.code);
        let request = &self.request;
        let details = match request.grant_details(&app.offer) {
            Ok(details) => details,
            Err(error) => return Ok(see_other(&self.address.with_error(&error, &app.issuer))),
        };
        let grant = Grant {
            id: GrantId::new(now, &SystemRandom),
            subject: signed_in.account.subject.clone(),
            client_id: request.client_id.clone(),
            scope: request.scope.clone(),
            audience: request.audience.clone(),
            auth_time: signed_in.session.auth_time,
            amr: vec!["pwd".to_owned()],
            session_id: Some(signed_in.session.id.clone()),
            sender: Sender::Bearer,
            generation: 0,
            rotated_at: now,
            created_at: now,
            idle_expires_at: expires_at,
            expires_at,
            ended: None,
            pending: Some(PendingCode {
                redirect_uri: request.redirect_uri.clone(),
                code_challenge: request.code_challenge.clone(),
                nonce: request.nonce.clone(),
                dpop_jkt: request.dpop_jkt.clone(),
            }),
            details,
        };
        let follow_session = self.client.follows_sessions();
        let code = app.keys.load().grant_tokens.issue(Kind::Code, grant.id, 0, grant.created_at);
        app.store().begin_grant(NewGrant { grant, remember, follow_session }).await?;
        // Signing out, a new password, or taking the consent back ends the grants that are there.
        // One that came a moment later must not slip through: its code goes to nobody.
        let session = app.store().session(signed_in.session.secret_hash).await?;
        if session.is_none() || (!remember && self.needs_consent(app, signed_in).await?) {
            return Ok(self.fail(app, ErrorCode::AccessDenied, "the sign-in or consent has ended"));
        }
        Ok(see_other(&self.address.with_code(&code, &app.issuer)))
    }

    /// Sends an error to the client.
    pub(crate) fn fail(&self, app: &App, code: ErrorCode, why: &'static str) -> Response {
        let error = OAuthError::new(code, why);
        see_other(&self.address.with_error(&error, &app.issuer))
    }
}

/// The sign-in page, which comes back to the same request. `prompt=login` is fulfilled by then,
/// and so is `max_age`: measured again, a short one would ask for the password without end. The one
/// that the client has registered gives way to a longer one.
fn login_url(params: &Params, client: &Client) -> String {
    let prompt = params.get("prompt").unwrap_or_default();
    let consent =
        if prompt.split(' ').any(|word| word == "consent") { "&prompt=consent" } else { "" };
    let age = client.default_max_age.map(|_| format!("&max_age={}", u32::MAX)).unwrap_or_default();
    let back = format!("/authorize?{}{consent}{age}", params.to_query(&["prompt", "max_age"]));
    let query =
        form_urlencoded::Serializer::new(String::new()).append_pair("continue", &back).finish();
    format!("/login?{query}")
}

/// What a person sees of a request that can't be answered to its client.
fn invalid(error: &OAuthError) -> PageError {
    PageError::new(
        StatusCode::BAD_REQUEST,
        "This link does not work",
        format!(
            "The application that sent you here made a mistake: {}. Go back to it and try again; \
             if it happens again, tell the people who run it.",
            error.description
        ),
    )
}

#[cfg(test)]
mod tests;
