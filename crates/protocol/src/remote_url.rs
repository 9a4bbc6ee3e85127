//! URLs that this server asks at, because somebody named them: a client's keys, its metadata, its
//! logo. They are read in one way only, so that what was checked is what is asked.

use std::net::IpAddr;

use http::Uri;

use crate::redirect_uri::is_loopback_host;

/// The longest URL that is asked at, in bytes.
pub const REMOTE_URL_MAX_BYTES: usize = 2_048;

/// A URL that may be asked at, once the addresses of its host were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteUrl {
    uri: Uri,
    host: Host,
}

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, which has to be resolved.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Why a URL is not asked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsuitable {
    /// Not an absolute URL, or too long.
    #[error("it is not an absolute URL of at most 2048 bytes")]
    NotAbsolute,
    /// Only https proves who answers.
    #[error("it is not https")]
    NotHttps,
    /// Nobody is told a password, and `https://a@b` is read in two ways.
    #[error("it has a user name or password in it")]
    Credentials,
    /// A host that programs read in different ways: `0x7f.1`, `2130706433`, `a.example.`.
    #[error("its host is neither a name nor an address in the usual form")]
    Host,
    /// No port, or one that nothing listens on.
    #[error("its port is not a port")]
    Port,
}

impl RemoteUrl {
    /// Reads a URL. Plain http is taken only with `allow_loopback` and to this machine, where
    /// nobody sits in between. A fragment is never sent.
    ///
    /// # Errors
    /// [`Unsuitable`] with what is wrong.
    pub fn parse(text: &str, allow_loopback: bool) -> Result<Self, Unsuitable> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b));
        if !plain || text.len() > REMOTE_URL_MAX_BYTES {
            return Err(Unsuitable::NotAbsolute);
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let uri: Uri = text.parse().map_err(|_| Unsuitable::NotAbsolute)?;
        let scheme = uri.scheme_str().ok_or(Unsuitable::NotAbsolute)?;
        let authority = uri.authority().ok_or(Unsuitable::NotAbsolute)?;
        if authority.as_str().contains('@') {
            return Err(Unsuitable::Credentials);
        }
        let host = read_host(authority.host()).ok_or(Unsuitable::Host)?;
        let has_port = authority.as_str() != authority.host();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(Unsuitable::Port);
        }
        match scheme {
            "https" => {}
            "http" if allow_loopback && is_loopback_host(authority.host()) => {}
            _ => return Err(Unsuitable::NotHttps),
        }
        Ok(Self { uri, host })
    }

    /// The URL, without a fragment.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Where it leads.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port that it leads to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or_else(|| if self.is_https() { 443 } else { 80 })
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

/// Whether text is a link that may be shown to people: to a web page, and to nothing that runs.
#[must_use]
pub fn is_web_address(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b));
    let parsed = text.parse::<Uri>().ok().filter(|_| plain && text.len() <= REMOTE_URL_MAX_BYTES);
    parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
    })
}

