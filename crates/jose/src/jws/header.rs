//! The protected header: what it may say, and what is refused.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use crate::{
    Algorithm, Error,
    json::{self, Members, Value},
};

/// The header as JSON; ours have about a hundred bytes, foreign ones with `x5c` a few thousand.
pub(crate) const MAX_BYTES: usize = 4 * 1024;
/// Room for a header of our own, so that the text does not move while it grows.
const USUAL_BYTES: usize = 160;
const MAX_KEY_ID_BYTES: usize = 256;
const MAX_TYPE_BYTES: usize = 128;
/// Each is compared with the protected ones.
const MAX_UNPROTECTED_MEMBERS: usize = 64;

/// What a verifier reads from a header. `jku`, `jwk`, `x5u` and `x5c` are not among it: a token
/// cannot bring or point at its own key (RFC 8725 section 3.10).
#[derive(Debug, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Cow<'a, str>>,
    pub(crate) typ: Option<Cow<'a, str>>,
}

/// How the payload enters the signature. A verifier reads one of the two and refuses the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As base64url, like everywhere but in RFC 7797.
    Base64url,
    /// As it is: `b64` is false and critical (RFC 7797 sections 3 and 6).
    Unencoded,
}

impl Encoding {
    /// The members that announce it, to be written after others.
    pub(crate) const fn members(self) -> &'static str {
        match self {
            Self::Base64url => "",
            Self::Unencoded => r#","b64":false,"crit":["b64"]"#,
        }
    }
}

/// Reads a header that has been decoded.
pub(crate) fn parse(json: &[u8]) -> Result<Header<'_>, Error> {
    parse_for(Encoding::Base64url, json)
}

/// Reads a header that has been decoded and must announce this encoding.
pub(crate) fn parse_for(encoding: Encoding, json: &[u8]) -> Result<Header<'_>, Error> {
    let mut members = members(json)?;
    read(encoding, &mut members)
}

/// Reads the header of a token that proves possession of the key that it brings: the one kind whose
/// `jwk` is looked at.
pub(crate) fn parse_with_key(json: &[u8]) -> Result<(Header<'_>, Members<'_>), Error> {
    let mut members = members(json)?;
    let key = members.get("jwk").and_then(Value::as_object);
    Ok((read(Encoding::Base64url, &mut members)?, key.ok_or(Error::InvalidHeader("jwk"))?))
}

/// Reads the two headers of a JSON form (RFC 7515 section 7.2.1). Nothing but the key id is taken
/// from the one that the signature does not cover.
pub(crate) fn parse_pair<'a>(
    encoding: Encoding,
    protected: &'a [u8],
    outside: &Members<'_>,
) -> Result<Header<'a>, Error> {
    let mut members = members(protected)?;
    if outside.iter().count() > MAX_UNPROTECTED_MEMBERS {
        return Err(Error::TooLarge);
    }
    if outside.contains("crit") {
        return Err(Error::UnknownCritical);
    }
    // What decides how the signature is checked must be covered by it (RFC 8725 section 3.1).
    for refused in ["alg", "b64", "zip", "enc"] {
        if outside.contains(refused) {
            return Err(Error::InvalidHeader(refused));
        }
    }
    if outside.iter().any(|(name, _)| members.contains(name)) {
        return Err(Error::DuplicateMember);
    }
    let mut header = read(encoding, &mut members)?;
    if let Some(value) = outside.get("kid") {
        let key_id = value.as_text().filter(|text| is_key_id(text));
        let key_id = key_id.ok_or(Error::InvalidHeader("kid"))?;
        header.key_id = Some(Cow::Owned(key_id.to_owned()));
    }
    Ok(header)
}

fn members(json: &[u8]) -> Result<Members<'_>, Error> {
    if json.len() > MAX_BYTES { Err(Error::TooLarge) } else { json::parse_object(json) }
}

fn read<'a>(encoding: Encoding, members: &mut Members<'a>) -> Result<Header<'a>, Error> {
    match encoding {
        Encoding::Base64url if members.contains("crit") => return Err(Error::UnknownCritical),
        Encoding::Base64url if members.contains("b64") => return Err(Error::InvalidHeader("b64")),
        Encoding::Base64url => {}
        Encoding::Unencoded => check_unencoded(members)?,
    }
    // Members of encrypted tokens change what the parts mean.
    for refused in ["zip", "enc"] {
        if members.contains(refused) {
            return Err(Error::InvalidHeader(refused));
        }
    }
    let Some(Value::Text(name)) = members.take("alg") else {
        return Err(Error::InvalidHeader("alg"));
    };
    let algorithm = Algorithm::from_name(&name).ok_or(Error::AlgorithmNotAllowed)?;
    let key_id = take_text(members, "kid", is_key_id)?;
    let typ = take_text(members, "typ", is_type)?;
    Ok(Header { algorithm, key_id, typ })
}

/// `"b64":false` and `"crit":["b64"]`, both or nothing: a reader that does not know `b64` must be
/// stopped by `crit` (RFC 7797 section 6).
fn check_unencoded(members: &Members<'_>) -> Result<(), Error> {
    if !matches!(members.get("b64"), Some(Value::Bool(false))) {
        return Err(Error::InvalidHeader("b64"));
    }
    let critical = members.get("crit").ok_or(Error::InvalidHeader("crit"))?;
    let only_b64 = critical
        .as_array()
        .is_some_and(|names| names.len() == 1 && names[0].as_text() == Some("b64"));
    if only_b64 { Ok(()) } else { Err(Error::UnknownCritical) }
}

