//! Private keys in DER: PKCS#8 (RFC 5958), and the older forms of RSA and EC keys alone.

use zeroize::Zeroizing;

use super::{
    der::{self, Reader},
    numbers::{self, Private, PrivateNumbers, RsaNumbers},
    spki::{self, Identifier},
};
use crate::{
    Error,
    alg::{EcCurve, MlDsa},
};

/// An RSA key of 8192 bits takes 4.7 KiB, a key of ML-DSA-87 with its expanded form 4.9 KiB.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

const MALFORMED: Error = Error::InvalidKey("not a private key in DER");
/// `[0]` around the attributes of PKCS#8, and around the curve of an EC key.
const CONTEXT_0: u8 = 0xa0;
/// `[1]` around the public half of an EC key.
const CONTEXT_1: u8 = 0xa1;
/// `[0]` of a seed (RFC 9881 section 6), and `[1]` of a public half in PKCS#8; both implicit.
const IMPLICIT_0: u8 = 0x80;
const IMPLICIT_1: u8 = 0x81;

/// Reads PKCS#8 (RFC 5958 section 2). A public half that stands beside the private one must belong
/// to it.
pub(crate) fn read(bytes: &[u8]) -> Result<PrivateNumbers, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let mut inside = Reader::only_sequence(bytes).ok_or(MALFORMED)?;
    if is_encrypted(inside) {
        return Err(Error::UnsupportedKey("it is encrypted with a password; decrypt it first"));
    }
    let version = inside.unsigned().ok_or(MALFORMED)?;
    let identifier = spki::read_identifier(inside.sequence().ok_or(MALFORMED)?)?;
    let key = inside.element(der::OCTET_STRING).ok_or(MALFORMED)?;
    inside.optional(CONTEXT_0).ok_or(MALFORMED)?;
    let public = inside.optional(IMPLICIT_1).ok_or(MALFORMED)?;
    inside.end().ok_or(MALFORMED)?;
    // The public half came with version 2 of the structure, whose number is 1.
    if !matches!((version, public), ([0], None) | ([1], _)) {
        return Err(MALFORMED);
    }
    let numbers = read_numbers(identifier, key)?;
    if let Some(bits) = public {
        check_public(&numbers, bits.strip_prefix(&[0]).ok_or(MALFORMED)?)?;
    }
    Ok(numbers)
}

fn read_numbers(identifier: Identifier, key: &[u8]) -> Result<PrivateNumbers, Error> {
    match identifier {
        Identifier::Rsa => read_rsa(key),
        Identifier::Ec(curve) => read_sec1_on(Some(curve), key),
        Identifier::Okp(curve) => {
            // An octet string inside an octet string (RFC 8410 section 7).
            let d = only_element(der::OCTET_STRING, key).ok_or(MALFORMED)?;
            Ok(PrivateNumbers::Okp { curve, d: private(d) })
        }
        Identifier::MlDsa(set) => read_ml_dsa(set, key),
    }
}

/// Reads `RSAPrivateKey` (RFC 8017 section A.1.2), the content of PEM's `RSA PRIVATE KEY`.
pub(crate) fn read_rsa(bytes: &[u8]) -> Result<PrivateNumbers, Error> {
    RsaNumbers::from_der(bytes).map(PrivateNumbers::Rsa).ok_or(MALFORMED)
}

/// Reads `ECPrivateKey` (RFC 5915 section 3), the content of PEM's `EC PRIVATE KEY`.
pub(crate) fn read_sec1(bytes: &[u8]) -> Result<PrivateNumbers, Error> {
    read_sec1_on(None, bytes)
}

fn read_sec1_on(curve: Option<EcCurve>, bytes: &[u8]) -> Result<PrivateNumbers, Error> {
    let mut inside = Reader::only_sequence(bytes).ok_or(MALFORMED)?;
    if inside.unsigned() != Some(&[1]) {
        return Err(MALFORMED);
    }
    let d = inside.element(der::OCTET_STRING).ok_or(MALFORMED)?;
    let name = inside.optional(CONTEXT_0).ok_or(MALFORMED)?;
    let public = inside.optional(CONTEXT_1).ok_or(MALFORMED)?;
    inside.end().ok_or(MALFORMED)?;
    let named = name.map(read_curve).transpose()?;
    let curve = match (curve, named) {
        (Some(a), Some(b)) if a != b => return Err(MALFORMED),
        (one, other) => one.or(other).ok_or(MALFORMED)?,
    };
    // Some writers leave leading zeros of the number out, some add one (RFC 5915 says neither).
    let length = curve.coordinate_len();
    let zeros = d.iter().take_while(|byte| **byte == 0).count();
    let digits = &d[zeros..];
    if digits.len() > length {
        return Err(MALFORMED);
    }
    let mut padded = Zeroizing::new(vec![0; length]);
    padded[length - digits.len()..].copy_from_slice(digits);
    let numbers = PrivateNumbers::Ec { curve, d: padded };
    if let Some(bits) = public {
        let bits = only_element(der::BIT_STRING, bits).ok_or(MALFORMED)?;
        check_public(&numbers, bits.strip_prefix(&[0]).ok_or(MALFORMED)?)?;
    }
    Ok(numbers)
}

