//! The key that makes signatures.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::{self, SystemRandom},
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    },
};
use zeroize::Zeroizing;

use super::{Material, Secret, VerifyingKey};
use crate::{Algorithm, Error, Jwk, alg::KeyKind, jwk::private};

/// PKCS#8 of the largest RSA key takes about 4.7 KiB.
const MAX_PKCS8_BYTES: usize = 8 * 1024;

/// A private key or shared secret, tied to one algorithm and parsed once.
///
/// Generation and ECDSA signing draw their randomness inside the crypto library; this is the one
/// place where the crate does not take it as an argument. `Debug` shows the algorithm and the key
/// id only, and the key bytes are wiped by the crypto library when the key is dropped.
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: String,
    signer: Signer,
    public: Option<Jwk>,
    verifying: VerifyingKey,
}

#[expect(clippy::large_enum_variant, reason = "one per key; a box would add a step to each use")]
pub(crate) enum Signer {
    Secret(hmac::Key),
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new random key: 2048 bits for RSA, 256 bits for a secret.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let signer = match algorithm.key_kind() {
            KeyKind::Secret => {
                let mut secret = Zeroizing::new(vec![0; algorithm.hash().output_len()]);
                rand::fill(&mut secret).map_err(|_| Error::Crypto)?;
                return Self::from_secret(algorithm, &secret);
            }
            KeyKind::Rsa => rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map(Signer::Rsa),
            KeyKind::P256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Signer::P256)
            }
            KeyKind::Ed25519 => Ed25519KeyPair::generate().map(Signer::Ed25519),
        };
        Self::from_signer(algorithm, signer.map_err(|_| Error::Crypto)?, None)
    }

    /// From an unencrypted PKCS#8 private key in DER (RFC 5958).
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_PKCS8_BYTES {
            return Err(Error::TooLarge);
        }
        let signer = match algorithm.key_kind() {
            KeyKind::Secret => return Err(Error::UnsupportedKey("a secret has no PKCS#8 form")),
            KeyKind::Rsa => rsa::KeyPair::from_pkcs8(der).map(Signer::Rsa),
            KeyKind::P256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Signer::P256)
            }
            KeyKind::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Signer::Ed25519),
        };
        let signer =
            signer.map_err(|_| Error::InvalidKey("not a PKCS#8 private key for this algorithm"))?;
        Self::from_signer(algorithm, signer, None)
    }

    /// From a shared secret: at least as long as the hash, and nothing that looks like a key file.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Error> {
        Self::from_named_secret(algorithm, secret, None)
    }

    /// From a private JWK: `EC` P-256, `OKP` Ed25519, `RSA` with its primes, or `oct` (RFC 7518
    /// section 6, RFC 8037). A `kid` in it is kept as it is; an `oct` key must name its `alg`.
    pub fn from_jwk_json(json: &[u8]) -> Result<Self, Error> {
        private::read(json)
    }

    pub(crate) fn from_named_secret(
        algorithm: Algorithm,
        secret: &[u8],
        name: Option<String>,
    ) -> Result<Self, Error> {
        let Secret { key, key_id } = Secret::new(algorithm, secret)?;
        let key_id = name.unwrap_or(key_id);
        let verifying = VerifyingKey::from_parsed_secret(algorithm, key.clone(), key_id.clone());
        Ok(Self { algorithm, key_id, signer: Signer::Secret(key), public: None, verifying })
    }

    /// Builds the public half; its checks hold for private keys too.
    pub(crate) fn from_signer(
        algorithm: Algorithm,
        signer: Signer,
        name: Option<String>,
    ) -> Result<Self, Error> {
        let public = Jwk::for_signing(signer.material()?, algorithm, name);
        let verifying = VerifyingKey::from_jwk(&public)?;
        let key_id = public.key_id().map_or_else(|| public.thumbprint(), str::to_owned);
        Ok(Self { algorithm, key_id, signer, public: Some(public), verifying })
    }

    /// The private key as unencrypted PKCS#8 version 1 in DER; `None` for a shared secret.
    pub fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match &self.signer {
            Signer::Secret(_) => return None,
            Signer::Rsa(pair) => {
                let der: Pkcs8V1Der<'static> = pair.as_der().ok()?;
                der.as_ref().to_vec()
            }
            Signer::P256(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
        };
        Some(Zeroizing::new(bytes))
    }

    /// The one algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
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
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.signer {
            Signer::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map(|()| signature)
            }
            Signer::P256(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|made| made.as_ref().to_vec())
            }
            Signer::Ed25519(pair) => pair.try_sign(message).map(|made| made.as_ref().to_vec()),
        }
        .map_err(|_| Error::Crypto)
    }
}

impl Signer {
    fn material(&self) -> Result<Material, Error> {
        match self {
            Self::Secret(_) => Err(Error::UnsupportedKey("a secret has no public half")),
            Self::Rsa(pair) => {
                Material::from_rsa_der(pair.public_key().as_ref()).ok_or(Error::Crypto)
            }
            Self::P256(pair) => {
                Material::from_p256_point(pair.public_key().as_ref()).ok_or(Error::Crypto)
            }
            Self::Ed25519(pair) => {
                let x = pair.public_key().as_ref().try_into().map_err(|_| Error::Crypto)?;
                Ok(Material::Ed25519 { x })
            }
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
            format!("VerifyingKey {{ algorithm: ES256, key_id: Some({id:?}), .. }}")
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
