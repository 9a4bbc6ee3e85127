//! `GET` and `POST /authorize` (OAuth 2.1 §4.1.1, OpenID Connect Core §3.1.2), and what follows
//! once the user has signed in and agreed.

mod answer;
mod person;
pub(in crate::oauth) mod resolve;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use countersign_protocol::account::Account;
use countersign_protocol::client::Client;
use countersign_protocol::grant::{Grant, GrantId, PendingCode, Sender};
use countersign_protocol::grant_token::Kind;
use countersign_protocol::metadata_document;
use countersign_protocol::wire::authorize::pushed::{self, PushedRequest};
use countersign_protocol::wire::authorize::{Answer, AuthorizationRequest, ReturnAddress, Source};
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::{NewGrant, StoreError};

use crate::app::{App, Shared};
use crate::process::{self, SystemRandom};
use crate::sign_in::{self, SignedIn};
use crate::web::form;
use crate::web::page::{PageError, see_other};
use crate::web::sign_in_mark;

use resolve::{Found, NotFound};

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
    let asked = match Asked::read(app, &encoded).await {
        Ok(asked) => asked,
        Err(answer) => return answer.show(app).await,
    };
    match asked.next_step(app, &headers).await {
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
    /// The query by which it is found again.
    carried: String,
    /// What says that the person has just signed in for it.
    mark: Option<String>,
    /// The pushed request that it is.
    pushed: Option<PushedRequest>,
}

/// Why there is nothing to go on with.
#[derive(Debug)]
pub(crate) enum Unanswerable {
    /// Shown to the person: there is no address that can be trusted.
    Page(PageError),
    /// Sent back to the client.
    Client { client: Arc<Client>, address: Box<ReturnAddress>, error: OAuthError },
}

impl Unanswerable {
    /// Nobody vouches for what stands outside of a request object, but an address that the client
    /// registered is good enough for an error.
    fn beside(outer: &Params, client: &Arc<Client>, error: OAuthError) -> Self {
        match ReturnAddress::find(outer, client) {
            Ok(address) => {
                Self::Client { client: Arc::clone(client), address: Box::new(address), error }
            }
            Err(_) => Self::Page(invalid(&error)),
        }
    }

    pub(crate) async fn show(self, app: &App) -> Response {
        match self {
            Self::Page(error) => error.show(&app.site),
            Self::Client { client, address, error } => {
                answer::send(app, &client, &address, address.error(&error)).await
            }
        }
    }
}

impl Asked {
    /// Checks everything about a request that needs no user. Pages carry a request on by its
    /// query, so this is done anew each time.
    pub(crate) async fn read(app: &App, encoded: &[u8]) -> Result<Self, Unanswerable> {
        let (mut outer, fault) = Params::parse_sound(encoded);
        let mark = outer.take(sign_in_mark::PARAMETER);
        let client = client_of(app, &outer).await.map_err(Unanswerable::Page)?;
        let beside = |error| Unanswerable::beside(&outer, &client, error);
        let source = Source::of(&outer).map_err(beside)?;
        source.permit(&client, app.authorization.require_pushed).map_err(beside)?;
        let found = resolve::find(app, &client, source, &outer).await;
        let Found { params, source, pushed } = found.map_err(|error| match error {
            NotFound::Refused(error) => beside(error),
            NotFound::Gone(error) => Unanswerable::Page(invalid(&error)),
            NotFound::Store(error) => Unanswerable::Page(error.into()),
        })?;
        let address = ReturnAddress::find(&params, &client)
            .map_err(|error| Unanswerable::Page(invalid(&error)))?;
        let carried = fault.map_or_else(|| source.carried(&outer, &client), Err);
        let request = carried.and_then(|carried| {
            let request = AuthorizationRequest::parse(&params, &client, &address, &app.issuer)?;
            request.check_offer(&app.offer, &client)?;
            Ok((request, carried))
        });
        match request {
            Ok((request, carried)) => Ok(Self { client, request, address, carried, mark, pushed }),
            Err(error) => Err(Unanswerable::Client { client, address: Box::new(address), error }),
        }
    }

