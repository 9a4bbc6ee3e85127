//! The key that checks signatures.

use std::{fmt, sync::Arc};

use aws_lc_rs::{hmac, signature::ParsedPublicKey};

#[cfg(feature = "ed448")]
use super::ed448;
use super::{Material, Secret};
use crate::{Algorithm, Error, Jwk};

/// A public key, or a shared secret, tied to one algorithm and parsed once. Cheap to clone.
///
/// ```
/// use countersign_jose::{Algorithm, Error, VerifyingKey};
/// // RFC 8410 section 10.1.
/// let pem = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
/// -----END PUBLIC KEY-----";
/// let key = VerifyingKey::from_pem(Algorithm::Ed25519, pem)?;
/// assert_eq!(key.verify(b"message", &[0; 64]), Err(Error::BadSignature));
/// // It is a key of Ed25519 and of nothing else.
/// assert!(VerifyingKey::from_pem(Algorithm::HS256, pem).is_err());
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    key_id: String,
    checker: Checker,
}

#[expect(clippy::large_enum_variant, reason = "one per key; a box would add a step to each use")]
enum Checker {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
    #[cfg(feature = "ed448")]
    Ed448(ed448_goldilocks::VerifyingKey),
}

impl VerifyingKey {
    /// From a public JWK. Its `use`, `key_ops` and `alg`, where present, must permit verification.
    /// The key id is the JWK's `kid`, or its thumbprint when it has none. An RSA key without `alg`
    /// is taken for RS256, the default of OpenID Connect.
    ///
    /// # Errors
    /// [`Error::WrongKeyUse`] when `use`, `key_ops` or `alg` forbids verifying, or the kind of key
    /// does not sign.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Error> {
        jwk.labels().check_permits("sig", &["verify"])?;
        Self::new(jwk, jwk.labels().algorithm_to_use(jwk.material().kind())?)
    }

    /// The same with this algorithm, for a key that names none. One that names another is refused.
    ///
    /// # Errors
    /// Those of [`VerifyingKey::from_jwk`]; [`Error::InvalidKey`] when the algorithm does not fit
    /// the kind of key.
    pub fn from_jwk_as(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, Error> {
        jwk.labels().check_permits("sig", &["verify"])?;
        jwk.labels().check_bound_to(algorithm.into(), jwk.material().kind())?;
        Self::new(jwk, algorithm)
    }

    /// From a PEM text with one public key; see [`Jwk::from_pem`]. The key id is its thumbprint.
    ///
    /// # Errors
    /// Those of [`Jwk::from_pem`] and of [`VerifyingKey::from_jwk_as`].
    pub fn from_pem(algorithm: Algorithm, text: &str) -> Result<Self, Error> {
        Self::from_jwk_as(&Jwk::from_pem(text)?, algorithm)
    }

    /// From a public key in DER; see [`Jwk::from_der`]. The key id is its thumbprint.
    ///
    /// # Errors
    /// Those of [`Jwk::from_der`] and of [`VerifyingKey::from_jwk_as`].
    pub fn from_spki_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, Error> {
        Self::from_jwk_as(&Jwk::from_der(der)?, algorithm)
    }

    fn new(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, Error> {
        let key_id = jwk.key_id().map_or_else(|| jwk.thumbprint(), str::to_owned);
        let checker = Checker::new(jwk.material(), algorithm)?;
        Ok(Self(Arc::new(Inner { algorithm, key_id, checker })))
    }

    /// From a shared secret: at least as long as the hash, and nothing that looks like a key file.
    ///
    /// # Errors
    /// Those of [`SigningKey::from_secret`](crate::SigningKey::from_secret).
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Error> {
        let Secret { key, key_id } = Secret::new(algorithm, secret)?;
        Ok(Self::from_parsed_secret(algorithm, key, key_id))
    }

    pub(super) fn from_parsed_secret(algorithm: Algorithm, key: hmac::Key, key_id: String) -> Self {
        let checker = Checker::Secret(key);
        Self(Arc::new(Inner { algorithm, key_id, checker }))
    }

    /// The one algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The name by which a token's `kid` finds this key: that of its JWK, or its thumbprint.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// Checks a signature over `message`. ECDSA signatures are the two numbers side by side
    /// (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// [`Error::BadSignature`] when it does not fit.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        match &self.0.checker {
            Checker::Secret(key) => hmac::verify(key, message, signature),
            Checker::Public(key) => key.verify_sig(message, signature),
            #[cfg(feature = "ed448")]
            Checker::Ed448(key) => return ed448::verify(key, message, signature),
        }
        .map_err(|_| Error::BadSignature)
    }
}

impl Checker {
    fn new(material: &Material, algorithm: Algorithm) -> Result<Self, Error> {
        match material {
            #[cfg(feature = "ed448")]
            Material::Okp { x, .. } if algorithm == Algorithm::Ed448 => {
                ed448::parse(x).map(Self::Ed448)
            }
            _ => material.parse(algorithm).map(Self::Public),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm())
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
