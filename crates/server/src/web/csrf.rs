//! Cross-site request forgery: a form that changes something must come from our own page.
//!
//! Two checks, both needed. Fetch Metadata (with `Origin` where a browser is too old for it) says
//! where the request was made; `same-site` is refused too, since a sibling domain is not us. The
//! synchronizer token shows that the page was made for this browser.

use axum::http::{HeaderMap, header};
use countersign_jose::base64url;
use countersign_protocol::random;

use super::cookies::{self, Cookie};
use super::site::Site;
use crate::process::SystemRandom;

/// The request does not come from a page that this server made for this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

/// What a page needs for its forms: the token, and the cookie to set if the browser has none yet.
#[derive(Debug)]
pub(crate) struct FormToken {
    /// The value of the hidden field `csrf`.
    pub(crate) token: String,
    /// A visit cookie to set.
    pub(crate) new_visit: Option<String>,
}

/// The token for the forms of a page.
pub(crate) fn issue(site: &Site, headers: &HeaderMap) -> FormToken {
    match binding(site, headers) {
        Some(binding) => FormToken { token: token_for(site, &binding), new_visit: None },
        None => {
            let visit = random::secret(&SystemRandom);
            FormToken { token: token_for(site, &visit), new_visit: Some(visit) }
        }
    }
}

/// Checks a request that changes something.
///
/// # Errors
/// [`Forged`], without saying which check failed.
pub(crate) fn check(site: &Site, headers: &HeaderMap, token: Option<&str>) -> Result<(), Forged> {
    if !is_same_origin(site, headers).unwrap_or(true) {
        return Err(Forged);
    }
    let binding = binding(site, headers).ok_or(Forged)?;
    let given = token.and_then(|token| base64url::decode(token.as_bytes()).ok()).ok_or(Forged)?;
    if site.forms().verify(binding.as_bytes(), &given) { Ok(()) } else { Err(Forged) }
}

/// Whether a browser says that the request was made by a page of this origin; `None` when it
/// says nothing, as programs do that are not browsers.
pub(crate) fn is_same_origin(site: &Site, headers: &HeaderMap) -> Option<bool> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return Some(site == "same-origin");
    }
    headers.get(header::ORIGIN).map(|origin| *origin == *site.origin())
}

/// Forms are bound to the session if there is one, else to the visit.
fn binding(site: &Site, headers: &HeaderMap) -> Option<String> {
    cookies::read(site, headers, Cookie::Session)
        .or_else(|| cookies::read(site, headers, Cookie::Visit))
}

fn token_for(site: &Site, binding: &str) -> String {
    base64url::encode(&site.forms().sign(binding.as_bytes()))
}
