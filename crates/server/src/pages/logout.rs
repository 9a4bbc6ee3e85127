//! `GET` and `POST /logout` (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign_jose::IdTokenHint;
use countersign_protocol::client::Client;
use countersign_protocol::logout::front_channel_url;
use countersign_protocol::session::Session;
use countersign_protocol::wire::logout::LogoutRequest;
use countersign_protocol::wire::params::Params;
use countersign_store::StoreError;

use super::account::end_everything;
use crate::app::{App, Shared};
use crate::process;
use crate::sign_in::{self, SignedIn};
use crate::web::cookies::{self, Cookie};
use crate::web::csrf;
use crate::web::form::{self, Form};
use crate::web::headers as web_headers;
use crate::web::oauth_error::ErrorAnswer;
use crate::web::page::{PageError, framing_page, page, see_other};

/// Asks the person. A client that shows an id token of this very session is believed.
pub(crate) async fn get(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let app = &shared.app;
    let params = form::page_query(query.as_deref());
    ask_or_carry_out(app, &headers, &params).await
}

/// Carries out what the person confirmed, or what a client asks for by POST.
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let Form(fields) = match form {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    if fields.get("csrf").is_none() && csrf::is_same_origin(&app.site, &headers) != Some(true) {
        // A client on another site asks by POST: the person is asked, as with GET.
        return ask_or_carry_out(app, &headers, &fields).await;
    }
    if fields.get("csrf").is_some() && csrf::check(&app.site, &headers, fields.get("csrf")).is_err()
    {
        return PageError::forged().show(&app.site);
    }
    // The page carries the client's request in a field; a script of our own origin sends it plain.
    let inner = fields.get("request").map(|query| Params::parse(query.as_bytes()));
    let request =
        LogoutRequest::parse(inner.as_ref().and_then(|p| p.as_ref().ok()).unwrap_or(&fields));
    let everywhere = LogoutRequest::parse(&fields).everywhere;
    let done = sign_out(app, &headers, &LogoutRequest { everywhere, ..request }).await;
    let wants_json = headers.get(header::ACCEPT).is_some_and(|kind| kind == "application/json");
    match done {
        Ok(mut response) => {
            if wants_json {
                *response.status_mut() = StatusCode::NO_CONTENT;
                *response.body_mut() = axum::body::Body::empty();
                response.headers_mut().remove(header::LOCATION);
            }
            response
        }
        Err(error) => PageError::from(error).show(&app.site),
    }
}

async fn ask_or_carry_out(app: &Arc<App>, headers: &HeaderMap, params: &Params) -> Response {
    let request = LogoutRequest { everywhere: false, ..LogoutRequest::parse(params) };
    let result = async {
        let signed_in = sign_in::current(app, headers).await?;
        let own = match &signed_in {
            Some(signed_in) => is_of_session(app, &request, &signed_in.session).await?,
            None => false,
        };
        let client = client_of(app, &request).await?;
        let back = return_url(client.as_deref(), &request);
        // Where the address to go on to is wrong, so may be the rest: the person decides.
        let sound = request.post_logout_redirect_uri.is_none() || back.is_some();
        if signed_in.is_none() || (own && sound) {
            return sign_out(app, headers, &request).await;
        }
        let form = csrf::issue(&app.site, headers);
        let template = LogoutPage {
            csrf: &form.token,
            client_name: client.as_ref().and_then(|client| client.client_name.as_deref()),
            request: &params.to_query(&["everywhere"]),
        };
        let form_target = back.as_deref().and_then(web_headers::csp_source);
        Ok(page(&app.site, StatusCode::OK, &template, form_target.as_deref(), Some(&form)))
    };
    result.await.unwrap_or_else(|error: StoreError| PageError::from(error).show(&app.site))
}

