//! Looking at a token without trusting it.

use std::fmt::{self, Write};

use super::MAX_BYTES;
use crate::{
    Error, base64url,
    json::{self, Members, Value},
    jws::{compact, header},
};

/// A token as it says of itself, for people to look at. Nothing here has been checked, and there is
/// no way from here to claims: only [`Policy::verify`](super::Policy::verify) gives those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    header: String,
    payload: String,
    key_id: Option<String>,
}

/// Decodes header and payload for display. The signature is not looked at.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Base64`], [`Error::Json`], [`Error::DuplicateMember`] and
/// [`Error::TooLarge`] for what is no signed token; [`Error::WrongProtection`] for an encrypted
/// one.
pub fn peek(compact: &str) -> Result<Unverified, Error> {
    let parts = compact::split(compact, MAX_BYTES)?;
    let (header, payload) = (base64url::decode(parts.header)?, base64url::decode(parts.payload)?);
    let (header, payload) = (json::parse_object(&header)?, json::parse_object(&payload)?);
    let key_id = header.get("kid").and_then(Value::as_text).filter(|id| header::is_key_id(id));
    let key_id = key_id.map(str::to_owned);
    Ok(Unverified { key_id, header: display(&header), payload: display(&payload) })
}

impl Unverified {
    /// The header as indented JSON. Control characters and marks that turn the direction of text
    /// are escaped, so that it is safe on a terminal.
    pub fn header_json(&self) -> &str {
        &self.header
    }

    /// The payload, in the same form.
    pub fn payload_json(&self) -> &str {
        &self.payload
    }

    /// The `kid`, when there is a printable one of at most 256 bytes: enough to say which key is
    /// missing from a set.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.header, self.payload)
    }
}

fn display(members: &Members<'_>) -> String {
    let mut out = String::new();
    write_object(members, 0, &mut out);
    out
}

fn write_value(value: &Value<'_>, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(text) => out.push_str(text),
        Value::Text(text) => write_text(text, out),
        Value::Array(_) => {
            let items = value.as_array().unwrap_or_default();
            let write_item = |item: &Value<'_>, out: &mut String| write_value(item, depth + 1, out);
            write_container(['[', ']'], items.iter(), depth, out, write_item);
        }
        Value::Object(_) => write_object(&value.as_object().unwrap_or_default(), depth, out),
    }
}

fn write_object(members: &Members<'_>, depth: usize, out: &mut String) {
    write_container(['{', '}'], members.iter(), depth, out, |(name, value), out| {
        write_text(name, out);
        out.push_str(": ");
        write_value(value, depth + 1, out);
    });
}

fn write_container<T>(
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    depth: usize,
    out: &mut String,
    mut write_item: impl FnMut(T, &mut String),
) {
    let new_line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    out.push(open);
    let mut empty = true;
    for item in items {
        if !empty {
            out.push(',');
        }
        empty = false;
        new_line(depth + 1, out);
        write_item(item, out);
    }
    if !empty {
        new_line(depth, out);
    }
    out.push(close);
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            _ if is_unsafe_to_show(character) => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Characters that move a terminal's cursor, change its state, or reorder what is shown. All of
/// them lie in the basic plane, so one escape of four digits holds each.
fn is_unsafe_to_show(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.",
            base64url::encode(header.as_bytes()),
            base64url::encode(payload.as_bytes())
        )
    }

    #[test]
    fn any_algorithm_can_be_looked_at_in_the_order_of_the_token() {
        let seen = peek(&token(
            r#"{"typ":"JWT","alg":"none","kid":"k"}"#,
            r#"{"z":1e300,"a":[1,"x",[]],"e":{},"t":[true,null]}"#,
        ))
        .unwrap();
        assert_eq!(seen.key_id(), Some("k"));
        assert_eq!(
            seen.header_json(),
            "{\n  \"typ\": \"JWT\",\n  \"alg\": \"none\",\n  \"kid\": \"k\"\n}"
        );
        assert_eq!(
            seen.payload_json(),
            "{\n  \"z\": 1e300,\n  \"a\": [\n    1,\n    \"x\",\n    []\n  ],\n  \"e\": {},\n  \
             \"t\": [\n    true,\n    null\n  ]\n}"
        );
    }

    #[test]
    fn what_would_act_on_a_terminal_is_escaped() {
        let seen = peek(&token(
            r#"{"kid":"\u001b[2J"}"#,
            "{\"a\":\"\\u001b]0;x\\u0007 \u{9b}1m \u{202e}abc\u{2066} \\\" é\"}",
        ))
        .unwrap();
        assert_eq!(seen.key_id(), None);
        assert_eq!(
            seen.payload_json(),
            "{\n  \"a\": \"\\u001b]0;x\\u0007 \\u009b1m \\u202eabc\\u2066 \\\" é\"\n}"
        );
        assert!(!seen.header_json().contains('\u{1b}'));
        let again: serde_json::Value = serde_json::from_str(seen.payload_json()).unwrap();
        assert_eq!(again["a"], "\u{1b}]0;x\u{7} \u{9b}1m \u{202e}abc\u{2066} \" é");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        assert_eq!(peek("a.b"), Err(Error::Malformed));
        assert_eq!(peek(&token("{}", "text")), Err(Error::Json));
        assert_eq!(peek(&token(r#"{"a":1,"a":1}"#, "{}")), Err(Error::DuplicateMember));
        assert_eq!(peek(&"a".repeat(MAX_BYTES + 1)), Err(Error::TooLarge));
    }
}
