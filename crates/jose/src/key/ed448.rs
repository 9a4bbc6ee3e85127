//! Ed448 (RFC 8032 section 5.2) by way of the crate `ed448-goldilocks`, since the crypto library
//! has no such curve. That crate is a pre-release and has not been audited, and it is slower than
//! the rest; this is why it stands behind a feature.

use ed448_goldilocks::{Signature, SigningKey, VerifyingKey};

use crate::Error;

const KEY_LEN: usize = 57;
const WRONG_LENGTH: Error = Error::InvalidKey("the number is not of the curve's length");

/// Checks form and order, and parses. The crate refuses the identity, points off the curve and
/// points with a part of small order; forms that are not reduced are refused here.
pub(super) fn parse(x: &[u8]) -> Result<VerifyingKey, Error> {
    let x: &[u8; KEY_LEN] = x.try_into().map_err(|_| WRONG_LENGTH)?;
    if !is_canonical(x) {
        return Err(Error::InvalidKey("the Ed448 key is not in canonical form"));
    }
    if is_of_small_order(x) {
        return Err(Error::WeakKey("the Ed448 key is a point of small order"));
    }
    VerifyingKey::from_bytes(x).map_err(|_| Error::InvalidKey("the point is not on the curve"))
}

/// From the seed of 57 bytes.
pub(super) fn signer(seed: &[u8]) -> Result<SigningKey, Error> {
    SigningKey::try_from(seed).map_err(|_| WRONG_LENGTH)
}

/// With an empty context, as JWS has it (RFC 8037 section 3.1).
pub(super) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<(), Error> {
    // R first, then S; the crate checks that S is reduced.
    let canonical = signature.first_chunk().is_some_and(is_canonical);
    let signature = Signature::try_from(signature).map_err(|_| Error::BadSignature)?;
    if !canonical {
        return Err(Error::BadSignature);
    }
    key.verify_raw(&signature, message).map_err(|_| Error::BadSignature)
}

/// Whether y is below the prime 2^448 - 2^224 - 1, little-endian, and the last byte holds the sign
/// of x only.
fn is_canonical(point: &[u8; KEY_LEN]) -> bool {
    let prime = (0..56).map(|place| if place == 28 { 0xfe } else { 0xff });
    point[56] & 0x7f == 0 && point[..56].iter().copied().rev().lt(prime.rev())
}

/// Whether y is 0, 1 or -1: the four points whose order divides the cofactor.
fn is_of_small_order(point: &[u8; KEY_LEN]) -> bool {
    let zero_or_one = point[0] <= 1 && point[1..56].iter().all(|byte| *byte == 0);
    let minus_one = (0..56).map(|place| match place {
        0 | 28 => 0xfe,
        _ => 0xff,
    });
    zero_or_one || point[..56].iter().copied().eq(minus_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_sign(y: [u8; 56], sign: u8) -> [u8; KEY_LEN] {
        let mut point = [sign; KEY_LEN];
        point[..56].copy_from_slice(&y);
        point
    }

    fn prime_minus(number: u8) -> [u8; 56] {
        let mut y = [0xff; 56];
        y[28] = 0xfe;
        y[0] -= number;
        y
    }

    #[test]
    fn points_of_small_order_are_refused_with_either_sign() {
        let mut one = [0; 56];
        one[0] = 1;
        for y in [[0; 56], one, prime_minus(1)] {
            for sign in [0, 0x80] {
                let refused = parse(&with_sign(y, sign)).err();
                assert!(matches!(refused, Some(Error::WeakKey(_))), "{y:?}");
            }
        }
    }

    #[test]
    fn keys_that_are_not_reduced_are_refused() {
        let mut usual = [0; KEY_LEN];
        usual.copy_from_slice(signer(&[7; KEY_LEN]).unwrap().verifying_key().as_bytes());
        assert!(parse(&usual).is_ok());
        let mut high = usual;
        high[56] |= 0x01;
        let mut more = prime_minus(0);
        more[28] = 0xff;
        for bad in [high, with_sign(prime_minus(0), 0), with_sign(more, 0x80)] {
            assert!(matches!(parse(&bad).err(), Some(Error::InvalidKey(_))), "{bad:?}");
        }
        for bad in [&usual[..56], &[], &[0; 58]] {
            assert!(matches!(parse(bad).err(), Some(Error::InvalidKey(_))));
        }
    }

    #[test]
    fn a_signature_changed_at_any_place_is_refused() {
        let key = signer(&[9; KEY_LEN]).unwrap();
        let public = key.verifying_key();
        let signature = key.sign_raw(b"m").to_bytes();
        assert_eq!(verify(&public, b"m", &signature), Ok(()));
        for place in 0..signature.len() {
            let mut changed = signature;
            changed[place] ^= 1;
            assert_eq!(verify(&public, b"m", &changed), Err(Error::BadSignature), "{place}");
        }
        assert_eq!(verify(&public, b"m", &signature[..113]), Err(Error::BadSignature));
        assert_eq!(verify(&public, b"m", &[]), Err(Error::BadSignature));
    }
}
