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

/// The longest lifetime that access tokens can be given.
pub const ACCESS_TOKEN_MAX: Duration = Duration::from_secs(DAY);

/// A lifetime is still taken to be in use for so long after it was last noted: far longer than a
/// server goes on without noting its own.
const NOTE_HOLDS: Duration = Duration::from_secs(DAY);

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
    /// [`revocation_horizon`] as if these were the only lifetimes that were ever in use.
    #[must_use]
    pub fn revocation_horizon(&self, now: Timestamp) -> Timestamp {
        revocation_horizon(self.access_token, now)
    }
}

/// When a revocation that happens at `now` can be forgotten: the last token that it can hit has
/// expired by then, even for a verifier with the largest leeway. `access_token` is the longest
/// lifetime of a token that may be alive ([`longest_in_use`]), which need not be the one that
/// tokens are given today.
#[must_use]
pub fn revocation_horizon(access_token: Duration, now: Timestamp) -> Timestamp {
    now.plus(access_token).plus(LEEWAY_MAX)
}

/// Whether tokens of a lifetime may still be alive at `now`, when a server noted at `used_at` that
/// it gives it to them.
#[must_use]
pub fn is_in_use(access_token: Duration, used_at: Timestamp, now: Timestamp) -> bool {
    now < revocation_horizon(access_token, used_at.plus(NOTE_HOLDS))
}

/// The longest lifetime of the access tokens that may be alive at `now`, given which lifetimes were
/// noted and when last. `None` if none is: then [`ACCESS_TOKEN_MAX`] is the safe guess.
#[must_use]
pub fn longest_in_use(
    noted: impl IntoIterator<Item = (Duration, Timestamp)>,
    now: Timestamp,
) -> Option<Duration> {
    let in_use = noted.into_iter().filter(|(lifetime, at)| is_in_use(*lifetime, *at, now));
    in_use.map(|(lifetime, _)| lifetime).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_lifetime_counts_until_its_last_token_has_expired() {
        let (hour, minute) = (Duration::from_secs(3_600), Duration::from_secs(60));
        let noted_at = Timestamp::from_secs(1_800_000_000);
        let noted = [(minute, noted_at.plus(10 * hour)), (hour, noted_at)];
        let hour_ends = noted_at.plus(NOTE_HOLDS).plus(hour).plus(LEEWAY_MAX);
        for (now, expect) in [
            (noted_at, Some(hour)),
            (hour_ends.minus(Duration::from_millis(1)), Some(hour)),
            (hour_ends, Some(minute)),
            (noted_at.plus(48 * hour), None),
        ] {
            assert_eq!(longest_in_use(noted, now), expect, "{now:?}");
        }
    }
}
