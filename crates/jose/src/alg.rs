//! Signature algorithms: one table of everything that the rest of the crate asks about them.

use std::fmt;

use aws_lc_rs::digest;

/// A signature algorithm (RFC 7518 section 3.1, RFC 9864). `none` is not here and cannot be asked
/// for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256: one shared secret, so signer and verifier are the same party.
    HS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519 (RFC 9864); the older name `EdDSA` is read as this.
    Ed25519,
}

/// The kind of key that an algorithm works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Secret,
    Rsa,
    P256,
    Ed25519,
}

struct Row {
    name: &'static str,
    kind: KeyKind,
    hash: &'static digest::Algorithm,
}

impl Algorithm {
    /// Every algorithm, in the order of the table.
    pub const ALL: &[Self] = &[Self::HS256, Self::RS256, Self::ES256, Self::Ed25519];

    const fn row(self) -> Row {
        let (name, kind, hash) = match self {
            Self::HS256 => ("HS256", KeyKind::Secret, &digest::SHA256),
            Self::RS256 => ("RS256", KeyKind::Rsa, &digest::SHA256),
            Self::ES256 => ("ES256", KeyKind::P256, &digest::SHA256),
            Self::Ed25519 => ("Ed25519", KeyKind::Ed25519, &digest::SHA512),
        };
        Row { name, kind, hash }
    }

    /// The name in the `alg` header. Names are case-sensitive.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The algorithm of this exact name; `EdDSA` is read as Ed25519 (RFC 9864 section 2.2).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::HS256),
            "RS256" => Some(Self::RS256),
            "ES256" => Some(Self::ES256),
            "Ed25519" | "EdDSA" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// Whether signer and verifier share one secret.
    pub const fn is_symmetric(self) -> bool {
        matches!(self.row().kind, KeyKind::Secret)
    }

    pub(crate) const fn key_kind(self) -> KeyKind {
        self.row().kind
    }

    /// The hash inside the algorithm; `at_hash` uses the same one (OIDC Core 3.1.3.6).
    pub(crate) const fn hash(self) -> &'static digest::Algorithm {
        self.row().hash
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::from_name("EdDSA"), Some(Algorithm::Ed25519));
    }

    #[test]
    fn no_spelling_of_none_and_no_other_case_is_an_algorithm() {
        for name in ["none", "None", "NONE", "nOnE", "none ", "", "hs256", "RS256 ", "ES256K"] {
            assert_eq!(Algorithm::from_name(name), None, "{name:?}");
        }
    }
}
