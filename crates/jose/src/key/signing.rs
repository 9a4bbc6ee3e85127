//! The key that makes signatures.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{EcdsaKeyPair, Ed25519KeyPair, PqdsaKeyPair, RsaSignatureEncoding},
};
use zeroize::Zeroizing;

use super::{PrivateNumbers, Secret, VerifyingKey, numbers};
#[cfg(feature = "ed448")]
use super::{ed448, pkcs8};
use crate::{Algorithm, Error, Jwk, PrivateJwk, alg::OkpCurve};

/// Bytes of the largest signatures: RSA with 8192 bits, ML-DSA-87.
const MAX_RSA_BYTES: usize = 1024;
const MAX_ML_DSA_BYTES: usize = 4627;

/// A private key or shared secret, tied to one algorithm and parsed once.
///
/// Generation and signing draw their randomness inside the crypto library; this is the one place
/// where the crate does not take it as an argument. `Debug` shows the algorithm and the key id
/// only, and the key bytes are wiped when the key is dropped.
///
/// ```
/// use countersign_jose::{Algorithm, SigningKey, VerifyingKey};
/// let key = SigningKey::generate(Algorithm::ES256)?;
/// let signature = key.sign(b"message")?;
/// key.verifying_key().verify(b"message", &signature)?;
/// // What others may know of it:
/// let public = key.public_jwk().expect("it is no shared secret");
/// VerifyingKey::from_jwk(&public)?.verify(b"message", &signature)?;
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: String,
    signer: Signer,
    public: Option<Jwk>,
    verifying: VerifyingKey,
}

#[expect(clippy::large_enum_variant, reason = "one per key; a box would add a step to each use")]
enum Signer {
    Secret(hmac::Key),
    Rsa(rsa::KeyPair, &'static RsaSignatureEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    #[cfg(feature = "ed448")]
    Ed448(ed448_goldilocks::SigningKey),
    MlDsa(PqdsaKeyPair),
}

impl SigningKey {
    /// A new random key: 2048 bits for RSA, a secret as long as the hash. For other sizes see
    /// [`PrivateJwk::generate_as`].
    ///
    /// # Errors
    /// [`Error::Crypto`] when the crypto library cannot make one.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        Self::from_jwk(&PrivateJwk::generate(algorithm)?)
    }

    /// From a private JWK. Its `use` and `key_ops`, where present, must permit signing. A `kid` in
    /// it is kept as it is, and the thumbprint is the name of a key without. An RSA key without
    /// `alg` signs with RS256; a secret must name its `alg`.
    ///
    /// # Errors
    /// [`Error::WrongKeyUse`] when `use`, `key_ops` or `alg` forbids signing; [`Error::InvalidKey`]
    /// for a secret without `alg`, [`Error::WeakKey`] for one that is too short.
    pub fn from_jwk(jwk: &PrivateJwk) -> Result<Self, Error> {
        jwk.labels().check_permits("sig", &["sign"])?;
        let algorithm = jwk.labels().algorithm_to_use(jwk.numbers().kind())?;
        Self::new(jwk, algorithm)
    }

    /// The same with this algorithm, for a key that names none. One that names another is refused.
    ///
    /// # Errors
    /// Those of [`SigningKey::from_jwk`]; [`Error::InvalidKey`] when the algorithm does not fit the
    /// kind of key.
    pub fn from_jwk_as(jwk: &PrivateJwk, algorithm: Algorithm) -> Result<Self, Error> {
        jwk.labels().check_permits("sig", &["sign"])?;
        jwk.labels().check_bound_to(algorithm.into(), jwk.numbers().kind())?;
        Self::new(jwk, algorithm)
    }

    /// From a private JWK as JSON; see [`SigningKey::from_jwk`].
    ///
    /// # Errors
    /// Those of [`PrivateJwk::from_json`] and of [`SigningKey::from_jwk`].
    pub fn from_jwk_json(json: &[u8]) -> Result<Self, Error> {
        Self::from_jwk(&PrivateJwk::from_json(json)?)
    }

