//! The compact serialization: five parts with dots between them (RFC 7516 section 7.1).

use zeroize::Zeroizing;

use super::{
    alg::ContentEncryption,
    compression::Compression,
    content::ContentKey,
    decrypted::Decrypted,
    header::{Headers, MediaTypes},
};
use crate::{
    DecryptionKey, EncryptionKey, Error, base64url,
    json::{self, Members},
    jws::header::MAX_BYTES as MAX_HEADER_BYTES,
};

/// The longest text that is read or written, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The five parts of a compact JWE, still encoded.
#[derive(Debug, PartialEq)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) encrypted_key: &'a str,
    iv: &'a str,
    ciphertext: &'a str,
    tag: &'a str,
}

/// Encrypts `plaintext` for the holder of `key`. The header names both algorithms, the key id and
/// the media types.
///
/// ```
/// use countersign_jose::{
///     EncryptionKey, Jwk,
///     jwe::{ContentEncryption, KeyManagement, MediaTypes, compact},
/// };
/// // RFC 8037 appendix A.6.
/// let theirs = Jwk::from_json(br#"{"kty":"OKP","crv":"X25519","kid":"Bob",
///     "x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}"#)?;
/// let key = EncryptionKey::from_jwk_as(&theirs, KeyManagement::EcdhEsA128KW)?;
/// let signed = "header.claims.signature";
/// let token = compact::encrypt(
///     &key,
///     ContentEncryption::A128GCM,
///     MediaTypes::NESTED,
///     signed.as_bytes(),
/// )?;
/// assert_eq!(compact::key_id(&token)?.as_deref(), Some("Bob"));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
///
/// # Errors
/// [`Error::TooLarge`] when the result would be longer than [`MAX_BYTES`]; [`Error::InvalidKey`]
/// when a `dir` key has not the length that `encryption` asks for; [`Error::InvalidHeader`] for a
/// media type that is empty, longer than 128 bytes or not printable.
pub fn encrypt(
    key: &EncryptionKey,
    encryption: ContentEncryption,
    types: MediaTypes<'_>,
    plaintext: &[u8],
) -> Result<String, Error> {
    let (content_key, recipient) = key.establish(encryption)?;
    let mut header = String::with_capacity(400);
    for part in ["{", key.identity(), r#","enc":""#, encryption.name(), "\"", &recipient.parameters]
    {
        header.push_str(part);
    }
    types.write_onto(&mut header)?;
    header.push('}');
    write(&header, &recipient.encrypted_key, &content_key, plaintext)
}

/// Decrypts with this one key. The header's `alg` must be the key's and its `enc` one of
/// `accepted`; its `kid` is not looked at, since the caller has already chosen the key.
///
/// What comes out is not authenticated: see [`Decrypted`].
///
/// ```
/// use countersign_jose::{
///     DecryptionKey, Error,
///     jwe::{ContentEncryption, KeyManagement, MediaTypes, compact},
/// };
/// let key = DecryptionKey::generate(KeyManagement::RsaOaep256)?;
/// let enc = ContentEncryption::A256GCM;
/// let types = MediaTypes::content("text/plain");
/// let token = compact::encrypt(&key.encryption_key(), enc, types, b"content")?;
/// let decrypted = compact::decrypt(&key, &[enc], &token)?;
/// assert_eq!((decrypted.plaintext(), decrypted.cty()), (&b"content"[..], Some("text/plain")));
///
/// let other = DecryptionKey::generate(KeyManagement::RsaOaep256)?;
/// assert_eq!(compact::decrypt(&other, &[enc], &token).err(), Some(Error::Decryption));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
///
/// # Errors
/// [`Error::Decryption`] for everything that can go wrong with the key, the ciphertext and the tag.
/// What everybody can see in the header has an error of its own. [`Error::WrongProtection`] when it
/// is a signed token.
pub fn decrypt(
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    compact: &str,
) -> Result<Decrypted, Error> {
    read(key, accepted, compact, Compression::Refused)
}

/// Like [`decrypt`], and reads compressed content that inflates to at most `max_inflated` bytes.
///
/// # Errors
/// Those of [`decrypt`]; [`Error::TooLarge`] when the content would inflate to more.
#[cfg(feature = "deflate")]
pub fn decrypt_inflating(
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    max_inflated: usize,
    compact: &str,
) -> Result<Decrypted, Error> {
    read(key, accepted, compact, Compression::UpTo(max_inflated))
}

/// The `kid` in the header, by which a caller with several keys chooses one. It is anybody's word.
///
/// # Errors
/// Those of [`decrypt`] that are seen in the header.
pub fn key_id(compact: &str) -> Result<Option<String>, Error> {
    let parts = split(compact)?;
    let header = base64url::decode(parts.header.as_bytes())?;
    let members = read_header(&header)?;
    Ok(Headers::protected(&members).key_id()?.map(str::to_owned))
}

fn read(
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    compact: &str,
    compression: Compression,
) -> Result<Decrypted, Error> {
    let parts = split(compact)?;
    let header = base64url::decode(parts.header.as_bytes())?;
    let members = read_header(&header)?;
    let headers = Headers::protected(&members);
    headers.check(compression)?;
    if headers.management()? != Some(key.key_management()) {
        return Err(Error::AlgorithmNotAllowed);
    }
    headers.refuse_password()?;
    let encryption = headers.encryption(accepted)?;
    let is_compressed = headers.is_compressed()?;
    let parameters = headers.parameters(key.key_management().method())?;
    let (key_id, types) = (headers.key_id()?, headers.media_types()?);
    let encrypted_key = base64url::decode(parts.encrypted_key.as_bytes())?;
    let content_key = key.unwrap(encryption, &parameters, &encrypted_key)?;
    let mut content = parts.open(&content_key)?;
    if is_compressed {
        content = compression.expand(content)?;
    }
    Ok(Decrypted::new(content, encryption, key_id, types))
}

/// Encrypts the content and writes the five parts.
pub(super) fn write(
    header: &str,
    encrypted_key: &[u8],
    key: &ContentKey,
    plaintext: &[u8],
) -> Result<String, Error> {
    if plaintext.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    // No key id and no media type is long enough to make a header that is not read again.
    let lengths = [header.len(), encrypted_key.len(), plaintext.len() + 16, 16, 32];
    let room = lengths.map(base64url::encoded_len).iter().sum::<usize>() + 4;
    let mut compact = String::with_capacity(room);
    base64url::encode_onto(header.as_bytes(), &mut compact);
    // With room for the padding, no copy of the plaintext stays behind in a buffer that grew.
    let mut content = Vec::with_capacity(plaintext.len() + 16);
    content.extend_from_slice(plaintext);
    let sealed = key.seal(compact.as_bytes(), &mut content)?;
    for part in [encrypted_key, sealed.iv.as_ref(), &content, sealed.tag.as_ref()] {
        compact.push('.');
        base64url::encode_onto(part, &mut compact);
    }
    if compact.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    Ok(compact)
}

impl Parts<'_> {
    /// The decrypted content.
    pub(super) fn open(&self, key: &ContentKey) -> Result<Zeroizing<Vec<u8>>, Error> {
        let decode = |part: &str| base64url::decode(part.as_bytes());
        let (iv, tag) = (decode(self.iv)?, decode(self.tag)?);
        let mut content = Zeroizing::new(decode(self.ciphertext)?);
        key.open(&iv, self.header.as_bytes(), &tag, &mut content)?;
        Ok(content)
    }
}

/// Reads a header that has been decoded.
pub(super) fn read_header(json: &[u8]) -> Result<Members<'_>, Error> {
    if json.len() > MAX_HEADER_BYTES {
        return Err(Error::TooLarge);
    }
    json::parse_object(json)
}

/// Splits at exactly four dots; never looks at more than [`MAX_BYTES`].
pub(super) fn split(compact: &str) -> Result<Parts<'_>, Error> {
    if compact.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let mut parts = compact.split('.');
    let (Some(header), Some(encrypted_key), Some(iv)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::Malformed);
    };
    let (Some(ciphertext), Some(tag)) = (parts.next(), parts.next()) else {
        // Three parts are a signed token, whatever they contain.
        let signed = compact.bytes().filter(|&byte| byte == b'.').count() == 2;
        return Err(if signed { Error::WrongProtection } else { Error::Malformed });
    };
    if parts.next().is_some() || header.is_empty() {
        return Err(Error::Malformed);
    }
    if header.len() > base64url::encoded_len(MAX_HEADER_BYTES) {
        return Err(Error::TooLarge);
    }
    Ok(Parts { header, encrypted_key, iv, ciphertext, tag })
}

#[cfg(test)]
mod tests;
