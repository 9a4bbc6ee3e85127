//! Tokens that may be used once.

use aws_lc_rs::digest::{Context, SHA256};
use countersign_protocol::Timestamp;

/// The use of a token that may be used once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The token, by a hash of its issuer and its `jti`.
    pub key: [u8; 32],
    /// Until when it could be accepted.
    pub until: Timestamp,
}

impl Use {
    /// The use of the token that `issuer` named `token_id`. The name is the one of the verified
    /// payload: the text of a token can be changed without changing what it says.
    #[must_use]
    pub fn new(issuer: &str, token_id: &str, until: Timestamp) -> Self {
        let mut hash = Context::new(&SHA256);
        // With its length, so that no two pairs run together.
        hash.update(&(issuer.len() as u64).to_be_bytes());
        hash.update(issuer.as_bytes());
        hash.update(token_id.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        Self { key, until }
    }
}

/// How noting a use went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedOnce {
    /// It is the first use.
    First,
    /// The token was used before.
    Replayed,
    /// There is no room: forgetting a token would let it be used again.
    Full,
}