/// Writes the header of a token that this key signs; without a name of the key where it needs none.
pub(crate) fn write(
    algorithm: Algorithm,
    key_id: Option<&str>,
    typ: Option<&str>,
) -> Result<String, Error> {
    let mut text = String::with_capacity(USUAL_BYTES);
    for part in [r#"{"alg":""#, algorithm.name(), "\""] {
        text.push_str(part);
    }
    if let Some(key_id) = key_id {
        text.push_str(r#","kid":"#);
        push_quoted(&mut text, key_id)?;
    }
    if let Some(typ) = typ {
        if !is_type(typ) {
            return Err(Error::InvalidHeader("typ"));
        }
        text.push_str(r#","typ":"#);
        push_quoted(&mut text, typ)?;
    }
    text.push('}');
    Ok(text)
}

/// Appends the text as JSON; nearly every name is written as it is.
fn push_quoted(out: &mut String, text: &str) -> Result<(), Error> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).map_err(|_| Error::Unserializable)?);
    }
    Ok(())
}

/// The same with the members that announce how the payload enters the signature.
pub(crate) fn write_for(
    encoding: Encoding,
    algorithm: Algorithm,
    key_id: &str,
    typ: Option<&str>,
) -> Result<String, Error> {
    let mut text = write(algorithm, Some(key_id), typ)?;
    text.insert_str(text.len() - 1, encoding.members());
    Ok(text)
}

/// Writes the header of a token that proves possession of the key that it brings.
pub(crate) fn write_with_key(
    algorithm: Algorithm,
    typ: &str,
    jwk: &impl Serialize,
) -> Result<String, Error> {
    let header = json!({ "alg": algorithm.name(), "typ": typ, "jwk": jwk });
    Ok(header.to_string())
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
    a == b || short(a).eq_ignore_ascii_case(short(b))
}

pub(crate) fn is_type(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_header_is_read_and_foreign_members_are_ignored() {
        let json = br#"{"alg":"ES256","kid":"k1","typ":"at+jwt","jku":"https://evil.example",
            "jwk":{"kty":"oct"},"x5u":"https://evil.example","x5c":["MII"],"cty":"x","z":[1]}"#;
        let header = parse(json).unwrap();
        assert_eq!(header.algorithm, Algorithm::ES256);
        assert_eq!(header.key_id.as_deref(), Some("k1"));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    }

    #[test]
    fn hostile_headers_are_refused_each_for_its_reason() {
        let long = "k".repeat(257);
        let long_key_id = format!(r#"{{"alg":"ES256","kid":"{long}"}}"#);
        for (json, expected) in [
            (r#"{}"#, Error::InvalidHeader("alg")),
            (r#"{"alg":null}"#, Error::InvalidHeader("alg")),
            (r#"{"alg":["ES256"]}"#, Error::InvalidHeader("alg")),
            (r#"{"alg":""}"#, Error::AlgorithmNotAllowed),
            (r#"{"alg":"none"}"#, Error::AlgorithmNotAllowed),
            (r#"{"alg":"es256"}"#, Error::AlgorithmNotAllowed),
            (r#"{"alg":"ES256 "}"#, Error::AlgorithmNotAllowed),
            (r#"{"alg":"ES256","alg":"ES256"}"#, Error::DuplicateMember),
            (r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, Error::UnknownCritical),
            (r#"{"alg":"ES256","crit":[]}"#, Error::UnknownCritical),
            (r#"{"alg":"ES256","crit":null}"#, Error::UnknownCritical),
            (r#"{"alg":"ES256","b64":false}"#, Error::InvalidHeader("b64")),
            (r#"{"alg":"ES256","b64":true}"#, Error::InvalidHeader("b64")),
            (r#"{"alg":"ES256","zip":"DEF"}"#, Error::InvalidHeader("zip")),
            (r#"{"alg":"ES256","enc":"A256GCM"}"#, Error::InvalidHeader("enc")),
            (r#"{"alg":"ES256","kid":7}"#, Error::InvalidHeader("kid")),
            (r#"{"alg":"ES256","kid":""}"#, Error::InvalidHeader("kid")),
            (r#"{"alg":"ES256","kid":"a\u0000b"}"#, Error::InvalidHeader("kid")),
            (r#"{"alg":"ES256","kid":"a\nb"}"#, Error::InvalidHeader("kid")),
            (&long_key_id, Error::InvalidHeader("kid")),
            (r#"{"alg":"ES256","typ":["JWT"]}"#, Error::InvalidHeader("typ")),
            (r#"{"alg":"ES256","typ":""}"#, Error::InvalidHeader("typ")),
            (r#"["ES256"]"#, Error::Json),
        ] {
            assert_eq!(parse(json.as_bytes()), Err(expected), "{json}");
        }
        assert_eq!(parse(&[b' '; MAX_BYTES + 1]), Err(Error::TooLarge));
    }

    #[test]
    fn types_are_compared_without_case_and_prefix() {
        for same in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(same_type(same, "at+jwt"), "{same}");
        }
        for other in
            ["jwt", "at+jwt ", "application/", "text/at+jwt", "application/application/at+jwt"]
        {
            assert!(!same_type(other, "at+jwt"), "{other}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let json = write(Algorithm::Ed25519, Some(r#"a"\b"#), Some("at+jwt")).unwrap();
        let header = parse(json.as_bytes()).unwrap();
        assert_eq!(header.algorithm, Algorithm::Ed25519);
        assert_eq!(header.key_id.as_deref(), Some(r#"a"\b"#));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let bad = write(Algorithm::ES256, Some("k"), Some("line\nbreak"));
        assert_eq!(bad, Err(Error::InvalidHeader("typ")));
    }
}
