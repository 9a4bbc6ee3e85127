//! Agreement on a key by elliptic curves: the curves, their points, and the derivation of a key
//! from the shared secret (RFC 7518 section 4.6, RFC 8037 section 3.2).

use aws_lc_rs::{
    agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, ParsedPublicKey, PrivateKey, X25519},
    kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest},
};

use crate::{
    Error,
    alg::{EcCurve, OkpCurve},
    key::Material,
};

/// The longest coordinate: P-521.
pub(crate) const MAX_COORDINATE_BYTES: usize = 66;
const MAX_POINT_BYTES: usize = 1 + 2 * MAX_COORDINATE_BYTES;

/// A curve on which keys are agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

/// A public key as the crypto library reads it: `04 || x || y`, or the 32 bytes of X25519. Whether
/// it lies on its curve has not been checked.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    curve: Curve,
    bytes: [u8; MAX_POINT_BYTES],
}

/// What both sides know beside the shared secret (RFC 7518 section 4.6.2).
#[derive(Clone, Copy)]
pub(crate) struct PartyInfo<'a> {
    pub(crate) apu: &'a [u8],
    pub(crate) apv: &'a [u8],
}

impl Curve {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::X25519 => "X25519",
        }
    }

    /// The `kty` of its keys.
    pub(crate) const fn key_type(self) -> &'static str {
        match self {
            Self::X25519 => "OKP",
            _ => "EC",
        }
    }

    pub(crate) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => MAX_COORDINATE_BYTES,
        }
    }

    const fn point_bytes(self) -> usize {
        match self {
            Self::X25519 => 32,
            _ => 1 + 2 * self.coordinate_bytes(),
        }
    }

    const fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
            Self::P521 => &ECDH_P521,
            Self::X25519 => &X25519,
        }
    }

    pub(crate) fn generate(self) -> Result<PrivateKey, Error> {
        PrivateKey::generate(self.algorithm()).map_err(|_| Error::Crypto)
    }

    /// From the private number, big-endian in full length, or the 32 bytes of X25519.
    pub(crate) fn private_key(self, number: &[u8]) -> Result<PrivateKey, Error> {
        PrivateKey::from_private_key(self.algorithm(), number)
            .map_err(|_| Error::InvalidKey("the private number does not fit the curve"))
    }
}

impl Point {
    /// From coordinates of full length; `y` is there unless the curve is X25519.
    pub(crate) fn new(curve: Curve, x: &[u8], y: Option<&[u8]>) -> Option<Self> {
        let length = curve.coordinate_bytes();
        let mut bytes = [0; MAX_POINT_BYTES];
        match (curve, y) {
            (Curve::X25519, None) if x.len() == length => bytes[..length].copy_from_slice(x),
            (Curve::X25519, _) => return None,
            (_, Some(y)) if x.len() == length && y.len() == length => {
                bytes[0] = 4;
                bytes[1..=length].copy_from_slice(x);
                bytes[1 + length..=2 * length].copy_from_slice(y);
            }
            _ => return None,
        }
        Some(Self { curve, bytes })
    }

    /// From the numbers of a public key on a curve of agreement.
    pub(crate) fn from_material(material: &Material) -> Result<Self, Error> {
        let (curve, bytes) = match material {
            Material::Ec { curve: EcCurve::P256, point } => (Curve::P256, point),
            Material::Ec { curve: EcCurve::P384, point } => (Curve::P384, point),
            Material::Ec { curve: EcCurve::P521, point } => (Curve::P521, point),
            Material::Okp { curve: OkpCurve::X25519, x } => (Curve::X25519, x),
            _ => return Err(Error::UnsupportedKey("keys are not agreed on this curve")),
        };
        Self::from_library(curve, bytes).ok_or(Error::InvalidKey("the point is not of its length"))
    }

    /// The public half of a private key.
    pub(crate) fn of(curve: Curve, key: &PrivateKey) -> Result<Self, Error> {
        let public = key.compute_public_key().map_err(|_| Error::Crypto)?;
        Self::from_library(curve, public.as_ref()).ok_or(Error::Crypto)
    }

    /// From the form of the crypto library.
    fn from_library(curve: Curve, form: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_POINT_BYTES];
        if form.len() != curve.point_bytes() {
            return None;
        }
        bytes[..form.len()].copy_from_slice(form);
        Some(Self { curve, bytes })
    }

    pub(crate) fn curve(&self) -> Curve {
        self.curve
    }

    pub(crate) fn x(&self) -> &[u8] {
        let length = self.curve.coordinate_bytes();
        match self.curve {
            Curve::X25519 => &self.bytes[..length],
            _ => &self.bytes[1..=length],
        }
    }

    /// `None` for X25519.
    pub(crate) fn y(&self) -> Option<&[u8]> {
        let length = self.curve.coordinate_bytes();
        match self.curve {
            Curve::X25519 => None,
            _ => Some(&self.bytes[1 + length..=2 * length]),
        }
    }

    /// Checks that the point lies on its curve, and parses it. `None` when it does not.
    pub(crate) fn parse(&self) -> Option<ParsedPublicKey> {
        let bytes = &self.bytes[..self.curve.point_bytes()];
        let unparsed = agreement::UnparsedPublicKey::new(self.curve.algorithm(), bytes);
        ParsedPublicKey::try_from(&unparsed).ok()
    }
}

/// Agrees on a secret and fills `out` with the key derived from it. `name` is the algorithm that
/// the key is for. `None` when the curves differ or the shared secret of X25519 is all zeros.
pub(crate) fn derive(
    mine: &PrivateKey,
    theirs: ParsedPublicKey,
    name: &str,
    parties: PartyInfo<'_>,
    out: &mut [u8],
) -> Option<()> {
    let info = other_info(name, parties, out.len());
    agreement::agree(mine, theirs, (), |secret| concat_kdf(secret, &info, out).ok_or(())).ok()
}

/// The single-step derivation of NIST SP 800-56C with SHA-256, which RFC 7518 names Concat KDF.
fn concat_kdf(secret: &[u8], info: &[u8], out: &mut [u8]) -> Option<()> {
    let algorithm = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256)?;
    sskdf_digest(algorithm, secret, info, out).ok()
}

/// Algorithm, both parties and the length of the key in bits, each text with its length before it.
fn other_info(name: &str, parties: PartyInfo<'_>, key_bytes: usize) -> Vec<u8> {
    let texts = [name.as_bytes(), parties.apu, parties.apv];
    let mut info = Vec::with_capacity(64 + parties.apu.len() + parties.apv.len());
    for text in texts {
        info.extend_from_slice(&length(text.len()));
        info.extend_from_slice(text);
    }
    info.extend_from_slice(&length(key_bytes * 8));
    info
}

fn length(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests;
