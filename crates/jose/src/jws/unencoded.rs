//! Signatures over the payload as it is, not as base64url (RFC 7797).
//!
//! The protected header says so with `"b64":false` and `"crit":["b64"]`; both must be there. These
//! functions read nothing else, and no other verifier of this crate reads what they write.
//!
//! ```
//! use countersign_jose::{Algorithm, SigningKey, jws::unencoded};
//! let key = SigningKey::generate(Algorithm::Ed25519)?;
//! let text = unencoded::sign(&key, None, "This is the payload!")?;
//! assert!(text.contains(".This is the payload!."));
//! assert_eq!(unencoded::verify(&key.verifying_key(), &text)?, "This is the payload!");
//!
//! let large = vec![0; 1_000_000];
//! let signature = unencoded::sign_detached(&key, None, &large)?;
//! unencoded::verify_detached(&key.verifying_key(), &signature, &large)?;
//! # Ok::<(), countersign_jose::Error>(())
//! ```

use super::{
    Keys, Report, Signatory, compact, detached,
    document::{self, Payload},
    header::{self, Encoding},
};
use crate::{Error, SigningKey, VerifyingKey, base64url};

/// Signs `payload` and writes the compact form with the payload as it is: printable ASCII without
/// a dot (RFC 7797 section 5.2). Whether the result fits into a URL is for the caller to know.
///
/// # Errors
/// [`Error::Unserializable`] for a payload with other characters, [`Error::TooLarge`] when the
/// result would be longer than [`compact::MAX_BYTES`].
pub fn sign(key: &SigningKey, typ: Option<&str>, payload: &str) -> Result<String, Error> {
    if !is_plain(payload.as_bytes()) {
        return Err(Error::Unserializable);
    }
    let detached = detached::sign_as(Encoding::Unencoded, key, typ, payload.as_bytes())?;
    let text = detached.replacen("..", &format!(".{payload}."), 1);
    if text.len() > compact::MAX_BYTES { Err(Error::TooLarge) } else { Ok(text) }
}

/// Checks the compact form with this one key and gives the payload back.
///
/// # Errors
/// [`Error::InvalidHeader`] or [`Error::UnknownCritical`] when the header does not say that the
/// payload is unencoded, [`Error::Malformed`] for a payload with foreign characters.
pub fn verify<'t>(key: &VerifyingKey, compact: &'t str) -> Result<&'t str, Error> {
    let parts = compact::split(compact, compact::MAX_BYTES)?;
    if !is_plain(parts.payload) {
        return Err(Error::Malformed);
    }
    let header = base64url::decode(parts.header)?;
    if header::parse_for(Encoding::Unencoded, &header)?.algorithm != key.algorithm() {
        return Err(Error::AlgorithmNotAllowed);
    }
    parts.verify(key)?;
    std::str::from_utf8(parts.payload).map_err(|_| Error::Malformed)
}

/// Signs any bytes and writes the compact form without them.
///
/// # Errors
/// As for [`detached::sign`].
pub fn sign_detached(key: &SigningKey, typ: Option<&str>, payload: &[u8]) -> Result<String, Error> {
    detached::sign_as(Encoding::Unencoded, key, typ, payload)
}

/// Checks a compact form without payload over this one.
///
/// # Errors
/// As for [`detached::verify`], and those of a header that does not say that the payload is
/// unencoded.
pub fn verify_detached(key: &VerifyingKey, compact: &str, payload: &[u8]) -> Result<(), Error> {
    detached::verify_as(Encoding::Unencoded, key, compact, payload)
}

/// Signs a text with one key and writes the flattened form around it.
///
/// # Errors
/// As for [`json::sign_flattened`](super::json::sign_flattened).
pub fn sign_flattened(signatory: &Signatory<'_>, payload: &str) -> Result<String, Error> {
    let payload = Payload::Attached(payload.as_bytes());
    document::sign_flattened(Encoding::Unencoded, signatory, payload)
}

/// Signs a text with each of these keys and writes the general form around it.
///
/// # Errors
/// As for [`json::sign_general`](super::json::sign_general).
pub fn sign_general(signatories: &[Signatory<'_>], payload: &str) -> Result<String, Error> {
    let payload = Payload::Attached(payload.as_bytes());
    document::sign_general(Encoding::Unencoded, signatories, payload)
}

/// Reads either JSON form with its text and checks every signature.
///
/// # Errors
/// As for [`json::verify`](super::json::verify).
pub fn verify_json<'k>(keys: impl Into<Keys<'k>>, json: &[u8]) -> Result<Report<'static>, Error> {
    document::verify(Encoding::Unencoded, keys.into(), json, None)
}

/// Signs any bytes with one key and writes the flattened form without them.
///
/// # Errors
/// As for [`json::sign_flattened`](super::json::sign_flattened).
pub fn sign_flattened_detached(signatory: &Signatory<'_>, payload: &[u8]) -> Result<String, Error> {
    document::sign_flattened(Encoding::Unencoded, signatory, Payload::Detached(payload))
}

/// Reads either JSON form without payload and checks every signature over this one.
///
/// # Errors
/// As for [`json::verify`](super::json::verify).
pub fn verify_json_detached<'k, 'p>(
    keys: impl Into<Keys<'k>>,
    json: &[u8],
    payload: &'p [u8],
) -> Result<Report<'p>, Error> {
    document::verify(Encoding::Unencoded, keys.into(), json, Some(payload))
}

/// Printable ASCII without a dot (RFC 7797 section 5.2).
fn is_plain(payload: &[u8]) -> bool {
    payload.iter().all(|byte| matches!(byte, b' '..=b'-' | b'/'..=b'~'))
}
