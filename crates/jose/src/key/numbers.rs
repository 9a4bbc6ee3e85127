//! Private key numbers: what a private JWK or a key file holds, before it becomes a key.

use aws_lc_rs::{
    agreement,
    constant_time::verify_slices_are_equal,
    encoding::{AsBigEndian, AsDer, AsRawBytes, EcPrivateKeyBin, Pkcs8V1Der, PqdsaPrivateKeyRaw},
    rand, rsa,
    signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, PqdsaKeyPair},
};
use zeroize::Zeroizing;

#[cfg(feature = "ed448")]
use super::ed448;
use super::{Material, der, rsa_strength};
use crate::{
    Error,
    alg::{EcCurve, KeyKind, MlDsa, OkpCurve},
};

/// Bytes that are wiped when they are dropped.
pub(crate) type Private = Zeroizing<Vec<u8>>;

/// The numbers of a private key, or a shared secret. There is no `Debug`.
#[derive(Clone)]
pub(crate) enum PrivateNumbers {
    Secret(Private),
    Rsa(RsaNumbers),
    /// `d` is big-endian and exactly as long as a coordinate.
    Ec {
        curve: EcCurve,
        d: Private,
    },
    /// `d` is the seed (RFC 8032) or the scalar (RFC 7748).
    Okp {
        curve: OkpCurve,
        d: Private,
    },
    /// The seed from which both keys are made (FIPS 204 algorithm 6).
    Akp {
        set: MlDsa,
        seed: Private,
    },
}

/// An RSA key with two primes (RFC 8017 section 3.2), big-endian.
#[derive(Clone)]
pub(crate) struct RsaNumbers {
    pub(crate) modulus: Vec<u8>,
    pub(crate) exponent: Vec<u8>,
    pub(crate) d: Private,
    pub(crate) p: Private,
    pub(crate) q: Private,
    pub(crate) dp: Private,
    pub(crate) dq: Private,
    pub(crate) qi: Private,
}

const CONTRADICTION: Error =
    Error::InvalidKey("the private and public numbers do not belong together");

impl PrivateNumbers {
    pub(crate) const fn kind(&self) -> KeyKind {
        match self {
            Self::Secret(_) => KeyKind::Secret,
            Self::Rsa(_) => KeyKind::Rsa,
            Self::Ec { curve, .. } => KeyKind::Ec(*curve),
            Self::Okp { curve, .. } => KeyKind::Okp(*curve),
            Self::Akp { set, .. } => KeyKind::MlDsa(*set),
        }
    }

    /// New random numbers; `size` is for the kinds that come in sizes.
    pub(crate) fn generate(kind: KeyKind, size: Size) -> Result<Self, Error> {
        match kind {
            KeyKind::Secret => random(size.secret_len).map(Self::Secret),
            KeyKind::Rsa => RsaNumbers::generate(size.rsa).map(Self::Rsa),
            KeyKind::Ec(curve) => {
                let pair = EcdsaKeyPair::generate(curve.signing()).map_err(|_| Error::Crypto)?;
                let number: EcPrivateKeyBin<'_> =
                    pair.private_key().as_be_bytes().map_err(|_| Error::Crypto)?;
                Ok(Self::Ec { curve, d: Zeroizing::new(number.as_ref().to_vec()) })
            }
            KeyKind::Okp(curve) => Ok(Self::Okp { curve, d: random(curve.key_len())? }),
            KeyKind::MlDsa(set) => Ok(Self::Akp { set, seed: random(MlDsa::SEED_LEN)? }),
        }
    }

    /// The public half, worked out from the private one; `None` for a secret. The numbers of an RSA
    /// key must fit each other.
    pub(crate) fn public(&self) -> Result<Option<Material>, Error> {
        Ok(Some(match self {
            Self::Secret(_) => return Ok(None),
            Self::Rsa(numbers) => {
                let RsaNumbers { modulus, exponent, .. } = numbers;
                // First, so that a weak key is refused as such.
                rsa_strength::check(modulus, exponent)?;
                numbers.pair()?;
                Material::Rsa { modulus: modulus.clone(), exponent: exponent.clone() }
            }
            Self::Ec { curve, d } => {
                let point = ec_pair(*curve, d)?.public_key().as_ref().to_vec();
                Material::Ec { curve: *curve, point }
            }
            Self::Okp { curve, d } => Material::Okp { curve: *curve, x: okp_public(*curve, d)? },
            Self::Akp { set, seed } => {
                let public = ml_dsa_pair(*set, seed)?.public_key().as_ref().to_vec();
                Material::Akp { set: *set, public }
            }
        }))
    }
}

/// How large new keys of those kinds are that come in sizes.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rsa: rsa::KeySize,
    pub(crate) secret_len: usize,
}

