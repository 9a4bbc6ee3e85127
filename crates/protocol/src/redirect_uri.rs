//! Redirect URIs: registered in full, compared exactly (OAuth 2.1 §2.3.1), with one exception,
//! the port of a loopback address, which a native application can't know ahead (RFC 8252 §7.3).

use http::Uri;

/// The longest redirect URI that is taken, in bytes.
pub const REDIRECT_URI_MAX_BYTES: usize = 2_048;

/// Why a URI can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsuitable {
    /// Not an absolute URI, or too long.
    #[error("it is not an absolute URI of at most 2048 bytes")]
    NotAbsolute,
    /// RFC 6749 §3.1.2.
    #[error("it has a fragment")]
    Fragment,
    /// Credentials in a URI end up in logs.
    #[error("it has a user name or password in it")]
    Credentials,
    /// Plain http is for loopback addresses only.
    #[error("it must be https, a loopback http address, or an application's own scheme with a dot")]
    Scheme,
    /// A `.` or `..` segment, which browsers rewrite.
    #[error("it has a dot segment in its path")]
    DotSegment,
}

/// Checks a URI that a client wants to register.
///
/// # Errors
/// [`Unsuitable`] with what is wrong.
pub fn check(uri: &str) -> Result<(), Unsuitable> {
    let plain = uri.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b));
    if uri.len() > REDIRECT_URI_MAX_BYTES || !plain {
        return Err(Unsuitable::NotAbsolute);
    }
    if uri.contains('#') {
        return Err(Unsuitable::Fragment);
    }
    let (scheme, rest) = uri.split_once(':').ok_or(Unsuitable::NotAbsolute)?;
    if !matches!(scheme, "http" | "https") {
        // An application's own scheme is a reversed domain name (RFC 8252 §7.1), so that it
        // can't be `javascript` or `data`.
        let own = scheme.contains('.')
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b));
        return if own && !rest.is_empty() { Ok(()) } else { Err(Unsuitable::Scheme) };
    }
    let parsed: Uri = uri.parse().map_err(|_| Unsuitable::NotAbsolute)?;
    let authority = parsed.authority().ok_or(Unsuitable::NotAbsolute)?;
    if authority.as_str().contains('@') {
        return Err(Unsuitable::Credentials);
    }
    if authority.as_str() != authority.host() && authority.port_u16().is_none() {
        return Err(Unsuitable::NotAbsolute);
    }
    if parsed.path().split('/').any(|segment| segment == "." || segment == "..") {
        return Err(Unsuitable::DotSegment);
    }
    if scheme == "http" && !is_loopback_host(authority.host()) {
        return Err(Unsuitable::Scheme);
    }
    Ok(())
}

/// Whether `presented` is one of the `registered` URIs.
#[must_use]
pub fn is_registered(presented: &str, registered: &[String]) -> bool {
    check(presented).is_ok()
        && registered.iter().any(|known| known == presented || differs_in_port(known, presented))
}

/// Whether it is a plain http URI on a loopback address.
#[must_use]
pub fn is_loopback(uri: &str) -> bool {
    let parsed = uri.parse::<Uri>().ok();
    parsed.is_some_and(|uri| {
        uri.scheme_str() == Some("http") && uri.host().is_some_and(is_loopback_host)
    })
}

/// Whether a host name or address of a URI is this machine itself.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// RFC 8252 §7.3: any port of a registered loopback *address*; `localhost` is a name that can
/// be made to point elsewhere, so it is compared exactly.
fn differs_in_port(registered: &str, presented: &str) -> bool {
    let without_port = |uri: &str| {
        let parsed: Uri = uri.parse().ok()?;
        let host = parsed.host()?;
        if parsed.scheme_str() != Some("http") || host == "localhost" || !is_loopback_host(host) {
            return None;
        }
        Some((host.to_owned(), parsed.path_and_query()?.as_str().to_owned()))
    };
    without_port(registered).is_some_and(|known| Some(known) == without_port(presented))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/cb",
            "https://app.example/cb?tenant=1",
            "http://127.0.0.1:3000/cb",
            "http://[::1]/cb",
            "http://localhost/cb",
            "com.example.app:/cb",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("/cb", Unsuitable::NotAbsolute),
            ("https://app.example/c b", Unsuitable::NotAbsolute),
            ("https://app.example\\@evil.example/", Unsuitable::NotAbsolute),
            ("https:///cb", Unsuitable::NotAbsolute),
            ("https://app.example/cb#", Unsuitable::Fragment),
            ("https://user@app.example/cb", Unsuitable::Credentials),
            ("http://app.example/cb", Unsuitable::Scheme),
            ("http://127.0.0.1.evil.example/cb", Unsuitable::Scheme),
            ("javascript:alert(1)", Unsuitable::Scheme),
            ("data:text/html,x", Unsuitable::Scheme),
            ("https://app.example/a/../cb", Unsuitable::DotSegment),
        ] {
            assert_eq!(check(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn comparison_is_exact_but_for_a_loopback_port() {
        let registered = ["https://app.example/cb".to_owned(), "http://127.0.0.1/cb".to_owned()];
        let matches = |uri: &str| is_registered(uri, &registered);
        assert!(matches("https://app.example/cb"));
        assert!(matches("http://127.0.0.1:51004/cb"));
        for other in [
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://app.example/cb?x=1",
            "https://app.example:443/cb",
            "https://app.example/cb#x",
            "https://APP.example/cb",
            "http://127.0.0.1:51004/other",
            "http://localhost:51004/cb",
            "https://127.0.0.1/cb",
            "http://127.0.0.1:x/cb",
        ] {
            assert!(!matches(other), "{other}");
        }
    }
}
