//! `GET` and `POST /login`: the sign-in page.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use countersign_protocol::account::canonical_username;
use countersign_store::StoreError;

use crate::app::{App, Shared};
use crate::oauth::authorize::{Asked, Unanswerable};
use crate::sign_in::{self, Attempt};
use crate::web::client_ip::{self, Peer};
use crate::web::form::{self, Form};
use crate::web::oauth_error::ErrorAnswer;
use crate::web::page::{PageError, page, see_other};
use crate::web::{csrf, headers as web_headers, sign_in_mark};

/// Shows the form.
pub(crate) async fn get(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = form::page_query(query.as_deref());
    let target = safe_target(params.get("continue"));
    show(&shared.app, &headers, &target, "", None, StatusCode::OK).await
}

/// Checks the password, begins a session, and goes on to where the person came from.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let Ok(Form(params)) = form else { return PageError::forged().show(&app.site) };
    let target = safe_target(params.get("continue"));
    if csrf::check(&app.site, &headers, params.get("csrf")).is_err() {
        // Another tab may have signed in meanwhile: then the form is stale, and not needed.
        return match sign_in::current(app, &headers).await {
            Ok(Some(_)) if csrf::is_same_origin(&app.site, &headers) == Some(true) => {
                see_other(&target)
            }
            _ => PageError::forged().show(&app.site),
        };
    }
    let address = client_ip::find(peer, &headers, &app.trusted_proxies);
    let username = params.get("username").unwrap_or_default();
    let password = params.get("password").unwrap_or_default().to_owned();
    let signed_in = async {
        Ok::<_, StoreError>(match sign_in::attempt(app, username, password, address).await? {
            Attempt::Good(account) => {
                let begun = sign_in::begin_session(app, &account, &headers).await?;
                begun.ok_or((Failure::Wrong, StatusCode::UNAUTHORIZED))
            }
            Attempt::Wrong => Err((Failure::Wrong, StatusCode::UNAUTHORIZED)),
            Attempt::Wait(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err((Failure::Wait(seconds), StatusCode::TOO_MANY_REQUESTS))
            }
            Attempt::Busy => Err((Failure::Busy, StatusCode::SERVICE_UNAVAILABLE)),
        })
    };
    match signed_in.await {
        Ok(Ok(begun)) => {
            let mut response =
                see_other(&sign_in_mark::put(&app.site, &begun.secret_hash, &target));
            response.headers_mut().append(header::SET_COOKIE, begun.cookie);
            response
        }
        Ok(Err((failure, status))) => {
            show(app, &headers, &target, username, Some(failure), status).await
        }
        Err(error) => PageError::from(error).show(&app.site),
    }
}

enum Failure {
    Wrong,
    Wait(u64),
    Busy,
}

async fn show(
    app: &Arc<App>,
    headers: &HeaderMap,
    target: &str,
    username: &str,
    failure: Option<Failure>,
    status: StatusCode,
) -> Response {
    let Target { client_name, form_target, login_hint } = describe_target(app, target).await;
    let username = if failure.is_none() { &*login_hint } else { username };
    let form = csrf::issue(&app.site, headers);
    let retry_after_s = match &failure {
        Some(Failure::Wait(seconds)) => Some(*seconds),
        _ => None,
    };
    let error = match &failure {
        Some(Failure::Wrong) => Some("The user name or the password is wrong."),
        Some(Failure::Busy) => Some("Too many people are signing in. Try again in a moment."),
        Some(Failure::Wait(_)) => Some("There were too many failed attempts."),
        None => None,
    };
    let template = LoginPage {
        csrf: &form.token,
        continue_to: target,
        client_name: client_name.as_deref(),
        username,
        error,
        retry_after_s,
        hint: app.sign_in_hint.as_deref(),
    };
    let mut response = page(&app.site, status, &template, form_target.as_deref(), Some(&form));
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What is known of the page that comes next.
#[derive(Default)]
struct Target {
    /// The application behind it.
    client_name: Option<String>,
    /// Where the chain of redirects may end.
    form_target: Option<String>,
    /// The user name that the application expects (OpenID Connect Core §3.1.2.1).
    login_hint: String,
}

async fn describe_target(app: &App, target: &str) -> Target {
    let query = target.split_once('?').map(|(_, query)| query.as_bytes()).unwrap_or_default();
    let (client, redirect_uri, login_hint) = match Asked::read(app, query).await {
        Ok(asked) => {
            let hint = asked.request.login_hint.as_deref().and_then(canonical_username);
            (asked.client.clone(), asked.redirect_uri().to_owned(), hint.unwrap_or_default())
        }
        Err(Unanswerable::Client { client, address, .. }) => {
            (client, address.redirect_uri, String::new())
        }
        Err(Unanswerable::Page(_)) => return Target::default(),
    };
    let name = client.client_name.clone().unwrap_or_else(|| client.client_id.clone());
    Target {
        client_name: Some(name),
        form_target: web_headers::csp_source(&redirect_uri),
        login_hint,
    }
}

/// Where to go after signing in: a page of this server that may follow, never another site.
fn safe_target(target: Option<&str>) -> String {
    let pages = ["/authorize?", "/consent?", "/account", "/device"];
    let known = |target: &&str| {
        pages.iter().any(|page| target.starts_with(page))
            && target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    };
    target.filter(known).unwrap_or("/account").to_owned()
}

/// Asks for user name and password; the form goes to `POST /login`.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// Where to go after signing in, sent back in the field `continue`. The handler must check
    /// it again when it comes back.
    pub(crate) continue_to: &'a str,
    /// The application that sent the person here, if one did.
    pub(crate) client_name: Option<&'a str>,
    /// What was typed before, so that a mistyped password does not cost the user name too.
    pub(crate) username: &'a str,
    /// Why the last attempt failed. The same words for an unknown user and a wrong password.
    pub(crate) error: Option<&'a str>,
    /// Seconds until the next attempt is allowed, when attempts are being slowed down.
    pub(crate) retry_after_s: Option<u64>,
    /// A remark below the form, such as the demo password of a development server.
    pub(crate) hint: Option<&'a str>,
}

impl LoginPage<'_> {
    fn failed(&self) -> bool {
        self.error.is_some() || self.retry_after_s.is_some()
    }

    /// The waiting time in words, rounded up so that nobody is told to come back too early.
    fn wait(&self) -> Option<String> {
        let (count, unit) = match self.retry_after_s? {
            seconds @ 0..=90 => (seconds.max(1), "second"),
            seconds @ 91..=5_400 => (seconds.div_ceil(60), "minute"),
            seconds => (seconds.div_ceil(3_600), "hour"),
        };
        let plural = if count == 1 { "" } else { "s" };
        Some(format!("{count} {unit}{plural}"))
    }
}

#[cfg(test)]
mod tests {
    use super::safe_target;

    #[test]
    fn only_pages_of_this_server_follow_a_sign_in() {
        assert_eq!(safe_target(Some("/authorize?client_id=a")), "/authorize?client_id=a");
        for bad in ["https://evil.example", "//evil.example", "/\\evil.example", "/account\n", ""] {
            assert_eq!(safe_target(Some(bad)), "/account", "{bad:?}");
        }
        assert_eq!(safe_target(None), "/account");
    }
}
