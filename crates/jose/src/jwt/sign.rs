//! Making a token.

use serde::Serialize;

use super::MAX_BYTES;
use crate::{
    Error, SigningKey,
    jws::{compact, header},
};

/// Room for the claims of nearly every token, so that the text does not move while it grows.
const USUAL_BYTES: usize = 1024;

/// Signs `claims`, which must serialize as a JSON object, as a token of the given `typ`. A token
/// longer than [`MAX_BYTES`] is refused here, since no verifier would read it.
///
/// # Errors
/// [`Error::Unserializable`] for claims that are no JSON object, [`Error::TooLarge`], and
/// [`Error::InvalidHeader`] for a type that is not short and printable.
pub fn sign<C: Serialize>(key: &SigningKey, typ: &str, claims: &C) -> Result<String, Error> {
    compact::sign_within(MAX_BYTES, key, Some(typ), &payload(claims)?)
}

/// The same with a secret that the recipient has as well, and without `kid`: there is one key that
/// it can be, and a name that is made from a secret lets others try their guesses at it.
///
/// ```
/// use countersign_jose::{Algorithm, SigningKey, jwt};
/// let secret = SigningKey::from_secret(Algorithm::HS256, b"at least as long as the hash is..")?;
/// let token = jwt::sign_with_secret(&secret, "JWT", &serde_json::json!({ "sub": "ada" }))?;
/// assert!(!jwt::peek(&token)?.header_json().contains("kid"));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
///
/// # Errors
/// Those of [`sign`], and [`Error::UnsupportedKey`] for a key that is no shared secret.
pub fn sign_with_secret<C: Serialize>(
    key: &SigningKey,
    typ: &str,
    claims: &C,
) -> Result<String, Error> {
    if !key.algorithm().is_symmetric() {
        return Err(Error::UnsupportedKey("the key is no shared secret"));
    }
    let header = header::write(key.algorithm(), None, Some(typ))?;
    compact::sign_with_header(MAX_BYTES, key, &header, &payload(claims)?)
}

fn payload<C: Serialize>(claims: &C) -> Result<Vec<u8>, Error> {
    let mut payload = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut payload, claims).map_err(|_| Error::Unserializable)?;
    if payload.first() != Some(&b'{') {
        return Err(Error::Unserializable);
    }
    Ok(payload)
}
