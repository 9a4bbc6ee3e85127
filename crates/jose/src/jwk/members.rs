//! The numbers of a key as members of a JWK, and back (RFC 7518 section 6, RFC 8037, RFC 9964).

use serde::ser::SerializeMap;
use zeroize::Zeroizing;

use crate::{
    Error,
    alg::{EcCurve, MlDsa, OkpCurve},
    base64url,
    json::{Members, Value},
    key::{Material, PrivateNumbers, RsaNumbers},
};

/// The public numbers. A secret has none.
pub(crate) fn read_public(members: &Members<'_>) -> Result<Material, Error> {
    let text = |name| members.get(name).and_then(Value::as_text);
    let unsupported_curve = Error::UnsupportedKey("crv");
    match (text("kty"), text("crv")) {
        (Some("RSA"), _) => Ok(Material::Rsa {
            modulus: read_bytes(members, "n")?,
            exponent: read_bytes(members, "e")?,
        }),
        (Some("EC"), Some(name)) => {
            let curve = EcCurve::from_name(name).ok_or(unsupported_curve)?;
            Material::from_coordinates(
                curve,
                &read_bytes(members, "x")?,
                &read_bytes(members, "y")?,
            )
        }
        (Some("OKP"), Some(name)) => {
            let curve = OkpCurve::from_name(name).ok_or(unsupported_curve)?;
            Ok(Material::Okp { curve, x: read_bytes(members, "x")? })
        }
        (Some("EC" | "OKP"), None) => Err(Error::InvalidKey("crv is missing")),
        (Some("AKP"), _) => {
            // Required here, since nothing else tells the parameter set (RFC 9964 section 3).
            let name = text("alg").ok_or(Error::InvalidKey("alg is missing"))?;
            let set = MlDsa::from_name(name).ok_or(Error::UnsupportedKey("alg"))?;
            Ok(Material::Akp { set, public: read_bytes(members, "pub")? })
        }
        (Some("oct"), _) => Err(Error::PrivateKey),
        (Some(_), _) => Err(Error::UnsupportedKey("kty")),
        (None, _) => Err(Error::InvalidKey("kty is missing")),
    }
}

/// The private numbers that belong to `public`.
pub(crate) fn read_private(
    members: &Members<'_>,
    public: &Material,
) -> Result<PrivateNumbers, Error> {
    if members.contains("oth") {
        return Err(Error::UnsupportedKey("an RSA key of more than two primes"));
    }
    let read = |name| read_bytes(members, name).map(Zeroizing::new);
    Ok(match public {
        Material::Rsa { modulus, exponent } => PrivateNumbers::Rsa(RsaNumbers {
            modulus: modulus.clone(),
            exponent: exponent.clone(),
            d: read("d")?,
            p: read("p")?,
            q: read("q")?,
            dp: read("dp")?,
            dq: read("dq")?,
            qi: read("qi")?,
        }),
        Material::Ec { curve, .. } => PrivateNumbers::Ec { curve: *curve, d: read("d")? },
        Material::Okp { curve, .. } => PrivateNumbers::Okp { curve: *curve, d: read("d")? },
        Material::Akp { set, .. } => PrivateNumbers::Akp { set: *set, seed: read("priv")? },
    })
}

/// The bytes of a shared secret.
pub(crate) fn read_secret(members: &Members<'_>) -> Result<PrivateNumbers, Error> {
    read_bytes(members, "k").map(|bytes| PrivateNumbers::Secret(Zeroizing::new(bytes)))
}

/// A member in base64url. Leading zeros of coordinates are part of them.
fn read_bytes(members: &Members<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let text = members.get(name).and_then(Value::as_text);
    base64url::decode(text.ok_or(Error::InvalidKey("a number is missing"))?.as_bytes())
}

pub(crate) fn write_public<M: SerializeMap>(
    material: &Material,
    map: &mut M,
) -> Result<(), M::Error> {
    match material {
        Material::Rsa { modulus, exponent } => {
            map.serialize_entry("kty", "RSA")?;
            map.serialize_entry("n", &base64url::encode(modulus))?;
            map.serialize_entry("e", &base64url::encode(exponent))
        }
        Material::Ec { curve, point } => {
            let (x, y) = Material::coordinates(*curve, point);
            map.serialize_entry("kty", "EC")?;
            map.serialize_entry("crv", curve.name())?;
            map.serialize_entry("x", &base64url::encode(x))?;
            map.serialize_entry("y", &base64url::encode(y))
        }
        Material::Okp { curve, x } => {
            map.serialize_entry("kty", "OKP")?;
            map.serialize_entry("crv", curve.name())?;
            map.serialize_entry("x", &base64url::encode(x))
        }
        Material::Akp { public, .. } => {
            map.serialize_entry("kty", "AKP")?;
            map.serialize_entry("pub", &base64url::encode(public))
        }
    }
}

/// The names and the bytes of the private members, in the order of the registry.
pub(crate) fn private_members(numbers: &PrivateNumbers) -> Vec<(&'static str, &[u8])> {
    match numbers {
        PrivateNumbers::Secret(bytes) => vec![("k", &bytes[..])],
        PrivateNumbers::Rsa(RsaNumbers { d, p, q, dp, dq, qi, .. }) => vec![
            ("d", &d[..]),
            ("p", &p[..]),
            ("q", &q[..]),
            ("dp", &dp[..]),
            ("dq", &dq[..]),
            ("qi", &qi[..]),
        ],
        PrivateNumbers::Ec { d, .. } | PrivateNumbers::Okp { d, .. } => vec![("d", &d[..])],
        PrivateNumbers::Akp { seed, .. } => vec![("priv", &seed[..])],
    }
}