    /// From an unencrypted PKCS#8 private key in DER (RFC 5958).
    ///
    /// # Errors
    /// Those of [`PrivateJwk::from_pkcs8`] and of [`SigningKey::from_jwk_as`];
    /// [`Error::UnsupportedKey`] for an algorithm of shared secrets.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, Error> {
        if algorithm.is_symmetric() {
            return Err(Error::UnsupportedKey("a secret has no PKCS#8 form"));
        }
        Self::from_jwk_as(&PrivateJwk::from_pkcs8(der)?, algorithm)
    }

    /// From a PEM text with one unencrypted private key; see [`PrivateJwk::from_pem`].
    ///
    /// # Errors
    /// Those of [`PrivateJwk::from_pem`] and of [`SigningKey::from_jwk_as`].
    pub fn from_pem(algorithm: Algorithm, text: &str) -> Result<Self, Error> {
        Self::from_jwk_as(&PrivateJwk::from_pem(text)?, algorithm)
    }

    /// From a shared secret: at least as long as the hash, and nothing that looks like a key file.
    ///
    /// # Errors
    /// [`Error::WeakKey`] when it is shorter or looks like a key file; [`Error::TooLarge`] beyond 4
    /// KiB; [`Error::UnsupportedKey`] for an algorithm that takes no secret.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Error> {
        Self::from_named_secret(algorithm, secret, None)
    }

    fn from_named_secret(
        algorithm: Algorithm,
        secret: &[u8],
        name: Option<&str>,
    ) -> Result<Self, Error> {
        let Secret { key, key_id } = Secret::new(algorithm, secret)?;
        let key_id = name.map_or(key_id, str::to_owned);
        let verifying = VerifyingKey::from_parsed_secret(algorithm, key.clone(), key_id.clone());
        Ok(Self { algorithm, key_id, signer: Signer::Secret(key), public: None, verifying })
    }

    fn new(jwk: &PrivateJwk, algorithm: Algorithm) -> Result<Self, Error> {
        if let PrivateNumbers::Secret(bytes) = jwk.numbers() {
            return Self::from_named_secret(algorithm, bytes, jwk.key_id());
        }
        let public = jwk.public().ok_or(Error::Crypto)?.published_for(algorithm);
        let verifying = VerifyingKey::from_jwk(&public)?;
        let key_id = public.key_id().map_or_else(|| public.thumbprint(), str::to_owned);
        let signer = Signer::new(jwk.numbers(), algorithm)?;
        Ok(Self { algorithm, key_id, signer, public: Some(public), verifying })
    }

    /// The private key as unencrypted PKCS#8 version 1 in DER; `None` for a shared secret.
    pub fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match &self.signer {
            Signer::Secret(_) => return None,
            Signer::Rsa(pair, _) => {
                let der: Pkcs8V1Der<'static> = pair.as_der().ok()?;
                der.as_ref().to_vec()
            }
            Signer::Ec(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            #[cfg(feature = "ed448")]
            Signer::Ed448(key) => {
                let d = Zeroizing::new(key.as_bytes().to_vec());
                return pkcs8::write(&PrivateNumbers::Okp { curve: OkpCurve::Ed448, d });
            }
            Signer::MlDsa(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
        };
        Some(Zeroizing::new(bytes))
    }

    /// The one algorithm of this key.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's name: its thumbprint (RFC 7638), unless a private JWK brought its own `kid`.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public key for publication; `None` for a shared secret.
    pub fn public_jwk(&self) -> Option<Jwk> {
        self.public.clone()
    }

    /// The key that checks what this one signs, with the same key id.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// Signs `message`; the form is that of JWS (RFC 7518 section 3).
    ///
    /// # Errors
    /// [`Error::Crypto`] when the crypto library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.with_signature(message, <[u8]>::to_vec)
    }

    /// Signs `message` and shows the signature to `f`, without a copy of our own.
    pub(crate) fn with_signature<R>(
        &self,
        message: &[u8],
        f: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Error> {
        match &self.signer {
            Signer::Secret(key) => Ok(f(hmac::sign(key, message).as_ref())),
            Signer::Rsa(pair, padding) => {
                let mut buffer = [0; MAX_RSA_BYTES];
                let signature = buffer.get_mut(..pair.public_modulus_len()).ok_or(Error::Crypto)?;
                pair.sign(*padding, &SystemRandom::new(), message, signature).map(|()| f(signature))
            }
            Signer::Ec(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|made| f(made.as_ref()))
            }
            Signer::Ed25519(pair) => pair.try_sign(message).map(|made| f(made.as_ref())),
            #[cfg(feature = "ed448")]
            Signer::Ed448(key) => Ok(f(&key.sign_raw(message).to_bytes())),
            Signer::MlDsa(pair) => {
                let mut buffer = [0; MAX_ML_DSA_BYTES];
                pair.sign(message, &mut buffer).map(|length| f(&buffer[..length]))
            }
        }
        .map_err(|_| Error::Crypto)
    }
}

