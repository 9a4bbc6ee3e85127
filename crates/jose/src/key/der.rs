//! The little of DER (X.690) that keys need. Lengths are read in their shortest form only, and
//! nothing is read past the element that holds it.

use zeroize::Zeroizing;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Reads the elements of one level from left to right. `None` means: this is not what was asked
/// for, or it is not DER.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The elements inside a sequence that is all there is.
    pub(crate) fn only_sequence(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Self(bytes);
        let inside = reader.sequence()?;
        reader.end()?;
        Some(inside)
    }

    /// The content of the next element, which must have this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (length, rest) = match self.0.strip_prefix(&[tag])? {
            [short @ 0..=0x7f, rest @ ..] => (usize::from(*short), rest),
            [0x81, long @ 0x80..=0xff, rest @ ..] => (usize::from(*long), rest),
            [0x82, high @ 1..=0xff, low, rest @ ..] => {
                (usize::from(*high) << 8 | usize::from(*low), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    pub(crate) fn sequence(&mut self) -> Option<Self> {
        self.element(SEQUENCE).map(Self)
    }

    /// The content of the next element when it has this tag; nothing is read otherwise.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.element(tag).map(Some) } else { Some(None) }
    }

    /// An integer that is not negative, without the zero byte before a high bit.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.element(INTEGER)? {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
            [0, number @ ..] if !number.is_empty() => Some(number),
            number => Some(number),
        }
    }

    /// A bit string of whole bytes.
    pub(crate) fn bytes_of_bits(&mut self) -> Option<&'a [u8]> {
        self.element(BIT_STRING)?.strip_prefix(&[0])
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Writes an element whose content is these parts. The result is wiped when it is dropped, since
/// most of what is written is private.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // With the whole length reserved, no copy stays behind in a buffer that grew.
    let mut out = Zeroizing::new(Vec::with_capacity(length + 4));
    out.push(tag);
    match length {
        0..=0x7f => out.push(length as u8),
        0x80..=0xff => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// Writes an integer that is not negative; leading zeros of `number` are left out.
pub(crate) fn unsigned(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    // A number whose high bit is set, and the number zero, start with a zero byte.
    let sign: &[u8] = if number.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, number])
}
