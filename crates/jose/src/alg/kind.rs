//! The kinds of key: each curve and each parameter set with its names and lengths.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_FIXED,
    ECDSA_P256K1_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING,
    ML_DSA_87, ML_DSA_87_SIGNING, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};

/// The kind of key that an algorithm works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Shared bytes: `kty` is `oct`.
    Secret,
    Rsa,
    Ec(EcCurve),
    Okp(OkpCurve),
    MlDsa(MlDsa),
}

/// A curve of `EC` keys (RFC 7518 section 6.2.1.1, RFC 8812 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EcCurve {
    P256,
    P384,
    P521,
    Secp256k1,
}

/// A curve of `OKP` keys (RFC 8037 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OkpCurve {
    Ed25519,
    #[cfg(feature = "ed448")]
    Ed448,
    X25519,
}

/// A parameter set of ML-DSA, held by `AKP` keys (RFC 9964 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MlDsa {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

/// What is known of an elliptic curve.
struct EcRow {
    name: &'static str,
    /// The content of the object identifier in DER (RFC 5480 section 2.1.1.1, SEC 2 appendix A).
    oid: &'static [u8],
    coordinate_len: usize,
    verification: &'static EcdsaVerificationAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
}

impl EcCurve {
    pub(crate) const ALL: &[Self] = &[Self::P256, Self::P384, Self::P521, Self::Secp256k1];

    const fn row(self) -> EcRow {
        match self {
            Self::P256 => EcRow {
                name: "P-256",
                oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
                coordinate_len: 32,
                verification: &ECDSA_P256_SHA256_FIXED,
                signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
            },
            Self::P384 => EcRow {
                name: "P-384",
                oid: &[0x2b, 0x81, 0x04, 0x00, 0x22],
                coordinate_len: 48,
                verification: &ECDSA_P384_SHA384_FIXED,
                signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
            },
            Self::P521 => EcRow {
                name: "P-521",
                oid: &[0x2b, 0x81, 0x04, 0x00, 0x23],
                coordinate_len: 66,
                verification: &ECDSA_P521_SHA512_FIXED,
                signing: &ECDSA_P521_SHA512_FIXED_SIGNING,
            },
            Self::Secp256k1 => EcRow {
                name: "secp256k1",
                oid: &[0x2b, 0x81, 0x04, 0x00, 0x0a],
                coordinate_len: 32,
                verification: &ECDSA_P256K1_SHA256_FIXED,
                signing: &ECDSA_P256K1_SHA256_FIXED_SIGNING,
            },
        }
    }

    /// The name in the `crv` member.
    pub(crate) const fn name(self) -> &'static str {
        self.row().name
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|curve| curve.name() == name)
    }

    pub(crate) const fn oid(self) -> &'static [u8] {
        self.row().oid
    }

    /// Bytes of a coordinate, and of a private number.
    pub(crate) const fn coordinate_len(self) -> usize {
        self.row().coordinate_len
    }

    pub(crate) const fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        self.row().verification
    }

    pub(crate) const fn signing(self) -> &'static EcdsaSigningAlgorithm {
        self.row().signing
    }
}

impl OkpCurve {
    pub(crate) const ALL: &[Self] = &[
        Self::Ed25519,
        #[cfg(feature = "ed448")]
        Self::Ed448,
        Self::X25519,
    ];

    /// The name in the `crv` member.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            #[cfg(feature = "ed448")]
            Self::Ed448 => "Ed448",
            Self::X25519 => "X25519",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|curve| curve.name() == name)
    }

    /// The content of the object identifier in DER (RFC 8410 section 3).
    pub(crate) const fn oid(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => &[0x2b, 0x65, 0x70],
            #[cfg(feature = "ed448")]
            Self::Ed448 => &[0x2b, 0x65, 0x71],
            Self::X25519 => &[0x2b, 0x65, 0x6e],
        }
    }

    /// Bytes of a public key, and of a private one.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::X25519 => 32,
            #[cfg(feature = "ed448")]
            Self::Ed448 => 57,
        }
    }
}

impl MlDsa {
    pub(crate) const ALL: &[Self] = &[Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// Bytes of the seed that is the private key (FIPS 204 section 3.6.3).
    pub(crate) const SEED_LEN: usize = 32;

    /// The name in the `alg` member.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|set| set.name() == name)
    }

    /// The content of the object identifier in DER (RFC 9881 section 2).
    pub(crate) const fn oid(self) -> &'static [u8] {
        match self {
            Self::MlDsa44 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11],
            Self::MlDsa65 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12],
            Self::MlDsa87 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13],
        }
    }

    /// Bytes of a public key (FIPS 204 table 2).
    pub(crate) const fn public_len(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
        }
    }

    pub(crate) const fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44,
            Self::MlDsa65 => &ML_DSA_65,
            Self::MlDsa87 => &ML_DSA_87,
        }
    }

    pub(crate) const fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44_SIGNING,
            Self::MlDsa65 => &ML_DSA_65_SIGNING,
            Self::MlDsa87 => &ML_DSA_87_SIGNING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself_and_no_other_spelling_does() {
        for &curve in EcCurve::ALL {
            assert_eq!(EcCurve::from_name(curve.name()), Some(curve));
            assert_eq!(EcCurve::from_name(&curve.name().to_lowercase()).is_some(), {
                curve == EcCurve::Secp256k1
            });
        }
        for &curve in OkpCurve::ALL {
            assert_eq!(OkpCurve::from_name(curve.name()), Some(curve));
        }
        for &set in MlDsa::ALL {
            assert_eq!(MlDsa::from_name(set.name()), Some(set));
        }
        for foreign in ["", "P-224", "P-256 ", "P-256K", "X448", "ed25519", "ML-DSA-128"] {
            assert_eq!(EcCurve::from_name(foreign), None, "{foreign:?}");
            assert_eq!(OkpCurve::from_name(foreign), None, "{foreign:?}");
            assert_eq!(MlDsa::from_name(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_crypto_library() {
        for &set in MlDsa::ALL {
            assert_eq!(set.signing().public_key_len(), set.public_len());
            assert_eq!(set.signing().seed_len(), MlDsa::SEED_LEN);
        }
    }
}
