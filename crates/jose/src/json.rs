//! A strict JSON reader (RFC 8259) for untrusted headers, claims and keys.
//!
//! It refuses what readers disagree about: a member named twice at any depth, bad UTF-8, lone
//! surrogates, anything after the value, deep nesting, and numbers that no `f64` holds. Strings
//! without escapes are borrowed and numbers stay text, so no build feature of another crate can
//! change what a number means. Nested values are checked at once and taken apart only when somebody
//! asks for them. Time is linear in the input, with one sort for objects of many members; memory is
//! a small multiple of it.

mod scan;

use std::borrow::Cow;

use crate::Error;
use scan::{is_plain, plain_length, quote};

/// Containers may be nested this deep; real tokens use three or four levels.
const MAX_DEPTH: usize = 16;
/// Above this many members, names are sorted to find duplicates instead of compared pairwise.
const PAIRWISE_MEMBERS: usize = 24;

/// A JSON value that borrows from its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// The number as written; its grammar is checked.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// An array as written, brackets included; all of it is checked.
    Array(&'a str),
    /// An object as written, braces included; all of it is checked.
    Object(&'a str),
}

impl<'a> Value<'a> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A number as written.
    pub(crate) const fn as_number(&self) -> Option<&'a str> {
        match self {
            Self::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The items of an array.
    pub(crate) fn as_array(&self) -> Option<Vec<Self>> {
        match self {
            Self::Array(text) => {
                let mut items = Vec::new();
                Reader::inside(text).array(1, |item| items.push(item))?;
                Some(items)
            }
            _ => None,
        }
    }

    /// The members of an object.
    pub(crate) fn as_object(&self) -> Option<Members<'a>> {
        match self {
            Self::Object(text) => Reader::inside(text).object(1),
            _ => None,
        }
    }

    /// The same value as an owned `serde_json` value.
    pub(crate) fn to_owned_value(&self) -> Result<serde_json::Value, Error> {
        use serde_json::Value as Owned;
        Ok(match self {
            Self::Null => Owned::Null,
            Self::Bool(value) => Owned::Bool(*value),
            Self::Number(text) => Owned::Number(owned_number(text)?),
            Self::Text(text) => Owned::String(text.clone().into_owned()),
            Self::Array(_) => {
                let items = self.as_array().unwrap_or_default();
                Owned::Array(items.iter().map(Self::to_owned_value).collect::<Result<_, _>>()?)
            }
            Self::Object(_) => Owned::Object(self.as_object().unwrap_or_default().to_owned_map()?),
        })
    }
}

/// The members of an object, in the order of the text; names are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Members<'a> {
    list: Vec<(Cow<'a, str>, Value<'a>)>,
    plain: bool,
}

impl<'a> Members<'a> {
    /// Whether the whole text that they were read from is plain: printable ASCII without escapes.
    /// What was nested in another is not asked.
    pub(crate) const fn is_plain(&self) -> bool {
        self.plain
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.place(name).map(|place| &self.list[place].1)
    }

    /// Where the member of this name stands.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|(member, _)| member == name)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Takes the member out; what is left keeps no particular order.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let place = self.place(name)?;
        Some(self.list.swap_remove(place).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.list.iter().map(|(name, value)| (&**name, value))
    }

    pub(crate) fn to_owned_map(&self) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        self.iter().map(|(name, value)| Ok((name.to_owned(), value.to_owned_value()?))).collect()
    }
}

/// Reads a text that is exactly one object.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Members<'_>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Json)?;
    let mut reader = Reader { plain: is_plain(bytes), ..Reader::new(text) };
    let members = match reader.token() {
        Some(b'{') => reader.object(1),
        _ => None,
    };
    match members {
        None if reader.found_duplicate => Err(Error::DuplicateMember),
        // After the object nothing may follow but white space.
        Some(members) if reader.token().is_none() && reader.at == text.len() => Ok(members),
        _ => Err(Error::Json),
    }
}

/// Every step gives `None` when the text is refused: a larger result would cost more to hand on
/// than the step itself.
struct Reader<'a> {
    text: &'a str,
    /// The next byte to read. Always on a character boundary: every step passes whole ASCII bytes
    /// or stops at one.
    at: usize,
    /// Why it was refused, when it was well formed up to there.
    found_duplicate: bool,
    /// [`is_plain`] holds of the text.
    plain: bool,
}