/// Ends the session and what hangs on it, and leads back to the client if that is registered.
async fn sign_out(
    app: &App,
    headers: &HeaderMap,
    request: &LogoutRequest,
) -> Result<Response, StoreError> {
    let signed_in = sign_in::current(app, headers).await?;
    let client = client_of(app, request).await?;
    let frames = match &signed_in {
        Some(signed_in) => frames(app, &signed_in.session.id).await?,
        None => Vec::new(),
    };
    match &signed_in {
        Some(SignedIn { account, .. }) if request.everywhere => {
            end_everything(app, &account.subject).await?;
        }
        Some(SignedIn { session, .. }) => {
            let moment = app.moment();
            let ended = app.store().sign_out(session.secret_hash, moment).await?;
            app.deny(&ended);
        }
        None => {}
    }
    let mut response = match return_url(client.as_deref(), request) {
        Some(url) if frames.is_empty() => see_other(&url),
        url => {
            let client_name = client.as_ref().and_then(|client| client.client_name.as_deref());
            let continue_to = url.as_deref();
            let template = SignedOutPage { client_name, continue_to, frames: &frames };
            if frames.is_empty() {
                page(&app.site, StatusCode::OK, &template, None, None)
            } else {
                framing_page(&app.site, &template, &frames)
            }
        }
    };
    let cookie = cookies::remove(&app.site, Cookie::Session);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// What the browser opens to sign the person out of the clients of a session
/// (OpenID Connect Front-Channel Logout 1.0 §3).
async fn frames(app: &App, session_id: &str) -> Result<Vec<String>, StoreError> {
    let mut frames = Vec::new();
    for client_id in app.store().session_followers(session_id).await? {
        let client = app.client(&client_id).await?;
        let Some(client) = client else { continue };
        let keys = app.keys.load();
        let session_id = keys.subjects.session(&client, session_id);
        frames.extend(front_channel_url(&client, &app.issuer, &session_id));
    }
    Ok(frames)
}

async fn hinted(app: &App, request: &LogoutRequest) -> Result<Option<IdTokenHint>, StoreError> {
    match &request.id_token_hint {
        Some(hint) => app.read_id_token_hint(hint, process::now()).await,
        None => Ok(None),
    }
}

/// Whether the hint is ours and was issued in this session, whatever its client knows it by.
async fn is_of_session(
    app: &App,
    request: &LogoutRequest,
    session: &Session,
) -> Result<bool, StoreError> {
    let Some(hint) = hinted(app, request).await? else { return Ok(false) };
    let made_for = hint.audience.first().map(String::as_str).unwrap_or_default();
    let Some(client) = app.client(made_for).await? else { return Ok(false) };
    let keys = app.keys.load();
    Ok(hint.session_id.is_some_and(|id| id == keys.subjects.session(&client, &session.id)))
}

/// The client that asks: the one that the hint was issued to, which `client_id` may not
/// contradict.
async fn client_of(app: &App, request: &LogoutRequest) -> Result<Option<Arc<Client>>, StoreError> {
    let hinted = hinted(app, request).await?;
    let hinted = hinted.and_then(|token| token.audience.into_iter().next());
    match (hinted, &request.client_id) {
        (Some(hinted), Some(said)) if hinted != *said => Ok(None),
        (Some(id), _) => app.client(&id).await,
        (None, Some(id)) => app.client(id).await,
        (None, None) => Ok(None),
    }
}

/// Where the client wants the browser to go, if that is registered for it.
fn return_url(client: Option<&Client>, request: &LogoutRequest) -> Option<String> {
    let wanted = request.post_logout_redirect_uri.as_ref()?;
    client?.post_logout_redirect_uris.contains(wanted).then(|| request.return_url())?
}

/// Asks before signing out, since a link from another site must not do it alone (login and
/// logout CSRF; OpenID Connect RP-Initiated Logout 1.0, section 2). The form goes to
/// `POST /logout`, with `everywhere=true` from its second button.
#[derive(Debug, Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// The application that asks to sign the person out, if one does.
    pub(crate) client_name: Option<&'a str>,
    /// The logout request as a query string, sent back in the field `request`.
    pub(crate) request: &'a str,
}

/// Says that the person is signed out.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    /// The application to go back to, if one asked.
    pub(crate) client_name: Option<&'a str>,
    /// Where the browser goes on to when the frames have had their time.
    pub(crate) continue_to: Option<&'a str>,
    /// What is opened in frames, to sign the person out there too.
    pub(crate) frames: &'a [String],
}