impl RsaNumbers {
    fn generate(size: rsa::KeySize) -> Result<Self, Error> {
        let pair = rsa::KeyPair::generate(size).map_err(|_| Error::Crypto)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Crypto)?;
        // Version, algorithm, and the key inside an octet string (RFC 5958 section 2).
        let inside = || {
            let mut inside = der::Reader::only_sequence(der.as_ref())?;
            inside.unsigned()?;
            inside.sequence()?;
            Self::from_der(inside.element(der::OCTET_STRING)?)
        };
        inside().ok_or(Error::Crypto)
    }

    /// The crypto library's form; it refuses numbers that contradict each other.
    pub(crate) fn pair(&self) -> Result<rsa::KeyPair, Error> {
        // None is larger than the modulus, whose size is limited; so the work is too.
        let private = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi];
        if private.iter().any(|number| number.len() > self.modulus.len() + 1) {
            return Err(CONTRADICTION);
        }
        let components = rsa::KeyPairComponents {
            public_key: rsa::PublicKeyComponents { n: &self.modulus[..], e: &self.exponent[..] },
            d: &self.d[..],
            p: &self.p[..],
            q: &self.q[..],
            dP: &self.dp[..],
            dQ: &self.dq[..],
            qInv: &self.qi[..],
        };
        rsa::KeyPair::from_components(&components).map_err(|_| CONTRADICTION)
    }

    /// `RSAPrivateKey` in DER.
    pub(crate) fn to_der(&self) -> Private {
        let Self { modulus, exponent, d, p, q, dp, dq, qi } = self;
        let numbers: [&[u8]; 9] = [&[0], modulus, exponent, d, p, q, dp, dq, qi];
        let written = numbers.map(der::unsigned);
        der::element(der::SEQUENCE, &written.each_ref().map(|number| &number[..]))
    }

    /// From `RSAPrivateKey` in DER (RFC 8017 section A.1.2), of two primes.
    pub(crate) fn from_der(bytes: &[u8]) -> Option<Self> {
        let mut inside = der::Reader::only_sequence(bytes)?;
        // Version 1 is for keys of more than two primes.
        if inside.unsigned()? != [0] {
            return None;
        }
        let modulus = inside.unsigned()?.to_vec();
        let exponent = inside.unsigned()?.to_vec();
        let mut private = || inside.unsigned().map(|number| Zeroizing::new(number.to_vec()));
        let (d, p, q) = (private()?, private()?, private()?);
        let (dp, dq, qi) = (private()?, private()?, private()?);
        inside.end()?;
        Some(Self { modulus, exponent, d, p, q, dp, dq, qi })
    }
}

/// Whether this is what FIPS 204 makes of the seed.
pub(crate) fn check_expanded(set: MlDsa, seed: &[u8], expanded: &[u8]) -> Result<(), Error> {
    let pair = ml_dsa_pair(set, seed)?;
    let raw: PqdsaPrivateKeyRaw<'_> =
        pair.private_key().as_raw_bytes().map_err(|_| Error::Crypto)?;
    verify_slices_are_equal(raw.as_ref(), expanded).map_err(|_| CONTRADICTION)
}

/// The crypto library's form of an EC key. It wants the private number in DER (RFC 5915) to work
/// out the public one, and refuses zero and numbers beyond the order.
pub(crate) fn ec_pair(curve: EcCurve, d: &[u8]) -> Result<EcdsaKeyPair, Error> {
    if d.len() != curve.coordinate_len() {
        return Err(Error::InvalidKey("d is not of the curve's length"));
    }
    EcdsaKeyPair::from_private_key_der(curve.signing(), &sec1(curve, d))
        .map_err(|_| Error::InvalidKey("d is not a private number of the curve"))
}

/// `ECPrivateKey` (RFC 5915 section 3) with the name of its curve.
fn sec1(curve: EcCurve, d: &[u8]) -> Private {
    let name = der::element(0xa0, &[&der::element(der::OBJECT_IDENTIFIER, &[curve.oid()])]);
    let number = der::element(der::OCTET_STRING, &[d]);
    der::element(der::SEQUENCE, &[&der::unsigned(&[1]), &number, &name])
}

pub(crate) fn ed25519_pair(seed: &[u8]) -> Result<Ed25519KeyPair, Error> {
    let seed: &[u8; 32] =
        seed.try_into().map_err(|_| Error::InvalidKey("d is not of the curve's length"))?;
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::Crypto)
}

pub(crate) fn ml_dsa_pair(set: MlDsa, seed: &[u8]) -> Result<PqdsaKeyPair, Error> {
    PqdsaKeyPair::from_seed(set.signing(), seed)
        .map_err(|_| Error::InvalidKey("the ML-DSA seed is not 32 bytes long"))
}

fn okp_public(curve: OkpCurve, d: &[u8]) -> Result<Vec<u8>, Error> {
    match curve {
        OkpCurve::Ed25519 => Ok(ed25519_pair(d)?.public_key().as_ref().to_vec()),
        #[cfg(feature = "ed448")]
        OkpCurve::Ed448 => Ok(ed448::signer(d)?.verifying_key().as_bytes().to_vec()),
        OkpCurve::X25519 => {
            let key = agreement::PrivateKey::from_private_key(&agreement::X25519, d)
                .map_err(|_| Error::InvalidKey("d is not of the curve's length"))?;
            let public = key.compute_public_key().map_err(|_| Error::Crypto)?;
            Ok(public.as_ref().to_vec())
        }
    }
}

fn random(length: usize) -> Result<Private, Error> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    rand::fill(&mut bytes).map_err(|_| Error::Crypto)?;
    Ok(bytes)
}
