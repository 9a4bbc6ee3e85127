//! What a proxy in front of the program says about a request, and which proxies are believed.

use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap, HeaderName, Uri};
use ipnet::IpNet;

use crate::certificate::{CertificateThumbprint, certificate_der};

/// The address at the other end of the connection. The program that accepts connections puts it
/// into the extensions of each request; without it no proxy is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The proxies that are believed, by the networks that they are in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) listed: Vec<IpNet>,
    /// Where they report the client's certificate.
    pub(crate) certificate_header: Option<HeaderName>,
    /// Whether `X-Forwarded-Proto` and `X-Forwarded-Host` tell the public URL.
    pub(crate) tell_url: bool,
}

/// The certificate of the client, if a listed proxy is at the other end and its header names
/// exactly one. A header that comes from anyone else is not looked at.
#[must_use]
pub fn forwarded_certificate(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &HeaderName,
    listed: &[IpNet],
) -> Option<CertificateThumbprint> {
    if !is_listed(peer, listed) {
        return None;
    }
    CertificateThumbprint::from_header(only(headers, name)?)
}

/// The same certificate in DER, if the header has it whole.
#[must_use]
pub fn forwarded_certificate_der(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &HeaderName,
    listed: &[IpNet],
) -> Option<Vec<u8>> {
    if !is_listed(peer, listed) {
        return None;
    }
    certificate_der(only(headers, name)?)
}

impl Proxies {
    /// The certificate that the request shows: by the program that ended TLS, or by a proxy.
    pub(crate) fn certificate(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<CertificateThumbprint> {
        if let Some(own) = extensions.get() {
            return Some(CertificateThumbprint::clone(own));
        }
        let peer = extensions.get::<Peer>()?.0.ip();
        forwarded_certificate(peer, headers, self.certificate_header.as_ref()?, &self.listed)
    }

    /// The URL that the client used: below `base`, unless a listed proxy tells the host.
    pub(crate) fn public_url(
        &self,
        base: &str,
        uri: &Uri,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> String {
        let told = self.told_origin(headers, extensions);
        format!("{}{}", told.as_deref().unwrap_or(base), uri.path())
    }

    fn told_origin(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<String> {
        let peer = extensions.get::<Peer>()?.0.ip();
        if !self.tell_url || !is_listed(peer, &self.listed) {
            return None;
        }
        // A list grows to the right, and the last to write was the proxy that is believed.
        let last = |name| only(headers, &name)?.rsplit(',').next().map(str::trim);
        let scheme = last(HeaderName::from_static("x-forwarded-proto"))?;
        let host = last(HeaderName::from_static("x-forwarded-host"))?;
        Some(format!("{scheme}://{host}"))
    }
}

fn is_listed(peer: IpAddr, listed: &[IpNet]) -> bool {
    listed.iter().any(|net| net.contains(&peer.to_canonical()))
}

/// The value of a header that stands once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}
