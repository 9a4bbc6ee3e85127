//! The public keys of a client: those of its signatures, and those that it reads encrypted answers
//! with. They stand in its registration (`jwks`), or it publishes them (`jwks_uri`).

use countersign_jose::jwe::KeyManagement;
use countersign_jose::{EncryptionKey, Error, JwkSet, KeySet};

use crate::client::Client;
use crate::client_certificate::ClientCertificate;

/// Keys that were read once.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    signatures: KeySet,
    published: JwkSet,
}

impl ClientKeys {
    /// Reads a JWK set. Keys that can't be used are left out.
    ///
    /// # Errors
    /// When it is no JWK set, or holds no key that can be used for anything:
    /// [`Error::UnknownKey`].
    pub fn read(jwks: &[u8]) -> Result<Self, Error> {
        let (signatures, _) = KeySet::from_jwks_json(jwks)?;
        let (published, _) = JwkSet::from_json(jwks)?;
        if published.keys.is_empty() {
            return Err(Error::UnknownKey);
        }
        Ok(Self { signatures, published })
    }

    /// The keys that stand in a registration; `None` when none do.
    ///
    /// # Errors
    /// Those of [`ClientKeys::read`].
    pub fn registered(client: &Client) -> Option<Result<Self, Error>> {
        let jwks = client.jwks.as_ref()?;
        Some(Self::read(jwks.to_string().as_bytes()))
    }

    /// The keys that its signatures are checked with.
    #[must_use]
    pub const fn signatures(&self) -> &KeySet {
        &self.signatures
    }

    /// Whether a certificate holds one of the keys.
    #[must_use]
    pub fn are_held_by(&self, certificate: &ClientCertificate) -> bool {
        self.published.keys.iter().any(|jwk| jwk.to_spki_der() == certificate.public_key())
    }

    /// The key that takes what is encrypted in this way: one that says so, or else the first that
    /// does not say otherwise.
    #[must_use]
    pub fn encryption(&self, management: KeyManagement) -> Option<EncryptionKey> {
        let keys = &self.published.keys;
        let says_so = keys.iter().filter(|jwk| jwk.key_management() == Some(management));
        says_so.chain(keys).find_map(|jwk| EncryptionKey::from_jwk_as(jwk, management).ok())
    }
}

/// Whether an error may come from keys that are older than the signature: then newer ones are worth
/// a look.
#[must_use]
pub const fn may_be_outdated(error: &Error) -> bool {
    matches!(error, Error::UnknownKey | Error::BadSignature | Error::MissingKeyId)
}

#[cfg(test)]
mod tests {
    use countersign_jose::{Algorithm, PrivateJwk, SigningKey};

    use super::*;

    fn set(keys: &[String]) -> Vec<u8> {
        format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes()
    }

    fn encrypting(management: KeyManagement) -> String {
        let key = PrivateJwk::generate(management).unwrap().public().unwrap();
        serde_json::to_string(&key).unwrap()
    }

    #[test]
    fn each_key_serves_its_own_purpose() {
        let signing = SigningKey::generate(Algorithm::ES256).unwrap();
        let signing_jwk = serde_json::to_string(&signing.public_jwk()).unwrap();
        let agreeing = encrypting(KeyManagement::EcdhEsA256KW);
        let keys = ClientKeys::read(&set(&[signing_jwk, agreeing.clone()])).unwrap();
        assert_eq!(keys.signatures().key_ids().collect::<Vec<_>>(), [signing.key_id()]);
        assert!(keys.encryption(KeyManagement::EcdhEsA256KW).is_some());
        assert!(keys.encryption(KeyManagement::RsaOaep256).is_none());
        // One that says so comes before one that does not say otherwise.
        let silent = encrypting(KeyManagement::EcdhEs).replace(r#""alg":"ECDH-ES","#, "");
        let both = ClientKeys::read(&set(&[silent, agreeing])).unwrap();
        let said = keys.encryption(KeyManagement::EcdhEsA256KW).unwrap();
        let chosen = both.encryption(KeyManagement::EcdhEsA256KW).unwrap();
        assert_eq!(chosen.key_id(), said.key_id());
    }

    #[test]
    fn a_set_without_a_usable_key_is_none() {
        let secret = r#"{"kty":"oct","k":"AAAA","kid":"secret"}"#.to_owned();
        for bad in [set(&[]), set(&[secret]), b"{}".to_vec(), b"<html>".to_vec()] {
            assert!(ClientKeys::read(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
        }
    }
}