fn read_curve(parameters: &[u8]) -> Result<EcCurve, Error> {
    let mut inside = Reader::new(parameters);
    let curve = spki::read_curve(&mut inside)?;
    inside.end().ok_or(MALFORMED)?;
    Ok(curve)
}

/// A seed, or a seed with what is made from it (RFC 9881 section 6).
fn read_ml_dsa(set: MlDsa, key: &[u8]) -> Result<PrivateNumbers, Error> {
    if let Some(seed) = only_element(IMPLICIT_0, key) {
        return Ok(PrivateNumbers::Akp { set, seed: private(seed) });
    }
    if only_element(der::OCTET_STRING, key).is_some() {
        return Err(Error::UnsupportedKey("an ML-DSA key without its seed"));
    }
    let both = || {
        let mut inside = Reader::only_sequence(key)?;
        let seed = inside.element(der::OCTET_STRING)?;
        let expanded = inside.element(der::OCTET_STRING)?;
        inside.end()?;
        Some((seed, expanded))
    };
    let (seed, expanded) = both().ok_or(MALFORMED)?;
    numbers::check_expanded(set, seed, expanded)?;
    Ok(PrivateNumbers::Akp { set, seed: private(seed) })
}

fn check_public(numbers: &PrivateNumbers, given: &[u8]) -> Result<(), Error> {
    let Some(material) = numbers.public()? else { return Err(MALFORMED) };
    if spki::has_key_bytes(&material, given) {
        Ok(())
    } else {
        Err(Error::InvalidKey("the private and public numbers do not belong together"))
    }
}

/// `EncryptedPrivateKeyInfo` (RFC 5958 section 3) starts with the algorithm of the encryption.
fn is_encrypted(mut inside: Reader<'_>) -> bool {
    inside.sequence().is_some_and(|mut algorithm| {
        algorithm.element(der::OBJECT_IDENTIFIER).is_some()
            && inside.element(der::OCTET_STRING).is_some()
    })
}

fn only_element(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let content = reader.element(tag)?;
    reader.end()?;
    Some(content)
}

fn private(bytes: &[u8]) -> Private {
    Zeroizing::new(bytes.to_vec())
}

/// Writes PKCS#8 version 1, which every reader knows; `None` for a shared secret, which has no such
/// form.
pub(crate) fn write(numbers: &PrivateNumbers) -> Option<Private> {
    let (identifier, key) = match numbers {
        PrivateNumbers::Secret(_) => return None,
        PrivateNumbers::Rsa(numbers) => (Identifier::Rsa, numbers.to_der()),
        PrivateNumbers::Ec { curve, d } => (Identifier::Ec(*curve), ec_with_public(*curve, d)?),
        PrivateNumbers::Okp { curve, d } => {
            (Identifier::Okp(*curve), der::element(der::OCTET_STRING, &[d]))
        }
        PrivateNumbers::Akp { set, seed } => {
            (Identifier::MlDsa(*set), der::element(IMPLICIT_0, &[seed]))
        }
    };
    let version = der::unsigned(&[0]);
    let algorithm = spki::write_identifier(identifier);
    let key = der::element(der::OCTET_STRING, &[&key]);
    Some(der::element(der::SEQUENCE, &[&version, &algorithm, &key]))
}

/// With the public half, since some readers cannot work it out.
fn ec_with_public(curve: EcCurve, d: &[u8]) -> Option<Private> {
    let numbers = PrivateNumbers::Ec { curve, d: private(d) };
    let material = numbers.public().ok()??;
    let bits = der::element(der::BIT_STRING, &[&[0], &spki::key_bytes(&material)]);
    let number = der::element(der::OCTET_STRING, &[d]);
    let public = der::element(CONTEXT_1, &[&bits]);
    Some(der::element(der::SEQUENCE, &[&der::unsigned(&[1]), &number, &public]))
}
