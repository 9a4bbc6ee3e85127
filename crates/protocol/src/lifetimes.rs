//! How long things live. One place, so that what depends on what can be checked together.

use std::time::Duration;

use countersign_jose::Timestamp;

/// Lifetimes of everything that this server issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Access tokens. Short, since an unreachable verifier may take them until they expire.
    pub access_token: Duration,
    /// Id tokens.
    pub id_token: Duration,
    /// Authorization codes (RFC 6749 §4.1.2 asks for ten minutes at most).
    pub code: Duration,
    /// A grant that is not refreshed for this long ends.
    pub refresh_idle: Duration,
    /// A grant ends this long after it was made, however often it is refreshed.
    pub refresh_absolute: Duration,
    /// How long the predecessor of the newest bearer refresh token of a public client is still
    /// answered with that newest token. Zero turns the tolerance off.
    pub retry_window: Duration,
    /// A sign-in session that is not used for this long ends.
    pub session_idle: Duration,
    /// A sign-in session ends this long after the sign-in.
    pub session_absolute: Duration,
}

/// The clock difference between servers that verifiers tolerate at the most.
pub const LEEWAY_MAX: Duration = Duration::from_secs(300);

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: Duration::from_secs(5 * MINUTE),
            id_token: Duration::from_secs(5 * MINUTE),
            code: Duration::from_secs(MINUTE),
            refresh_idle: Duration::from_secs(14 * DAY),
            refresh_absolute: Duration::from_secs(90 * DAY),
            retry_window: Duration::from_secs(10),
            session_idle: Duration::from_secs(12 * 60 * MINUTE),
            session_absolute: Duration::from_secs(7 * DAY),
        }
    }
}

impl Lifetimes {
    /// When a revocation that happens at `now` can be forgotten: the last token that it can hit
    /// has expired by then, even for a verifier with the largest leeway.
    #[must_use]
    pub fn revocation_horizon(&self, now: Timestamp) -> Timestamp {
        now.plus(self.access_token).plus(LEEWAY_MAX)
    }
}
