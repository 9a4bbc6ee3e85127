//! Wrapping the content key under an AES key (RFC 7518 sections 4.4 and 4.7).

use aes_kw::{KeyInit, KwAes192};
use aws_lc_rs::{
    aead::{Aad, LessSafeKey, Nonce},
    key_wrap::{AES_128, AES_256, AesKek, KeyWrap},
    rand,
};

use super::content::{ContentKey, gcm_key};
use crate::Error;

/// What the wrapping adds to the key (RFC 3394 section 2.2.3).
pub(crate) const ADDED_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// AES key wrap; the length of `kek` chooses the cipher.
pub(crate) fn wrap(kek: &[u8], key: &ContentKey) -> Result<Vec<u8>, Error> {
    let mut wrapped = vec![0; key.as_bytes().len() + ADDED_BYTES];
    let done = match kek.len() {
        16 => AesKek::new(&AES_128, kek)
            .and_then(|kek| kek.wrap(key.as_bytes(), &mut wrapped).map(drop))
            .is_ok(),
        24 => KwAes192::new_from_slice(kek)
            .is_ok_and(|kek| kek.wrap_key(key.as_bytes(), &mut wrapped).is_ok()),
        _ => AesKek::new(&AES_256, kek)
            .and_then(|kek| kek.wrap(key.as_bytes(), &mut wrapped).map(drop))
            .is_ok(),
    };
    if done { Ok(wrapped) } else { Err(Error::Crypto) }
}

/// Undoes [`wrap`] into `key`, which stays as it is unless the integrity check passes.
pub(crate) fn unwrap(kek: &[u8], wrapped: &[u8], key: &mut ContentKey) -> Option<()> {
    if wrapped.len() != key.as_bytes().len() + ADDED_BYTES {
        return None;
    }
    let mut candidate = ContentKey::zero(key.encryption());
    let out = candidate.as_mut();
    match kek.len() {
        16 => AesKek::new(&AES_128, kek).ok()?.unwrap(wrapped, out).ok().map(drop),
        24 => KwAes192::new_from_slice(kek).ok()?.unwrap_key(wrapped, out).ok().map(drop),
        _ => AesKek::new(&AES_256, kek).ok()?.unwrap(wrapped, out).ok().map(drop),
    }?;
    *key = candidate;
    Some(())
}

/// A content key encrypted with AES-GCM, and the two header members that belong to it.
pub(crate) struct GcmWrapped {
    pub(crate) encrypted_key: Vec<u8>,
    pub(crate) iv: [u8; NONCE_BYTES],
    pub(crate) tag: [u8; TAG_BYTES],
}

/// A parsed AES-GCM key of 16, 24 or 32 bytes.
pub(crate) fn parse_gcm(kek: &[u8]) -> Result<LessSafeKey, Error> {
    gcm_key(kek).ok_or(Error::Crypto)
}

pub(crate) fn wrap_gcm(kek: &LessSafeKey, key: &ContentKey) -> Result<GcmWrapped, Error> {
    let mut iv = [0; NONCE_BYTES];
    rand::fill(&mut iv).map_err(|_| Error::Crypto)?;
    let mut encrypted_key = key.as_bytes().to_vec();
    let sealed = kek.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(iv),
        Aad::empty(),
        &mut encrypted_key,
    );
    let sealed = sealed.map_err(|_| Error::Crypto)?;
    let tag = sealed.as_ref().try_into().map_err(|_| Error::Crypto)?;
    Ok(GcmWrapped { encrypted_key, iv, tag })
}

/// Undoes [`wrap_gcm`] into `key`, which stays as it is unless the tag fits.
pub(crate) fn unwrap_gcm(
    kek: &LessSafeKey,
    iv: &[u8; NONCE_BYTES],
    tag: &[u8; TAG_BYTES],
    encrypted_key: &[u8],
    key: &mut ContentKey,
) -> Option<()> {
    if encrypted_key.len() != key.as_bytes().len() {
        return None;
    }
    let mut candidate = ContentKey::zero(key.encryption());
    let nonce = Nonce::assume_unique_for_key(*iv);
    kek.open_separate_gather(nonce, Aad::empty(), encrypted_key, tag, candidate.as_mut()).ok()?;
    *key = candidate;
    Some(())
}
