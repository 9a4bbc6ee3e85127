//! Signature algorithms: one table of everything that the rest of the crate asks about them.

mod key_algorithm;
mod kind;

use std::fmt;

use aws_lc_rs::{
    digest, hmac,
    signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
    },
};

pub use self::key_algorithm::KeyAlgorithm;
pub(crate) use self::key_algorithm::SecretLen;
pub(crate) use self::kind::{EcCurve, KeyKind, MlDsa, OkpCurve};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8812, RFC 9864, RFC 9964). `none` is not here
/// and cannot be asked for.
///
/// ```
/// use countersign_jose::Algorithm;
/// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::ES256));
/// assert_eq!(Algorithm::MlDsa44.name(), "ML-DSA-44");
/// assert_eq!(Algorithm::from_name("none"), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256: one shared secret, so signer and verifier are the same party.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256; the salt is as long as the hash.
    PS256,
    /// RSASSA-PSS with SHA-384; the salt is as long as the hash.
    PS384,
    /// RSASSA-PSS with SHA-512; the salt is as long as the hash.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// ECDSA on secp256k1 with SHA-256 (RFC 8812).
    ES256K,
    /// Ed25519 (RFC 9864); the older name `EdDSA` is read as this.
    Ed25519,
    /// Ed448 (RFC 9864). It goes by this name only; `EdDSA` is read as Ed25519.
    #[cfg(feature = "ed448")]
    Ed448,
    /// ML-DSA-44 (RFC 9964), which a quantum computer cannot break; NIST category 2.
    MlDsa44,
    /// ML-DSA-65 (RFC 9964); NIST category 3.
    MlDsa65,
    /// ML-DSA-87 (RFC 9964); NIST category 5.
    MlDsa87,
}

struct Row {
    name: &'static str,
    kind: KeyKind,
    hash: &'static digest::Algorithm,
}

/// The padding of an RSA signature, as the crypto library names it for verifying and for signing.
pub(crate) type RsaScheme = (&'static RsaParameters, &'static RsaSignatureEncoding);

impl Algorithm {
    /// Every algorithm, in the order of the table.
    pub const ALL: &[Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::ES256K,
        Self::Ed25519,
        #[cfg(feature = "ed448")]
        Self::Ed448,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    const fn row(self) -> Row {
        use digest::{SHA256, SHA384, SHA512};
        let (name, kind, hash) = match self {
            Self::HS256 => ("HS256", KeyKind::Secret, &SHA256),
            Self::HS384 => ("HS384", KeyKind::Secret, &SHA384),
            Self::HS512 => ("HS512", KeyKind::Secret, &SHA512),
            Self::RS256 => ("RS256", KeyKind::Rsa, &SHA256),
            Self::RS384 => ("RS384", KeyKind::Rsa, &SHA384),
            Self::RS512 => ("RS512", KeyKind::Rsa, &SHA512),
            Self::PS256 => ("PS256", KeyKind::Rsa, &SHA256),
            Self::PS384 => ("PS384", KeyKind::Rsa, &SHA384),
            Self::PS512 => ("PS512", KeyKind::Rsa, &SHA512),
            Self::ES256 => ("ES256", KeyKind::Ec(EcCurve::P256), &SHA256),
            Self::ES384 => ("ES384", KeyKind::Ec(EcCurve::P384), &SHA384),
            Self::ES512 => ("ES512", KeyKind::Ec(EcCurve::P521), &SHA512),
            Self::ES256K => ("ES256K", KeyKind::Ec(EcCurve::Secp256k1), &SHA256),
            Self::Ed25519 => ("Ed25519", KeyKind::Okp(OkpCurve::Ed25519), &SHA512),
            #[cfg(feature = "ed448")]
            Self::Ed448 => ("Ed448", KeyKind::Okp(OkpCurve::Ed448), &SHA512),
            Self::MlDsa44 => ("ML-DSA-44", KeyKind::MlDsa(MlDsa::MlDsa44), &SHA512),
            Self::MlDsa65 => ("ML-DSA-65", KeyKind::MlDsa(MlDsa::MlDsa65), &SHA512),
            Self::MlDsa87 => ("ML-DSA-87", KeyKind::MlDsa(MlDsa::MlDsa87), &SHA512),
        };
        Row { name, kind, hash }
    }

    /// The name in the `alg` header. Names are case-sensitive.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The algorithm of this exact name; `EdDSA` is read as Ed25519 (RFC 9864 section 2.2).
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "EdDSA" {
            return Some(Self::Ed25519);
        }
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Whether signer and verifier share one secret.
    pub const fn is_symmetric(self) -> bool {
        matches!(self.row().kind, KeyKind::Secret)
    }

    pub(crate) const fn key_kind(self) -> KeyKind {
        self.row().kind
    }

    /// The only algorithm that a kind of key signs with; `None` where there is a choice, or none.
    pub(crate) fn only_one_for(kind: KeyKind) -> Option<Self> {
        let mut fitting = Self::ALL.iter().copied().filter(|one| one.key_kind() == kind);
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// The hash inside the algorithm; `at_hash` uses the same one (OIDC Core 3.1.3.6). Ed448 and
    /// ML-DSA have none of this sort inside, so theirs is SHA-512.
    pub(crate) const fn hash(self) -> &'static digest::Algorithm {
        self.row().hash
    }

    /// The HMAC of this algorithm, when it is one.
    pub(crate) const fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HS256 => Some(hmac::HMAC_SHA256),
            Self::HS384 => Some(hmac::HMAC_SHA384),
            Self::HS512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    /// The RSA padding of this algorithm, when it has one.
    pub(crate) const fn rsa(self) -> Option<RsaScheme> {
        Some(match self {
            Self::RS256 => (&RSA_PKCS1_2048_8192_SHA256, &RSA_PKCS1_SHA256),
            Self::RS384 => (&RSA_PKCS1_2048_8192_SHA384, &RSA_PKCS1_SHA384),
            Self::RS512 => (&RSA_PKCS1_2048_8192_SHA512, &RSA_PKCS1_SHA512),
            Self::PS256 => (&RSA_PSS_2048_8192_SHA256, &RSA_PSS_SHA256),
            Self::PS384 => (&RSA_PSS_2048_8192_SHA384, &RSA_PSS_SHA384),
            Self::PS512 => (&RSA_PSS_2048_8192_SHA512, &RSA_PSS_SHA512),
            _ => return None,
        })
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
        for name in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            "",
            "hs256",
            "RS256 ",
            "es256k",
            "ES521",
            "ESP256",
            "eddsa",
            "Ed25519ph",
            "ML-DSA",
            "ml-dsa-44",
            "HS1",
            "RS1",
            "RSA-OAEP",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn each_algorithm_has_the_primitive_of_its_kind_and_hash() {
        for &algorithm in Algorithm::ALL {
            let kind = algorithm.key_kind();
            assert_eq!(algorithm.hmac().is_some(), kind == KeyKind::Secret, "{algorithm}");
            assert_eq!(algorithm.rsa().is_some(), kind == KeyKind::Rsa, "{algorithm}");
            if let Some(hmac) = algorithm.hmac() {
                assert_eq!(hmac.digest_algorithm(), algorithm.hash(), "{algorithm}");
            }
            let alone = !matches!(kind, KeyKind::Secret | KeyKind::Rsa);
            assert_eq!(Algorithm::only_one_for(kind), alone.then_some(algorithm), "{algorithm}");
        }
        assert_eq!(Algorithm::only_one_for(KeyKind::Okp(OkpCurve::X25519)), None);
    }
}
