//! One private key, or one shared secret, as JSON.

use std::fmt;

use serde::ser::SerializeMap;
use zeroize::Zeroizing;

use super::{jwk::Jwk, labels::Labels, members, thumbprint};
use crate::{
    Algorithm, Error, KeyAlgorithm, KeyType, base64url,
    json::{self, Members, Value},
    jwe::{ContentEncryption, KeyManagement},
    key::{
        PrivateNumbers,
        pem::{self, Label},
        pkcs8,
    },
};

/// A private RSA key of 8192 bits takes 6.2 KiB.
const MAX_BYTES: usize = 16 * 1024;

/// A private key or a shared secret, of any kind that a JWK can hold, for signing or decrypting.
///
/// It is wiped when it is dropped, `Debug` shows no secret, and it cannot be serialized by
/// accident: [`PrivateJwk::to_json`], [`PrivateJwk::to_pkcs8`] and [`PrivateJwk::to_pem`] are the
/// ways out.
///
/// ```
/// use countersign_jose::{Algorithm, KeyType, PrivateJwk, SigningKey, jwe::KeyManagement};
/// let key = PrivateJwk::generate(Algorithm::Ed25519)?;
/// let stored = key.to_json(); // wiped when it is dropped
/// let signing = SigningKey::from_jwk(&PrivateJwk::from_json(stored.as_bytes())?)?;
/// assert_eq!(Some(signing.key_id()), key.key_id());
///
/// let key = PrivateJwk::generate_as(KeyType::X25519, KeyManagement::EcdhEsA256KW)?;
/// let public = serde_json::to_string(&key.public().expect("it is no shared secret"));
/// # assert!(public.is_ok_and(|text| !text.contains("\"d\"")));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone)]
pub struct PrivateJwk {
    numbers: PrivateNumbers,
    labels: Labels,
    /// `None` for a shared secret.
    public: Option<Jwk>,
}

