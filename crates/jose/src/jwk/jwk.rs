//! One public key as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::thumbprint;
use crate::{
    Algorithm, Error,
    alg::KeyKind,
    base64url,
    json::{self, Members, Value},
    jws::header,
    key::Material,
};

/// An RSA key of 8192 bits takes 1.4 KiB; the rest is room for members that are ignored.
const MAX_BYTES: usize = 16 * 1024;
/// Members that only a private key or a secret has (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key in JSON (RFC 7517): RSA, P-256 or Ed25519. It has passed the checks for its kind,
/// so every `Jwk` holds a usable key. Private and secret keys cannot be held in this type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    material: Material,
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    usage: Usage,
}

/// What `use` and `key_ops` permit (RFC 7517 sections 4.2 and 4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    public_use: Option<String>,
    operations: Option<Vec<String>>,
}

impl Jwk {
    /// Reads one public JWK. Refuses private members, unknown kinds of key, an `alg` that does not
    /// fit the key, and keys that are weak or malformed.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MAX_BYTES {
            return Err(Error::TooLarge);
        }
        Self::from_members(&json::parse_object(json)?)
    }

    pub(crate) fn from_members(members: &Members<'_>) -> Result<Self, Error> {
        if PRIVATE_MEMBERS.iter().any(|name| members.contains(name)) {
            return Err(Error::PrivateKey);
        }
        Self::from_public_members(members)
    }

    /// Reads the public members and looks at no others.
    pub(super) fn from_public_members(members: &Members<'_>) -> Result<Self, Error> {
        let usage = Usage::read(members)?;
        let key_id = read_key_id(members)?;
        let material = read_material(members)?;
        let declared = read_algorithm(members)?;
        let algorithm = match (declared, material.kind()) {
            (Some(declared), _) => Some(declared),
            (None, KeyKind::P256) => Some(Algorithm::ES256),
            (None, KeyKind::Ed25519) => Some(Algorithm::Ed25519),
            (None, KeyKind::Rsa | KeyKind::Secret) => None,
        };
        material.parse(algorithm.unwrap_or(Algorithm::RS256))?;
        Ok(Self { material, key_id, algorithm, usage })
    }

    /// The public half of a signing key, named by its thumbprint unless it has a name.
    pub(crate) fn for_signing(
        material: Material,
        algorithm: Algorithm,
        name: Option<String>,
    ) -> Self {
        let key_id = Some(name.unwrap_or_else(|| thumbprint::of_public(&material)));
        let usage = Usage { public_use: Some("sig".to_owned()), operations: None };
        Self { material, key_id, algorithm: Some(algorithm), usage }
    }

    /// The thumbprint: SHA-256 of the required members, in base64url (RFC 7638).
    pub fn thumbprint(&self) -> String {
        thumbprint::of_public(&self.material)
    }

    /// The `kid` that the JWK brought.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The algorithm that `alg` names, or the only one that the curve permits; `None` for an RSA
    /// key without `alg`.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// Whether `use` and `key_ops` permit the operation `verify` or `sign`.
    pub(crate) fn check_permits(&self, operation: &str) -> Result<(), Error> {
        self.usage.check_permits(operation)
    }
}

impl Usage {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Error> {
        let public_use = match members.get("use") {
            None => None,
            Some(value) => {
                let text = value.as_text().ok_or(Error::InvalidKey("use is not a string"))?;
                Some(text.to_owned())
            }
        };
        let operations = match members.get("key_ops") {
            None => None,
            Some(value) => {
                let texts = |items: Vec<Value<'_>>| {
                    items.iter().map(|item| item.as_text().map(str::to_owned)).collect()
                };
                let list: Option<Vec<String>> = value.as_array().and_then(texts);
                Some(list.ok_or(Error::InvalidKey("key_ops is not an array of strings"))?)
            }
        };
        Ok(Self { public_use, operations })
    }

    pub(super) fn check_permits(&self, operation: &str) -> Result<(), Error> {
        let by_use = self.public_use.as_deref().is_none_or(|value| value == "sig");
        let by_operations = self
            .operations
            .as_ref()
            .is_none_or(|operations| operations.iter().any(|name| name == operation));
        if by_use && by_operations { Ok(()) } else { Err(Error::WrongKeyUse) }
    }
}

