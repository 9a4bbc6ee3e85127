//! Sender constraint: a token that is bound to a key or a certificate is worth nothing without it.
//!
//! | presented as | bound to nothing | to a key | to a certificate |
//! |---|---|---|---|
//! | `Bearer` | accepted, unless binding is required | refused | with the certificate |
//! | `DPoP` | refused | with a proof by the key | refused |
//!
//! RFC 9449 section 7.2 refuses a bound token as `Bearer`, and step 12 of its section 4.3 an
//! unbound one as `DPoP`; the certificate is compared by RFC 8705 section 3.

use countersign_jose::{AccessToken, Timestamp};

use crate::{
    dpop::{CheckedProof, DpopRules, ProofError, ProvenRequest},
    presented::Presented,
};

/// Why a token is not accepted from this sender.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    /// The token is bound to a key, and no proof came with it: perhaps it was stolen.
    #[error("the token is bound to a key and came without a proof of it")]
    ProofNeeded,
    /// The token is bound to another key than the one that made the proof.
    #[error("the token is bound to another key")]
    OtherKey,
    /// The token is bound to a certificate, and the connection shows none.
    #[error("the token is bound to a certificate and came without one")]
    CertificateNeeded,
    /// The token is bound to another certificate.
    #[error("the token is bound to another certificate")]
    OtherCertificate,
    /// The token is bound to nothing, where it has to be.
    #[error("the token is not bound to a key")]
    NotBound,
    /// The token is bound in a way that is not known here.
    #[error("the token is bound in a way that is not supported")]
    UnknownBinding,
    /// The proof itself is wrong.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl SenderError {
    /// A stable name for logs, metrics and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ProofNeeded => "proof_needed",
            Self::OtherKey => "other_key",
            Self::CertificateNeeded => "certificate_needed",
            Self::OtherCertificate => "other_certificate",
            Self::NotBound => "not_bound",
            Self::UnknownBinding => "unknown_binding",
            Self::Proof(reason) => reason.code(),
        }
    }
}

/// What a service asks of the senders of tokens. [`Verifier`](crate::Verifier) applies it itself;
/// this is for whoever judges tokens in another way.
#[derive(Debug, Default)]
pub struct SenderRules {
    /// What it asks of proofs.
    pub dpop: DpopRules,
    /// Whether a token that is bound to nothing is refused.
    pub binding_required: bool,
}

impl SenderRules {
    /// Judges whether a token, which is otherwise good, may come from this sender, and whether its
    /// proof needs a nonce. Answers the proof, which is still to be used.
    ///
    /// # Errors
    /// What the sender has not shown.
    pub fn judge(
        &self,
        token: &AccessToken,
        presented: &Presented<'_>,
        needs_nonce: bool,
        now: Timestamp,
    ) -> Result<Option<CheckedProof>, SenderError> {
        let Some(bound) = &token.confirmation else {
            return if self.binding_required || presented.proof.is_some() {
                Err(SenderError::NotBound)
            } else {
                Ok(None)
            };
        };
        if bound.is_unknown() {
            return Err(SenderError::UnknownBinding);
        }
        if let Some(expected) = &bound.certificate_thumbprint {
            let shown = presented.certificate.as_ref().ok_or(SenderError::CertificateNeeded)?;
            if shown.as_str() != expected {
                return Err(SenderError::OtherCertificate);
            }
        }
        match (&bound.key_thumbprint, &presented.proof) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(SenderError::NotBound),
            (Some(_), None) => Err(SenderError::ProofNeeded),
            (Some(expected), Some(proof)) => {
                let text = proof.text.clone()?;
                let access_token = Some(presented.token);
                let request = ProvenRequest { method: proof.method, url: &proof.url, access_token };
                let checked = self.dpop.check(text, request, needs_nonce, now)?;
                if checked.thumbprint() == expected {
                    Ok(Some(checked))
                } else {
                    Err(SenderError::OtherKey)
                }
            }
        }
    }
}
