//! Revocation events: they end tokens before their time, and live until the last token that
//! they can hit has expired.

use serde::{Deserialize, Serialize};

/// What an event ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevokedKind {
    /// One access token, by its `jti`.
    Token,
    /// Every access token of a grant, by `grant_id`.
    Grant,
}

impl RevokedKind {
    /// The word that travels and that the store keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Grant => "grant",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Token, Self::Grant].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One event, at its place in the total order. This is also its form on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its place: events are numbered without reuse in the order of their commits.
    pub seq: u64,
    /// What kind of name `id` is.
    pub kind: RevokedKind,
    /// The `jti` or the grant id.
    pub id: String,
    /// Seconds since the epoch; from then on nothing that it could hit is alive.
    pub expires_at: u64,
}
