//! Making a token.

use serde::Serialize;

use super::MAX_BYTES;
use crate::{Error, SigningKey, jws::compact};

/// Room for the claims of nearly every token, so that the text does not move while it grows.
const USUAL_BYTES: usize = 1024;

/// Signs `claims`, which must serialize as a JSON object, as a token of the given `typ`. A token
/// longer than [`MAX_BYTES`] is refused here, since no verifier would read it.
///
/// # Errors
/// [`Error::Unserializable`] for claims that are no JSON object, [`Error::TooLarge`], and
/// [`Error::InvalidHeader`] for a type that is not short and printable.
pub fn sign<C: Serialize>(key: &SigningKey, typ: &str, claims: &C) -> Result<String, Error> {
    let mut payload = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut payload, claims).map_err(|_| Error::Unserializable)?;
    if payload.first() != Some(&b'{') {
        return Err(Error::Unserializable);
    }
    compact::sign_within(MAX_BYTES, key, Some(typ), &payload)
}
