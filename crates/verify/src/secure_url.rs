//! Which URLs a verifier will talk to: https, or http to this machine.

use std::net::IpAddr;

use http::Uri;

/// Parses an absolute URL. Plain http is accepted only if `allow_loopback` is set and the host is
/// this machine, where nobody sits in between.
pub(crate) fn parse(text: &str, allow_loopback: bool) -> Result<Uri, &'static str> {
    if text.contains('#') {
        return Err("it has a fragment");
    }
    let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
    let authority = uri.authority().ok_or("it is not absolute")?;
    if authority.as_str().contains('@') {
        return Err("it has user information");
    }
    if authority.host().is_empty() {
        return Err("it has no host");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if allow_loopback && is_loopback(&uri) => Ok(uri),
        Some("http") => Err("it is plain http to another machine"),
        _ => Err("it is not https"),
    }
}

/// Whether the host is this machine by its name: nothing is resolved.
pub(crate) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_pass() {
        for (text, allow_loopback, expect) in [
            ("https://id.example", false, true),
            ("https://id.example:8443/tenant", false, true),
            ("http://127.0.0.1:8080", true, true),
            ("http://127.9.9.9", true, true),
            ("http://[::1]:8080/x", true, true),
            ("http://LOCALHOST:1", true, true),
            ("http://127.0.0.1:8080", false, false),
            ("http://id.example", true, false),
            ("http://localhost.id.example", true, false),
            ("http://127.0.0.1.id.example", true, false),
            ("http://127.0.0.1@id.example", true, false),
            ("https://me:secret@id.example", true, false),
            ("https://id.example/#a", true, false),
            ("ftp://127.0.0.1", true, false),
            ("/only/a/path", true, false),
            ("id.example", true, false),
            ("", true, false),
            ("https://", true, false),
            ("https://id.example/ ", true, false),
        ] {
            assert_eq!(parse(text, allow_loopback).is_ok(), expect, "{text:?}");
        }
    }
}
