//! What kinds of key can be made, and in which sizes.

use aws_lc_rs::rsa::KeySize;

use super::numbers::Size;
use crate::{
    Algorithm,
    alg::{EcCurve, KeyAlgorithm, KeyKind, MlDsa, OkpCurve},
    jwe::{ContentEncryption, KeyManagement},
};

/// A kind of key with its size, for [`PrivateJwk::generate_as`](crate::PrivateJwk::generate_as).
/// The numbers are bits.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum KeyType {
    Secret128,
    Secret192,
    Secret256,
    Secret384,
    Secret512,
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    P521,
    Secp256k1,
    Ed25519,
    #[cfg(feature = "ed448")]
    Ed448,
    X25519,
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl KeyType {
    /// The usual kind of key for an algorithm: a secret as long as the hash or the cipher needs,
    /// 2048 bits for RSA, P-256 for ECDH, 256 bits for `dir`.
    pub fn usual(algorithm: impl Into<KeyAlgorithm>) -> Self {
        match algorithm.into() {
            KeyAlgorithm::Signature(algorithm) => usual_for_signatures(algorithm),
            KeyAlgorithm::KeyManagement(algorithm) => usual_for_key_management(algorithm),
            KeyAlgorithm::ContentEncryption(method) => usual_for_content(method),
        }
    }

    pub(crate) const fn kind(self) -> KeyKind {
        match self {
            Self::Secret128
            | Self::Secret192
            | Self::Secret256
            | Self::Secret384
            | Self::Secret512 => KeyKind::Secret,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => KeyKind::Rsa,
            Self::P256 => KeyKind::Ec(EcCurve::P256),
            Self::P384 => KeyKind::Ec(EcCurve::P384),
            Self::P521 => KeyKind::Ec(EcCurve::P521),
            Self::Secp256k1 => KeyKind::Ec(EcCurve::Secp256k1),
            Self::Ed25519 => KeyKind::Okp(OkpCurve::Ed25519),
            #[cfg(feature = "ed448")]
            Self::Ed448 => KeyKind::Okp(OkpCurve::Ed448),
            Self::X25519 => KeyKind::Okp(OkpCurve::X25519),
            Self::MlDsa44 => KeyKind::MlDsa(MlDsa::MlDsa44),
            Self::MlDsa65 => KeyKind::MlDsa(MlDsa::MlDsa65),
            Self::MlDsa87 => KeyKind::MlDsa(MlDsa::MlDsa87),
        }
    }

    pub(crate) const fn size(self) -> Size {
        let rsa = match self {
            Self::Rsa4096 => KeySize::Rsa4096,
            Self::Rsa3072 => KeySize::Rsa3072,
            _ => KeySize::Rsa2048,
        };
        let secret_len = match self {
            Self::Secret128 => 16,
            Self::Secret192 => 24,
            Self::Secret384 => 48,
            Self::Secret512 => 64,
            _ => 32,
        };
        Size { rsa, secret_len }
    }
}

const fn usual_for_signatures(algorithm: Algorithm) -> KeyType {
    match algorithm {
        Algorithm::HS256 => KeyType::Secret256,
        Algorithm::HS384 => KeyType::Secret384,
        Algorithm::HS512 => KeyType::Secret512,
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => KeyType::Rsa2048,
        Algorithm::ES256 => KeyType::P256,
        Algorithm::ES384 => KeyType::P384,
        Algorithm::ES512 => KeyType::P521,
        Algorithm::ES256K => KeyType::Secp256k1,
        Algorithm::Ed25519 => KeyType::Ed25519,
        #[cfg(feature = "ed448")]
        Algorithm::Ed448 => KeyType::Ed448,
        Algorithm::MlDsa44 => KeyType::MlDsa44,
        Algorithm::MlDsa65 => KeyType::MlDsa65,
        Algorithm::MlDsa87 => KeyType::MlDsa87,
    }
}

const fn usual_for_key_management(algorithm: KeyManagement) -> KeyType {
    match algorithm {
        KeyManagement::A128KW | KeyManagement::A128GCMKW => KeyType::Secret128,
        KeyManagement::A192KW | KeyManagement::A192GCMKW => KeyType::Secret192,
        KeyManagement::Dir | KeyManagement::A256KW | KeyManagement::A256GCMKW => KeyType::Secret256,
        KeyManagement::RsaOaep
        | KeyManagement::RsaOaep256
        | KeyManagement::RsaOaep384
        | KeyManagement::RsaOaep512 => KeyType::Rsa2048,
        KeyManagement::EcdhEs
        | KeyManagement::EcdhEsA128KW
        | KeyManagement::EcdhEsA192KW
        | KeyManagement::EcdhEsA256KW => KeyType::P256,
    }
}

const fn usual_for_content(method: ContentEncryption) -> KeyType {
    match method {
        ContentEncryption::A128GCM => KeyType::Secret128,
        ContentEncryption::A192GCM => KeyType::Secret192,
        ContentEncryption::A256GCM | ContentEncryption::A128CbcHs256 => KeyType::Secret256,
        ContentEncryption::A192CbcHs384 => KeyType::Secret384,
        ContentEncryption::A256CbcHs512 => KeyType::Secret512,
    }
}
