//! Writing a token in JSON.

use std::fmt;

use crate::{
    EncryptionKey, Error, base64url,
    jwe::{
        alg::ContentEncryption,
        compact::MAX_BYTES,
        content::ContentKey,
        header::MediaTypes,
        json::read::{MAX_RECIPIENTS, authenticated},
    },
};

/// What is encrypted, for one recipient or many. `Debug` shows nothing of the plaintext.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The bytes to encrypt.
    pub plaintext: &'a [u8],
    /// Data that everybody can read and nobody can change; not empty.
    pub aad: Option<&'a [u8]>,
    /// What the protected header says of the types.
    pub types: MediaTypes<'a>,
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("aad", &self.aad)
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}

/// Encrypts for one recipient, in the flattened form. Everything in the header is protected.
///
/// # Errors
/// Those of [`compact::encrypt`](crate::jwe::compact::encrypt), and [`Error::Malformed`] when `aad`
/// is empty.
pub fn encrypt(
    key: &EncryptionKey,
    encryption: ContentEncryption,
    content: Content<'_>,
) -> Result<String, Error> {
    let (content_key, recipient) = key.establish(encryption)?;
    let members = [key.identity(), &enc(encryption)[..], &recipient.parameters].concat();
    let mut sealed = Sealed::new(&members, &content_key, content)?;
    if !recipient.encrypted_key.is_empty() {
        sealed.push_encoded("encrypted_key", &recipient.encrypted_key);
    }
    sealed.finish()
}

/// Encrypts once for several recipients, in the general form. Each recipient's algorithm and key id
/// stand in a header of its own, which is not protected; the rest of the header is.
///
/// # Errors
/// Those of [`encrypt`]; [`Error::SignatureCount`] for no keys or more than [`MAX_RECIPIENTS`];
/// [`Error::AlgorithmNotAllowed`] for a key with `dir` or `ECDH-ES`, which cannot share a content
/// key.
pub fn encrypt_to_all(
    keys: &[EncryptionKey],
    encryption: ContentEncryption,
    content: Content<'_>,
) -> Result<String, Error> {
    if !(1..=MAX_RECIPIENTS).contains(&keys.len()) {
        return Err(Error::SignatureCount);
    }
    let content_key = ContentKey::random(encryption)?;
    let mut sealed = Sealed::new(&enc(encryption)[1..], &content_key, content)?;
    sealed.text.push_str(r#","recipients":["#);
    for (place, key) in keys.iter().enumerate() {
        let recipient = key.wrap(&content_key)?;
        let start = if place == 0 { r#"{"header":{"# } else { r#",{"header":{"# };
        for part in [start, key.identity(), &recipient.parameters, "}"] {
            sealed.text.push_str(part);
        }
        sealed.push_encoded("encrypted_key", &recipient.encrypted_key);
        sealed.text.push('}');
    }
    sealed.text.push(']');
    sealed.finish()
}

fn enc(encryption: ContentEncryption) -> String {
    format!(",\"enc\":\"{}\"", encryption.name())
}

/// A JSON token that is being written.
struct Sealed {
    text: String,
}

impl Sealed {
    /// Encrypts the content and writes everything but the recipients.
    fn new(members: &str, key: &ContentKey, content: Content<'_>) -> Result<Self, Error> {
        let Content { plaintext, aad, types } = content;
        if plaintext.len() > MAX_BYTES || aad.is_some_and(|aad| aad.len() > MAX_BYTES) {
            return Err(Error::TooLarge);
        }
        if aad.is_some_and(<[u8]>::is_empty) {
            return Err(Error::Malformed);
        }
        let mut header = format!("{{{members}");
        types.write_onto(&mut header)?;
        header.push('}');
        let protected = base64url::encode(header.as_bytes());
        let aad = aad.map(base64url::encode);
        let mut ciphertext = Vec::with_capacity(plaintext.len() + 16);
        ciphertext.extend_from_slice(plaintext);
        let parts = key.seal(&authenticated(&protected, aad.as_deref()), &mut ciphertext)?;
        let mut sealed = Self { text: format!("{{\"protected\":\"{protected}\"") };
        if let Some(aad) = &aad {
            sealed.push("aad", aad);
        }
        sealed.push_encoded("iv", parts.iv.as_ref());
        sealed.push_encoded("ciphertext", &ciphertext);
        sealed.push_encoded("tag", parts.tag.as_ref());
        Ok(sealed)
    }

    /// Adds a member whose value needs no escaping.
    fn push(&mut self, name: &str, value: &str) {
        for part in [",\"", name, "\":\"", value, "\""] {
            self.text.push_str(part);
        }
    }

    fn push_encoded(&mut self, name: &str, bytes: &[u8]) {
        self.push(name, &base64url::encode(bytes));
    }

    fn finish(mut self) -> Result<String, Error> {
        self.text.push('}');
        if self.text.len() > MAX_BYTES { Err(Error::TooLarge) } else { Ok(self.text) }
    }
}
