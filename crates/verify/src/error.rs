//! Why a token was refused, and why a verifier could not be built.

use crate::{ProofError, ReplayError, SenderError};

/// Why a token was not accepted. The text is for the operator's log; the caller of an API sees less
/// (RFC 6750 section 3.1).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token itself is wrong: form, key, signature or claims.
    #[error(transparent)]
    Token(#[from] countersign_jose::Error),
    /// The token, or the grant that it comes from, was revoked.
    #[error("the token or its grant was revoked")]
    Revoked,
    /// The token is bound to a key or a certificate that its sender has not shown.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// The token may be used once, and was used before.
    #[error("the token may be used once and was used before")]
    Replayed,
    /// The memory of used tokens is full. Forgetting one would let it be used again.
    #[error("the memory of used tokens is full")]
    ReplayGuardFull,
    /// The store that remembers used tokens does not answer.
    #[error("the memory of used tokens cannot be reached")]
    ReplayGuardUnreachable,
    /// The keys, or the first snapshot of the revocations, have not been loaded yet.
    #[error("the keys or the revocations have not been loaded yet")]
    NotReady,
    /// The token is opaque: only its issuer can read it, and this verifier was not told how to ask
    /// ([`VerifierBuilder::introspection`](crate::VerifierBuilder::introspection)).
    #[error("the token is opaque, and this verifier was not told how to ask its issuer")]
    Opaque,
    /// The issuer says that the token is not active.
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// The issuer has to be asked about the token, which
    /// [`verify_now`](crate::Verifier::verify_now) does not do.
    #[error("the issuer has to be asked about the token")]
    NotIntrospected,
    /// The issuer could not be asked about the token, or has been asked too much.
    #[error("the issuer could not be asked about the token")]
    IntrospectionFailed,
    /// The token names no status list, so nothing would say that it was revoked.
    #[error("the token names no status list")]
    NoStatus,
    /// There is no copy yet of the status list that the token names.
    #[error("there is no copy yet of the status list that the token names")]
    StatusUnknown,
    /// The revocations are older than the limit, so a revoked token could not be told from a good
    /// one.
    #[error("the revocations are older than the limit")]
    Stale,
}

impl Error {
    /// A stable name for logs, metrics and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Token(reason) => reason.code(),
            Self::Revoked => "revoked",
            Self::Sender(reason) => reason.code(),
            Self::Replayed => "replayed",
            Self::ReplayGuardFull => "replay_guard_full",
            Self::ReplayGuardUnreachable => "replay_guard_unreachable",
            Self::NotReady => "not_ready",
            Self::Opaque => "opaque_token",
            Self::Inactive => "inactive",
            Self::NotIntrospected => "not_introspected",
            Self::IntrospectionFailed => "introspection_failed",
            Self::NoStatus => "no_status",
            Self::StatusUnknown => "status_unknown",
            Self::Stale => "stale",
        }
    }

    /// Whether the verifier, not the token, is to blame: the same token may pass a moment later.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::ReplayGuardFull
                | Self::ReplayGuardUnreachable
                | Self::NotReady
                | Self::Stale
                | Self::StatusUnknown
                | Self::NotIntrospected
                | Self::IntrospectionFailed
        )
    }
}

impl Error {
    /// What a guard says about a proof.
    pub(crate) fn of_proof(reason: ReplayError) -> Self {
        match reason {
            ReplayError::Replayed => SenderError::from(ProofError::Replayed).into(),
            other => other.into(),
        }
    }
}

impl From<ReplayError> for Error {
    fn from(reason: ReplayError) -> Self {
        match reason {
            ReplayError::Replayed => Self::Replayed,
            ReplayError::Full => Self::ReplayGuardFull,
            ReplayError::Unreachable => Self::ReplayGuardUnreachable,
        }
    }
}

/// Why a verifier could not be built. Each of these is a mistake in the program or its settings.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The issuer is not an https URL without query and fragment (RFC 8414 section 2). Plain http
    /// is accepted for a loopback host only.
    #[error("the issuer is no usable URL: {0}")]
    Issuer(&'static str),
    /// The URL of the resource metadata is not https, nor http on a loopback host.
    #[error("the resource metadata is no usable URL: {0}")]
    ResourceMetadata(&'static str),
    /// The public URL of the API is not https, nor http on a loopback host, or has a query.
    #[error("the public URL is not usable: {0}")]
    PublicUrl(&'static str),
    /// The audience or the list of algorithms is empty.
    #[error(transparent)]
    Policy(#[from] countersign_jose::Error),
    /// A shared-secret algorithm was allowed: whoever can check such a token could also forge it.
    #[error("an algorithm with a shared secret cannot be used with public keys")]
    SymmetricAlgorithm,
    /// None of `revocations`, `status_lists` and `no_revocations` was called.
    #[error("say revocations(client_id, client_secret), status_lists() or no_revocations()")]
    RevocationsUndecided,
    /// A place of status lists is not https, nor http on a loopback host.
    #[error("the place of status lists is no usable URL: {0}")]
    StatusListOrigin(&'static str),
    /// The client id for the revocation feed or for introspection is empty.
    #[error("the client id for the revocation feed or for introspection is empty")]
    EmptyClientId,
    /// The issuer is to be asked, by `WhenStale::Introspect` or `signed_introspection`, but
    /// `introspection` was not called.
    #[error("say introspection(client_id, client_secret) as well: the issuer is to be asked")]
    IntrospectionUndecided,
    /// `start` was called outside a tokio runtime.
    #[error("start() needs a running tokio runtime")]
    NoRuntime,
}

impl BuildError {
    /// A stable name for logs and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Issuer(_) => "issuer",
            Self::ResourceMetadata(_) => "resource_metadata",
            Self::PublicUrl(_) => "public_url",
            Self::Policy(_) => "policy",
            Self::SymmetricAlgorithm => "symmetric_algorithm",
            Self::RevocationsUndecided => "revocations_undecided",
            Self::StatusListOrigin(_) => "status_list_origin",
            Self::EmptyClientId => "empty_client_id",
            Self::IntrospectionUndecided => "introspection_undecided",
            Self::NoRuntime => "no_runtime",
        }
    }
}
