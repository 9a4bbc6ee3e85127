//! Randomness as an argument, so that every decision can be replayed in a test.

use countersign_jose::base64url;

/// A source of unpredictable bytes. The server passes the cryptographic library's generator.
pub trait Randomness: Send + Sync {
    /// Fills `out` completely.
    fn fill(&self, out: &mut [u8]);
}

/// 128 random bits as 22 base64url characters: enough for a `jti`.
#[must_use]
pub fn identifier(random: &dyn Randomness) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    base64url::encode(&bytes)
}

/// 256 random bits as 43 base64url characters: for secrets that are looked up by their hash.
#[must_use]
pub fn secret(random: &dyn Randomness) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    base64url::encode(&bytes)
}
