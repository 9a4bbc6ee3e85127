//! The content key under RSA-OAEP (RFC 7518 section 4.3). There is no RSA1_5.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
};
use zeroize::Zeroizing;

use super::{alg::KeyManagement, content::ContentKey};
use crate::Error;

/// A modulus of 8192 bits.
const MAX_MODULUS_BYTES: usize = 1024;

/// The hash of an RSA-OAEP name; `None` for other names.
pub(crate) const fn algorithm(management: KeyManagement) -> Option<&'static OaepAlgorithm> {
    match management {
        KeyManagement::RsaOaep => Some(&OAEP_SHA1_MGF1SHA1),
        KeyManagement::RsaOaep256 => Some(&OAEP_SHA256_MGF1SHA256),
        KeyManagement::RsaOaep384 => Some(&OAEP_SHA384_MGF1SHA384),
        KeyManagement::RsaOaep512 => Some(&OAEP_SHA512_MGF1SHA512),
        _ => None,
    }
}

pub(crate) fn encrypt(
    public: &OaepPublicEncryptingKey,
    algorithm: &'static OaepAlgorithm,
    key: &ContentKey,
) -> Result<Vec<u8>, Error> {
    let mut encrypted = vec![0; public.ciphertext_size()];
    let written = public
        .encrypt(algorithm, key.as_bytes(), &mut encrypted, None)
        .map_err(|_| Error::Crypto)?
        .len();
    encrypted.truncate(written);
    Ok(encrypted)
}

/// Decrypts into `key`, which stays as it is when anything is wrong.
pub(crate) fn decrypt(
    private: &OaepPrivateDecryptingKey,
    algorithm: &'static OaepAlgorithm,
    encrypted: &[u8],
    key: &mut ContentKey,
) -> Option<()> {
    let mut buffer = Zeroizing::new([0; MAX_MODULUS_BYTES]);
    let room = buffer.get_mut(..private.min_output_size())?;
    let decrypted = private.decrypt(algorithm, encrypted, room, None).ok()?;
    *key = ContentKey::from_bytes(key.encryption(), decrypted)?;
    Some(())
}
