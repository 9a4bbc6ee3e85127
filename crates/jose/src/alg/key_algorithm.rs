//! What a key is for: one algorithm, of signatures or of encryption.

use super::{Algorithm, EcCurve, KeyKind, OkpCurve};
use crate::jwe::{ContentEncryption, KeyManagement};

/// The algorithm of a key: the `alg` member of a JWK (RFC 7517 section 4.4).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// The key signs, or checks signatures.
    Signature(Algorithm),
    /// The key encrypts, or decrypts.
    KeyManagement(KeyManagement),
    /// The key encrypts content directly: `dir` with this one method.
    ContentEncryption(ContentEncryption),
}

/// How long a secret must be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretLen {
    AtLeast(usize),
    Exactly(usize),
}

impl KeyAlgorithm {
    /// The algorithm of this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        let signature = Algorithm::from_name(name).map(Self::Signature);
        signature
            .or_else(|| KeyManagement::from_name(name).map(Self::KeyManagement))
            .or_else(|| ContentEncryption::from_name(name).map(Self::ContentEncryption))
    }

    /// The name in the `alg` member.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature(algorithm) => algorithm.name(),
            Self::KeyManagement(algorithm) => algorithm.name(),
            Self::ContentEncryption(method) => method.name(),
        }
    }

    /// Bytes that a secret of this algorithm must have (RFC 7518 sections 4.4, 4.7 and 5).
    pub(crate) fn secret_len(self) -> SecretLen {
        match self {
            // At least as long as the hash (RFC 7518 section 3.2).
            Self::Signature(algorithm) => SecretLen::AtLeast(algorithm.hash().output_len()),
            Self::KeyManagement(algorithm) => match algorithm {
                KeyManagement::A128KW | KeyManagement::A128GCMKW => SecretLen::Exactly(16),
                KeyManagement::A192KW | KeyManagement::A192GCMKW => SecretLen::Exactly(24),
                KeyManagement::A256KW | KeyManagement::A256GCMKW => SecretLen::Exactly(32),
                // One of the lengths that the methods below have.
                _ => SecretLen::AtLeast(16),
            },
            Self::ContentEncryption(method) => match method {
                ContentEncryption::A128GCM => SecretLen::Exactly(16),
                ContentEncryption::A192GCM => SecretLen::Exactly(24),
                ContentEncryption::A256GCM | ContentEncryption::A128CbcHs256 => {
                    SecretLen::Exactly(32)
                }
                ContentEncryption::A192CbcHs384 => SecretLen::Exactly(48),
                ContentEncryption::A256CbcHs512 => SecretLen::Exactly(64),
            },
        }
    }

    /// Whether the algorithm works with this kind of key.
    pub(crate) fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::Signature(algorithm) => algorithm.key_kind() == kind,
            Self::KeyManagement(algorithm) => encrypts_with(algorithm, kind),
            Self::ContentEncryption(_) => kind == KeyKind::Secret,
        }
    }
}

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        Self::Signature(algorithm)
    }
}

impl From<ContentEncryption> for KeyAlgorithm {
    fn from(method: ContentEncryption) -> Self {
        Self::ContentEncryption(method)
    }
}

impl From<KeyManagement> for KeyAlgorithm {
    fn from(algorithm: KeyManagement) -> Self {
        Self::KeyManagement(algorithm)
    }
}

const fn encrypts_with(algorithm: KeyManagement, kind: KeyKind) -> bool {
    match algorithm {
        KeyManagement::Dir
        | KeyManagement::A128KW
        | KeyManagement::A192KW
        | KeyManagement::A256KW
        | KeyManagement::A128GCMKW
        | KeyManagement::A192GCMKW
        | KeyManagement::A256GCMKW => matches!(kind, KeyKind::Secret),
        KeyManagement::RsaOaep
        | KeyManagement::RsaOaep256
        | KeyManagement::RsaOaep384
        | KeyManagement::RsaOaep512 => matches!(kind, KeyKind::Rsa),
        // The curves of RFC 7518 section 6.2.1.1 and RFC 8037 section 3.2; secp256k1 only signs.
        KeyManagement::EcdhEs
        | KeyManagement::EcdhEsA128KW
        | KeyManagement::EcdhEsA192KW
        | KeyManagement::EcdhEsA256KW => matches!(
            kind,
            KeyKind::Ec(EcCurve::P256 | EcCurve::P384 | EcCurve::P521)
                | KeyKind::Okp(OkpCurve::X25519)
        ),
    }
}
