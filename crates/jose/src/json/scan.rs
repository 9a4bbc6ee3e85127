//! Where a string of JSON ends, several bytes at a time.

/// Whether JSON is printable ASCII without escapes, as nearly all is: then a string ends at the
/// next quote, and no text can hold a control character, a quote or a backslash. One look at the
/// whole, many bytes at a time, instead of one at each text.
pub(super) fn is_plain(json: &[u8]) -> bool {
    json.iter().fold(true, |plain, byte| plain & (0x20..0x7f).contains(byte) & (*byte != b'\\'))
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH_BITS: u64 = ONES << 7;
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

/// Marks the high bit of each byte below `limit`; beyond the first mark there may be false ones.
const fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(ONES * limit) & !word & HIGH_BITS
}

/// How many bytes stand before the first quote of plain text; `None` when there is none.
#[inline]
pub(super) fn quote(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(chunk) = bytes[start..].first_chunk::<8>() {
        let marks = below(u64::from_le_bytes(*chunk) ^ QUOTES, 1);
        if marks != 0 {
            return Some(start + marks.trailing_zeros() as usize / 8);
        }
        start += 8;
    }
    let length = bytes[start..].iter().position(|&byte| byte == b'"')?;
    Some(start + length)
}

/// How many bytes stand before the first quote or backslash; `None` when there is none, or when a
/// raw control character comes first. Looks at eight bytes at a time.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(chunk) = bytes[start..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let marks = below(word ^ QUOTES, 1) | below(word ^ BACKSLASHES, 1) | below(word, 0x20);
        if marks != 0 {
            let length = start + marks.trailing_zeros() as usize / 8;
            return (bytes[length] >= 0x20).then_some(length);
        }
        start += 8;
    }
    let rest = &bytes[start..];
    let length = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
    (rest[length] >= 0x20).then_some(start + length)
}