impl<'a> Reader<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, found_duplicate: false, plain: false }
    }

    /// A reader of a container that has been checked, after its opening bracket.
    const fn inside(text: &'a str) -> Self {
        Self { at: 1, ..Self::new(text) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is not white space.
    fn token(&mut self) -> Option<u8> {
        loop {
            match self.next()? {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                token => return Some(token),
            }
        }
    }

    /// Reads a value that begins with `first`; `depth` is the number of containers around it.
    fn value(&mut self, first: u8, depth: usize) -> Option<Value<'a>> {
        match first {
            b'"' => Some(Value::Text(self.string()?)),
            b'{' | b'[' if depth >= MAX_DEPTH => None,
            b'{' => {
                let start = self.at - 1;
                self.object(depth + 1)?;
                Some(Value::Object(&self.text[start..self.at]))
            }
            b'[' => {
                let start = self.at - 1;
                self.array(depth + 1, drop)?;
                Some(Value::Array(&self.text[start..self.at]))
            }
            b't' => self.word("rue", Value::Bool(true)),
            b'f' => self.word("alse", Value::Bool(false)),
            b'n' => self.word("ull", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn word(&mut self, rest: &str, value: Value<'a>) -> Option<Value<'a>> {
        if self.text.as_bytes()[self.at..].starts_with(rest.as_bytes()) {
            self.at += rest.len();
            Some(value)
        } else {
            None
        }
    }

    /// Reads an object after its opening brace.
    fn object(&mut self, depth: usize) -> Option<Members<'a>> {
        // Room for a usual set of claims; deeper objects are small.
        let mut members = Vec::with_capacity(if depth == 1 { 16 } else { 4 });
        let mut names = Names::default();
        let mut token = self.token()?;
        if token == b'}' {
            return Some(Members { list: members, plain: self.plain });
        }
        loop {
            expect(token, b'"')?;
            let name = self.string()?;
            if names.may_have(&name) && has_name(&members, &name) {
                self.found_duplicate = true;
                return None;
            }
            expect(self.token()?, b':')?;
            match self.token()? {
                b'"' => match (name, self.string()?) {
                    // Spelt out, so that the parts go straight to their place.
                    (Cow::Borrowed(name), Cow::Borrowed(text)) => {
                        members.push((Cow::Borrowed(name), Value::Text(Cow::Borrowed(text))));
                    }
                    (name, text) => members.push((name, Value::Text(text))),
                },
                first => {
                    let value = self.value(first, depth)?;
                    members.push((name, value));
                }
            }
            match self.token()? {
                b',' => token = self.token()?,
                b'}' => break,
                _ => return None,
            }
        }
        if members.len() > PAIRWISE_MEMBERS && has_duplicates(&members) {
            self.found_duplicate = true;
            return None;
        }
        Some(Members { list: members, plain: self.plain })
    }

    /// Reads an array after its opening bracket and gives each item to `take`.
    fn array(&mut self, depth: usize, mut take: impl FnMut(Value<'a>)) -> Option<()> {
        let mut token = self.token()?;
        if token == b']' {
            return Some(());
        }
        loop {
            take(self.value(token, depth)?);
            match self.token()? {
                b',' => token = self.token()?,
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads a string after its opening quote; borrows it when it has no escapes. In line, so that
    /// what it finds goes straight to its place: copies on the way took a third of the reading.
    #[inline(always)]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        if self.plain {
            let length = quote(&self.text.as_bytes()[self.at..])?;
            let whole = &self.text[self.at..self.at + length];
            self.at += length + 1;
            return Some(Cow::Borrowed(whole));
        }
        let plain = self.plain_run()?;
        if self.next()? == b'"' {
            return Some(Cow::Borrowed(plain));
        }
        self.string_with_escapes(plain)
    }

    /// Goes on after the first backslash of a string.
    fn string_with_escapes(&mut self, plain: &str) -> Option<Cow<'a, str>> {
        let mut owned = plain.to_owned();
        owned.push(self.escape()?);
        loop {
            owned.push_str(self.plain_run()?);
            if self.next()? == b'"' {
                return Some(Cow::Owned(owned));
            }
            owned.push(self.escape()?);
        }
    }

    /// Passes characters up to the next quote or backslash; a raw control character is an error.
    #[inline]
    fn plain_run(&mut self) -> Option<&'a str> {
        let length = plain_length(&self.text.as_bytes()[self.at..])?;
        let run = &self.text[self.at..self.at + length];
        self.at += length;
        Some(run)
    }

    /// Reads an escape after its backslash.
    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return None,
        })
    }

    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.four_hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            // A low surrogate on its own is no character, so this refuses it.
            return char::from_u32(first);
        }
        expect(self.next()?, b'\\')?;
        expect(self.next()?, b'u')?;
        let second = self.four_hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(code)
    }

    fn four_hex(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16)?;
            code = code * 16 + digit;
        }
        Some(code)
    }

    /// Reads a number whose first byte has been passed.
    fn number(&mut self) -> Option<Value<'a>> {
        self.at -= 1;
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        let fits = (!has_exponent && text.len() <= f64::MAX_10_EXP as usize) || is_finite(text);
        fits.then_some(Value::Number(text))
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Some(()) } else { None }
    }
}

/// Some readers make infinity of a number that is too large, others refuse it (RFC 8259 section 6).
fn is_finite(number: &str) -> bool {
    number.parse().is_ok_and(f64::is_finite)
}

fn expect(found: u8, wanted: u8) -> Option<()> {
    if found == wanted { Some(()) } else { None }
}

/// Remembers names by a few of their bits: enough to know most new ones for new.
#[derive(Default)]
struct Names(u64);

impl Names {
    /// Whether the name may have been seen before; remembers it.
    fn may_have(&mut self, name: &str) -> bool {
        let (first, last) = match name.as_bytes() {
            [first, .., last] => (usize::from(*first), usize::from(*last)),
            _ => (0, 0),
        };
        let bit = 1 << ((name.len() + 5 * first + 11 * last) % 64);
        let seen = self.0 & bit != 0;
        self.0 |= bit;
        seen
    }
}

fn has_name(members: &[(Cow<'_, str>, Value<'_>)], name: &str) -> bool {
    members.len() <= PAIRWISE_MEMBERS && members.iter().any(|(other, _)| other == name)
}

fn has_duplicates(members: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

fn owned_number(text: &str) -> Result<serde_json::Number, Error> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(number.into());
    }
    let number: f64 = text.parse().map_err(|_| Error::Json)?;
    serde_json::Number::from_f64(number).ok_or(Error::Json)
}

#[cfg(test)]
mod tests;
