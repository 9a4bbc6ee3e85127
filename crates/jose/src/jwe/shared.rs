//! Shared secrets: the content key itself, or the AES key that wraps it.

use aws_lc_rs::aead::LessSafeKey;
use zeroize::Zeroizing;

use super::{
    alg::{ContentEncryption, KeyManagement, Method},
    content::ContentKey,
    header::{Parameters, push_bytes},
    wrap,
};
use crate::Error;

/// A secret that both sides have, ready for its one algorithm.
pub(crate) enum SharedSecret {
    /// With the one method that it is for, when its JWK names one.
    Direct(Zeroizing<Vec<u8>>, Option<ContentEncryption>),
    Wrap(Zeroizing<Vec<u8>>),
    GcmWrap(LessSafeKey),
}

impl SharedSecret {
    /// The secret must have exactly the length that the algorithm asks for; for `dir`, that of a
    /// content key.
    pub(crate) fn new(
        management: KeyManagement,
        only: Option<ContentEncryption>,
        secret: &[u8],
    ) -> Result<Self, Error> {
        let bytes = || Zeroizing::new(secret.to_vec());
        match management.method() {
            Method::Direct => {
                let methods = only.as_ref().map_or(ContentEncryption::ALL, std::slice::from_ref);
                if methods.iter().any(|method| method.key_bytes() == secret.len()) {
                    Ok(Self::Direct(bytes(), only))
                } else {
                    Err(Error::InvalidKey("no content key has the length of the secret"))
                }
            }
            Method::Wrap(length) => check_length(secret, length).map(|()| Self::Wrap(bytes())),
            Method::GcmWrap(length) => {
                check_length(secret, length)?;
                wrap::parse_gcm(secret).map(Self::GcmWrap)
            }
            Method::Rsa | Method::Agreement(_) => {
                Err(Error::UnsupportedKey("the algorithm does not work with a shared secret"))
            }
        }
    }

    /// The content key, when the secret is one. [`Error::InvalidKey`] when it is not one for
    /// `encryption`.
    pub(crate) fn content_key(
        &self,
        encryption: ContentEncryption,
    ) -> Option<Result<ContentKey, Error>> {
        let Self::Direct(secret, only) = self else { return None };
        let key = match only {
            Some(only) if *only != encryption => None,
            _ => ContentKey::from_bytes(encryption, secret),
        };
        Some(key.ok_or(Error::InvalidKey("the secret is not a key for this enc")))
    }

    /// Wraps the content key; a direct secret cannot. Appends the header members to `parameters`.
    pub(crate) fn wrap(&self, key: &ContentKey, parameters: &mut String) -> Result<Vec<u8>, Error> {
        match self {
            Self::Direct(..) => Err(Error::AlgorithmNotAllowed),
            Self::Wrap(kek) => wrap::wrap(kek, key),
            Self::GcmWrap(kek) => {
                let wrapped = wrap::wrap_gcm(kek, key)?;
                push_bytes(parameters, "iv", &wrapped.iv);
                push_bytes(parameters, "tag", &wrapped.tag);
                Ok(wrapped.encrypted_key)
            }
        }
    }

    /// Undoes [`SharedSecret::wrap`] into `key`, which stays as it is when anything is wrong.
    pub(crate) fn unwrap(
        &self,
        parameters: &Parameters,
        encrypted_key: &[u8],
        key: &mut ContentKey,
    ) -> Option<()> {
        match (self, parameters) {
            (Self::Wrap(kek), _) => wrap::unwrap(kek, encrypted_key, key),
            (Self::GcmWrap(kek), Parameters::Gcm { iv, tag }) => {
                wrap::unwrap_gcm(kek, iv, tag, encrypted_key, key)
            }
            (Self::GcmWrap(_) | Self::Direct(..), _) => None,
        }
    }
}

fn check_length(secret: &[u8], length: usize) -> Result<(), Error> {
    if secret.len() < length {
        return Err(Error::WeakKey("the secret is shorter than the algorithm asks for"));
    }
    if secret.len() > length {
        return Err(Error::InvalidKey("the secret is longer than the algorithm asks for"));
    }
    Ok(())
}
