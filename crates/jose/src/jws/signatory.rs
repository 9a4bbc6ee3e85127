//! Who signs a JSON form, and what its headers say.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::header::{self, Encoding};
use crate::{Error, SigningKey, json};

/// Members whose meaning is fixed by the key, the form and [`Signatory::typ`].
const RESERVED: [&str; 7] = ["alg", "kid", "typ", "crit", "b64", "enc", "zip"];

/// One who signs: a key, and what the two headers of its signature say (RFC 7515 section 7.2.1).
///
/// Algorithm, key id and type stand in the protected header, always.
///
/// ```
/// use countersign_jose::{Algorithm, SigningKey, jws::{Signatory, json}};
/// let key = SigningKey::generate(Algorithm::Ed25519)?;
/// let signatory = Signatory::new(&key)
///     .typ("receipt+json")
///     .protected("cty", "json")
///     .unprotected("note", "for your files");
/// let text = json::sign_flattened(&signatory, br#"{"total":7}"#)?;
/// let report = json::verify(&key.verifying_key(), text.as_bytes())?;
/// assert_eq!(report.all()?, br#"{"total":7}"#);
/// assert_eq!(report.signatures()[0].typ.as_deref(), Some("receipt+json"));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Signatory<'k> {
    key: &'k SigningKey,
    typ: Option<String>,
    protected: Map<String, Value>,
    unprotected: Map<String, Value>,
}

impl<'k> Signatory<'k> {
    /// Signs with this key; the protected header names its algorithm and its id.
    pub fn new(key: &'k SigningKey) -> Self {
        Self { key, typ: None, protected: Map::new(), unprotected: Map::new() }
    }

    /// Says what kind of thing is signed (RFC 8725 section 3.11).
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        Self { typ: Some(typ.to_owned()), ..self }
    }

    /// Adds a member to the protected header. Signing refuses a name whose meaning is fixed.
    #[must_use]
    pub fn protected(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.protected.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a member to the header that nobody protects. Signing refuses a name whose meaning is
    /// fixed, or that stands in the protected header too.
    #[must_use]
    pub fn unprotected(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.unprotected.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn key(&self) -> &SigningKey {
        self.key
    }

    /// The protected header as JSON, after both were seen to be readable.
    pub(super) fn protected_json(&self, encoding: Encoding) -> Result<String, Error> {
        for name in RESERVED {
            if self.protected.contains_key(name) || self.unprotected.contains_key(name) {
                return Err(Error::InvalidHeader(name));
            }
        }
        let (algorithm, key_id) = (self.key.algorithm(), self.key.key_id());
        let mut text = header::write_for(encoding, algorithm, key_id, self.typ.as_deref())?;
        text.pop();
        for (name, value) in &self.protected {
            let name = Value::from(name.as_str());
            write!(text, ",{name}:{value}").map_err(|_| Error::Unserializable)?;
        }
        text.push('}');
        let outside = self.unprotected_json()?.unwrap_or_else(|| "{}".to_owned());
        header::parse_pair(encoding, text.as_bytes(), &json::parse_object(outside.as_bytes())?)?;
        Ok(text)
    }

    /// The unprotected header as JSON; `None` when it is empty.
    pub(super) fn unprotected_json(&self) -> Result<Option<String>, Error> {
        if self.unprotected.is_empty() {
            return Ok(None);
        }
        serde_json::to_string(&self.unprotected).map(Some).map_err(|_| Error::Unserializable)
    }
}
