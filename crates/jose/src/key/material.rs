//! Public key numbers, and the checks that each must pass before it becomes a key.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};

use super::rsa_strength;
use crate::{Algorithm, Error, alg::KeyKind};

/// The numbers of a public key, big-endian for RSA and P-256, as in a JWK (RFC 7518 section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
}

impl Material {
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::P256 { .. } => KeyKind::P256,
            Self::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }

    /// From `RSAPublicKey` in DER (RFC 8017 section A.1.1): a sequence of two integers.
    pub(crate) fn from_rsa_der(der: &[u8]) -> Option<Self> {
        let (sequence, []) = der_element(0x30, der)? else { return None };
        let (modulus, rest) = der_element(0x02, sequence)?;
        let (exponent, []) = der_element(0x02, rest)? else { return None };
        // An integer whose high bit is set has a zero byte before it.
        let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
        Some(Self::Rsa { modulus: unsigned(modulus), exponent: unsigned(exponent) })
    }

    /// From an uncompressed point: `04 || x || y`.
    pub(crate) fn from_p256_point(point: &[u8]) -> Option<Self> {
        let (&[4], rest) = point.split_first_chunk()? else { return None };
        let (x, y) = rest.split_first_chunk()?;
        Some(Self::P256 { x: *x, y: y.try_into().ok()? })
    }

    pub(crate) fn p256_point(x: &[u8; 32], y: &[u8; 32]) -> [u8; 65] {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(x);
        point[33..].copy_from_slice(y);
        point
    }

    /// Checks strength and form, and parses for use with `algorithm`.
    pub(crate) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, Error> {
        if algorithm.key_kind() != self.kind() {
            return Err(Error::InvalidKey("the algorithm does not fit the kind of key"));
        }
        match self {
            Self::Rsa { modulus, exponent } => {
                rsa_strength::check(modulus, exponent)?;
                PublicKeyComponents { n: modulus, e: exponent }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                    .map_err(|_| Error::InvalidKey("the RSA key was refused"))
            }
            Self::P256 { x, y } => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, Self::p256_point(x, y))
                    .map_err(|_| Error::InvalidKey("the point is not on P-256"))
            }
            Self::Ed25519 { x } => {
                check_ed25519(x)?;
                ParsedPublicKey::new(&ED25519, x)
                    .map_err(|_| Error::InvalidKey("the Ed25519 key was refused"))
            }
        }
    }
}

/// Splits off the content of one DER element with this tag.
fn der_element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [short @ 0..=0x7f, rest @ ..] => (usize::from(*short), rest),
        [0x81, a, rest @ ..] => (usize::from(*a), rest),
        [0x82, a, b, rest @ ..] => (usize::from(*a) << 8 | usize::from(*b), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The field prime 2^255 - 19, little-endian like the keys themselves.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};
/// The y coordinates of the eight points of small order, apart from 0, 1 and -1.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// With a key of small order, one signature verifies for any message; the crypto library accepts
/// such keys, and ones whose y is not reduced, so both are refused here (RFC 8032 section 5.1.3).
fn check_ed25519(key: &[u8; 32]) -> Result<(), Error> {
    let mut y = *key;
    y[31] &= 0x7f;
    if y.iter().rev().ge(P.iter().rev()) {
        return Err(Error::InvalidKey("the Ed25519 key is not in canonical form"));
    }
    let zero_or_one = y[0] <= 1 && y[1..].iter().all(|&byte| byte == 0);
    let minus_one = y[0] == P[0] - 1 && y[1..] == P[1..];
    if zero_or_one || minus_one || ORDER_8.contains(&y) {
        return Err(Error::WeakKey("the Ed25519 key is a point of small order"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ed25519(x: [u8; 32]) -> Result<(), Error> {
        Material::Ed25519 { x }.parse(Algorithm::Ed25519).map(drop)
    }

    #[test]
    fn ed25519_points_of_small_order_are_refused_with_either_sign() {
        let mut one = [0; 32];
        one[0] = 1;
        let mut minus_one = P;
        minus_one[0] -= 1;
        for mut y in [[0; 32], one, minus_one, ORDER_8[0], ORDER_8[1]] {
            assert!(matches!(ed25519(y), Err(Error::WeakKey(_))));
            y[31] |= 0x80;
            assert!(matches!(ed25519(y), Err(Error::WeakKey(_))));
        }
    }

    #[test]
    fn ed25519_keys_that_are_not_reduced_are_refused() {
        for first in 0xed..=0xff {
            let mut y = [0xff; 32];
            y[0] = first;
            assert!(matches!(ed25519(y), Err(Error::InvalidKey(_))), "sign set, {first}");
            y[31] = 0x7f;
            assert!(matches!(ed25519(y), Err(Error::InvalidKey(_))), "sign clear, {first}");
        }
    }

    #[test]
    fn a_key_serves_only_its_own_algorithm() {
        let x = [7; 32];
        let wrong = Material::Ed25519 { x }.parse(Algorithm::ES256);
        assert!(matches!(wrong, Err(Error::InvalidKey(_))));
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let off = Material::P256 { x: [1; 32], y: [1; 32] }.parse(Algorithm::ES256);
        assert!(matches!(off, Err(Error::InvalidKey(_))));
    }
}
