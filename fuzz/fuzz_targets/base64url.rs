//! Base64url: what decodes is the only text of its bytes, and everything else is refused.

#![no_main]

use countersign_fuzz::memory::bounded;
use countersign_jose::{Error, base64url};
use libfuzzer_sys::fuzz_target;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fuzz_target!(|data: &[u8]| {
    let decoded = bounded(data, || base64url::decode(data));
    assert_eq!(decoded.as_deref().ok(), plainly(data).as_deref());
    match decoded {
        Ok(bytes) => assert_eq!(base64url::encode(&bytes).as_bytes(), data),
        Err(error) => assert_eq!(error, Error::Base64),
    }
    let text = base64url::encode(data);
    assert_eq!(base64url::decode(text.as_bytes()).as_deref(), Ok(data));
});

/// RFC 4648 section 5, one character after the other.
fn plainly(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for character in text {
        let place = ALPHABET.iter().position(|own| own == character)?;
        bits = bits << 6 | u32::try_from(place).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    // Six bits are a character too many; others are padding, and must be zero.
    (count < 6 && bits == 0).then_some(bytes)
}