pub(super) fn read_key_id(members: &Members<'_>) -> Result<Option<String>, Error> {
    let Some(value) = members.get("kid") else { return Ok(None) };
    let text = value.as_text().filter(|text| header::is_key_id(text));
    Ok(Some(text.ok_or(Error::InvalidKey("kid is not a short printable string"))?.to_owned()))
}

pub(super) fn read_algorithm(members: &Members<'_>) -> Result<Option<Algorithm>, Error> {
    let Some(value) = members.get("alg") else { return Ok(None) };
    let name = value.as_text().ok_or(Error::InvalidKey("alg is not a string"))?;
    Algorithm::from_name(name).map(Some).ok_or(Error::UnsupportedKey("alg"))
}

fn read_material(members: &Members<'_>) -> Result<Material, Error> {
    let text = |name| members.get(name).and_then(Value::as_text);
    match (text("kty"), text("crv")) {
        (Some("RSA"), _) => Ok(Material::Rsa {
            modulus: read_bytes(members, "n")?,
            exponent: read_bytes(members, "e")?,
        }),
        (Some("EC"), Some("P-256")) => {
            Ok(Material::P256 { x: read_exact(members, "x")?, y: read_exact(members, "y")? })
        }
        (Some("OKP"), Some("Ed25519")) => Ok(Material::Ed25519 { x: read_exact(members, "x")? }),
        (Some("EC" | "OKP"), Some(_)) => Err(Error::UnsupportedKey("crv")),
        (Some("EC" | "OKP"), None) => Err(Error::InvalidKey("crv is missing")),
        (Some("oct"), _) => Err(Error::PrivateKey),
        (Some(_), _) => Err(Error::UnsupportedKey("kty")),
        (None, _) => Err(Error::InvalidKey("kty is missing")),
    }
}

/// A member in base64url.
fn read_bytes(members: &Members<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let text = members.get(name).and_then(Value::as_text);
    base64url::decode(text.ok_or(Error::InvalidKey("a number is missing"))?.as_bytes())
}

/// A coordinate: leading zeros are part of it (RFC 7518 section 6.2.1.2).
fn read_exact(members: &Members<'_>, name: &str) -> Result<[u8; 32], Error> {
    let bytes = read_bytes(members, name)?;
    bytes.try_into().map_err(|_| Error::InvalidKey("a coordinate is not 32 bytes long"))
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                map.serialize_entry("kty", "RSA")?;
                map.serialize_entry("n", &base64url::encode(modulus))?;
                map.serialize_entry("e", &base64url::encode(exponent))?;
            }
            Material::P256 { x, y } => {
                map.serialize_entry("kty", "EC")?;
                map.serialize_entry("crv", "P-256")?;
                map.serialize_entry("x", &base64url::encode(x))?;
                map.serialize_entry("y", &base64url::encode(y))?;
            }
            Material::Ed25519 { x } => {
                map.serialize_entry("kty", "OKP")?;
                map.serialize_entry("crv", "Ed25519")?;
                map.serialize_entry("x", &base64url::encode(x))?;
            }
        }
        if let Some(key_id) = &self.key_id {
            map.serialize_entry("kid", key_id)?;
        }
        if let Some(public_use) = &self.usage.public_use {
            map.serialize_entry("use", public_use)?;
        }
        if let Some(operations) = &self.usage.operations {
            map.serialize_entry("key_ops", operations)?;
        }
        if let Some(algorithm) = self.algorithm {
            map.serialize_entry("alg", algorithm.name())?;
        }
        map.end()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
