//! The content key, and the encryption of the content with it (RFC 7518 section 5).

use aws_lc_rs::{
    aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{
        AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    constant_time::verify_slices_are_equal,
    hmac,
    iv::FixedLength,
    rand,
};
use zeroize::Zeroizing;

use super::alg::ContentEncryption;
use crate::Error;

const MAX_KEY_BYTES: usize = 64;
const MAX_SHORT_BYTES: usize = 32;

/// A content encryption key. It always has the length that its algorithm asks for.
pub(crate) struct ContentKey {
    encryption: ContentEncryption,
    bytes: Zeroizing<[u8; MAX_KEY_BYTES]>,
}

/// A few bytes that travel beside the ciphertext: an initialisation vector or a tag.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    bytes: [u8; MAX_SHORT_BYTES],
    len: usize,
}

/// What encryption adds to the ciphertext.
pub(crate) struct Sealed {
    pub(crate) iv: Short,
    pub(crate) tag: Short,
}

impl ContentKey {
    pub(crate) fn zero(encryption: ContentEncryption) -> Self {
        Self { encryption, bytes: Zeroizing::new([0; MAX_KEY_BYTES]) }
    }

    pub(crate) fn random(encryption: ContentEncryption) -> Result<Self, Error> {
        let mut key = Self::zero(encryption);
        rand::fill(key.as_mut()).map_err(|_| Error::Crypto)?;
        Ok(key)
    }

    /// `None` when the length is not the one that the algorithm asks for.
    pub(crate) fn from_bytes(encryption: ContentEncryption, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != encryption.key_bytes() {
            return None;
        }
        let mut key = Self::zero(encryption);
        key.as_mut().copy_from_slice(bytes);
        Some(key)
    }

    pub(crate) fn encryption(&self) -> ContentEncryption {
        self.encryption
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.encryption.key_bytes()]
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.encryption.key_bytes()]
    }

    /// Encrypts `content` in place under a random initialisation vector.
    pub(crate) fn seal(&self, aad: &[u8], content: &mut Vec<u8>) -> Result<Sealed, Error> {
        let mut iv = Short::zero(self.encryption.iv_bytes());
        rand::fill(iv.as_mut()).map_err(|_| Error::Crypto)?;
        self.seal_with(iv, aad, content)
    }

    fn seal_with(&self, iv: Short, aad: &[u8], content: &mut Vec<u8>) -> Result<Sealed, Error> {
        let tag = match self.halves() {
            None => self.seal_gcm(iv.as_ref(), aad, content),
            Some((mac_key, cipher_key)) => encrypt_cbc(cipher_key, iv.as_ref(), content)
                .map(|()| self.tag(mac_key, iv.as_ref(), aad, content)),
        };
        Ok(Sealed { iv, tag: tag.ok_or(Error::Crypto)? })
    }

    /// Checks the tag and decrypts `content` in place. Everything that can be wrong with the parts
    /// is the same [`Error::Decryption`].
    pub(crate) fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        tag: &[u8],
        content: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if iv.len() != self.encryption.iv_bytes() || tag.len() != self.encryption.tag_bytes() {
            return Err(Error::Decryption);
        }
        match self.halves() {
            None => self.open_gcm(iv, aad, tag, content),
            Some((mac_key, cipher_key)) => {
                // The tag is checked before anything is decrypted, over its full length.
                let expected = self.tag(mac_key, iv, aad, content);
                verify_slices_are_equal(expected.as_ref(), tag)
                    .ok()
                    .and_then(|()| decrypt_cbc(cipher_key, iv, content))
            }
        }
        .ok_or(Error::Decryption)
    }

    /// The keys for HMAC and for CBC, in this order; `None` for GCM.
    fn halves(&self) -> Option<(&[u8], &[u8])> {
        let key = self.as_bytes();
        match self.encryption {
            ContentEncryption::A128GCM
            | ContentEncryption::A192GCM
            | ContentEncryption::A256GCM => None,
            ContentEncryption::A128CbcHs256
            | ContentEncryption::A192CbcHs384
            | ContentEncryption::A256CbcHs512 => Some(key.split_at(key.len() / 2)),
        }
    }

    fn gcm_key(&self) -> Option<LessSafeKey> {
        gcm_key(self.as_bytes())
    }

    fn seal_gcm(&self, iv: &[u8], aad: &[u8], content: &mut [u8]) -> Option<Short> {
        let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
        let tag =
            self.gcm_key()?.seal_in_place_separate_tag(nonce, Aad::from(aad), content).ok()?;
        Some(Short::from_bytes(tag.as_ref()))
    }

    fn open_gcm(&self, iv: &[u8], aad: &[u8], tag: &[u8], content: &mut [u8]) -> Option<()> {
        let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
        let key = self.gcm_key()?;
        key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, content).ok().map(drop)
    }

    /// The first half of the HMAC over everything, ending in the length of `aad` in bits as 64-bit
    /// number (RFC 7518 section 5.2.2.1).
    fn tag(&self, key: &[u8], iv: &[u8], aad: &[u8], ciphertext: &[u8]) -> Short {
        let hash = match self.encryption.tag_bytes() {
            24 => hmac::HMAC_SHA384,
            32 => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hash, key));
        mac.update(aad);
        mac.update(iv);
        mac.update(ciphertext);
        mac.update(&(aad.len() as u64 * 8).to_be_bytes());
        Short::from_bytes(&mac.sign().as_ref()[..self.encryption.tag_bytes()])
    }
}

/// An AES-GCM key of 16, 24 or 32 bytes.
pub(super) fn gcm_key(key: &[u8]) -> Option<LessSafeKey> {
    let algorithm: &'static aead::Algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        32 => &AES_256_GCM,
        _ => return None,
    };
    Some(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))
}

fn cbc_key(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

fn encrypt_cbc(key: &[u8], iv: &[u8], content: &mut Vec<u8>) -> Option<()> {
    let context = EncryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(cbc_key(key)?).ok()?;
    key.less_safe_encrypt(content, context).ok().map(drop)
}

fn decrypt_cbc(key: &[u8], iv: &[u8], content: &mut Vec<u8>) -> Option<()> {
    let context = DecryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(cbc_key(key)?).ok()?;
    let length = key.decrypt(content, context).ok()?.len();
    content.truncate(length);
    Some(())
}

impl Short {
    fn zero(len: usize) -> Self {
        Self { bytes: [0; MAX_SHORT_BYTES], len: len.min(MAX_SHORT_BYTES) }
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let mut short = Self::zero(bytes.len());
        let len = short.len;
        short.as_mut().copy_from_slice(&bytes[..len]);
        short
    }

    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl AsRef<[u8]> for Short {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests;
