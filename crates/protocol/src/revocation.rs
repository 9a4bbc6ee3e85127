//! Revocation events: they end tokens before their time, and live until the last token that
//! they can hit has expired.

use countersign_jose::Timestamp;
use serde::{Deserialize, Serialize};

/// What an event ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedKind {
    /// One access token, by its `jti`.
    Token,
    /// Every access token of a grant, by `grant_id`.
    Grant,
    /// Every access token of a client that was issued up to a second, by `client_id` and `iat`.
    Client,
    /// Every access token that a key signed, by its `kid`.
    Key,
}

impl RevokedKind {
    /// The word that travels and that the store keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Grant => "grant",
            Self::Client => "client",
            Self::Key => "key",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Token, Self::Grant, Self::Client, Self::Key]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// How long a commit may take, in seconds, without a token of a revoked client slipping through.
const COMMIT_MARGIN_S: u64 = 1;

/// Up to which second of issue, whole and included, a revocation of a client ends its tokens. `now`
/// is when the decision is made.
///
/// `iat` has whole seconds, so a token that was issued after the revocation, but within the same
/// second, is refused as well: the other way round one that was issued before it would pass. And
/// what is issued while the disk still works on the commit comes before it too.
#[must_use]
pub const fn client_issued_until(now: Timestamp) -> u64 {
    now.as_secs() + COMMIT_MARGIN_S
}

/// One event, at its place in the total order. This is also its form on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its place: events are numbered in the order of their commits, one after the other. No
    /// number comes twice, and none is left out, so whoever gets one after a gap has missed some.
    pub seq: u64,
    /// What kind of name `id` is.
    pub kind: RevokedKind,
    /// The `jti`, the grant id, the client id or the `kid`.
    pub id: String,
    /// With [`RevokedKind::Client`], and only there: tokens with `iat` up to this second are ended,
    /// in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_until: Option<u64>,
    /// Seconds since the epoch; from then on nothing that it could hit is alive.
    pub expires_at: u64,
}
