//! `GET` and `POST /device`: a person types in the code that a device shows, and is asked whether
//! the device may have access (RFC 8628 §3.3).
//!
//! Somebody may have started the flow on a device of their own and sent the code to the person, so
//! the person is always asked, whatever they agreed to before, and told what to look for
//! (RFC 8628 §5.4).

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use countersign_protocol::client::Client;
use countersign_protocol::device_code::{DeviceRequest, UserCode};
use countersign_protocol::grant::{EndReason, Grant, Sender};
use countersign_protocol::grant_details::GrantDetails;
use countersign_protocol::metadata_document;
use countersign_store::{DeviceAnswer, GrantSelector, StoreError};

use super::consent::ScopeLine;
use crate::app::{App, Shared};
use crate::process;
use crate::sign_in::{self, SignedIn};
use crate::sign_in_throttle::Keys;
use crate::web::client_ip::{self, Peer};
use crate::web::csrf;
use crate::web::form::{self, Form};
use crate::web::oauth_error::ErrorAnswer;
use crate::web::page::{PageError, page, see_other};

/// Shows the form, with the code in it if the link had one: the person still compares it with what
/// the device shows.
pub(crate) async fn get(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let app = &shared.app;
    let params = form::page_query(query.as_deref());
    let code = params.get("user_code").and_then(UserCode::parse);
    match sign_in::current(app, &headers).await {
        Ok(Some(signed_in)) => enter(app, &headers, &signed_in, code.as_ref(), None),
        Ok(None) => sign_in_first(code.as_ref()),
        Err(error) => PageError::from(error).show(&app.site),
    }
}

/// Looks the code up and asks; or carries the answer out.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let Ok(Form(fields)) = form else { return PageError::forged().show(&app.site) };
    if csrf::check(&app.site, &headers, fields.get("csrf")).is_err() {
        return PageError::forged().show(&app.site);
    }
    let code = fields.get("user_code").and_then(UserCode::parse);
    let answered = async {
        let Some(signed_in) = sign_in::current(app, &headers).await? else {
            return Ok(sign_in_first(code.as_ref()));
        };
        let fail = |failure| enter(app, &headers, &signed_in, code.as_ref(), Some(&failure));
        let Some(code) = &code else { return Ok(fail(Failure::Unknown)) };
        let found = match look_up(app, code, &signed_in, (peer, &headers)).await? {
            Ok(found) => found,
            Err(failure) => return Ok(fail(failure)),
        };
        match fields.get("decision") {
            Some("allow") => allow(app, &found.request, &signed_in).await,
            Some("deny") => deny(app, &found.request).await,
            _ => Ok(ask(app, &headers, &signed_in, &found)),
        }
    };
    answered.await.unwrap_or_else(|error: StoreError| PageError::from(error).show(&app.site))
}

/// A request that waits for its person, and the client that it came from.
struct Found {
    request: DeviceRequest,
    client: Arc<Client>,
}

/// Why there is none.
enum Failure {
    Unknown,
    Wait(u64),
}

/// Finds the request of a code. Who types in too many that are not known has to wait: the codes are
/// short, and somebody may try to guess one (RFC 8628 §5.1). A good one forgives nothing, since a
/// guesser can have good ones as well.
async fn look_up(
    app: &App,
    code: &UserCode,
    signed_in: &SignedIn,
    (peer, headers): (SocketAddr, &HeaderMap),
) -> Result<Result<Found, Failure>, StoreError> {
    let now = process::now();
    let address = client_ip::find(peer, headers, &app.trusted_proxies);
    let keys = Keys::new(&signed_in.account.subject, address);
    if let Err(wait) = app.code_throttle.begin(&keys, now) {
        return Ok(Err(Failure::Wait(wait.as_secs() + 1)));
    }
    let found = app.store().device(code).await?.filter(|request| request.is_waiting(now));
    let Some(request) = found else { return Ok(Err(Failure::Unknown)) };
    app.code_throttle.take_back(&keys);
    let client = app.client(&request.client_id).await?;
    Ok(client.map(|client| Found { request, client }).ok_or(Failure::Unknown))
}

/// Begins the grant, which the device comes for. It belongs to the device, so it does not end with
/// the session of the browser; signing out everywhere ends it.
async fn allow(
    app: &App,
    request: &DeviceRequest,
    signed_in: &SignedIn,
) -> Result<Response, StoreError> {
    let now = process::now();
    let grant = Grant {
        id: request.id,
        subject: signed_in.account.subject.clone(),
        client_id: request.client_id.clone(),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        auth_time: signed_in.session.auth_time,
        amr: vec!["pwd".to_owned()],
        session_id: None,
        sender: Sender::Bearer,
        generation: 0,
        rotated_at: now,
        created_at: now,
        idle_expires_at: request.expires_at,
        expires_at: request.expires_at,
        ended: None,
        pending: None,
        details: GrantDetails::default(),
    };
    let answer = DeviceAnswer::Allow(Box::new(grant));
    if !app.store().answer_device(request.user_code.clone(), answer, now).await? {
        return Ok(too_late(app));
    }
    // Signing out everywhere or a new password ends the grants that are there. One that came a
    // moment later must not slip through.
    if app.store().session(signed_in.session.secret_hash).await?.is_none() {
        let one = GrantSelector::One(request.id);
        let ended = app.store().end_grants(one, EndReason::SignedOut, app.moment()).await?;
        app.deny(&ended);
        return Ok(too_late(app));
    }
    Ok(done(app, true))
}

