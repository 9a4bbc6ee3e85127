//! What a JWK says about its key besides the numbers: `kid`, `alg`, `use` and `key_ops`.

use serde::ser::SerializeMap;

use crate::{
    Algorithm, Error,
    alg::{KeyAlgorithm, KeyKind, SecretLen},
    json::Members,
    jwe::{ContentEncryption, KeyManagement},
    jws::header,
};

const BAD_KEY_ID: Error = Error::InvalidKey("kid is not a short printable string");
/// More operations than are registered (RFC 7517 section 4.3) are a mistake.
const MAX_OPERATIONS: usize = 16;

/// The members of a JWK that are the same for every kind of key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) key_id: Option<String>,
    pub(crate) algorithm: Option<KeyAlgorithm>,
    pub(crate) public_use: Option<String>,
    pub(crate) operations: Option<Vec<String>>,
}

impl Labels {
    pub(crate) fn read(members: &Members<'_>) -> Result<Self, Error> {
        Ok(Self {
            key_id: read_key_id(members)?,
            algorithm: read_algorithm(members)?,
            public_use: read_use(members)?,
            operations: read_operations(members)?,
        })
    }

    /// Whether the declared algorithm works with this kind of key.
    pub(crate) fn check_fits(&self, kind: KeyKind) -> Result<(), Error> {
        match self.algorithm {
            Some(algorithm) if !algorithm.fits(kind) => {
                Err(Error::InvalidKey("the algorithm does not fit the kind of key"))
            }
            _ => Ok(()),
        }
    }

    /// Labels of a new key.
    pub(crate) fn for_algorithm(algorithm: KeyAlgorithm) -> Self {
        let public_use = match algorithm {
            KeyAlgorithm::Signature(_) => "sig",
            KeyAlgorithm::KeyManagement(_) | KeyAlgorithm::ContentEncryption(_) => "enc",
        };
        Self {
            algorithm: Some(algorithm),
            public_use: Some(public_use.to_owned()),
            ..Self::default()
        }
    }

    /// Adds `alg` where it is a part of the key: for ML-DSA (RFC 9964 section 3).
    pub(crate) fn complete_for(mut self, kind: KeyKind) -> Self {
        if self.algorithm.is_none() && matches!(kind, KeyKind::MlDsa(_)) {
            self.algorithm = Algorithm::only_one_for(kind).map(KeyAlgorithm::Signature);
        }
        self
    }

    pub(crate) fn with_key_id(self, key_id: &str) -> Result<Self, Error> {
        if !header::is_key_id(key_id) {
            return Err(BAD_KEY_ID);
        }
        Ok(Self { key_id: Some(key_id.to_owned()), ..self })
    }

    /// Whether a secret is long enough for the declared algorithm.
    pub(crate) fn check_secret_len(&self, length: usize) -> Result<(), Error> {
        // Nothing works with less than 128 bits.
        match self.algorithm.map_or(SecretLen::AtLeast(16), KeyAlgorithm::secret_len) {
            SecretLen::AtLeast(least) if length < least => {
                Err(Error::WeakKey("the secret is too short for its algorithm"))
            }
            SecretLen::Exactly(exact) if length != exact => {
                Err(Error::InvalidKey("the secret is not of its algorithm's length"))
            }
            _ => Ok(()),
        }
    }

    /// The declared signature algorithm, or the only one that the kind of key permits when none is
    /// declared and `use` does not say otherwise.
    pub(crate) fn signature_algorithm(&self, kind: KeyKind) -> Option<Algorithm> {
        match self.algorithm {
            Some(KeyAlgorithm::Signature(algorithm)) => Some(algorithm),
            Some(_) => None,
            None if self.public_use.as_deref() == Some("enc") => None,
            None => Algorithm::only_one_for(kind),
        }
    }

    /// The algorithm that a key without further advice signs or verifies with: its own, and RS256
    /// for an RSA key that names none.
    pub(crate) fn algorithm_to_use(&self, kind: KeyKind) -> Result<Algorithm, Error> {
        match (self.signature_algorithm(kind), self.algorithm, kind) {
            (Some(algorithm), _, _) => Ok(algorithm),
            (None, None, KeyKind::Rsa) => Ok(Algorithm::RS256),
            (None, None, KeyKind::Secret) => Err(Error::InvalidKey("alg is missing")),
            (None, _, _) => Err(Error::WrongKeyUse),
        }
    }

    /// Whether the key may be used with this algorithm: it fits, and no other one is declared.
    pub(crate) fn check_bound_to(&self, wanted: KeyAlgorithm, kind: KeyKind) -> Result<(), Error> {
        if !wanted.fits(kind) {
            return Err(Error::InvalidKey("the algorithm does not fit the kind of key"));
        }
        if self.algorithm.is_some_and(|declared| declared != wanted) {
            return Err(Error::WrongKeyUse);
        }
        Ok(())
    }

