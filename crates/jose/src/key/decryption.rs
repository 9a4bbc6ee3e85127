//! The key that decrypts.

use std::fmt;

use aws_lc_rs::{
    agreement::PrivateKey,
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use zeroize::Zeroizing;

use super::{
    PrivateNumbers, RsaNumbers,
    encryption::{EncryptionKey, check_permits, declared},
};
use crate::{
    Error, PrivateJwk,
    jwe::{
        agreement::{self, Curve, PartyInfo, Point},
        alg::{ContentEncryption, KeyManagement, Method},
        content::ContentKey,
        header::Parameters,
        oaep, wrap,
    },
    jwk::thumbprint,
};

/// A private key, or a shared secret, tied to one way of sending the content key and parsed once.
/// `Debug` shows the algorithm and the key id only.
///
/// ```
/// use countersign_jose::{
///     DecryptionKey,
///     jwe::{ContentEncryption, KeyManagement, MediaTypes, compact},
/// };
/// let mine = DecryptionKey::generate(KeyManagement::EcdhEsA256KW)?;
/// let theirs = mine.encryption_key();
/// let enc = ContentEncryption::A256GCM;
/// let token = compact::encrypt(&theirs, enc, MediaTypes::default(), b"for you only")?;
/// assert_eq!(compact::decrypt(&mine, &[enc], &token)?.plaintext(), b"for you only");
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub struct DecryptionKey {
    receiver: Receiver,
    encryption: EncryptionKey,
}

enum Receiver {
    /// The secret is in the other half.
    Shared,
    Rsa(OaepPrivateDecryptingKey, &'static OaepAlgorithm),
    /// With the bytes of the AES key that is agreed on, when the content key is wrapped.
    Agreement(Curve, PrivateKey, Option<usize>),
}

impl DecryptionKey {
    /// A new random key: P-256 for ECDH, 2048 bits for RSA, 256 bits for `dir`. For others see
    /// [`PrivateJwk::generate_as`].
    ///
    /// # Errors
    /// [`Error::Crypto`] when the crypto library cannot make one.
    pub fn generate(management: KeyManagement) -> Result<Self, Error> {
        Self::from_jwk(&PrivateJwk::generate(management)?)
    }

    /// From a private JWK that names its `alg`.
    ///
    /// # Errors
    /// Those of [`DecryptionKey::from_jwk_as`]; [`Error::InvalidKey`] when there is no `alg`, and
    /// [`Error::WrongKeyUse`] when it is one of signatures.
    pub fn from_jwk(jwk: &PrivateJwk) -> Result<Self, Error> {
        Self::from_jwk_as(jwk, declared(jwk.labels())?)
    }

    /// From a private JWK, for this algorithm.
    ///
    /// # Errors
    /// [`Error::WrongKeyUse`] when `alg`, `use` or `key_ops` of the JWK says otherwise;
    /// [`Error::UnsupportedKey`] when the kind of key does not fit the algorithm.
    pub fn from_jwk_as(jwk: &PrivateJwk, management: KeyManagement) -> Result<Self, Error> {
        check_permits(jwk.labels(), management, false)?;
        let named =
            |thumbprint: &dyn Fn() -> String| jwk.key_id().map_or_else(thumbprint, str::to_owned);
        if let PrivateNumbers::Secret(secret) = jwk.numbers() {
            let key_id = named(&|| thumbprint::of_secret(secret));
            let only = jwk.content_encryption();
            let encryption = EncryptionKey::from_named_secret(management, only, secret, key_id)?;
            return Ok(Self { receiver: Receiver::Shared, encryption });
        }
        let public = jwk.public().ok_or(Error::Crypto)?;
        let key_id = named(&|| public.thumbprint());
        let encryption = EncryptionKey::from_material(management, public.material(), key_id)?;
        let receiver = match (management.method(), jwk.numbers()) {
            (Method::Rsa, PrivateNumbers::Rsa(numbers)) => {
                Receiver::Rsa(rsa(numbers)?, oaep::algorithm(management).ok_or(Error::Crypto)?)
            }
            (
                Method::Agreement(kek_bytes),
                PrivateNumbers::Ec { d, .. } | PrivateNumbers::Okp { d, .. },
            ) => {
                let curve = Point::from_material(public.material())?.curve();
                Receiver::Agreement(curve, curve.private_key(d)?, kek_bytes)
            }
            _ => return Err(Error::UnsupportedKey("the algorithm works with another kind of key")),
        };
        Ok(Self { receiver, encryption })
    }

    /// From a shared secret of exactly the length that the algorithm asks for; for `dir`, that of a
    /// content key.
    ///
    /// # Errors
    /// Those of [`EncryptionKey::from_secret`].
    pub fn from_secret(management: KeyManagement, secret: &[u8]) -> Result<Self, Error> {
        let encryption = EncryptionKey::from_secret(management, secret)?;
        Ok(Self { receiver: Receiver::Shared, encryption })
    }

    /// The one way in which the content key must have been sent.
    pub fn key_management(&self) -> KeyManagement {
        self.encryption.key_management()
    }

    /// The key's name: that of its JWK, or its thumbprint.
    pub fn key_id(&self) -> &str {
        self.encryption.key_id()
    }

    /// The key that encrypts what this one decrypts: the public half, or the same secret.
    pub fn encryption_key(&self) -> EncryptionKey {
        self.encryption.clone()
    }

    /// Gets at the content key. When it cannot be had, a random one takes its place, so that the
    /// content cannot be decrypted and nobody learns which step failed (RFC 7516 section 11.5).
    /// Only what everybody can see is an error here: a malformed `epk`, or an encrypted key where
    /// there must be none.
    pub(crate) fn unwrap(
        &self,
        encryption: ContentEncryption,
        parameters: &Parameters,
        encrypted_key: &[u8],
    ) -> Result<ContentKey, Error> {
        let direct =
            matches!(self.key_management().method(), Method::Direct | Method::Agreement(None));
        if direct && !encrypted_key.is_empty() {
            return Err(Error::Decryption);
        }
        if let Some(key) = self.encryption.shared().and_then(|own| own.content_key(encryption)) {
            return key.map_err(|_| Error::Decryption);
        }
        // Drawn in every case, so that success and failure take the same time.
        let mut key = ContentKey::random(encryption)?;
        // Whether it worked is not looked at.
        let _unwrapped = match (&self.receiver, parameters) {
            (Receiver::Shared, _) => self
                .encryption
                .shared()
                .and_then(|secret| secret.unwrap(parameters, encrypted_key, &mut key)),
            (Receiver::Rsa(private, algorithm), _) => {
                oaep::decrypt(private, algorithm, encrypted_key, &mut key)
            }
            (Receiver::Agreement(curve, mine, kek), Parameters::Agreement { epk, apu, apv }) => {
                let theirs = Some(epk).filter(|epk| epk.curve() == *curve).and_then(Point::parse);
                let theirs = theirs.ok_or(Error::InvalidHeader("epk"))?;
                let parties = PartyInfo { apu, apv };
                match kek {
                    None => {
                        let name = encryption.name();
                        agreement::derive(mine, theirs, name, parties, key.as_mut())
                    }
                    Some(kek_bytes) => {
                        let mut kek = Zeroizing::new([0; 32]);
                        let kek = kek.get_mut(..*kek_bytes).ok_or(Error::Crypto)?;
                        let name = self.key_management().name();
                        agreement::derive(mine, theirs, name, parties, kek)
                            .and_then(|()| wrap::unwrap(kek, encrypted_key, &mut key))
                    }
                }
            }
            (Receiver::Agreement(..), _) => return Err(Error::InvalidHeader("epk")),
        };
        Ok(key)
    }
}

/// The crypto library reads a private key for decryption from PKCS#8 only.
fn rsa(numbers: &RsaNumbers) -> Result<OaepPrivateDecryptingKey, Error> {
    let der: Pkcs8V1Der<'_> = numbers.pair()?.as_der().map_err(|_| Error::Crypto)?;
    let private = PrivateDecryptingKey::from_pkcs8(der.as_ref());
    let private = private.map_err(|_| Error::InvalidKey("the RSA key was refused"))?;
    OaepPrivateDecryptingKey::new(private).map_err(|_| Error::Crypto)
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("key_management", &self.key_management())
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json, jwe::header::Headers};

    const ENC: ContentEncryption = ContentEncryption::A256GCM;

    /// What the header of one recipient says.
    fn parameters(key: &DecryptionKey, members: &str) -> Parameters {
        let header = format!("{{\"x\":0{members}}}");
        let members = json::parse_object(header.as_bytes()).unwrap();
        Headers::protected(&members).parameters(key.key_management().method()).unwrap()
    }

    /// Bleichenbacher's attack needs to know whether the padding was right (RFC 7516 section 11.5).
    #[test]
    fn a_key_that_cannot_be_unwrapped_is_replaced_by_a_random_one() {
        for &management in KeyManagement::ALL {
            let key = DecryptionKey::generate(management).unwrap();
            let (sent, recipient) = key.encryption_key().establish(ENC).unwrap();
            let parameters = parameters(&key, &recipient.parameters);
            let unwrap = |bytes: &[u8]| key.unwrap(ENC, &parameters, bytes);
            let good = unwrap(&recipient.encrypted_key).unwrap();
            assert_eq!(good.as_bytes(), sent.as_bytes(), "{management}");
            if recipient.encrypted_key.is_empty() {
                assert_eq!(unwrap(&[0; 40]).err(), Some(Error::Decryption), "{management}");
                continue;
            }
            let mut changed = recipient.encrypted_key.clone();
            changed[3] ^= 1;
            for bad in [&changed[..], &changed[1..], &[], &[0; 40], &[0xff; 256]] {
                let (one, two) = (unwrap(bad).unwrap(), unwrap(bad).unwrap());
                assert_eq!(one.as_bytes().len(), ENC.key_bytes());
                assert_ne!(one.as_bytes(), two.as_bytes(), "{management}: it is random");
                assert_ne!(one.as_bytes(), sent.as_bytes());
                assert_ne!(one.as_bytes(), [0; 32]);
            }
        }
    }

    #[test]
    fn each_token_has_keys_of_its_own() {
        for &management in KeyManagement::ALL {
            let key = DecryptionKey::generate(management).unwrap().encryption_key();
            let (one, sent_one) = key.establish(ENC).unwrap();
            let (two, sent_two) = key.establish(ENC).unwrap();
            let direct = management == KeyManagement::Dir;
            assert_eq!(one.as_bytes() == two.as_bytes(), direct, "{management}");
            let same = sent_one.parameters == sent_two.parameters
                && sent_one.encrypted_key == sent_two.encrypted_key;
            assert_eq!(same, direct, "{management}");
        }
    }
}
