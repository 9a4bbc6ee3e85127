//! Public key numbers, and the checks that each must pass before it becomes a key.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{ED25519, ParsedPublicKey, VerificationAlgorithm},
};

#[cfg(feature = "ed448")]
use super::ed448;
use super::{der, rsa_strength, small_order};
use crate::{
    Algorithm, Error,
    alg::{EcCurve, KeyKind, MlDsa, OkpCurve},
};

/// The numbers of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    /// Big-endian without leading zeros (RFC 7518 section 6.3.1).
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// The uncompressed point: `04 || x || y` (SEC 1 section 2.3.3).
    Ec { curve: EcCurve, point: Vec<u8> },
    /// The bytes that RFC 8032 and RFC 7748 call the public key.
    Okp { curve: OkpCurve, x: Vec<u8> },
    /// The bytes that FIPS 204 calls the public key.
    Akp { set: MlDsa, public: Vec<u8> },
}

impl Material {
    pub(crate) const fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve, .. } => KeyKind::Ec(*curve),
            Self::Okp { curve, .. } => KeyKind::Okp(*curve),
            Self::Akp { set, .. } => KeyKind::MlDsa(*set),
        }
    }

    /// From two coordinates of exactly the curve's length (RFC 7518 section 6.2.1.2).
    pub(crate) fn from_coordinates(curve: EcCurve, x: &[u8], y: &[u8]) -> Result<Self, Error> {
        if x.len() != curve.coordinate_len() || y.len() != curve.coordinate_len() {
            return Err(Error::InvalidKey("a coordinate is not of the curve's length"));
        }
        Ok(Self::Ec { curve, point: [&[4], x, y].concat() })
    }

    /// The coordinates of a point, each of the curve's length.
    pub(crate) fn coordinates(curve: EcCurve, point: &[u8]) -> (&[u8], &[u8]) {
        point[1..].split_at(curve.coordinate_len())
    }

    /// From `RSAPublicKey` in DER (RFC 8017 section A.1.1): a sequence of two integers.
    pub(crate) fn from_rsa_der(bytes: &[u8]) -> Option<Self> {
        let mut inside = der::Reader::only_sequence(bytes)?;
        let (modulus, exponent) = (inside.unsigned()?.to_vec(), inside.unsigned()?.to_vec());
        inside.end()?;
        Some(Self::Rsa { modulus, exponent })
    }

    /// Checks strength and form, so that whatever passes becomes a key.
    ///
    /// A point off Ed25519 cannot be told without the arithmetic of the curve; the crypto library
    /// does that for each signature, and none verifies with such a key.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Okp { curve: OkpCurve::X25519, x } => small_order::check_x25519(fixed(x)?),
            #[cfg(feature = "ed448")]
            Self::Okp { curve: OkpCurve::Ed448, x } => ed448::parse(x).map(drop),
            Self::Rsa { .. } => self.parse(Algorithm::RS256).map(drop),
            _ => {
                let algorithm = Algorithm::only_one_for(self.kind()).ok_or(Error::Crypto)?;
                self.parse(algorithm).map(drop)
            }
        }
    }

    /// Checks strength and form, and parses for signatures with `algorithm`; Ed448 is parsed
    /// elsewhere.
    pub(crate) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, Error> {
        if algorithm.key_kind() != self.kind() {
            return Err(Error::InvalidKey("the algorithm does not fit the kind of key"));
        }
        match self {
            Self::Rsa { modulus, exponent } => {
                rsa_strength::check(modulus, exponent)?;
                let (scheme, _) = algorithm.rsa().ok_or(Error::Crypto)?;
                PublicKeyComponents { n: modulus, e: exponent }
                    .to_parsed_public_key(scheme)
                    .map_err(|_| Error::InvalidKey("the RSA key was refused"))
            }
            Self::Ec { curve, point } => {
                parse_bytes(curve.verification(), point, "the point is not on the curve")
            }
            Self::Okp { curve: OkpCurve::Ed25519, x } => {
                small_order::check_ed25519(fixed(x)?)?;
                parse_bytes(&ED25519, x, "the Ed25519 key was refused")
            }
            Self::Okp { .. } => Err(Error::UnsupportedKey("crv")),
            Self::Akp { set, public } if public.len() == set.public_len() => {
                parse_bytes(set.verification(), public, "the ML-DSA key was refused")
            }
            Self::Akp { .. } => Err(Error::InvalidKey("the public key is not of its set's length")),
        }
    }
}

/// The key of a curve whose keys take 32 bytes.
fn fixed(x: &[u8]) -> Result<&[u8; 32], Error> {
    x.try_into().map_err(|_| Error::InvalidKey("x is not of the curve's length"))
}

fn parse_bytes(
    algorithm: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
    reason: &'static str,
) -> Result<ParsedPublicKey, Error> {
    ParsedPublicKey::new(algorithm, bytes).map_err(|_| Error::InvalidKey(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_serves_only_its_own_algorithm() {
        let key = Material::Okp { curve: OkpCurve::Ed25519, x: vec![7; 32] };
        for &algorithm in Algorithm::ALL {
            if algorithm != Algorithm::Ed25519 {
                assert!(matches!(key.parse(algorithm), Err(Error::InvalidKey(_))), "{algorithm}");
            }
        }
    }

    #[test]
    fn a_point_off_the_curve_or_of_another_length_is_refused() {
        for &curve in EcCurve::ALL {
            let length = curve.coordinate_len();
            let ones = vec![1; length];
            let off = Material::from_coordinates(curve, &ones, &ones).unwrap().check();
            assert!(matches!(off, Err(Error::InvalidKey(_))), "{}", curve.name());
            for (x, y) in [(length - 1, length), (length, length + 1), (0, 0), (0, 2 * length)] {
                let bad = Material::from_coordinates(curve, &vec![1; x], &vec![1; y]);
                assert!(matches!(bad, Err(Error::InvalidKey(_))), "{} {x} {y}", curve.name());
            }
        }
    }
}