    /// The redirect URI, for pages that lead to it.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.address.redirect_uri
    }

    /// The query that pages carry on, with the mark of a sign-in.
    pub(crate) fn query(&self) -> String {
        let mark = self.mark.as_ref().map(|mark| format!("&{}={mark}", sign_in_mark::PARAMETER));
        format!("{}{}", self.carried, mark.unwrap_or_default())
    }

    /// Whether a sign-in is fresh enough, because it is young or because it was made for this
    /// request: measured again, a short `max_age` would ask for the password without end.
    pub(crate) fn accepts(&self, app: &App, signed_in: &SignedIn) -> bool {
        let session = &signed_in.session;
        let made_for_it = |mark: &String| {
            sign_in_mark::is_good(&app.site, &session.secret_hash, &self.carried, mark)
        };
        self.mark.as_ref().is_some_and(made_for_it)
            || !self.request.needs_fresh_login(session.auth_time, process::now())
    }

    async fn next_step(&self, app: &App, headers: &HeaderMap) -> Result<Response, StoreError> {
        let quiet = self.request.prompt.none;
        let signed_in = sign_in::current(app, headers).await?;
        let Some(signed_in) = signed_in.filter(|signed_in| self.accepts(app, signed_in)) else {
            if quiet {
                return self.fail(app, ErrorCode::LoginRequired, "nobody is signed in here").await;
            }
            self.wait(app).await?;
            return Ok(see_other(&login_url(&self.carried)));
        };
        if !self.is_meant_for(app, &signed_in.account).await? {
            return self.fail(app, ErrorCode::LoginRequired, ANOTHER_PERSON).await;
        }
        if !self.needs_consent(app, &signed_in).await? {
            return self.allow(app, &signed_in, false).await;
        }
        if quiet {
            return self.fail(app, ErrorCode::ConsentRequired, "the user has to be asked").await;
        }
        self.wait(app).await?;
        Ok(see_other(&format!("/consent?{}", self.query())))
    }

    async fn is_meant_for(&self, app: &App, account: &Account) -> Result<bool, StoreError> {
        person::is_meant(app, &self.client, &self.request, account).await
    }

    /// Lets a pushed request live until its user has signed in and answered.
    async fn wait(&self, app: &App) -> Result<(), StoreError> {
        let Some(pushed) = &self.pushed else { return Ok(()) };
        let until = pushed.in_use_until(app.authorization.pushed_request());
        if pushed.expires_at < until {
            app.store().prolong_pushed_request(pushed.key, until).await?;
        }
        Ok(())
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
        if !self.is_meant_for(app, &signed_in.account).await? {
            return self.fail(app, ErrorCode::LoginRequired, ANOTHER_PERSON).await;
        }
        let now = process::now();
        let expires_at = now.plus(self.client.code_lifetime(&app.lifetimes));
        let request = &self.request;
        let details = match request.grant_details(&app.offer) {
            Ok(details) => details,
            Err(error) => return self.refuse(app, &error).await,
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
        let new = NewGrant { grant, remember, follow_session };
        let begun = match &self.pushed {
            None => app.store().begin_grant(new).await.map(|()| true)?,
            Some(pushed) => app.store().begin_grant_pushed(new, pushed.key, now).await?,
        };
        if !begun {
            return Ok(invalid(&pushed::gone()).show(&app.site));
        }
        // Signing out, a new password, or taking the consent back ends the grants that are there.
        // One that came a moment later must not slip through: its code goes to nobody.
        let session = app.store().session(signed_in.session.secret_hash).await?;
        if session.is_none() || (!remember && self.needs_consent(app, signed_in).await?) {
            let why = "the sign-in or consent has ended";
            let ended = self.address.error(&OAuthError::new(ErrorCode::AccessDenied, why));
            return Ok(self.send(app, ended).await);
        }
        Ok(self.send(app, self.address.code(&code)).await)
    }

    /// Sends an error to the client.
    pub(crate) async fn fail(
        &self,
        app: &App,
        code: ErrorCode,
        why: &'static str,
    ) -> Result<Response, StoreError> {
        self.refuse(app, &OAuthError::new(code, why)).await
    }

    /// Sends an error to the client. A pushed request is used up by it.
    async fn refuse(&self, app: &App, error: &OAuthError) -> Result<Response, StoreError> {
        if let Some(pushed) = &self.pushed
            && !app.store().take_pushed_request(pushed.key, process::now()).await?
        {
            return Ok(invalid(&pushed::gone()).show(&app.site));
        }
        Ok(self.send(app, self.address.error(error)).await)
    }

    async fn send(&self, app: &App, answer: Answer) -> Response {
        answer::send(app, &self.client, &self.address, answer).await
    }
}

/// The client that a request names.
async fn client_of(app: &App, outer: &Params) -> Result<Arc<Client>, PageError> {
    let client_id = outer.require("client_id").map_err(|error| invalid(&error))?;
    let unknown = || {
        let why = if metadata_document::is_document_id(client_id) {
            "the document that should describe the client can't be had, or is not taken here"
        } else {
            "the client is not known here"
        };
        invalid(&OAuthError::new(ErrorCode::InvalidRequest, why))
    };
    app.client(client_id).await?.ok_or_else(unknown)
}

/// The sign-in page, which comes back to the same request.
fn login_url(carried: &str) -> String {
    let back = format!("/authorize?{carried}");
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
