//! Cookies: `__Host-` where the origin is https, HttpOnly, SameSite=Lax, never for a whole domain.
//!
//! Lax and not Strict, because an application sends its user here by a cross-site navigation, and
//! single sign-on needs the session then. No request changes anything by GET.

use axum::http::{HeaderMap, HeaderValue, header};

use super::site::Site;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The sign-in session's secret.
    Session,
    /// A random name for a browser before it has signed in, which its forms are bound to.
    Visit,
}

impl Cookie {
    fn name(self, site: &Site) -> &'static str {
        match (self, site.is_https()) {
            (Self::Session, true) => "__Host-countersign",
            (Self::Visit, true) => "__Host-countersign-visit",
            (Self::Session, false) => "countersign",
            (Self::Visit, false) => "countersign-visit",
        }
    }
}

/// The value of a cookie. Of several with one name none is taken: one of them was planted.
pub(crate) fn read(site: &Site, headers: &HeaderMap, cookie: Cookie) -> Option<String> {
    let name = cookie.name(site);
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value);
    let first = values.next()?;
    let alone = values.all(|other| other == first);
    (alone && first.len() <= 128).then(|| first.to_owned())
}

/// The `Set-Cookie` header that sets a cookie for as long as the browser runs.
pub(crate) fn set(site: &Site, cookie: Cookie, value: &str) -> HeaderValue {
    build(site, cookie, value, "")
}

/// The `Set-Cookie` header that removes a cookie.
pub(crate) fn remove(site: &Site, cookie: Cookie) -> HeaderValue {
    build(site, cookie, "", "; Max-Age=0")
}

fn build(site: &Site, cookie: Cookie, value: &str, end: &str) -> HeaderValue {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let name = cookie.name(site);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{end}");
    HeaderValue::try_from(text).expect("cookie values are base64url")
}
