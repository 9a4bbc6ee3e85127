//! What keys are for.

use countersign_jose::Algorithm;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// The signatures of tokens. These keys alone are published; the others are secrets.
    Signature(Algorithm),
    /// Authorization codes and refresh tokens.
    GrantTokens,
    /// Opaque access tokens.
    OpaqueTokens,
    /// The forms of the server's own pages.
    Forms,
    /// The nonces of DPoP proofs (RFC 9449 §8).
    DpopNonces,
    /// Pairwise subjects (OpenID Connect Core §8). Its secret is made once and never replaced: with
    /// another one, every client with pairwise subjects would take everybody for somebody new.
    PairwiseSubjects,
}

impl KeyUse {
    /// The uses that there are always keys for. Those of which a key is made in no time stand
    /// first.
    pub const ALWAYS: &[Self] = &[
        Self::GrantTokens,
        Self::OpaqueTokens,
        Self::Forms,
        Self::DpopNonces,
        Self::PairwiseSubjects,
        Self::Signature(Algorithm::ES256),
        Self::Signature(Algorithm::Ed25519),
        Self::Signature(Algorithm::RS256),
    ];

    /// The name that the store keeps.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature(algorithm) => algorithm.name(),
            Self::GrantTokens => "grant tokens",
            Self::OpaqueTokens => "opaque access tokens",
            Self::Forms => "csrf",
            Self::DpopNonces => "dpop nonces",
            Self::PairwiseSubjects => "pairwise subjects",
        }
    }

    /// Reads [`Self::name`] back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let known = Self::ALWAYS.iter().find(|known| known.name() == name).copied();
        let further = || Algorithm::from_name(name).filter(|one| !one.is_symmetric());
        known.or_else(|| further().map(Self::Signature))
    }

    /// Whether its key stays for ever.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        matches!(self, Self::PairwiseSubjects)
    }

    /// Whether it takes long to make a key: RSA ones need large primes.
    #[must_use]
    pub const fn is_slow(self) -> bool {
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        matches!(self, Self::Signature(RS256 | RS384 | RS512 | PS256 | PS384 | PS512))
    }

    /// The algorithm of its signatures, if they are for others to check.
    #[must_use]
    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Signature(algorithm) => Some(algorithm),
            _ => None,
        }
    }
}
