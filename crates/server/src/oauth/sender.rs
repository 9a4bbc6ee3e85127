//! What a token request proves besides its client: a DPoP key (RFC 9449 §5) or the certificate of
//! its connection (RFC 8705 §3).

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderName};
use countersign_protocol::client::Client;
use countersign_protocol::grant::Sender;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_verify::{
    CertificateThumbprint, CheckedProof, ProofError, ProvenRequest, ReplayError, dpop_proof,
    forwarded_certificate, forwarded_certificate_der,
};
use ipnet::IpNet;

use crate::app::App;
use crate::config::NonceUse;
use crate::web::oauth_error::ErrorAnswer;

/// How this server constrains senders.
#[derive(Debug)]
pub(crate) struct SenderConstraint {
    pub(crate) nonces: NonceUse,
    /// The header in which a listed proxy reports the client's certificate.
    pub(crate) certificate_header: Option<HeaderName>,
    /// Whether that proxy lets only certificates through that somebody it trusts has issued.
    pub(crate) certificates_verified: bool,
}

impl SenderConstraint {
    /// Whether the proofs of a client need a nonce. The keys of public clients lie where foreign
    /// code may run, which could make proofs ahead, for later (RFC 9449 §11.2).
    pub(crate) fn needs_nonce(&self, client: &Client) -> bool {
        match self.nonces {
            NonceUse::Off => false,
            NonceUse::PublicClients => !client.is_confidential(),
            NonceUse::AllClients => true,
        }
    }

    /// The whole certificate that a listed proxy reports, if it reports more than a hash.
    pub(crate) fn certificate_der(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        proxies: &[IpNet],
    ) -> Option<Vec<u8>> {
        let name = self.certificate_header.as_ref()?;
        forwarded_certificate_der(peer.ip(), headers, name, proxies)
    }

    /// The certificate that a listed proxy reports.
    pub(crate) fn certificate(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        proxies: &[IpNet],
    ) -> Option<CertificateThumbprint> {
        forwarded_certificate(peer.ip(), headers, self.certificate_header.as_ref()?, proxies)
    }
}

/// What a token request has proved. Its proof is still to be used.
#[derive(Debug)]
#[must_use = "a proof counts once it has been used"]
pub(crate) struct Proved {
    pub(crate) sender: Sender,
    proof: Option<CheckedProof>,
}

/// Judges what a `POST` to the endpoint at `path` proves. The URL is the public one, below the
/// issuer; the Host header has no say.
pub(crate) fn prove(
    app: &App,
    client: &Client,
    (peer, headers): (SocketAddr, &HeaderMap),
    path: &str,
    now: Timestamp,
) -> Result<Proved, ErrorAnswer> {
    let constraint = &app.sender_constraint;
    let text = dpop_proof(headers).map_err(|error| refused(app, &error, now))?;
    if client.tls_client_certificate_bound_access_tokens {
        if text.is_some() {
            return Err(invalid_proof("the client's tokens are bound to its certificate").into());
        }
        let shown = constraint.certificate(peer, headers, &app.trusted_proxies);
        let shown = shown.ok_or_else(|| {
            let why = "the client's tokens are bound to its certificate, and it has shown none";
            OAuthError::new(ErrorCode::InvalidRequest, why)
        })?;
        return Ok(Proved { sender: Sender::Certificate(shown.as_str().to_owned()), proof: None });
    }
    let Some(text) = text else {
        return if client.dpop_bound_access_tokens {
            // Something is missing (RFC 6749 §5.2); `invalid_dpop_proof` is for a proof that is
            // there.
            let why = "the client has to send a DPoP proof";
            Err(OAuthError::new(ErrorCode::InvalidRequest, why).into())
        } else {
            Ok(Proved { sender: Sender::Bearer, proof: None })
        };
    };
    check_proof(app, client, text, path, now)
}

/// Judges the DPoP proof of a `POST` to the endpoint at `path`, if there is one: for an endpoint
/// that gives no tokens and so asks for none.
pub(crate) fn prove_key(
    app: &App,
    client: &Client,
    headers: &HeaderMap,
    path: &str,
    now: Timestamp,
) -> Result<Option<Proved>, ErrorAnswer> {
    let text = dpop_proof(headers).map_err(|error| refused(app, &error, now))?;
    match text {
        Some(_) if client.tls_client_certificate_bound_access_tokens => {
            Err(invalid_proof("the client's tokens are bound to its certificate").into())
        }
        Some(text) => check_proof(app, client, text, path, now).map(Some),
        None => Ok(None),
    }
}

fn check_proof(
    app: &App,
    client: &Client,
    text: &str,
    path: &str,
    now: Timestamp,
) -> Result<Proved, ErrorAnswer> {
    let url = format!("{}{path}", app.issuer);
    let request = ProvenRequest { method: "POST", url: &url, access_token: None };
    let needs_nonce = app.sender_constraint.needs_nonce(client);
    let proof = app.keys.load().sender_rules.dpop.check(text, request, needs_nonce, now);
    let proof = proof.map_err(|error| refused(app, &error, now))?;
    Ok(Proved { sender: Sender::Dpop(proof.thumbprint().to_owned()), proof: Some(proof) })
}

impl Proved {
    /// Uses the proof up. Done last before something is given for it, so that only those who hold
    /// a good code or refresh token can fill the memory of used proofs.
    pub(crate) async fn use_once(&self, app: &App, now: Timestamp) -> Result<(), ErrorAnswer> {
        let Some(proof) = &self.proof else { return Ok(()) };
        proof.use_once(&*app.used_tokens, now).await.map_err(|error| not_used(error).into())
    }

    /// The thumbprint of the key, if it is a key.
    pub(crate) fn key(&self) -> Option<&str> {
        match &self.sender {
            Sender::Dpop(thumbprint) => Some(thumbprint),
            _ => None,
        }
    }

    /// A newer nonce to send along, before the one that the client has expires.
    pub(crate) fn nonce_for_next(&self) -> Option<&str> {
        self.proof.as_ref()?.nonce_for_next()
    }
}

/// Why a proof could not be used.
pub(crate) fn not_used(error: ReplayError) -> OAuthError {
    if error == ReplayError::Replayed {
        return invalid_proof("the DPoP proof was used before");
    }
    let why = "the server can't tell whether the proof was used before; try again";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, why)
}

fn refused(app: &App, error: &ProofError, now: Timestamp) -> ErrorAnswer {
    tracing::debug!(code = error.code(), %error, "a DPoP proof was refused");
    if *error != ProofError::Nonce {
        return invalid_proof(error.to_string()).into();
    }
    let error = OAuthError::new(ErrorCode::UseDpopNonce, error.to_string());
    ErrorAnswer::from(error).with_dpop_nonce(app.keys.load().sender_rules.dpop.nonce(now))
}

fn invalid_proof(why: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, why)
}

#[cfg(test)]
mod tests;
