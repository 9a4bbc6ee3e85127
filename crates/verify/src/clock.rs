//! The one place of this crate that reads the clock on the wall, and how far to trust it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign_jose::Timestamp;
use tokio::time::Instant;

/// The time now. A clock before 1970 reads as the epoch, at which every token is issued in the
/// future and so refused.
#[expect(clippy::disallowed_methods, reason = "the process edge")]
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).plus(since_epoch)
}

/// A moment by both clocks. The monotonic one stands still while the machine is suspended, and the
/// one on the wall can be set; the older of the two ages is never too young.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) wall: Timestamp,
}

impl Moment {
    /// This one.
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), wall: now() }
    }

    /// So much later.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        let at = self.at.checked_add(duration).unwrap_or(self.at);
        Self { at, wall: self.wall.plus(duration) }
    }

    /// By each clock the earlier of the two.
    pub(crate) fn min(self, other: Self) -> Self {
        Self { at: self.at.min(other.at), wall: self.wall.min(other.wall) }
    }

    /// How long ago it is, when `wall` is the time on the wall.
    pub(crate) fn age(&self, wall: Timestamp) -> Duration {
        self.at.elapsed().max(wall.since(self.wall))
    }

    /// How long after an earlier moment it is by the monotonic clock, and by how much more the one
    /// on the wall went on meanwhile: for so long the machine was suspended, unless it was set.
    pub(crate) fn since(&self, earlier: &Self) -> (Duration, Duration) {
        let passed = self.at.saturating_duration_since(earlier.at);
        (passed, self.wall.since(earlier.wall).saturating_sub(passed))
    }
}

/// For so long a jump forward is not believed.
const DISTRUST: Duration = Duration::from_secs(2 * 3600);
/// Clocks that are kept right are moved by less.
const SET_BACK: Duration = Duration::from_secs(2);

/// A clock to forget by. The clock on the wall may be set forward by mistake, and back again: who
/// took everything for expired meanwhile, and forgot it, would accept revoked tokens afterwards.
/// This clock is never ahead of the time that has really passed since it was made, unless the one
/// on the wall is ahead of it by more than two hours.
#[derive(Debug)]
pub struct SteadyClock {
    made_at: Instant,
    wall_then: Timestamp,
}

impl SteadyClock {
    /// A clock that starts at `wall`, the time on the wall.
    #[must_use]
    pub fn new(wall: Timestamp) -> Self {
        Self { made_at: Instant::now(), wall_then: wall }
    }

    /// The time up to which things may be forgotten when `wall` is the time on the wall.
    #[must_use]
    pub fn read(&self, wall: Timestamp) -> Timestamp {
        let passed = self.wall_then.plus(self.made_at.elapsed());
        wall.min(passed.max(wall.minus(DISTRUST)))
    }
}

/// Notices that the clock on the wall was set back.
#[derive(Debug, Default)]
pub(crate) struct SetBackWatch {
    latest: Timestamp,
}

impl SetBackWatch {
    /// Whether `wall` is clearly before a time that was shown already. Said once.
    pub(crate) fn notices(&mut self, wall: Timestamp) -> bool {
        let set_back = wall.plus(SET_BACK) < self.latest;
        self.latest = if set_back { wall } else { wall.max(self.latest) };
        set_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DenySet, Revoked, TokenNames};

    const NOON: Timestamp = Timestamp::from_secs(43_200);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn a_jump_forward_is_not_believed_and_one_back_is() {
        let clock = SteadyClock::new(NOON);
        tokio::time::advance(Duration::from_secs(60)).await;
        let true_time = NOON.plus(Duration::from_secs(60));
        assert_eq!(clock.read(true_time), true_time);
        assert_eq!(clock.read(true_time.plus(HOUR)), true_time);
        assert_eq!(clock.read(true_time.minus(HOUR)), true_time.minus(HOUR));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_started_wrong_does_not_stay_wrong() {
        let clock = SteadyClock::new(Timestamp::from_secs(0));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.read(NOON), NOON.minus(DISTRUST));
    }

    #[tokio::test(start_paused = true)]
    async fn no_revocation_is_forgotten_while_the_clock_is_an_hour_ahead() {
        let revoked = TokenNames {
            token_id: "t",
            grant_id: None,
            client_id: "c",
            issued_at: 0,
            key_id: None,
        };
        let (clock, until) = (SteadyClock::new(NOON), NOON.plus(HOUR / 6));
        let after_pruning = |now| {
            let set = DenySet::new();
            set.insert(Revoked::Token("t"), until);
            set.prune(now);
            // The clock is right again.
            set.is_revoked(revoked, NOON)
        };
        assert!(!after_pruning(NOON.plus(HOUR)), "what would happen without it");
        assert!(after_pruning(clock.read(NOON.plus(HOUR))));
        tokio::time::advance(HOUR / 6).await;
        assert!(!after_pruning(clock.read(until)), "in the end it is given back");
    }

    #[test]
    fn a_clock_that_is_set_back_is_noticed_once() {
        let mut watch = SetBackWatch::default();
        let second = Duration::from_secs(1);
        for (wall, noticed) in [
            (NOON, false),
            (NOON.plus(HOUR), false),
            (NOON.plus(HOUR).minus(second), false),
            (NOON.plus(second), true),
            (NOON.plus(second), false),
            (NOON.plus(2 * second), false),
        ] {
            assert_eq!(watch.notices(wall), noticed, "{wall:?}");
        }
    }
}