impl Signer {
    fn new(numbers: &PrivateNumbers, algorithm: Algorithm) -> Result<Self, Error> {
        match numbers {
            PrivateNumbers::Secret(bytes) => {
                Secret::new(algorithm, bytes).map(|secret| Self::Secret(secret.key))
            }
            PrivateNumbers::Rsa(numbers) => {
                let (_, padding) = algorithm.rsa().ok_or(Error::Crypto)?;
                Ok(Self::Rsa(numbers.pair()?, padding))
            }
            PrivateNumbers::Ec { curve, d } => numbers::ec_pair(*curve, d).map(Self::Ec),
            PrivateNumbers::Okp { curve: OkpCurve::Ed25519, d } => {
                numbers::ed25519_pair(d).map(Self::Ed25519)
            }
            #[cfg(feature = "ed448")]
            PrivateNumbers::Okp { curve: OkpCurve::Ed448, d } => ed448::signer(d).map(Self::Ed448),
            PrivateNumbers::Okp { .. } => Err(Error::WrongKeyUse),
            PrivateNumbers::Akp { set, seed } => numbers::ml_dsa_pair(*set, seed).map(Self::MlDsa),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkcs8_brings_the_same_key_back() {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::Ed25519] {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_pkcs8(algorithm, &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(again.key_id(), key.key_id());
            assert_eq!(again.public_jwk(), key.public_jwk());
            let signature = again.sign(b"message").unwrap();
            assert_eq!(key.verifying_key().verify(b"message", &signature), Ok(()));
            assert_eq!(
                key.verifying_key().verify(b"massage", &signature),
                Err(Error::BadSignature)
            );
        }
    }

    #[test]
    fn pkcs8_of_another_algorithm_is_refused() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap().to_pkcs8().unwrap();
        for algorithm in [Algorithm::RS256, Algorithm::Ed25519] {
            let refused = SigningKey::from_pkcs8(algorithm, &key).err();
            assert!(matches!(refused, Some(Error::InvalidKey(_))), "{algorithm}");
        }
        let secret = SigningKey::from_pkcs8(Algorithm::HS256, &key).err();
        assert!(matches!(secret, Some(Error::UnsupportedKey(_))));
        assert_eq!(
            SigningKey::from_pkcs8(Algorithm::ES256, &[0x30; 10_000]).err(),
            Some(Error::TooLarge)
        );
    }

    #[test]
    fn debug_shows_algorithm_and_key_id_only() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let id = key.key_id();
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey {{ algorithm: ES256, key_id: {id:?}, .. }}")
        );
        assert_eq!(
            format!("{:?}", key.verifying_key()),
            format!("VerifyingKey {{ algorithm: ES256, key_id: {id:?}, .. }}")
        );
    }

    #[test]
    fn a_secret_has_no_public_half() {
        let key = SigningKey::generate(Algorithm::HS256).unwrap();
        assert_eq!(key.public_jwk(), None);
        assert!(key.to_pkcs8().is_none());
    }

    #[test]
    fn keys_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<SigningKey>();
        shared::<VerifyingKey>();
        shared::<crate::KeySet>();
        shared::<crate::Policy<crate::AccessToken>>();
    }
}
