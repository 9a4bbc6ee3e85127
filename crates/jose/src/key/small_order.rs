//! Which keys of the Edwards and Montgomery curves are degenerate.
//!
//! With an Ed25519 key of small order, one signature verifies for any message; with an X25519 key
//! of small order, the shared secret is zero whatever the other side chose. The crypto library
//! takes the first kind of key, and forms that are not reduced, so all are refused here, once,
//! when the key is read (RFC 8032 section 5.1.3, RFC 7748 section 6.1).

use crate::Error;

/// The field prime 2^255 - 19, little-endian like the keys themselves.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// The y coordinates of the Ed25519 points of order 8.
const ED25519_ORDER_8: [[u8; 32]; 2] = [
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

/// The u coordinates of the X25519 points of order 8.
const X25519_ORDER_8: [[u8; 32]; 2] = [
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// An Ed25519 public key: y, with the sign of x in the highest bit.
pub(super) fn check_ed25519(key: &[u8; 32]) -> Result<(), Error> {
    let mut y = *key;
    y[31] &= 0x7f;
    if !is_reduced(&y) {
        return Err(Error::InvalidKey("the Ed25519 key is not in canonical form"));
    }
    if is_zero_or_one_apart(&y) || ED25519_ORDER_8.contains(&y) {
        return Err(Error::WeakKey("the Ed25519 key is a point of small order"));
    }
    Ok(())
}

/// An X25519 public key: u. Those who make keys never set the highest bit, and never leave u
/// unreduced; a reader of RFC 7748 would ignore either, and one key would have several names.
pub(super) fn check_x25519(key: &[u8; 32]) -> Result<(), Error> {
    if !is_reduced(key) {
        return Err(Error::InvalidKey("the X25519 key is not in canonical form"));
    }
    if is_zero_or_one_apart(key) || X25519_ORDER_8.contains(key) {
        return Err(Error::WeakKey("the X25519 key is a point of small order"));
    }
    Ok(())
}

fn is_reduced(number: &[u8; 32]) -> bool {
    number.iter().rev().lt(P.iter().rev())
}

/// Whether a reduced number is 0, 1 or -1, which are of small order on both curves.
fn is_zero_or_one_apart(number: &[u8; 32]) -> bool {
    let zero_or_one = number[0] <= 1 && number[1..].iter().all(|&byte| byte == 0);
    zero_or_one || (number[0] == P[0] - 1 && number[1..] == P[1..])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};

    use super::*;

    fn one_and_minus_one() -> [[u8; 32]; 2] {
        let mut one = [0; 32];
        one[0] = 1;
        let mut minus_one = P;
        minus_one[0] -= 1;
        [one, minus_one]
    }

    #[test]
    fn ed25519_points_of_small_order_are_refused_with_either_sign() {
        let [one, minus_one] = one_and_minus_one();
        for mut y in [[0; 32], one, minus_one, ED25519_ORDER_8[0], ED25519_ORDER_8[1]] {
            assert!(matches!(check_ed25519(&y), Err(Error::WeakKey(_))));
            y[31] |= 0x80;
            assert!(matches!(check_ed25519(&y), Err(Error::WeakKey(_))));
        }
    }

    #[test]
    fn x25519_points_of_small_order_are_refused_and_would_give_a_zero_secret() {
        let [one, minus_one] = one_and_minus_one();
        let mine = PrivateKey::generate(&X25519).unwrap();
        for u in [[0; 32], one, minus_one, X25519_ORDER_8[0], X25519_ORDER_8[1]] {
            assert!(matches!(check_x25519(&u), Err(Error::WeakKey(_))));
            // The crypto library refuses a zero secret, which shows that the points are right.
            let secret = agree(&mine, UnparsedPublicKey::new(&X25519, &u), (), |_| Ok(()));
            assert_eq!(secret, Err(()));
        }
        let usual = PrivateKey::generate(&X25519).unwrap().compute_public_key().unwrap();
        assert_eq!(check_x25519(usual.as_ref().try_into().unwrap()), Ok(()));
    }

    #[test]
    fn keys_that_are_not_reduced_are_refused() {
        for first in 0xed..=0xff {
            let mut key = [0xff; 32];
            key[0] = first;
            assert!(matches!(check_ed25519(&key), Err(Error::InvalidKey(_))), "sign set, {first}");
            assert!(matches!(check_x25519(&key), Err(Error::InvalidKey(_))), "bit set, {first}");
            key[31] = 0x7f;
            assert!(matches!(check_ed25519(&key), Err(Error::InvalidKey(_))), "clear, {first}");
            assert!(matches!(check_x25519(&key), Err(Error::InvalidKey(_))), "clear, {first}");
        }
        let mut high = [9; 32];
        high[31] = 0x80;
        assert!(matches!(check_x25519(&high), Err(Error::InvalidKey(_))));
    }
}
