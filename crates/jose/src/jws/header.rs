//! The protected header: what it may say, and what is refused.

use std::borrow::Cow;

use crate::{
    Algorithm, Error,
    json::{self, Members, Value},
};

/// The header as JSON; ours have about a hundred bytes, foreign ones with `x5c` a few thousand.
pub(crate) const MAX_BYTES: usize = 4 * 1024;
const MAX_KEY_ID_BYTES: usize = 256;
const MAX_TYPE_BYTES: usize = 128;

/// What a verifier reads from a header. `jku`, `jwk`, `x5u` and `x5c` are not among it: a token
/// cannot bring or point at its own key (RFC 8725 section 3.10).
#[derive(Debug, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Cow<'a, str>>,
    pub(crate) typ: Option<Cow<'a, str>>,
}

/// Reads a header that has been decoded.
pub(crate) fn parse(json: &[u8]) -> Result<Header<'_>, Error> {
    if json.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let mut members = json::parse_object(json)?;
    if members.contains("crit") {
        return Err(Error::UnknownCritical);
    }
    // An unencoded payload (RFC 7797) and members of encrypted tokens change what the parts mean.
    for refused in ["b64", "zip", "enc"] {
        if members.contains(refused) {
            return Err(Error::InvalidHeader(refused));
        }
    }
    let Some(Value::Text(name)) = members.take("alg") else {
        return Err(Error::InvalidHeader("alg"));
    };
    let algorithm = Algorithm::from_name(&name).ok_or(Error::AlgorithmNotAllowed)?;
    let key_id = take_text(&mut members, "kid", is_key_id)?;
    let typ = take_text(&mut members, "typ", is_type)?;
    Ok(Header { algorithm, key_id, typ })
}

/// Writes the header of a token that this key signs.
pub(crate) fn write(
    algorithm: Algorithm,
    key_id: &str,
    typ: Option<&str>,
) -> Result<String, Error> {
    let quote = |text: &str| serde_json::to_string(text).map_err(|_| Error::Unserializable);
    let mut text = format!(r#"{{"alg":"{}","kid":{}"#, algorithm.name(), quote(key_id)?);
    if let Some(typ) = typ {
        if !is_type(typ) {
            return Err(Error::InvalidHeader("typ"));
        }
        text.push_str(r#","typ":"#);
        text.push_str(&quote(typ)?);
    }
    text.push('}');
    Ok(text)
}

/// Whether a text can be a key id: short, printable, not empty. It is only ever compared.
pub(crate) fn is_key_id(text: &str) -> bool {
    is_printable(text, MAX_KEY_ID_BYTES)
}

/// Whether two media types are the same: case does not matter, nor does the prefix `application/`
/// (RFC 7515 section 4.1.9).
pub(crate) fn same_type(a: &str, b: &str) -> bool {
    fn short(text: &str) -> &str {
        const PREFIX: &str = "application/";
        match text.split_at_checked(PREFIX.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(PREFIX) => rest,
            _ => text,
        }
    }
    short(a).eq_ignore_ascii_case(short(b))
}

fn is_type(text: &str) -> bool {
    is_printable(text, MAX_TYPE_BYTES)
}

fn is_printable(text: &str, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn take_text<'a>(
    members: &mut Members<'a>,
    name: &'static str,
    fits: fn(&str) -> bool,
) -> Result<Option<Cow<'a, str>>, Error> {
    match members.take(name) {
        None => Ok(None),
        Some(Value::Text(text)) if fits(&text) => Ok(Some(text)),
        Some(_) => Err(Error::InvalidHeader(name)),
    }
}
