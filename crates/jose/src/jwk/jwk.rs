//! One public key as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{labels::Labels, members, thumbprint};
use crate::{
    Algorithm, Error,
    json::{self, Members},
    jwe::KeyManagement,
    key::{
        Material,
        pem::{self, Label},
        spki,
    },
};

/// An RSA key of 8192 bits takes 1.4 KiB, one of ML-DSA-87 3.5 KiB; the rest is room for members
/// that are ignored.
const MAX_BYTES: usize = 16 * 1024;
/// Members that only a private key or a secret has (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1,
/// RFC 9964 section 3).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// A public key in JSON (RFC 7517): RSA, EC on P-256, P-384, P-521 and secp256k1, Ed25519, X25519,
/// ML-DSA. It has passed the checks for its kind, so every `Jwk` holds a usable key. Private and
/// secret keys cannot be held in this type.
///
/// ```
/// use countersign_jose::{Algorithm, Jwk, VerifyingKey};
/// // RFC 8037 appendix A.2.
/// let json = br#"{"kty":"OKP","crv":"Ed25519",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let jwk = Jwk::from_json(json)?;
/// assert_eq!(jwk.algorithm(), Some(Algorithm::Ed25519));
/// assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// let key = VerifyingKey::from_jwk(&jwk)?;
/// assert!(key.verify(b"message", &[0; 64]).is_err());
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    material: Material,
    labels: Labels,
}

impl Jwk {
    /// Reads one public JWK. Refuses private members, unknown kinds of key, an `alg` that does not
    /// fit the key, and keys that are weak or malformed.
    ///
    /// # Errors
    /// [`Error::PrivateKey`], [`Error::UnsupportedKey`], [`Error::InvalidKey`] and
    /// [`Error::WeakKey`] for these; [`Error::Json`], [`Error::DuplicateMember`],
    /// [`Error::Base64`]; [`Error::TooLarge`] beyond 16 KiB.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MAX_BYTES {
            return Err(Error::TooLarge);
        }
        Self::from_members(&json::parse_object(json)?)
    }

    /// From a public key in DER: `SubjectPublicKeyInfo` (RFC 5280 section 4.1). It has no name and,
    /// but for ML-DSA, no `alg`.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::UnsupportedKey`] and [`Error::WeakKey`]; [`Error::TooLarge`]
    /// beyond 4 KiB.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::new(spki::read(der)?, Labels::default())
    }

    /// From a PEM text with one public key: `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    /// Those of [`Jwk::from_der`]; [`Error::InvalidKey`] when there is not exactly one key,
    /// [`Error::PrivateKey`] when it is a private one; [`Error::Base64`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let (label, der) = pem::read(text)?;
        let material = match label {
            Label::Public => spki::read(&der)?,
            Label::RsaPublic => spki::read_rsa(&der)?,
            Label::Private | Label::RsaPrivate | Label::EcPrivate => return Err(Error::PrivateKey),
        };
        Self::new(material, Labels::default())
    }

    /// The key as `SubjectPublicKeyInfo` in DER, without its name and its algorithm.
    pub fn to_spki_der(&self) -> Vec<u8> {
        spki::write(&self.material)
    }

    /// The key as `SubjectPublicKeyInfo` in PEM; see [`Jwk::to_spki_der`].
    pub fn to_pem(&self) -> String {
        pem::write(Label::Public, &self.to_spki_der()).to_string()
    }

    pub(crate) fn from_members(members: &Members<'_>) -> Result<Self, Error> {
        if PRIVATE_MEMBERS.iter().any(|name| members.contains(name)) {
            return Err(Error::PrivateKey);
        }
        Self::from_public_members(members)
    }

    /// Reads the public members and looks at no others.
    pub(super) fn from_public_members(members: &Members<'_>) -> Result<Self, Error> {
        Self::new(members::read_public(members)?, Labels::read(members)?)
    }

    /// Checks the numbers, and that the declared algorithm fits them.
    pub(crate) fn new(material: Material, labels: Labels) -> Result<Self, Error> {
        let labels = labels.complete_for(material.kind());
        labels.check_fits(material.kind())?;
        material.check()?;
        Ok(Self { material, labels })
    }

    /// The same key under another name.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless the name has 1 to 256 bytes of printable ASCII.
    pub fn with_key_id(mut self, key_id: &str) -> Result<Self, Error> {
        self.labels = self.labels.with_key_id(key_id)?;
        Ok(self)
    }

    /// The key as the signer of this algorithm publishes it, named by its thumbprint unless it has
    /// a name.
    pub(crate) fn published_for(self, algorithm: Algorithm) -> Self {
        let key_id = self.labels.key_id.clone().unwrap_or_else(|| self.thumbprint());
        let labels = Labels { key_id: Some(key_id), ..Labels::for_algorithm(algorithm.into()) };
        Self { labels, ..self }
    }

    /// The thumbprint: SHA-256 of the required members, in base64url (RFC 7638).
    pub fn thumbprint(&self) -> String {
        thumbprint::of_public(&self.material)
    }

    /// The thumbprint as a URI (RFC 9278).
    pub fn thumbprint_uri(&self) -> String {
        format!("{}{}", thumbprint::URI_PREFIX, self.thumbprint())
    }

    /// The `kid` that the JWK brought.
    pub fn key_id(&self) -> Option<&str> {
        self.labels.key_id.as_deref()
    }

    /// The signature algorithm that `alg` names, or the only one that the kind of key permits;
    /// `None` for an RSA key without `alg`, and for a key of encryption.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.labels.signature_algorithm(self.material.kind())
    }

    /// The algorithm of encryption that `alg` names.
    pub fn key_management(&self) -> Option<KeyManagement> {
        self.labels.key_management()
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }

    pub(crate) const fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members::write_public(&self.material, &mut map)?;
        self.labels.serialize(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
