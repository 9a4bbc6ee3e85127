//! Base64url without padding, canonical form only (RFC 4648 section 5, RFC 7515 section 2).

use base64_simd::URL_SAFE_NO_PAD;

use crate::Error;

/// Decodes; refuses padding, characters outside the alphabet and unused bits that are not zero, so
/// that one byte string has exactly one text.
///
/// # Errors
/// [`Error::Base64`].
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| Error::Base64)
}

/// Decodes and appends to `out`.
pub(crate) fn decode_onto(text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    URL_SAFE_NO_PAD.decode_append(text, out).map_err(|_| Error::Base64)
}

/// Encodes without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends the encoded bytes to `out`.
pub(crate) fn encode_onto(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, out);
}

/// The length of the text for `bytes` bytes.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn only_the_canonical_text_is_read() {
        assert_eq!(decode(b"").unwrap(), b"");
        assert_eq!(decode(b"AQAB").unwrap(), [1, 0, 1]);
        assert_eq!(decode(b"_-8").unwrap(), [0xff, 0xef]);
        for bad in ["A", "AQAB=", "AQ==", "AQ=", "AR", "AAF", "AQ+B", "AQ/B", "AQ B", "AQAB\n"] {
            assert_eq!(decode(bad.as_bytes()), Err(Error::Base64), "{bad:?}");
        }
    }

    #[test]
    fn each_foreign_byte_is_refused_at_each_place_of_a_long_text() {
        // Long enough to pass through the vector code and its tail.
        let text = encode(&[0u8; 100]);
        for place in 0..text.len() {
            for byte in 0..=255u8 {
                if ALPHABET.contains(&byte) {
                    continue;
                }
                let mut changed = text.clone().into_bytes();
                changed[place] = byte;
                assert_eq!(decode(&changed), Err(Error::Base64), "{byte} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_survive_the_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = encode(&bytes);
            prop_assert!(text.len() <= encoded_len(bytes.len()));
            prop_assert_eq!(decode(text.as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn whatever_decodes_is_the_only_text_of_its_bytes(text in "[A-Za-z0-9_=+/ -]{0,80}") {
            if let Ok(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
