//! Signatures that travel without their content (RFC 7515 appendix F): beside an HTTP body, a file.
//!
//! ```
//! use countersign_jose::{Algorithm, Error, SigningKey, jws::detached};
//! let key = SigningKey::generate(Algorithm::ES256)?;
//! let file = b"bytes that both sides have";
//! let signature = detached::sign(&key, Some("file-signature"), file)?;
//! assert!(signature.contains(".."));
//! detached::verify(&key.verifying_key(), &signature, file)?;
//! let refused = detached::verify(&key.verifying_key(), &signature, b"other bytes");
//! assert_eq!(refused, Err(Error::BadSignature));
//! # Ok::<(), Error>(())
//! ```

use super::{
    Keys, Report, Signatory, compact,
    document::{self, Payload},
    header::{self, Encoding},
};
use crate::{Error, SigningKey, VerifyingKey, base64url};

/// Signs `payload` and writes the compact form without it: two dots stand together.
///
/// # Errors
/// [`Error::InvalidHeader`] for a type that is not short and printable.
pub fn sign(key: &SigningKey, typ: Option<&str>, payload: &[u8]) -> Result<String, Error> {
    sign_as(Encoding::Base64url, key, typ, payload)
}

/// Checks a compact form without payload over this one. The header's algorithm must be the key's;
/// its `kid` and `typ` are not looked at, since the caller has already chosen the key.
///
/// # Errors
/// [`Error::Malformed`] when the text brings a payload of its own, [`Error::BadSignature`] when the
/// signature is by another key or over other content.
pub fn verify(key: &VerifyingKey, compact: &str, payload: &[u8]) -> Result<(), Error> {
    verify_as(Encoding::Base64url, key, compact, payload)
}

/// Signs with one key and writes the flattened form without payload.
///
/// # Errors
/// As for [`json::sign_flattened`](super::json::sign_flattened).
pub fn sign_flattened(signatory: &Signatory<'_>, payload: &[u8]) -> Result<String, Error> {
    document::sign_flattened(Encoding::Base64url, signatory, Payload::Detached(payload))
}

/// Signs with each of these keys and writes the general form without payload.
///
/// # Errors
/// As for [`json::sign_general`](super::json::sign_general).
pub fn sign_general(signatories: &[Signatory<'_>], payload: &[u8]) -> Result<String, Error> {
    document::sign_general(Encoding::Base64url, signatories, Payload::Detached(payload))
}

/// Reads either JSON form without payload and checks every signature over this one.
///
/// # Errors
/// As for [`json::verify`](super::json::verify); [`Error::Malformed`] when the text brings a
/// payload of its own.
pub fn verify_json<'k, 'p>(
    keys: impl Into<Keys<'k>>,
    json: &[u8],
    payload: &'p [u8],
) -> Result<Report<'p>, Error> {
    document::verify(Encoding::Base64url, keys.into(), json, Some(payload))
}

pub(super) fn sign_as(
    encoding: Encoding,
    key: &SigningKey,
    typ: Option<&str>,
    payload: &[u8],
) -> Result<String, Error> {
    let header = header::write_for(encoding, key.algorithm(), key.key_id(), typ)?;
    let mut text = base64url::encode(header.as_bytes());
    let signature = key.sign(&document::joined(&text, &document::covered(encoding, payload)))?;
    text.push_str("..");
    base64url::encode_onto(&signature, &mut text);
    Ok(text)
}

pub(super) fn verify_as(
    encoding: Encoding,
    key: &VerifyingKey,
    compact: &str,
    payload: &[u8],
) -> Result<(), Error> {
    let parts = compact::split(compact, compact::MAX_BYTES)?;
    if !parts.payload.is_empty() {
        return Err(Error::Malformed);
    }
    let header = base64url::decode(parts.header)?;
    if header::parse_for(encoding, &header)?.algorithm != key.algorithm() {
        return Err(Error::AlgorithmNotAllowed);
    }
    let covered = document::covered(encoding, payload);
    let message = [parts.header, b".", &covered].concat();
    key.verify(&message, &base64url::decode(parts.signature)?)
}