async fn deny(app: &App, request: &DeviceRequest) -> Result<Response, StoreError> {
    let (code, answer) = (request.user_code.clone(), DeviceAnswer::Deny(request.id));
    let in_time = app.store().answer_device(code, answer, process::now()).await?;
    Ok(if in_time { done(app, false) } else { too_late(app) })
}

fn too_late(app: &App) -> Response {
    let message = "The code has expired, or your sign-in has ended. Begin again on your device.";
    PageError::new(StatusCode::CONFLICT, "This came too late", message).show(&app.site)
}

fn sign_in_first(code: Option<&UserCode>) -> Response {
    let query = code.map(|code| format!("?user_code={code}")).unwrap_or_default();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("continue", &format!("/device{query}"))
        .finish();
    see_other(&format!("/login?{query}"))
}

fn enter(
    app: &App,
    headers: &HeaderMap,
    signed_in: &SignedIn,
    code: Option<&UserCode>,
    failure: Option<&Failure>,
) -> Response {
    let form = csrf::issue(&app.site, headers);
    let (status, error, retry_after_s) = match failure {
        None => (StatusCode::OK, None, None),
        Some(Failure::Unknown) => {
            let error = "This code is not known, or it has expired. Compare it with your device.";
            (StatusCode::BAD_REQUEST, Some(error.to_owned()), None)
        }
        Some(Failure::Wait(seconds)) => {
            let error = format!("There were too many wrong codes. Try again in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, Some(error), Some(*seconds))
        }
    };
    let template = DevicePage {
        csrf: &form.token,
        username: &signed_in.account.username,
        user_code: &code.map(ToString::to_string).unwrap_or_default(),
        error: error.as_deref(),
    };
    let mut response = page(&app.site, status, &template, None, Some(&form));
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn ask(app: &App, headers: &HeaderMap, signed_in: &SignedIn, found: &Found) -> Response {
    let form = csrf::issue(&app.site, headers);
    let Found { request, client } = found;
    let host = host_of(client);
    let template = DeviceConsentPage {
        csrf: &form.token,
        user_code: &request.user_code.to_string(),
        client_name: client.client_name.as_deref().unwrap_or(&client.client_id),
        client_host: host.as_deref(),
        unchecked: client.self_registered,
        username: &signed_in.account.username,
        scopes: request.scope.iter().map(ScopeLine::new).collect(),
        resources: request.audience.clone(),
    };
    page(&app.site, StatusCode::OK, &template, None, Some(&form))
}

/// The host that a client belongs to, as far as that is known: where the document lies that
/// describes it, or its home page as an operator declared it.
fn host_of(client: &Client) -> Option<String> {
    if client.self_registered {
        return metadata_document::host(&client.client_id);
    }
    let home = client.client_uri.as_deref()?.parse::<Uri>().ok()?;
    home.host().map(str::to_owned)
}

fn done(app: &App, allowed: bool) -> Response {
    page(&app.site, StatusCode::OK, &DeviceDonePage { allowed }, None, None)
}

/// Asks for the code that a device shows; the form goes to `POST /device`.
#[derive(Debug, Template)]
#[template(path = "device.html")]
pub(crate) struct DevicePage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// The person who is signed in.
    pub(crate) username: &'a str,
    /// What stands in the field `user_code`: from the link, or typed before.
    pub(crate) user_code: &'a str,
    /// Why the last code was not taken.
    pub(crate) error: Option<&'a str>,
}

/// Names what the device asks for; the answer goes to `POST /device` as `decision=allow` or
/// `decision=deny`.
#[derive(Debug, Template)]
#[template(path = "device_consent.html")]
pub(crate) struct DeviceConsentPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// The code, sent back in the field `user_code`.
    pub(crate) user_code: &'a str,
    /// What the application calls itself.
    pub(crate) client_name: &'a str,
    /// The host that it belongs to, where that is known.
    pub(crate) client_host: Option<&'a str>,
    /// Whether it registered itself, so that nobody has looked at what it says.
    pub(crate) unchecked: bool,
    /// The person who is signed in.
    pub(crate) username: &'a str,
    /// The scopes asked for, in words.
    pub(crate) scopes: Vec<ScopeLine>,
    /// The resources that the token would be good for.
    pub(crate) resources: Vec<String>,
}

/// Says that the person can go back to the device.
#[derive(Debug, Template)]
#[template(path = "device_done.html")]
pub(crate) struct DeviceDonePage {
    /// Whether the person has agreed.
    pub(crate) allowed: bool,
}

#[cfg(test)]
mod tests;