impl PrivateJwk {
    /// Reads a private JWK. Beside what [`Jwk::from_json`] refuses, the private numbers must belong
    /// to the public ones, and a secret must be long enough for its `alg`.
    ///
    /// # Errors
    /// Those of [`Jwk::from_json`]; [`Error::InvalidKey`] when the numbers contradict each other,
    /// [`Error::WeakKey`] for a short secret.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MAX_BYTES {
            return Err(Error::TooLarge);
        }
        Self::from_members(&json::parse_object(json)?)
    }

    fn from_members(members: &Members<'_>) -> Result<Self, Error> {
        if members.get("kty").and_then(Value::as_text) == Some("oct") {
            return Self::new(members::read_secret(members)?, Labels::read(members)?);
        }
        let public = Jwk::from_public_members(members)?;
        let numbers = members::read_private(members, public.material())?;
        let key = Self::new(numbers, public.labels().clone())?;
        if key.public.as_ref().map(Jwk::material) != Some(public.material()) {
            return Err(Error::InvalidKey("the private and public numbers do not belong together"));
        }
        Ok(key)
    }

    /// From an unencrypted private key in DER: PKCS#8 (RFC 5958). It has no name and no `alg`.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for what is no such key, [`Error::UnsupportedKey`] for an encrypted
    /// one and for unknown algorithms, [`Error::WeakKey`], [`Error::TooLarge`] beyond 8 KiB.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        Self::new(pkcs8::read(der)?, Labels::default())
    }

    /// From a PEM text with one unencrypted private key: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY`
    /// (PKCS#1) or `EC PRIVATE KEY` (SEC 1). It has no name and no `alg`.
    ///
    /// # Errors
    /// Those of [`PrivateJwk::from_pkcs8`]; [`Error::InvalidKey`] when there is not exactly one
    /// key, and a private one; [`Error::Base64`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let (label, der) = pem::read(text)?;
        let numbers = match label {
            Label::Private => pkcs8::read(&der)?,
            Label::RsaPrivate => pkcs8::read_rsa(&der)?,
            Label::EcPrivate => pkcs8::read_sec1(&der)?,
            Label::Public | Label::RsaPublic => {
                return Err(Error::InvalidKey("a public key where a private one is expected"));
            }
        };
        Self::new(numbers, Labels::default())
    }

    /// Works the public half out, and checks both.
    pub(crate) fn new(numbers: PrivateNumbers, labels: Labels) -> Result<Self, Error> {
        let labels = labels.complete_for(numbers.kind());
        labels.check_fits(numbers.kind())?;
        if let PrivateNumbers::Secret(bytes) = &numbers {
            labels.check_secret_len(bytes.len())?;
        }
        let public = match numbers.public()? {
            Some(material) => Some(Jwk::new(material, labels.for_public_half())?),
            None => None,
        };
        Ok(Self { numbers, labels, public })
    }

    /// A new key of the usual kind for `algorithm`; see [`KeyType::usual`].
    ///
    /// # Errors
    /// [`Error::Crypto`] when the crypto library cannot make one.
    pub fn generate(algorithm: impl Into<KeyAlgorithm>) -> Result<Self, Error> {
        let algorithm = algorithm.into();
        Self::generate_as(KeyType::usual(algorithm), algorithm)
    }

    /// A new key of this kind for `algorithm`, named by its thumbprint.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] or [`Error::WeakKey`] when they do not fit each other.
    pub fn generate_as(kind: KeyType, algorithm: impl Into<KeyAlgorithm>) -> Result<Self, Error> {
        let algorithm = algorithm.into();
        let mut labels = Labels::for_algorithm(algorithm);
        labels.check_fits(kind.kind())?;
        let numbers = PrivateNumbers::generate(kind.kind(), kind.size())?;
        labels.key_id = Some(match (&numbers, numbers.public()?) {
            (PrivateNumbers::Secret(bytes), _) => thumbprint::of_secret(bytes),
            (_, Some(material)) => thumbprint::of_public(&material),
            (_, None) => return Err(Error::Crypto),
        });
        Self::new(numbers, labels)
    }

    /// The same key under another name, which its public half takes too.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless the name has 1 to 256 bytes of printable ASCII.
    pub fn with_key_id(mut self, key_id: &str) -> Result<Self, Error> {
        self.labels = self.labels.with_key_id(key_id)?;
        self.public = self.public.map(|public| public.with_key_id(key_id)).transpose()?;
        Ok(self)
    }

    /// The public half; `None` for a shared secret.
    pub fn public(&self) -> Option<Jwk> {
        self.public.clone()
    }

    /// The `kid` that the JWK brought.
    pub fn key_id(&self) -> Option<&str> {
        self.labels.key_id.as_deref()
    }

    /// The signature algorithm that `alg` names, or the only one that the kind of key permits.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.labels.signature_algorithm(self.numbers.kind())
    }

    /// The algorithm of encryption that `alg` names; `dir` when it names a method of encryption.
    pub fn key_management(&self) -> Option<KeyManagement> {
        self.labels.key_management()
    }

    /// The method of encryption that `alg` names.
    pub fn content_encryption(&self) -> Option<ContentEncryption> {
        self.labels.content_encryption()
    }

    /// The key as unencrypted PKCS#8 in DER (RFC 5958), without its name and its algorithm.
    ///
    /// # Errors
    /// [`Error::UnsupportedKey`] for a shared secret, which has no such form.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        pkcs8::write(&self.numbers).ok_or(Error::UnsupportedKey("a secret has no PKCS#8 form"))
    }

    /// The key as unencrypted PKCS#8 in PEM; see [`PrivateJwk::to_pkcs8`].
    ///
    /// # Errors
    /// Those of [`PrivateJwk::to_pkcs8`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, Error> {
        Ok(pem::write(Label::Private, &self.to_pkcs8()?))
    }

    /// The key as JSON, with everything that is secret in it.
    pub fn to_json(&self) -> Zeroizing<String> {
        // With room for the largest key, no copy stays behind in a buffer that grew.
        let mut out = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
        let mut serializer = serde_json::Serializer::new(&mut *out);
        let written = self.write(&mut serializer);
        debug_assert!(written.is_ok(), "nothing fails when text is written to memory");
        Zeroizing::new(String::from_utf8(std::mem::take(&mut *out)).unwrap_or_default())
    }

    fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.public {
            Some(public) => members::write_public(public.material(), &mut map)?,
            None => map.serialize_entry("kty", "oct")?,
        }
        for (name, bytes) in members::private_members(&self.numbers) {
            map.serialize_entry(name, &*Zeroizing::new(base64url::encode(bytes)))?;
        }
        self.labels.serialize(&mut map)?;
        map.end()
    }

    pub(crate) const fn numbers(&self) -> &PrivateNumbers {
        &self.numbers
    }

    pub(crate) const fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl fmt::Debug for PrivateJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateJwk")
            .field("kind", &self.numbers.kind())
            .field("algorithm", &self.labels.algorithm)
            .field("key_id", &self.labels.key_id)
            .finish_non_exhaustive()
    }
}
