//! `GET /account` and its forms: people see and take back what they allowed.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use countersign_protocol::Timestamp;
use countersign_protocol::grant::{EndReason, Grant, GrantId};
use countersign_store::{GrantSelector, StoreError};

use crate::app::{App, Shared};
use crate::process;
use crate::sign_in::{self, SignedIn};
use crate::web::cookies::{self, Cookie};
use crate::web::csrf;
use crate::web::form::{self, Form};
use crate::web::oauth_error::ErrorAnswer;
use crate::web::page::{PageError, page, see_other};

/// The most grants that are listed.
const GRANTS_SHOWN: usize = 200;

/// Shows the page, or the sign-in page first.
pub(crate) async fn get(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let app = &shared.app;
    let params = form::page_query(query.as_deref());
    let notice = match params.get("done") {
        Some("revoked") => Some("The access was revoked."),
        Some("forgotten") => Some("You will be asked again."),
        Some("ended") => Some("That session was signed out."),
        _ => None,
    };
    let shown = match sign_in::current(app, &headers).await {
        Ok(Some(signed_in)) => show(app, &headers, &signed_in, notice).await,
        Ok(None) => Ok(see_other("/login?continue=%2Faccount")),
        Err(error) => Err(error),
    };
    shown.unwrap_or_else(|error| PageError::from(error).show(&app.site))
}

/// `POST /account/grants/revoke`: ends one grant of the person who is signed in.
pub(crate) async fn revoke_grant(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let (signed_in, Form(fields)) = match checked(app, &headers, form).await {
        Ok(checked) => checked,
        Err(response) => return *response,
    };
    let id = fields.get("grant_id").and_then(|id| id.parse::<GrantId>().ok());
    let ended = async {
        let Some(id) = id else { return Ok(()) };
        let grant = app.store().grant(id).await?;
        if grant.is_some_and(|grant| grant.subject == signed_in.account.subject) {
            let moment = app.moment();
            let selector = GrantSelector::One(id);
            let ended = app.store().end_grants(selector, EndReason::UserRevoked, moment).await?;
            app.deny(&ended);
        }
        Ok::<_, StoreError>(())
    };
    match ended.await {
        Ok(()) => see_other("/account?done=revoked"),
        Err(error) => PageError::from(error).show(&app.site),
    }
}

/// `POST /account/consents/forget`: the person is asked again before an application gets access.
pub(crate) async fn forget_consent(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let (signed_in, Form(fields)) = match checked(app, &headers, form).await {
        Ok(checked) => checked,
        Err(response) => return *response,
    };
    let client_id = fields.get("client_id").unwrap_or_default();
    match app.store().forget_consent(&signed_in.account.subject, client_id).await {
        Ok(()) => see_other("/account?done=forgotten"),
        Err(error) => PageError::from(error).show(&app.site),
    }
}

/// `POST /account/sessions/end`: signs the person out of one browser, with all that hangs on it.
pub(crate) async fn end_session(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let (signed_in, Form(fields)) = match checked(app, &headers, form).await {
        Ok(checked) => checked,
        Err(response) => return *response,
    };
    let id = fields.get("session_id").unwrap_or_default();
    let ended = async {
        let sessions = app.store().sessions_of(&signed_in.account.subject).await?;
        if let Some(session) = sessions.into_iter().find(|session| session.id == id) {
            let ended = app.store().sign_out(session.secret_hash, app.moment()).await?;
            app.deny(&ended);
        }
        Ok::<_, StoreError>(())
    };
    match ended.await {
        Ok(()) => see_other("/account?done=ended"),
        Err(error) => PageError::from(error).show(&app.site),
    }
}

