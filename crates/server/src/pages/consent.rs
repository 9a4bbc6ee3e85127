//! `GET` and `POST /consent`: asks whether an application may have access.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_protocol::ErrorCode;
use countersign_protocol::authorization_details::Described;
use countersign_protocol::metadata_document;
use countersign_protocol::redirect_uri;
use countersign_protocol::release::{self, KNOWN_SCOPES};

use crate::app::Shared;
use crate::oauth::authorize::Asked;
use crate::pages::logo;
use crate::sign_in;
use crate::web::form::{self, Form};
use crate::web::oauth_error::ErrorAnswer;
use crate::web::page::{PageError, page, see_other};
use crate::web::{csrf, headers as web_headers};

/// Shows what is asked for. The request is checked from the start.
pub(crate) async fn get(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let app = &*shared.app;
    let query = form::query(query.as_deref()).unwrap_or_default();
    let asked = match Asked::read(app, query).await {
        Ok(asked) => asked,
        Err(answer) => return answer.show(app).await,
    };
    let signed_in = match sign_in::current(app, &headers).await {
        Ok(Some(signed_in)) if asked.accepts(app, &signed_in) => signed_in,
        Ok(_) => return see_other(&format!("/authorize?{}", asked.query())),
        Err(error) => return PageError::from(error).show(&app.site),
    };
    let form = csrf::issue(&app.site, &headers);
    let client = &asked.client;
    let form_target = web_headers::csp_source(asked.redirect_uri());
    let host = form_target.clone().unwrap_or_default();
    let claims = release::beside_scope(&asked.request.asked.claims, &asked.request.scope);
    let claims = claims.into_iter().filter_map(ScopeLine::of_claim);
    let described_at = metadata_document::host(&client.client_id);
    let name = client.client_name.as_deref().or(described_at.as_deref());
    let template = ConsentPage {
        csrf: &form.token,
        request: &asked.query(),
        client_name: name.unwrap_or(&client.client_id),
        described_at: described_at.as_deref(),
        unchecked: client.self_registered,
        logo: client.logo_uri.as_ref().map(|_| logo::path(&client.client_id)),
        to_this_machine: redirect_uri::is_loopback(asked.redirect_uri()),
        client_host: host.split_once("://").map_or(host.as_str(), |(_, host)| host),
        username: &signed_in.account.username,
        scopes: asked.request.scope.iter().map(ScopeLine::new).chain(claims).collect(),
        details: asked.request.authorization_details.describe(),
        resources: asked.request.audience.clone(),
        policy_uri: client.policy_uri.as_deref(),
        tos_uri: client.tos_uri.as_deref(),
    };
    page(&app.site, StatusCode::OK, &template, form_target.as_deref(), Some(&form))
}

/// Carries the answer out.
pub(crate) async fn post(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Result<Form, ErrorAnswer>,
) -> Response {
    let app = &*shared.app;
    let Ok(Form(fields)) = form else { return PageError::forged().show(&app.site) };
    if csrf::check(&app.site, &headers, fields.get("csrf")).is_err() {
        return PageError::forged().show(&app.site);
    }
    let request = fields.get("request").unwrap_or_default();
    let asked = match Asked::read(app, request.as_bytes()).await {
        Ok(asked) => asked,
        Err(answer) => return answer.show(app).await,
    };
    let signed_in = sign_in::current(app, &headers).await;
    let signed_in = signed_in.map(|found| found.filter(|person| asked.accepts(app, person)));
    let answered = match (signed_in, fields.get("decision")) {
        (Ok(Some(signed_in)), Some("allow")) => asked.allow(app, &signed_in, true).await,
        (Ok(Some(_)), Some("deny")) => {
            asked.fail(app, ErrorCode::AccessDenied, "the user said no").await
        }
        (Ok(_), _) => Ok(see_other(&format!("/authorize?{}", asked.query()))),
        (Err(error), _) => Err(error),
    };
    answered.unwrap_or_else(|error| PageError::from(error).show(&app.site))
}

/// Names what an application asks for; the answer goes to `POST /consent` as `decision=allow`
/// or `decision=deny`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// The authorization request as a query string, sent back in the field `request` and
    /// checked from the start when it comes back.
    pub(crate) request: &'a str,
    /// What the application calls itself.
    pub(crate) client_name: &'a str,
    /// The host that describes the application, where a document does.
    pub(crate) described_at: Option<&'a str>,
    /// Whether the application registered itself, so that nobody has looked at what it says.
    pub(crate) unchecked: bool,
    /// Where its logo is shown from.
    pub(crate) logo: Option<String>,
    /// Whether the answer is sent to a program on the user's own machine, which may be any.
    pub(crate) to_this_machine: bool,
    /// Where the answer is sent: the host of the redirect URI. A name is a claim, this is not.
    pub(crate) client_host: &'a str,
    /// The person who is signed in.
    pub(crate) username: &'a str,
    /// The scopes and the single claims asked for, in words.
    pub(crate) scopes: Vec<ScopeLine>,
    /// Access that is spelled out (RFC 9396).
    pub(crate) details: Vec<Described>,
    /// The resources that the token would be good for.
    pub(crate) resources: Vec<String>,
    /// The application's privacy policy. Shown only when it is an `https` or `http` address.
    pub(crate) policy_uri: Option<&'a str>,
    /// The application's terms of service. Shown only when it is an `https` or `http` address.
    pub(crate) tos_uri: Option<&'a str>,
}

/// One scope or claim and what it means.
#[derive(Debug)]
pub(crate) struct ScopeLine {
    /// The name as it stands in the request.
    pub(crate) name: String,
    /// What it allows, as the end of the sentence "It would be able to …".
    pub(crate) description: String,
}

impl ScopeLine {
    pub(crate) fn new(name: &str) -> Self {
        let known = KNOWN_SCOPES.iter().find(|scope| scope.name == name);
        let description = known.map_or_else(
            || format!("use its permission {name}"),
            |scope| scope.description.to_owned(),
        );
        Self { name: name.to_owned(), description }
    }

    /// A claim that no scope of the request releases (OpenID Connect Core §5.5).
    fn of_claim(name: &str) -> Option<Self> {
        let description = format!("see {}", release::in_words(name)?);
        Some(Self { name: name.to_owned(), description })
    }
}

impl ConsentPage<'_> {
    fn policy_link(&self) -> Option<&str> {
        self.policy_uri.filter(|uri| is_web_address(uri))
    }

    fn tos_link(&self) -> Option<&str> {
        self.tos_uri.filter(|uri| is_web_address(uri))
    }
}

/// Escaping does not disarm `javascript:` in a link, so only web addresses become links.
fn is_web_address(uri: &str) -> bool {
    let has_scheme = |scheme: &str| {
        uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has_scheme("https://") || has_scheme("http://")
}