/// An address in its usual form, or a name that no resolver takes for an address: what ends in a
/// number is one to many of them (`127.1`, `0177.0.0.1`, `0x7f000001`).
fn read_host(text: &str) -> Option<Host> {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse().ok().map(|address| Host::Address(IpAddr::V6(address)));
    }
    if let Ok(address) = text.parse() {
        return Some(Host::Address(IpAddr::V4(address)));
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
    let last = text.rsplit('.').next()?;
    let number = last.starts_with(|c: char| c.is_ascii_digit());
    let is_name = text.len() <= 253 && text.split('.').all(is_label) && !number;
    is_name.then(|| Host::Name(text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_at() {
        for (text, host, port) in [
            ("https://rp.example", "rp.example", 443),
            ("https://RP.Example:8443/keys?x=1", "rp.example", 8443),
            ("https://rp.example/keys#here", "rp.example", 443),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
            ("https://intranet/keys", "intranet", 443),
            ("https://127.0.0.1/", "127.0.0.1", 443),
            ("https://[::1]:8443/", "::1", 8443),
            ("https://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1", 443),
        ] {
            let url = RemoteUrl::parse(text, false).unwrap();
            let found = match url.host() {
                Host::Name(name) => name.clone(),
                Host::Address(address) => address.to_string(),
            };
            assert_eq!((&*found, url.port()), (host, port), "{text}");
            assert!(!url.uri().to_string().contains('#'), "{text}");
        }
    }

    #[test]
    fn what_may_not() {
        for (text, why) in [
            ("", Unsuitable::NotAbsolute),
            ("/keys", Unsuitable::NotAbsolute),
            ("https:rp.example", Unsuitable::NotAbsolute),
            ("https:///keys", Unsuitable::NotAbsolute),
            ("https://rp.example/a b", Unsuitable::NotAbsolute),
            ("https://rp.example\\@evil.example/", Unsuitable::NotAbsolute),
            ("https://rp.example/\r\nHost: evil.example", Unsuitable::NotAbsolute),
            ("https://bücher.example/", Unsuitable::NotAbsolute),
            ("http://rp.example/", Unsuitable::NotHttps),
            ("ftp://rp.example/", Unsuitable::NotHttps),
            ("file:///etc/passwd", Unsuitable::NotAbsolute),
            ("https://me@rp.example/", Unsuitable::Credentials),
            ("https://me:secret@rp.example/", Unsuitable::Credentials),
            ("https://rp.example@127.0.0.1/", Unsuitable::Credentials),
            ("https://rp.example./", Unsuitable::Host),
            ("https://.rp.example/", Unsuitable::Host),
            ("https://rp..example/", Unsuitable::Host),
            ("https://rp%2eexample/", Unsuitable::NotAbsolute),
            ("https://2130706433/", Unsuitable::Host),
            ("https://127.1/", Unsuitable::Host),
            ("https://0177.0.0.1/", Unsuitable::Host),
            ("https://0x7f.0.0.1/", Unsuitable::Host),
            ("https://0x7f000001/", Unsuitable::Host),
            ("https://127.0.0.0x1/", Unsuitable::Host),
            ("https://127.0.0.1./", Unsuitable::Host),
            ("https://999.0.0.1/", Unsuitable::Host),
            ("https://[fe80::1%25eth0]/", Unsuitable::Host),
            ("https://[::1/", Unsuitable::NotAbsolute),
            ("https://[127.0.0.1]/", Unsuitable::Host),
            ("https://rp.example:0/", Unsuitable::Port),
            ("https://rp.example:/", Unsuitable::Port),
            ("https://rp.example:99999/", Unsuitable::Port),
        ] {
            assert_eq!(RemoteUrl::parse(text, false).unwrap_err(), why, "{text}");
        }
        let long = format!("https://rp.example/{}", "a".repeat(REMOTE_URL_MAX_BYTES));
        assert_eq!(RemoteUrl::parse(&long, false), Err(Unsuitable::NotAbsolute));
    }

    #[test]
    fn links_lead_to_web_pages() {
        for good in ["https://rp.example/terms", "http://rp.example", "HTTPS://rp.example/#a"] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in ["javascript:alert(1)", "data:text/html,x", "/terms", "https://", "https://a b/"]
        {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    #[test]
    fn plain_http_leads_to_this_machine_and_nowhere_else() {
        for (text, good) in [
            ("http://127.0.0.1:3000/keys", true),
            ("http://localhost:3000/", true),
            ("http://[::1]:3000/", true),
            ("http://rp.example/", false),
            ("http://localhost.rp.example/", false),
            ("http://10.0.0.1/", false),
            ("http://127.1/", false),
        ] {
            assert_eq!(RemoteUrl::parse(text, true).is_ok(), good, "{text}");
            assert!(RemoteUrl::parse(text, false).is_err(), "{text}");
        }
    }
}