/// `POST /account/sign-out-everywhere`: ends every session and every grant of the person.
pub(crate) async fn sign_out_everywhere(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &shared.app;
    let (signed_in, _) = match checked(app, &headers, form).await {
        Ok(checked) => checked,
        Err(response) => return *response,
    };
    match end_everything(app, &signed_in.account.subject).await {
        Ok(()) => {
            let mut response = see_other("/login");
            let cookie = cookies::remove(&app.site, Cookie::Session);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(error) => PageError::from(error).show(&app.site),
    }
}

/// Ends every session and every grant of a person, here and at every verifier.
pub(crate) async fn end_everything(app: &App, subject: &str) -> Result<(), StoreError> {
    let moment = app.moment();
    let ended = app.store().end_everything_of(subject, EndReason::SignedOut, moment).await?;
    app.deny(&ended);
    Ok(())
}

/// A form of this page, from this page, by someone who is signed in.
async fn checked(
    app: &Arc<App>,
    headers: &HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Result<(SignedIn, Form), Box<Response>> {
    let form = form.map_err(|_| PageError::forged().show(&app.site))?;
    if csrf::check(&app.site, headers, form.0.get("csrf")).is_err() {
        return Err(PageError::forged().show(&app.site).into());
    }
    match sign_in::current(app, headers).await {
        Ok(Some(signed_in)) => Ok((signed_in, form)),
        Ok(None) => Err(see_other("/login?continue=%2Faccount").into()),
        Err(error) => Err(PageError::from(error).show(&app.site).into()),
    }
}

async fn show(
    app: &App,
    headers: &HeaderMap,
    signed_in: &SignedIn,
    notice: Option<&str>,
) -> Result<Response, StoreError> {
    let now = process::now();
    let SignedIn { session, account } = signed_in;
    let selector = GrantSelector::Subject(account.subject.clone());
    let mut grants = Vec::new();
    for grant in app.store().grants(selector, GRANTS_SHOWN).await? {
        if grant.is_live(now) {
            grants.push(grant_line(app, &grant, now).await?);
        }
    }
    let mut sessions: Vec<_> = app.store().sessions_of(&account.subject).await?;
    sessions.retain(|other| other.is_live(&app.lifetimes, now));
    sessions.sort_by_key(|other| other.id != session.id);
    let sessions = sessions.iter().map(|other| SessionLine {
        id: other.id.clone(),
        current: other.id == session.id,
        started: ago(other.auth_time, now),
        last_seen: ago(other.last_seen_at, now),
        device: device(&other.user_agent),
    });
    let mut consents = Vec::new();
    for (client_id, consent) in app.store().consents(&account.subject).await? {
        consents.push(ConsentLine {
            client_name: client_name(app, &client_id).await?,
            client_id,
            scope: consent.scope.iter().map(str::to_owned).chain(consent.claims.clone()).collect(),
        });
    }
    let form = csrf::issue(&app.site, headers);
    let template = AccountPage {
        csrf: &form.token,
        username: &account.username,
        display_name: account.claims.get("name").and_then(|name| name.as_str()),
        grants,
        consents,
        sessions: sessions.collect(),
        notice,
    };
    Ok(page(&app.site, StatusCode::OK, &template, None, Some(&form)))
}

async fn grant_line(app: &App, grant: &Grant, now: Timestamp) -> Result<GrantLine, StoreError> {
    Ok(GrantLine {
        id: grant.id.to_string(),
        client_name: client_name(app, &grant.client_id).await?,
        scope: agreed_to(grant).map(str::to_owned).collect(),
        created: ago(grant.created_at, now),
        last_used: (grant.generation > 1).then(|| ago(grant.rotated_at, now)),
    })
}

/// The words of what was agreed to: scopes, single claims, and the types of spelled-out access.
fn agreed_to(grant: &Grant) -> impl Iterator<Item = &str> {
    let details = &grant.details;
    let single = details.claims.names().into_iter();
    grant.scope.iter().chain(single).chain(details.authorization_details.types())
}

/// What a client calls itself, or else its id.
async fn client_name(app: &App, client_id: &str) -> Result<String, StoreError> {
    let client = app.known_client(client_id).await?;
    let name = client.and_then(|client| client.client_name.clone());
    Ok(name.unwrap_or_else(|| client_id.to_owned()))
}

/// A time in the past, in words.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let elapsed = now.since(then);
    let (count, unit) = match elapsed.as_secs() {
        0..60 => return "just now".to_owned(),
        seconds @ 60..3_600 => (seconds / 60, "minute"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hour"),
        seconds => (seconds / Duration::from_secs(86_400).as_secs(), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// The browser and the system in a few words, from what the browser says of itself.
fn device(user_agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

/// Lists applications with access, remembered answers and sign-in sessions. Its forms go to
/// `POST /account/grants/revoke` (field `grant_id`), `POST /account/consents/forget` (field
/// `client_id`), `POST /account/sessions/end` (field `session_id`),
/// `POST /account/sign-out-everywhere` and `POST /logout`.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    /// Synchronizer token, sent back in the field `csrf` of every form.
    pub(crate) csrf: &'a str,
    /// The name used to sign in.
    pub(crate) username: &'a str,
    /// The name for the heading; without one the user name stands there.
    pub(crate) display_name: Option<&'a str>,
    /// What has been allowed and not taken back, newest first.
    pub(crate) grants: Vec<GrantLine>,
    /// What the person is not asked about again.
    pub(crate) consents: Vec<ConsentLine>,
    /// The person's live sessions, the current one first.
    pub(crate) sessions: Vec<SessionLine>,
    /// What the last action did, such as "The access of Demo was revoked."
    pub(crate) notice: Option<&'a str>,
}

/// One application with access.
#[derive(Debug)]
pub(crate) struct GrantLine {
    /// The grant id, sent back in the field `grant_id`.
    pub(crate) id: String,
    /// What the application calls itself.
    pub(crate) client_name: String,
    /// The scopes that were allowed.
    pub(crate) scope: Vec<String>,
    /// When it was allowed, as finished text.
    pub(crate) created: String,
    /// When a token of it was last renewed, as finished text.
    pub(crate) last_used: Option<String>,
}

/// One remembered answer.
#[derive(Debug)]
pub(crate) struct ConsentLine {
    /// The client, sent back in the field `client_id`.
    pub(crate) client_id: String,
    /// What the application calls itself.
    pub(crate) client_name: String,
    /// The scopes that were allowed.
    pub(crate) scope: Vec<String>,
}

/// One sign-in session.
#[derive(Debug)]
pub(crate) struct SessionLine {
    /// The session's public id. Never the value of its cookie: it stands in the page.
    pub(crate) id: String,
    /// Whether this is the session that asks for the page.
    pub(crate) current: bool,
    /// When it began, as finished text.
    pub(crate) started: String,
    /// When it was last used, as finished text.
    pub(crate) last_seen: String,
    /// The browser and system, as far as they are known.
    pub(crate) device: String,
}

#[cfg(test)]
mod tests {
    use countersign_store::NewGrant;

    use super::*;
    use crate::fixture::{Fixture, PASSWORD, session_of};

    /// Each way that a person ends grants: here at once, and in the order for every verifier.
    #[tokio::test]
    async fn whatever_a_person_ends_is_refused_and_published() {
        for (path, field) in [
            ("/account/grants/revoke", "grant_id"),
            ("/account/sign-out-everywhere", ""),
            ("/logout", "everywhere"),
        ] {
            let site = Fixture::open().await;
            let alice = site.alice().await;
            let grant = site.grant(&alice.subject);
            let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
            site.app.store().begin_grant(new).await.unwrap();
            let login = [("username", "alice"), ("password", PASSWORD)];
            let session = session_of(&site.submit("/login", "", &login).await);
            let id = grant.id.to_string();
            let value = if field == "grant_id" { &id } else { "true" };
            let form = [(field, value)];
            let form = if field.is_empty() { &[] } else { &form[..] };
            let response = site.submit(path, &session, form).await;
            assert!(response.status().as_u16() < 400, "{path}: {}", response.status());
            let events = site.app.store().revocations_after(0, 10).await.unwrap().unwrap();
            let told: Vec<_> = events.iter().map(|event| &*event.id).collect();
            assert_eq!(told, [&*id], "{path}");
            let claims = countersign_jose::AccessToken {
                grant_id: Some(id.clone()),
                ..countersign_jose::AccessToken::default()
            };
            assert!(site.app.denied.is_revoked((&claims).into(), process::now()), "{path}");
        }
    }

    #[test]
    fn past_times_are_told_in_words() {
        let then = Timestamp::from_secs(1_000);
        let after = |seconds| ago(then, then.plus(Duration::from_secs(seconds)));
        assert_eq!(after(59), "just now");
        assert_eq!((after(60), after(7_200)), ("1 minute ago".into(), "2 hours ago".into()));
        assert_eq!(after(86_400 * 3), "3 days ago");
    }

    #[test]
    fn browsers_are_told_apart_by_what_only_they_say() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36";
        assert_eq!(device(chrome), "Chrome on Linux");
        assert_eq!(device("curl/8.5.0"), "curl");
        assert_eq!(device(""), "Unknown browser");
    }
}
