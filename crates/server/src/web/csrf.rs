//! Cross-site request forgery: a form that changes something must come from our own page.
//!
//! Two checks, both needed. Fetch Metadata (with `Origin` where a browser is too old for it) says
//! where the request was made; `same-site` is refused too, since a sibling domain is not us. The
//! synchronizer token shows that the page was made for this browser.

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use countersign_jose::base64url;
use countersign_protocol::random;

use super::cookies::{self, Cookie};
use crate::app::App;
use crate::process::SystemRandom;

/// The key of the synchronizer tokens.
#[derive(Debug)]
pub(crate) struct CsrfKey(hmac::Key);

/// The request does not come from a page that this server made for this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

impl CsrfKey {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

/// What a page needs for its forms: the token, and the cookie to set if the browser has none yet.
#[derive(Debug)]
pub(crate) struct FormToken {
    /// The value of the hidden field `csrf`.
    pub(crate) token: String,
    /// A visit cookie to set.
    pub(crate) new_visit: Option<String>,
}

/// The token for the forms of a page.
pub(crate) fn issue(app: &App, headers: &HeaderMap) -> FormToken {
    match binding(app, headers) {
        Some(binding) => FormToken { token: token_for(app, &binding), new_visit: None },
        None => {
            let visit = random::secret(&SystemRandom);
            FormToken { token: token_for(app, &visit), new_visit: Some(visit) }
        }
    }
}

/// Checks a request that changes something.
///
/// # Errors
/// [`Forged`], without saying which check failed.
pub(crate) fn check(app: &App, headers: &HeaderMap, token: Option<&str>) -> Result<(), Forged> {
    if !is_same_origin(app, headers).unwrap_or(true) {
        return Err(Forged);
    }
    let binding = binding(app, headers).ok_or(Forged)?;
    let given = token.and_then(|token| base64url::decode(token.as_bytes()).ok()).ok_or(Forged)?;
    let key = &app.csrf_key.0;
    hmac::verify(key, binding.as_bytes(), &given).map_err(|_| Forged)
}

/// Whether a browser says that the request was made by a page of this origin; `None` when it
/// says nothing, as programs do that are not browsers.
pub(crate) fn is_same_origin(app: &App, headers: &HeaderMap) -> Option<bool> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return Some(site == "same-origin");
    }
    headers.get(header::ORIGIN).map(|origin| *origin == *app.origin())
}

/// Forms are bound to the session if there is one, else to the visit.
fn binding(app: &App, headers: &HeaderMap) -> Option<String> {
    cookies::read(app, headers, Cookie::Session)
        .or_else(|| cookies::read(app, headers, Cookie::Visit))
}

fn token_for(app: &App, binding: &str) -> String {
    base64url::encode(hmac::sign(&app.csrf_key.0, binding.as_bytes()).as_ref())
}
