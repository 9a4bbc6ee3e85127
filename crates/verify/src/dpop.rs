//! DPoP proofs (RFC 9449): the sender of a request shows that it holds a key.

use std::{fmt, time::Duration};

use countersign_jose::{Algorithm, Error as TokenError, ProofPolicy, Timestamp};
use http::{HeaderMap, HeaderName};

use crate::{
    ReplayError, ReplayGuard,
    nonce::{Age, DpopNonces},
};

/// The header that carries a proof (RFC 9449 section 4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header that hands a nonce out (RFC 9449 section 8.1).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What clients are known to sign with, all of it sound.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::ES256,
    Algorithm::Ed25519,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::PS256,
    Algorithm::RS256,
];
/// Long enough for a slow network.
const MAX_AGE: Duration = Duration::from_secs(60);
/// The names of proofs are kept under their key, as RFC 9278 writes its thumbprint: nobody can use
/// up the names of another.
const KEY_URN: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";

/// What a service asks of the proofs that come to it.
#[derive(Debug)]
pub struct DpopRules {
    algorithms: Vec<Algorithm>,
    max_age: Duration,
    nonces: Option<DpopNonces>,
}

/// The request that a proof has to be for (RFC 9449 section 4.3).
#[derive(Clone, Copy, Debug)]
pub struct ProvenRequest<'a> {
    /// The method, as it was sent.
    pub method: &'a str,
    /// The URL as the client sees it from outside. Query and fragment do not matter.
    pub url: &'a str,
    /// The access token that came with it, if any.
    pub access_token: Option<&'a str>,
}

/// A proof that is good but for one thing: whether it has been used before. See
/// [`CheckedProof::use_once`].
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a proof counts once it has been used"]
pub struct CheckedProof {
    thumbprint: String,
    token_id: String,
    until: Timestamp,
    nonce_for_next: Option<String>,
}

/// Why a proof proves nothing.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no `DPoP` header.
    #[error("there is no DPoP proof")]
    Missing,
    /// There are several. Which one counts would be a guess.
    #[error("there are several DPoP headers")]
    Repeated,
    /// The proof breaks a rule of RFC 9449 section 4.3.
    #[error(transparent)]
    Invalid(#[from] TokenError),
    /// It has no nonce of this service, or one that is too old.
    #[error("the DPoP proof needs a nonce that the server has handed out")]
    Nonce,
    /// It was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
}

impl ProofError {
    /// A stable name for logs, metrics and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Repeated => "proof_repeated",
            Self::Invalid(reason) => reason.code(),
            Self::Nonce => "proof_nonce",
            Self::Replayed => "proof_replayed",
        }
    }
}

/// The proof of a request: none, or exactly one.
///
/// # Errors
/// [`ProofError::Repeated`] for several, [`ProofError::Invalid`] for one that is not text.
pub fn dpop_proof(headers: &HeaderMap) -> Result<Option<&str>, ProofError> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(proof) => Ok(Some(proof)),
            Err(_) => Err(TokenError::Malformed.into()),
        },
        (Some(_), Some(_)) => Err(ProofError::Repeated),
    }
}

impl Default for DpopRules {
    fn default() -> Self {
        Self { algorithms: ALGORITHMS.to_vec(), max_age: MAX_AGE, nonces: None }
    }
}

impl DpopRules {
    /// The usual rules: proofs of the last 60 seconds, by clocks that disagree by at most 30.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands out nonces and checks those that come back.
    #[must_use]
    pub fn with_nonces(self, nonces: DpopNonces) -> Self {
        Self { nonces: Some(nonces), ..self }
    }

    /// The algorithms that proofs may be signed with, as metadata and challenges name them.
    pub fn algorithm_names(&self) -> impl Iterator<Item = &'static str> {
        self.algorithms.iter().map(|algorithm| algorithm.name())
    }

    /// The nonce to hand out now, if there are any.
    pub fn nonce(&self, now: Timestamp) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.issue(now))
    }

    /// Judges a proof. `needs_nonce` says whether one without nonce is refused; a nonce that is
    /// there has to be good in any case.
    ///
    /// # Errors
    /// The first rule that the proof breaks.
    pub fn check(
        &self,
        proof: &str,
        request: ProvenRequest<'_>,
        needs_nonce: bool,
        now: Timestamp,
    ) -> Result<CheckedProof, ProofError> {
        let mut policy = ProofPolicy::new(request.method, request.url, &self.algorithms)?;
        policy = policy.max_age(self.max_age);
        if let Some(token) = request.access_token {
            policy = policy.with_access_token(token);
        }
        let verified = policy.verify(proof, now)?;
        let proof = verified.proof();
        let nonce_for_next = self.check_nonce(proof.nonce.as_deref(), needs_nonce, now)?;
        Ok(CheckedProof {
            thumbprint: verified.thumbprint().to_owned(),
            token_id: proof.token_id.clone(),
            until: policy.refused_from(proof),
            nonce_for_next,
        })
    }

    /// Answers a newer nonce when the one that came is about to expire.
    fn check_nonce(
        &self,
        given: Option<&str>,
        needed: bool,
        now: Timestamp,
    ) -> Result<Option<String>, ProofError> {
        match (&self.nonces, given) {
            (None, _) => Ok(None),
            (Some(_), None) if needed => Err(ProofError::Nonce),
            // Nobody asked for one, so none is pressed on the client either.
            (Some(_), None) => Ok(None),
            (Some(nonces), Some(given)) => match nonces.judge(given, now) {
                Age::Newest => Ok(None),
                Age::Aging => Ok(Some(nonces.issue(now))),
                Age::Gone => Err(ProofError::Nonce),
            },
        }
    }
}

impl CheckedProof {
    /// The key that made it: what `cnf.jkt` of a bound token holds.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A newer nonce to send with the answer (RFC 9449 section 8.2).
    pub fn nonce_for_next(&self) -> Option<&str> {
        self.nonce_for_next.as_deref()
    }

    /// Notes that it was used, by its key and its `jti` (RFC 9449 section 11.1).
    ///
    /// # Errors
    /// [`ReplayError::Replayed`] if it was used before, or that the guard cannot tell.
    pub async fn use_once(
        &self,
        guard: &dyn ReplayGuard,
        now: Timestamp,
    ) -> Result<(), ReplayError> {
        let by = format!("{KEY_URN}{}", self.thumbprint);
        guard.use_once(&by, &self.token_id, self.until, now).await
    }
}

impl fmt::Debug for CheckedProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedProof").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}
