//! Distinguished names: as they stand in certificates (RFC 5280 §4.1.2.4), and as people write them
//! (RFC 4514).

use super::der::{self, Reader};

/// Attribute types that have a short name: those of RFC 4514 §3, and others that are in use.
const SHORT_NAMES: &[(&str, &[u8])] = &[
    ("CN", &[0x55, 0x04, 0x03]),
    ("L", &[0x55, 0x04, 0x07]),
    ("ST", &[0x55, 0x04, 0x08]),
    ("O", &[0x55, 0x04, 0x0a]),
    ("OU", &[0x55, 0x04, 0x0b]),
    ("C", &[0x55, 0x04, 0x06]),
    ("STREET", &[0x55, 0x04, 0x09]),
    ("DC", &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19]),
    ("UID", &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01]),
    ("SERIALNUMBER", &[0x55, 0x04, 0x05]),
    ("ORGANIZATIONIDENTIFIER", &[0x55, 0x04, 0x61]),
    ("EMAILADDRESS", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01]),
];

/// The parts of a name that stand together, joined by `+`, in no order.
type Relative = Vec<Attribute>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    /// The OID as it is encoded.
    kind: Vec<u8>,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    /// An element in DER, where it is not text or is written as such.
    Der(Vec<u8>),
}

/// A distinguished name, the most general part first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Relative>);

impl DistinguishedName {
    /// Reads what is in the element of a certificate.
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        let (mut names, mut parts) = (Reader::new(content), Vec::new());
        while !names.is_empty() {
            let (mut set, mut relative) = (Reader::new(names.expect(der::SET)?), Vec::new());
            while !set.is_empty() {
                let mut attribute = Reader::new(set.expect(der::SEQUENCE)?);
                let kind = attribute.expect(der::OBJECT_IDENTIFIER)?.to_vec();
                relative.push(Attribute { kind, value: read_value(attribute.rest())? });
            }
            parts.push(relative);
        }
        Some(Self(parts))
    }

    /// Reads a name as people write it, such as `CN=billing,O=Example\, Inc.,C=DE` (RFC 4514 §3).
    /// `None` for what can't be read, and for the empty name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for relative in split(text, ',') {
            parts.push(split(relative, '+').map(parse_attribute).collect::<Option<Relative>>()?);
        }
        // It is written with the most special part first.
        parts.reverse();
        Some(Self(parts))
    }

    /// Whether both are the same name: the same attributes in the same places, values compared byte
    /// by byte.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same = |(own, theirs): (&Relative, &Relative)| {
            own.len() == theirs.len() && own.iter().all(|one| theirs.contains(one))
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

/// Reads one element. Text is text, however it is written.
fn read_value(element: &[u8]) -> Option<Value> {
    let mut reader = Reader::new(element);
    let (tag, content) = reader.any()?;
    reader.end()?;
    let text = read_text(tag, content).map(Value::Text);
    Some(text.unwrap_or_else(|| Value::Der(element.to_vec())))
}

/// The text of a string; `None` for types that are out of use, in which one text has several forms.
fn read_text(tag: u8, content: &[u8]) -> Option<String> {
    const UTF8_STRING: u8 = 0x0c;
    const PRINTABLE_STRING: u8 = 0x13;
    const IA5_STRING: u8 = 0x16;
    let text = std::str::from_utf8(content).ok()?;
    let ascii = matches!(tag, PRINTABLE_STRING | IA5_STRING) && text.is_ascii();
    (ascii || tag == UTF8_STRING).then(|| text.to_owned())
}

/// Splits at a character that is not escaped. Quotation marks are not special (RFC 4514 §2.4 has
/// them escaped as well).
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let literal = std::mem::take(&mut escaped);
        escaped = !literal && c == '\\';
        !literal && c == at
    })
}

fn parse_attribute(text: &str) -> Option<Attribute> {
    let (name, value) = text.split_once('=')?;
    let value = trim(value);
    let value = match value.strip_prefix('#') {
        Some(hex) => read_value(&unhex(hex)?)?,
        None => Value::Text(unescape(value)?),
    };
    Some(Attribute { kind: parse_kind(name.trim())?, value })
}

fn parse_kind(name: &str) -> Option<Vec<u8>> {
    let short = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
    if let Some((_, oid)) = short {
        return Some(oid.to_vec());
    }
    let numbers: Vec<u32> = name.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [first @ 0..=2, second @ 0..=39, rest @ ..] = &*numbers else { return None };
    let mut encoded = vec![u8::try_from(first * 40 + second).ok()?];
    for number in rest {
        let septets = (0..5).rev().map(|place| number >> (7 * place));
        let needed = septets.skip_while(|septet| *septet == 0 && *number != 0);
        let needed: Vec<u32> = if *number == 0 { vec![0] } else { needed.collect() };
        let (last, leading) = needed.split_last()?;
        encoded.extend(leading.iter().map(|septet| 0x80 | (septet & 0x7f) as u8));
        encoded.push((last & 0x7f) as u8);
    }
    Some(encoded)
}

/// Without the spaces around, but for one at the end that is escaped.
fn trim(value: &str) -> &str {
    let value = value.trim_start_matches(' ');
    let end = value.trim_end_matches(' ');
    let escapes = end.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if escapes % 2 == 1 && end.len() < value.len() { &value[..=end.len()] } else { end }
}

/// Escaped are single characters, and bytes as two hexadecimal digits (RFC 4514 §3).
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next()? {
                special
                @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\') => {
                    bytes.push(special);
                }
                high => bytes.push(hex_byte(high, rest.next()?)?),
            },
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | 0 => return None,
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| hex_byte(*pair.first()?, *pair.get(1)?)).collect()
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}
