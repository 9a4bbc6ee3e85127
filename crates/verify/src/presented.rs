//! A token as a request presents it: under which scheme, and with which proof.

use http::{HeaderMap, Request, header};

use crate::{
    BearerError, CertificateThumbprint,
    bearer::{Scheme, credentials},
    dpop::{ProofError, dpop_proof},
    proxy::Proxies,
};

/// An access token and what its sender shows besides. A token that is bound to a key or to a
/// certificate is good only together with the proof, so both are judged in one call,
/// [`Verifier::verify_presented`](crate::Verifier::verify_presented).
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    pub(crate) token: &'a str,
    pub(crate) proof: Option<Proof<'a>>,
    pub(crate) certificate: Option<CertificateThumbprint>,
}

/// The proof of a token under the scheme `DPoP`, and the request that it has to be for.
#[derive(Clone, Debug)]
pub(crate) struct Proof<'a> {
    pub(crate) text: Result<&'a str, ProofError>,
    pub(crate) method: &'a str,
    pub(crate) url: String,
}

impl<'a> Presented<'a> {
    /// `Authorization: Bearer` and nothing else.
    pub const fn bearer(token: &'a str) -> Self {
        Self { token, proof: None, certificate: None }
    }

    /// `Authorization: DPoP` with the proof from the `DPoP` header, for a request of this method to
    /// this URL, as the client sees it from outside.
    pub fn dpop(token: &'a str, proof: &'a str, method: &'a str, url: &str) -> Self {
        let proof = Proof { text: Ok(proof), method, url: url.to_owned() };
        Self { proof: Some(proof), ..Self::bearer(token) }
    }

    /// The same, with the proof taken from the headers of the request.
    pub fn dpop_headers(
        token: &'a str,
        headers: &'a HeaderMap,
        method: &'a str,
        url: &str,
    ) -> Self {
        let text = dpop_proof(headers).and_then(|proof| proof.ok_or(ProofError::Missing));
        let proof = Proof { text, method, url: url.to_owned() };
        Self { proof: Some(proof), ..Self::bearer(token) }
    }

    /// The certificate that the client has shown when the connection was made.
    #[must_use]
    pub fn with_certificate(self, certificate: CertificateThumbprint) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// What a request presents. `base` is the public URL that its path is below.
    pub(crate) fn of<B>(
        request: &'a Request<B>,
        proxies: &Proxies,
        base: &str,
    ) -> Result<Self, BearerError> {
        let headers = request.headers();
        let (scheme, token) = credentials(headers)?;
        let presented = match scheme {
            Scheme::Bearer => Self::bearer(token),
            Scheme::Dpop => {
                let url = proxies.public_url(base, request.uri(), headers, request.extensions());
                Self::dpop_headers(token, headers, request.method().as_str(), &url)
            }
        };
        let certificate = proxies.certificate(headers, request.extensions());
        Ok(Self { certificate, ..presented })
    }

    /// Whether the request names a scheme under which tokens are presented with a proof.
    pub(crate) fn is_dpop<B>(request: &Request<B>) -> bool {
        let value = request.headers().get(header::AUTHORIZATION);
        let scheme = value.and_then(|value| value.as_bytes().get(..5));
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop "))
    }
}
