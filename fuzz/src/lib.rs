//! What the fuzz targets share: fixed keys, a second opinion on JSON, a limit on memory.

#![expect(clippy::unwrap_used, reason = "a target stops at the first surprise")]

pub mod memory;
pub mod mutate;
pub mod reference;

use std::sync::LazyLock;

/// The instrumented code calls it, in the tests of this library too.
#[cfg(test)]
use libfuzzer_sys as _;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{Algorithm, Jwk, KeySet, SigningKey, Timestamp, VerifyingKey};

/// The moment at which every token is judged.
pub const NOW_S: u64 = 1_790_000_000;

/// Signs whatever a target needs signed; cheap, and the same in every run.
pub static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let jwk = format!(
        r#"{{"kty":"oct","alg":"HS256","kid":"k","k":"{}"}}"#,
        encode((1..=32).collect::<Vec<u8>>())
    );
    SigningKey::from_jwk_json(jwk.as_bytes()).unwrap()
});

/// Finds [`KEY`] under the id `k`.
pub static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::new([KEY.verifying_key()]));

/// One key for each of the other algorithms that are fast to make, and a published one for RSA.
pub static OTHERS: LazyLock<Vec<VerifyingKey>> = LazyLock::new(|| {
    let slow = |one: &Algorithm| matches!(one.name().as_bytes(), [b'R' | b'P', b'S', ..]);
    let fast = Algorithm::ALL.iter().filter(|one| **one != Algorithm::HS256 && !slow(one));
    let fast = fast.map(|&one| SigningKey::generate(one).unwrap().verifying_key());
    let key = Jwk::from_json(RSA.as_bytes()).unwrap();
    let rsa = Algorithm::ALL.iter().filter(|one| slow(one));
    fast.chain(rsa.map(|&one| VerifyingKey::from_jwk_as(&key, one).unwrap())).collect()
});

/// The public key of RFC 7515 appendix A.2.
const RSA: &str = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;

/// [`NOW_S`].
pub fn now() -> Timestamp {
    Timestamp::from_secs(NOW_S)
}

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A token of [`KEY`] over any header and payload.
pub fn signed(header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = KEY.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature))
}

/// Printable ASCII, not empty and not longer than this: what a name in a header may be.
pub fn is_printable(text: &str, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
