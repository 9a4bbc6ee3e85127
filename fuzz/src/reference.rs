//! A second opinion on JSON: what serde_json says of a text, with the stricter rules counted out.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// What the readers under test allow.
const MAX_DEPTH: usize = 16;

/// A value; numbers stay as they are written, and members in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A number, `true`, `false` or `null`, as written.
    Atom(String),
    /// A string without its escapes.
    Text(String),
    /// The items of an array.
    Array(Vec<Self>),
    /// The members of an object.
    Object(Vec<(String, Self)>),
}

impl Node {
    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(own, _)| own == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads an object as the crate under test must: JSON as serde_json knows it, and no member twice,
/// no lone surrogate (which serde_json refuses too), no number that an `f64` cannot hold, no more
/// than 16 containers around each other.
pub fn object(bytes: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(bytes).ok()?;
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    let node = expand(raw.get(), 0)?;
    matches!(node, Node::Object(_)).then_some(node)
}

fn expand(text: &str, depth: usize) -> Option<Node> {
    match text.as_bytes().first()? {
        b'{' | b'[' if depth >= MAX_DEPTH => None,
        b'{' => {
            let Pairs(pairs) = serde_json::from_str(text).ok()?;
            let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) {
                return None;
            }
            let member = |(name, raw): &(String, &RawValue)| {
                Some((name.clone(), expand(raw.get(), depth + 1)?))
            };
            pairs.iter().map(member).collect::<Option<_>>().map(Node::Object)
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let items = items.iter().map(|raw| expand(raw.get(), depth + 1));
            items.collect::<Option<_>>().map(Node::Array)
        }
        b'"' => serde_json::from_str(text).ok().map(Node::Text),
        b't' | b'f' | b'n' => Some(Node::Atom(text.to_owned())),
        _ => {
            let number: f64 = text.parse().ok()?;
            number.is_finite().then(|| Node::Atom(text.to_owned()))
        }
    }
}

/// The members of an object with their values as they stand.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Members).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn it_is_as_strict_as_it_says() {
        let nested = |depth: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1)).into_bytes()
        };
        for good in [&b"{}"[..], br#" {"a":[1e300,"\ud83d\ude00",null]} "#, &nested(16)] {
            assert!(object(good).is_some(), "{}", String::from_utf8_lossy(good));
        }
        for bad in [
            &b""[..],
            b"[]",
            b"{",
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":1}"#,
            br#"{"a":{"b":1,"b":1}}"#,
            br#"{"a":"\ud83d"}"#,
            br#"{"a":01}"#,
            br#"{"a":[-1e400]}"#,
            b"{\"a\":\"\n\"}",
            b"{\"\xff\":1}",
            &nested(17),
        ] {
            assert!(object(bad).is_none(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