    /// The declared way to the content key: `dir` for a key that names a method of encryption.
    pub(crate) fn key_management(&self) -> Option<KeyManagement> {
        match self.algorithm {
            Some(KeyAlgorithm::KeyManagement(algorithm)) => Some(algorithm),
            Some(KeyAlgorithm::ContentEncryption(_)) => Some(KeyManagement::Dir),
            _ => None,
        }
    }

    /// The one method of encryption that the key declares.
    pub(crate) fn content_encryption(&self) -> Option<ContentEncryption> {
        match self.algorithm {
            Some(KeyAlgorithm::ContentEncryption(method)) => Some(method),
            _ => None,
        }
    }

    /// Whether `use`, where present, is this one, and `key_ops`, where present, has one of these
    /// operations (RFC 7517 sections 4.2 and 4.3).
    pub(crate) fn check_permits(&self, public_use: &str, operations: &[&str]) -> Result<(), Error> {
        self.check_use(public_use)?;
        let permitted = self
            .operations
            .as_ref()
            .is_none_or(|listed| listed.iter().any(|name| operations.contains(&name.as_str())));
        if permitted { Ok(()) } else { Err(Error::WrongKeyUse) }
    }

    /// Whether `use`, where present, is this one.
    pub(crate) fn check_use(&self, wanted: &str) -> Result<(), Error> {
        let fits = self.public_use.as_deref().is_none_or(|value| value == wanted);
        if fits { Ok(()) } else { Err(Error::WrongKeyUse) }
    }

    /// The same labels for the public half: each operation becomes its counterpart. A list of which
    /// nothing is left is left out, since many readers take an empty one for a ban.
    pub(crate) fn for_public_half(&self) -> Self {
        let counterpart = |name: &String| match name.as_str() {
            "sign" => Some("verify".to_owned()),
            "decrypt" => Some("encrypt".to_owned()),
            "unwrapKey" => Some("wrapKey".to_owned()),
            // The public half of a key agreement does nothing on its own.
            "deriveKey" | "deriveBits" => None,
            other => Some(other.to_owned()),
        };
        let operations = self.operations.as_ref().and_then(|listed| {
            let mut public: Vec<String> = listed.iter().filter_map(counterpart).collect();
            public.sort_unstable();
            public.dedup();
            (listed.is_empty() || !public.is_empty()).then_some(public)
        });
        Self { operations, ..self.clone() }
    }

    pub(crate) fn serialize<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(key_id) = &self.key_id {
            map.serialize_entry("kid", key_id)?;
        }
        if let Some(public_use) = &self.public_use {
            map.serialize_entry("use", public_use)?;
        }
        if let Some(operations) = &self.operations {
            map.serialize_entry("key_ops", operations)?;
        }
        if let Some(algorithm) = self.algorithm {
            map.serialize_entry("alg", algorithm.name())?;
        }
        Ok(())
    }
}

fn read_key_id(members: &Members<'_>) -> Result<Option<String>, Error> {
    let Some(value) = members.get("kid") else { return Ok(None) };
    let text = value.as_text().filter(|text| header::is_key_id(text));
    Ok(Some(text.ok_or(BAD_KEY_ID)?.to_owned()))
}

fn read_algorithm(members: &Members<'_>) -> Result<Option<KeyAlgorithm>, Error> {
    let Some(value) = members.get("alg") else { return Ok(None) };
    let name = value.as_text().ok_or(Error::InvalidKey("alg is not a string"))?;
    KeyAlgorithm::from_name(name).map(Some).ok_or(Error::UnsupportedKey("alg"))
}

fn read_use(members: &Members<'_>) -> Result<Option<String>, Error> {
    let Some(value) = members.get("use") else { return Ok(None) };
    let text = value.as_text().ok_or(Error::InvalidKey("use is not a string"))?;
    Ok(Some(text.to_owned()))
}

fn read_operations(members: &Members<'_>) -> Result<Option<Vec<String>>, Error> {
    let Some(value) = members.get("key_ops") else { return Ok(None) };
    let items = value.as_array().ok_or(Error::InvalidKey("key_ops is not an array"))?;
    if items.len() > MAX_OPERATIONS {
        return Err(Error::InvalidKey("key_ops has more entries than there are operations"));
    }
    let mut operations: Vec<String> = Vec::new();
    for item in items {
        let text = item.as_text().ok_or(Error::InvalidKey("key_ops is not an array of strings"))?;
        if operations.iter().any(|other| other == text) {
            return Err(Error::InvalidKey("key_ops names an operation twice"));
        }
        operations.push(text.to_owned());
    }
    Ok(Some(operations))
}
