//! Public keys in DER: `SubjectPublicKeyInfo` (RFC 5280 section 4.1), and the older form of RSA
//! keys alone.

use super::{
    Material,
    der::{self, Reader},
};
use crate::{
    Error,
    alg::{EcCurve, MlDsa, OkpCurve},
};

/// An RSA key of 8192 bits takes 1.1 KiB, one of ML-DSA-87 2.6 KiB.
const MAX_BYTES: usize = 4 * 1024;

const MALFORMED: Error = Error::InvalidKey("not a public key in DER");
/// `rsaEncryption` (RFC 8017 appendix C).
const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// What an `AlgorithmIdentifier` names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Identifier {
    Rsa,
    Ec(EcCurve),
    Okp(OkpCurve),
    MlDsa(MlDsa),
}

/// Reads `SubjectPublicKeyInfo`. The numbers are not checked yet.
pub(crate) fn read(bytes: &[u8]) -> Result<Material, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let mut inside = Reader::only_sequence(bytes).ok_or(MALFORMED)?;
    let identifier = read_identifier(inside.sequence().ok_or(MALFORMED)?)?;
    let key = inside.bytes_of_bits().ok_or(MALFORMED)?;
    inside.end().ok_or(MALFORMED)?;
    match identifier {
        Identifier::Rsa => read_rsa(key),
        Identifier::Ec(curve) => read_point(curve, key),
        Identifier::Okp(curve) => Ok(Material::Okp { curve, x: key.to_vec() }),
        Identifier::MlDsa(set) => Ok(Material::Akp { set, public: key.to_vec() }),
    }
}

/// Reads `RSAPublicKey` (RFC 8017 section A.1.1), the content of PEM's `RSA PUBLIC KEY`.
pub(crate) fn read_rsa(bytes: &[u8]) -> Result<Material, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    Material::from_rsa_der(bytes).ok_or(MALFORMED)
}

fn read_point(curve: EcCurve, point: &[u8]) -> Result<Material, Error> {
    match point.split_first() {
        Some((4, coordinates)) if coordinates.len() == 2 * curve.coordinate_len() => {
            Ok(Material::Ec { curve, point: point.to_vec() })
        }
        Some((2 | 3, x)) if x.len() == curve.coordinate_len() => {
            Err(Error::UnsupportedKey("a compressed point"))
        }
        _ => Err(MALFORMED),
    }
}

pub(super) fn read_identifier(mut inside: Reader<'_>) -> Result<Identifier, Error> {
    let oid = inside.element(der::OBJECT_IDENTIFIER).ok_or(MALFORMED)?;
    let identifier = if oid == RSA_OID {
        // The parameters are a null (RFC 8017 appendix C).
        inside.element(der::NULL).filter(|content| content.is_empty()).ok_or(MALFORMED)?;
        Identifier::Rsa
    } else if oid == EC_OID {
        Identifier::Ec(read_curve(&mut inside)?)
    } else if let Some(curve) = OkpCurve::ALL.iter().copied().find(|curve| curve.oid() == oid) {
        Identifier::Okp(curve)
    } else if let Some(set) = MlDsa::ALL.iter().copied().find(|set| set.oid() == oid) {
        Identifier::MlDsa(set)
    } else {
        return Err(Error::UnsupportedKey("the algorithm of the key"));
    };
    inside.end().ok_or(MALFORMED)?;
    Ok(identifier)
}

/// The name of a curve. One that is written out in numbers is refused: it is a way to smuggle in a
/// weak one (RFC 5480 section 2.1.1).
pub(super) fn read_curve(inside: &mut Reader<'_>) -> Result<EcCurve, Error> {
    let name = inside
        .element(der::OBJECT_IDENTIFIER)
        .ok_or(Error::UnsupportedKey("an EC key whose curve is not named"))?;
    let curve = EcCurve::ALL.iter().copied().find(|curve| curve.oid() == name);
    curve.ok_or(Error::UnsupportedKey("the curve of the key"))
}

/// Writes `SubjectPublicKeyInfo`.
pub(crate) fn write(material: &Material) -> Vec<u8> {
    let identifier = match material {
        Material::Rsa { .. } => Identifier::Rsa,
        Material::Ec { curve, .. } => Identifier::Ec(*curve),
        Material::Okp { curve, .. } => Identifier::Okp(*curve),
        Material::Akp { set, .. } => Identifier::MlDsa(*set),
    };
    let bits = der::element(der::BIT_STRING, &[&[0], &key_bytes(material)]);
    der::element(der::SEQUENCE, &[&write_identifier(identifier), &bits]).to_vec()
}

pub(super) fn write_identifier(identifier: Identifier) -> Vec<u8> {
    let oid = |content: &[u8]| der::element(der::OBJECT_IDENTIFIER, &[content]);
    match identifier {
        Identifier::Rsa => {
            der::element(der::SEQUENCE, &[&oid(RSA_OID), &der::element(der::NULL, &[])])
        }
        Identifier::Ec(curve) => der::element(der::SEQUENCE, &[&oid(EC_OID), &oid(curve.oid())]),
        Identifier::Okp(curve) => der::element(der::SEQUENCE, &[&oid(curve.oid())]),
        Identifier::MlDsa(set) => der::element(der::SEQUENCE, &[&oid(set.oid())]),
    }
    .to_vec()
}

/// The bytes inside the bit string.
pub(super) fn key_bytes(material: &Material) -> Vec<u8> {
    match material {
        Material::Rsa { modulus, exponent } => {
            der::element(der::SEQUENCE, &[&der::unsigned(modulus), &der::unsigned(exponent)])
                .to_vec()
        }
        Material::Ec { point: bytes, .. }
        | Material::Okp { x: bytes, .. }
        | Material::Akp { public: bytes, .. } => bytes.clone(),
    }
}

/// Whether these bytes are the key; an EC point may also be in its compressed form.
pub(super) fn has_key_bytes(material: &Material, given: &[u8]) -> bool {
    let own = key_bytes(material);
    let compressed = |curve: EcCurve| {
        let (x, y) = Material::coordinates(curve, &own);
        let sign = 2 + (y[y.len() - 1] & 1);
        given.split_first() == Some((&sign, x))
    };
    given == own || matches!(material, Material::Ec { curve, .. } if compressed(*curve))
}
