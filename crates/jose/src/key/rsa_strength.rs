//! Which RSA public keys are strong enough to be used.

use crate::Error;

/// Bits of the modulus that are accepted: RFC 7518 section 3.3 asks for 2048; more than 8192 only
/// burns time.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Checks the numbers of a key: size, oddness, a usual exponent, and no ROCA fingerprint.
pub(super) fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), Error> {
    let (Some(&high), Some(&low)) = (modulus.first(), modulus.last()) else {
        return Err(Error::InvalidKey("the RSA modulus is empty"));
    };
    if high == 0 || exponent.first().is_none_or(|&byte| byte == 0) {
        return Err(Error::InvalidKey("an RSA number has leading zero bytes or is empty"));
    }
    let bits = modulus.len() * 8 - high.leading_zeros() as usize;
    if bits < *MODULUS_BITS.start() {
        return Err(Error::WeakKey("the RSA modulus is shorter than 2048 bits"));
    }
    if bits > *MODULUS_BITS.end() {
        return Err(Error::UnsupportedKey("the RSA modulus is longer than 8192 bits"));
    }
    if low % 2 == 0 {
        return Err(Error::InvalidKey("the RSA modulus is even"));
    }
    // More only burns time, and the crypto library would refuse each signature.
    let too_long = Error::UnsupportedKey("the RSA exponent is longer than 33 bits");
    if exponent.len() > 5 {
        return Err(too_long);
    }
    let exponent = exponent.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    if exponent >> 33 != 0 {
        return Err(too_long);
    }
    if exponent < 65537 || exponent % 2 == 0 {
        return Err(Error::WeakKey("the RSA exponent is even or below 65537"));
    }
    if has_roca_fingerprint(modulus) {
        return Err(Error::WeakKey("the RSA key was made by a broken generator (CVE-2017-15361)"));
    }
    Ok(())
}

/// The odd primes up to 167, modulo which primes of the broken generator are powers of 65537.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus is a power of 65537 modulo every small prime. A sound key is with a
/// probability of about 2^-27.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|&prime| {
        let residue =
            modulus.iter().fold(0u32, |value, &byte| (value << 8 | u32::from(byte)) % prime);
        let mut power = 1;
        // The powers repeat after at most prime - 1 steps.
        (0..prime).any(|_| {
            power = power * 65537 % prime;
            power == residue
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bytes: usize) -> Vec<u8> {
        vec![0xc5; bytes]
    }

    #[test]
    fn sizes_and_exponents_outside_the_range_are_refused() {
        let usual = [1, 0, 1];
        assert_eq!(check(&modulus(256), &usual), Ok(()));
        assert_eq!(check(&modulus(1024), &usual), Ok(()));
        let mut short = modulus(256);
        short[0] = 0x7f;
        assert!(matches!(check(&short, &usual), Err(Error::WeakKey(_))), "2047 bits");
        assert!(matches!(check(&modulus(1025), &usual), Err(Error::UnsupportedKey(_))));
        for weak in [&[1][..], &[3], &[17], &[1, 0, 0], &[1, 0, 2]] {
            assert!(matches!(check(&modulus(256), weak), Err(Error::WeakKey(_))), "{weak:?}");
        }
        for bad in [&[][..], &[0, 1, 0, 1]] {
            assert!(matches!(check(&modulus(256), bad), Err(Error::InvalidKey(_))), "{bad:?}");
        }
        assert_eq!(check(&modulus(256), &[1, 0xff, 0xff, 0xff, 0xff]), Ok(()), "33 bits");
        for long in [&[2, 0, 0, 0, 1][..], &[1, 0, 0, 0, 0, 1], &[1; 9]] {
            let refused = check(&modulus(256), long);
            assert!(matches!(refused, Err(Error::UnsupportedKey(_))), "{long:?}");
        }
    }

    #[test]
    fn a_modulus_that_is_even_empty_or_padded_is_refused() {
        let mut even = modulus(256);
        even[255] = 2;
        let mut padded = modulus(257);
        padded[0] = 0;
        for bad in [even, Vec::new(), padded] {
            assert!(matches!(check(&bad, &[1, 0, 1]), Err(Error::InvalidKey(_))));
        }
    }

    #[test]
    fn a_power_of_65537_has_the_fingerprint() {
        // 65537^k for k = 128 has 2049 bits and is its own fingerprint.
        let mut number = vec![1u8];
        for _ in 0..128 {
            let shifted: Vec<u8> = number.iter().copied().chain([0, 0]).collect();
            number = add(&shifted, &number);
        }
        assert!(number.len() >= 256);
        assert!(has_roca_fingerprint(&number));
        let last = number.len() - 1;
        number[last] ^= 2;
        assert!(!has_roca_fingerprint(&number));
    }

    fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
        let (mut sum, mut carry) = (Vec::new(), 0u16);
        for place in 0..=a.len() {
            let digit = |n: &[u8]| n.iter().rev().nth(place).copied().map_or(0, u16::from);
            let total = digit(a) + digit(b) + carry;
            sum.push((total & 0xff) as u8);
            carry = total >> 8;
        }
        while sum.last() == Some(&0) {
            sum.pop();
        }
        sum.reverse();
        sum
    }
}
