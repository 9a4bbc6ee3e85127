//! What the fuzz targets share: fixed keys, a second opinion on JSON, a limit on memory.

#![expect(clippy::unwrap_used, reason = "a target stops at the first surprise")]

pub mod memory;
pub mod reference;

use std::sync::LazyLock;

/// The instrumented code calls it, in the tests of this library too.
#[cfg(test)]
use libfuzzer_sys as _;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{Algorithm, KeySet, SigningKey, Timestamp};

/// Longer input teaches nothing new: the limits of the readers are below this.
pub const MAX_BYTES: usize = 64 * 1024;
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

/// Every algorithm that [`KEY`] is not for, one key each.
pub static OTHERS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    let others = Algorithm::ALL.iter().filter(|&&one| one != Algorithm::HS256);
    // RSA keys take long to make, and one of them stands for all.
    let others = others.filter(|one| !matches!(one.name().as_bytes(), [b'R' | b'P', b'S', ..]));
    others.map(|&algorithm| SigningKey::generate(algorithm).unwrap()).collect()
});

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
