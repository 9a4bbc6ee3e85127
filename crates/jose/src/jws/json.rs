//! The JSON forms (RFC 7515 section 7.2): flattened with one signature, general with several.
//!
//! ```
//! use countersign_jose::{Algorithm, KeySet, SigningKey, jws::{Signatory, json}};
//! let (buyer, seller) =
//!     (SigningKey::generate(Algorithm::ES256)?, SigningKey::generate(Algorithm::Ed25519)?);
//! let text =
//!     json::sign_general(&[Signatory::new(&buyer), Signatory::new(&seller)], b"one horse")?;
//!
//! let keys = KeySet::new([buyer.verifying_key(), seller.verifying_key()]);
//! let report = json::verify(&keys, text.as_bytes())?;
//! assert_eq!(report.all()?, b"one horse");
//! # Ok::<(), countersign_jose::Error>(())
//! ```

use super::{
    Keys, Report, Signatory,
    document::{self, Payload},
    header::Encoding,
};
use crate::Error;

/// The longest text that is read or written, in bytes.
pub const MAX_BYTES: usize = document::MAX_BYTES;
/// The most signatures that one text may have.
pub const MAX_SIGNATURES: usize = document::MAX_SIGNATURES;

/// Signs with one key and writes the flattened form (RFC 7515 section 7.2.2).
///
/// # Errors
/// [`Error::InvalidHeader`] or [`Error::DuplicateMember`] for headers that nobody would read,
/// [`Error::TooLarge`] when the text would be longer than [`MAX_BYTES`].
pub fn sign_flattened(signatory: &Signatory<'_>, payload: &[u8]) -> Result<String, Error> {
    document::sign_flattened(Encoding::Base64url, signatory, Payload::Attached(payload))
}

/// Signs with each of these keys and writes the general form (RFC 7515 section 7.2.1).
///
/// # Errors
/// As for [`sign_flattened`]; [`Error::SignatureCount`] for no signatories or more than
/// [`MAX_SIGNATURES`].
pub fn sign_general(signatories: &[Signatory<'_>], payload: &[u8]) -> Result<String, Error> {
    document::sign_general(Encoding::Base64url, signatories, Payload::Attached(payload))
}

/// Reads either form and checks every signature. The payload is in the report, which gives it out
/// to who says which signatures it needs.
///
/// The algorithm must be that of the key and must stand in the protected header. A member that
/// stands in both headers is refused, as are `crit`, `b64` and a text without its payload.
///
/// # Errors
/// Those of the text as a whole: [`Error::Json`], [`Error::DuplicateMember`], [`Error::Malformed`],
/// [`Error::Base64`], [`Error::TooLarge`], [`Error::SignatureCount`], [`Error::WrongProtection`].
/// What is wrong with a single signature stands in the report.
pub fn verify<'k>(keys: impl Into<Keys<'k>>, json: &[u8]) -> Result<Report<'static>, Error> {
    document::verify(Encoding::Base64url, keys.into(), json, None)
}
