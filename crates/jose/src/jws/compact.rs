//! The compact serialization over any bytes (RFC 7515 section 7.1).
//!
//! ```
//! use countersign_jose::{Algorithm, Error, SigningKey, jws::compact};
//! let key = SigningKey::generate(Algorithm::Ed25519)?;
//! let text = compact::sign(&key, Some("greeting"), b"any bytes")?;
//! assert_eq!(compact::verify(&key.verifying_key(), &text)?, b"any bytes");
//!
//! let other = SigningKey::generate(Algorithm::Ed25519)?;
//! assert_eq!(compact::verify(&other.verifying_key(), &text), Err(Error::BadSignature));
//! # Ok::<(), Error>(())
//! ```

use super::header;
use crate::{Error, SigningKey, VerifyingKey, base64url};

/// The longest text that [`verify`] reads, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The three parts of a compact JWS, still encoded.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// Header, dot and payload: what the signature covers.
    pub(crate) signed: &'a [u8],
}

/// Signs `payload` and writes the compact form; the header names the algorithm, the key id and the
/// type.
///
/// # Errors
/// [`Error::TooLarge`] when the result would be longer than [`MAX_BYTES`];
/// [`Error::InvalidHeader`] for a type that is not short and printable.
pub fn sign(key: &SigningKey, typ: Option<&str>, payload: &[u8]) -> Result<String, Error> {
    sign_within(MAX_BYTES, key, typ, payload)
}

/// Checks the signature with this one key and gives the payload back. The header's algorithm must
/// be the key's; its `kid` and `typ` are not looked at, since the caller has already chosen the
/// key.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Base64`], [`Error::TooLarge`] and those of the header's JSON when
/// it is no such text; [`Error::WrongProtection`] when it is encrypted; [`Error::UnknownCritical`],
/// [`Error::InvalidHeader`] and [`Error::AlgorithmNotAllowed`] for what the header says;
/// [`Error::BadSignature`].
pub fn verify(key: &VerifyingKey, compact: &str) -> Result<Vec<u8>, Error> {
    let parts = split(compact, MAX_BYTES)?;
    let decoded = base64url::decode(parts.header)?;
    if header::parse(&decoded)?.algorithm != key.algorithm() {
        return Err(Error::AlgorithmNotAllowed);
    }
    parts.verify(key)?;
    base64url::decode(parts.payload)
}

impl Parts<'_> {
    /// Decodes payload and signature into `buffer`, checks the signature, and gives the payload.
    pub(crate) fn open<'b>(
        &self,
        key: &VerifyingKey,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Error> {
        buffer.clear();
        base64url::decode_onto(self.payload, buffer)?;
        let payload_bytes = buffer.len();
        base64url::decode_onto(self.signature, buffer)?;
        let (payload, signature) = buffer.split_at(payload_bytes);
        key.verify(self.signed, signature)?;
        Ok(payload)
    }

    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<(), Error> {
        key.verify(self.signed, &base64url::decode(self.signature)?)
    }
}

/// Splits at exactly two dots; never looks at more than `max_bytes`.
pub(crate) fn split(compact: &str, max_bytes: usize) -> Result<Parts<'_>, Error> {
    if compact.len() > max_bytes {
        return Err(Error::TooLarge);
    }
    let bytes = compact.as_bytes();
    match count_dots(bytes) {
        2 => {}
        // Five parts: an encrypted token (RFC 7516 section 9).
        4 => return Err(Error::WrongProtection),
        _ => return Err(Error::Malformed),
    }
    let (Some(first), Some(second)) = (compact.find('.'), compact.rfind('.')) else {
        return Err(Error::Malformed);
    };
    if first == 0 {
        return Err(Error::Malformed);
    }
    if first > base64url::encoded_len(header::MAX_BYTES) {
        return Err(Error::TooLarge);
    }
    Ok(Parts {
        header: &bytes[..first],
        payload: &bytes[first + 1..second],
        signature: &bytes[second + 1..],
        signed: &bytes[..second],
    })
}

/// Counts in blocks small enough for one-byte counters, which lets the compiler take many bytes at
/// a time; looking for each dot by itself takes five times as long.
fn count_dots(bytes: &[u8]) -> usize {
    let in_block = |block: &[u8]| block.iter().map(|&byte| u8::from(byte == b'.')).sum::<u8>();
    bytes.chunks(128).map(|block| usize::from(in_block(block))).sum()
}

pub(crate) fn sign_within(
    max_bytes: usize,
    key: &SigningKey,
    typ: Option<&str>,
    payload: &[u8],
) -> Result<String, Error> {
    let header = header::write(key.algorithm(), Some(key.key_id()), typ)?;
    sign_with_header(max_bytes, key, &header, payload)
}

