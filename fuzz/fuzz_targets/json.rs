//! JSON: the reader agrees with serde_json but for its stricter rules, and shows what it has read.

#![no_main]

use countersign_fuzz::{encode, memory::bounded, mutate, reference};
use countersign_jose::jwt;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

/// As base64url it must stay below the limit for tokens.
const MAX_BYTES: usize = jwt::MAX_BYTES / 4 * 3 - 100;

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::structure(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    if data.len() > MAX_BYTES {
        return;
    }
    // Looking at a token is the way to the reader that needs no signature.
    let token = format!("e30.{}.", encode(data));
    let seen = bounded(data, || jwt::peek(&token));
    let expected = reference::object(data);
    assert_eq!(seen.is_ok(), expected.is_some(), "{seen:?}");
    if let Ok(seen) = seen {
        assert_eq!(reference::object(seen.payload_json().as_bytes()), expected);
    }
});
