//! Revocation events: they end tokens before their time, and live until the last token that
//! they can hit has expired.

use std::time::Duration;

use countersign_jose::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lifetimes::CLOCK_STEP_MAX;

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
/// A server that issues tokens notes at least so often when it last did.
pub const ISSUE_NOTED_EVERY: Duration = Duration::from_secs(60);
/// A clock that is set back by no more than this makes no token seem younger than a revocation.
pub const CLOCK_SET_BACK: Duration = Duration::from_secs(COMMIT_MARGIN_S);

/// Up to which second of issue, whole and included, a revocation of a client ends its tokens. `now`
/// is when the decision is made, `issued_at` the latest time of issue that was noted.
///
/// `iat` has whole seconds, so a token that was issued after the revocation, but within the same
/// second, is refused as well: the other way round one that was issued before it would pass. And
/// what is issued while the disk still works on the commit comes before it too.
///
/// If tokens were issued at a time that is still to come, the clock has been set back, by up to
/// [`CLOCK_STEP_MAX`]: they are older than the revocation, whatever they say.
#[must_use]
pub fn client_issued_until(now: Timestamp, issued_at: Option<Timestamp>) -> u64 {
    let ahead = issued_at.filter(|issued_at| *issued_at > now.plus(CLOCK_SET_BACK));
    let latest = ahead.map_or(now, |issued_at| {
        // Since the note there may have been more.
        issued_at.plus(ISSUE_NOTED_EVERY).min(now.plus(CLOCK_STEP_MAX).plus(ISSUE_NOTED_EVERY))
    });
    latest.as_secs() + COMMIT_MARGIN_S
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_ended_up_to_its_latest_token_whatever_the_clock_says() {
        let now = Timestamp::from_millis(1_800_000_000_500);
        let seconds = Duration::from_secs;
        for (issued_at, until) in [
            (None, 1_800_000_001),
            (Some(now.minus(seconds(3_600))), 1_800_000_001),
            (Some(now), 1_800_000_001),
            // Two servers whose clocks differ a little.
            (Some(now.plus(seconds(1))), 1_800_000_001),
            (Some(now.plus(seconds(2))), 1_800_000_063),
            (Some(now.plus(seconds(3_600))), 1_800_003_661),
            // A clock that was years ahead keeps no client out for years.
            (Some(now.plus(seconds(86_400 * 365))), 1_800_003_661),
        ] {
            assert_eq!(client_issued_until(now, issued_at), until, "{issued_at:?}");
        }
    }
}