pub(crate) fn sign_with_header(
    max_bytes: usize,
    key: &SigningKey,
    header: &str,
    payload: &[u8],
) -> Result<String, Error> {
    // With the signature of a usual key; those of ML-DSA and long RSA keys make it grow once.
    let room = base64url::encoded_len(header.len()) + base64url::encoded_len(payload.len()) + 400;
    let mut compact = String::with_capacity(room);
    base64url::encode_onto(header.as_bytes(), &mut compact);
    compact.push('.');
    base64url::encode_onto(payload, &mut compact);
    let signature = key.sign(compact.as_bytes())?;
    compact.push('.');
    base64url::encode_onto(&signature, &mut compact);
    if compact.len() > max_bytes {
        return Err(Error::TooLarge);
    }
    Ok(compact)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Algorithm;

    #[test]
    fn every_algorithm_signs_what_it_verifies() {
        for &algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let compact = sign(&key, None, b"not JSON \xff").unwrap();
            assert_eq!(verify(&key.verifying_key(), &compact).unwrap(), b"not JSON \xff");
            let other = SigningKey::generate(algorithm).unwrap();
            let refused = verify(&other.verifying_key(), &compact);
            assert_eq!(refused, Err(Error::BadSignature), "{algorithm}");
        }
    }

    #[test]
    fn only_three_parts_are_a_token() {
        for bad in ["", ".", "..", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", ".....", ".b.c", "{}"] {
            assert_eq!(split(bad, 100), Err(Error::Malformed), "{bad:?}");
        }
        assert_eq!(split("a.b.c.d.e", 100), Err(Error::WrongProtection));
        assert_eq!(split(&".".repeat(1000), 100), Err(Error::TooLarge));
        assert_eq!(split(&".".repeat(1_000_000), usize::MAX), Err(Error::Malformed));
        assert_eq!(split(&format!("{}.b.c", "a".repeat(6000)), 9999), Err(Error::TooLarge));
        let parts = split("a..", 100).unwrap();
        assert_eq!(
            (parts.payload, parts.signature, parts.signed),
            (&b""[..], &b""[..], &b"a."[..])
        );
    }

    #[test]
    fn a_change_of_any_character_is_refused() {
        let key = SigningKey::generate(Algorithm::Ed25519).unwrap();
        let compact = sign(&key, Some("x"), b"payload").unwrap();
        for place in 0..compact.len() {
            for replacement in ["A", "_", "=", ".", " ", ""] {
                let mut changed = compact.clone();
                changed.replace_range(place..=place, replacement);
                if changed != compact {
                    assert!(verify(&key.verifying_key(), &changed).is_err(), "{changed}");
                }
            }
        }
    }

    #[test]
    fn the_header_must_name_the_algorithm_of_the_key() {
        let key = SigningKey::generate(Algorithm::Ed25519).unwrap();
        for (name, expected) in [
            ("EdDSA", Ok(b"m".to_vec())),
            ("HS256", Err(Error::AlgorithmNotAllowed)),
            ("none", Err(Error::AlgorithmNotAllowed)),
        ] {
            let header = base64url::encode(format!(r#"{{"alg":"{name}"}}"#).as_bytes());
            let input = format!("{header}.{}", base64url::encode(b"m"));
            let signature = base64url::encode(&key.sign(input.as_bytes()).unwrap());
            let verdict = verify(&key.verifying_key(), &format!("{input}.{signature}"));
            assert_eq!(verdict, expected, "{name}");
        }
    }

    #[test]
    fn a_payload_that_no_verifier_would_read_is_not_signed() {
        let key = SigningKey::generate(Algorithm::HS256).unwrap();
        assert_eq!(sign(&key, None, &[0; MAX_BYTES]), Err(Error::TooLarge));
    }

    proptest! {
        #[test]
        fn any_payload_survives_the_round_trip(
            payload in proptest::collection::vec(any::<u8>(), 0..500),
        ) {
            let key = SigningKey::from_secret(Algorithm::HS256, &[7; 32]).unwrap();
            let compact = sign(&key, Some("x"), &payload).unwrap();
            prop_assert_eq!(verify(&key.verifying_key(), &compact), Ok(payload));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9_=.-]{0,60}|.{0,40}") {
            let key = VerifyingKey::from_secret(Algorithm::HS256, &[7; 32]);
            let refused = verify(&key.unwrap(), &text).is_err();
            prop_assert!(refused);
        }
    }
}
