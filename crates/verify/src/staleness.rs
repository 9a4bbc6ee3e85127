//! How old the knowledge about revocations may be, and how old it is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use countersign_jose::Timestamp;
use tokio::time::Instant;

use crate::clock::Moment;

/// What to do with a good token while the revocations are older than the limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenStale {
    /// Refuse it: a revoked token is never accepted beyond the limit, at the price of refusing good
    /// ones while the feed is down.
    #[default]
    Reject,
    /// Ask the issuer about each token, and refuse it if that fails (see
    /// [`VerifierBuilder::introspection`](crate::VerifierBuilder::introspection)). An answer
    /// counts for one second, so what is accepted was good at its issuer at most two seconds
    /// before, the longest that a question may take. A verifier that has never loaded the
    /// revocations refuses even so.
    Introspect,
    /// Accept it. **Unsafe:** whoever can cut the feed can go on using a revoked token until it
    /// expires. A verifier that has never loaded the revocations refuses even so.
    DangerAccept,
}

/// When the revocations were last known to be complete. Written by the feed, read on every check
/// without a lock. Measured on both clocks, and the older age counts: setting the one on the wall
/// back makes nothing fresh, and neither does a machine that was suspended, with its monotonic
/// clock.
#[derive(Debug)]
pub(crate) struct Freshness {
    origin: Instant,
    /// Milliseconds after `origin`, plus one; zero means never.
    current_at: AtomicU64,
    /// The same moment on the wall, in milliseconds since the epoch.
    current_wall: AtomicU64,
    /// Until then a revocation is live that this version does not understand.
    not_understood_until: AtomicU64,
    /// The place in the issuer's order that the deny set has come to, plus one; zero means none.
    applied: AtomicU64,
}

impl Freshness {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            current_at: AtomicU64::new(0),
            current_wall: AtomicU64::new(0),
            not_understood_until: AtomicU64::new(0),
            applied: AtomicU64::new(0),
        }
    }

    /// Everything that was revoked before this moment is in the deny set. Never moves backwards.
    pub(crate) fn mark_current(&self, moment: Moment) {
        let millis = moment.at.saturating_duration_since(self.origin).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX - 1).saturating_add(1);
        if millis >= self.current_at.load(Ordering::Acquire) {
            self.current_wall.store(moment.wall.as_millis(), Ordering::Release);
        }
        self.current_at.fetch_max(millis, Ordering::Release);
    }

    /// A revocation is live until `until` that cannot be honoured, so nothing counts as fresh.
    pub(crate) fn mark_not_understood(&self, until: Timestamp) {
        self.not_understood_until.fetch_max(until.as_millis(), Ordering::Release);
    }

    /// Notes the place in the issuer's order that the deny set has come to.
    pub(crate) fn mark_applied(&self, seq: u64) {
        self.applied.store(seq.saturating_add(1), Ordering::Relaxed);
    }

    /// That place; `None` before the first snapshot.
    pub(crate) fn applied(&self) -> Option<u64> {
        self.applied.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Whether every live revocation is understood.
    pub(crate) fn is_understood(&self, now: Timestamp) -> bool {
        self.not_understood_until.load(Ordering::Acquire) <= now.as_millis()
    }

    /// Whether they ever were known to be complete.
    pub(crate) fn is_known(&self) -> bool {
        self.current_at.load(Ordering::Acquire) > 0
    }

    /// The time since the revocations were known to be complete; `None` before that.
    pub(crate) fn age(&self, now: Timestamp) -> Option<Duration> {
        let millis = self.current_at.load(Ordering::Acquire).checked_sub(1)?;
        let age = self.origin.elapsed().saturating_sub(Duration::from_millis(millis));
        let wall = Timestamp::from_millis(self.current_wall.load(Ordering::Acquire));
        Some(age.max(now.since(wall)))
    }

    pub(crate) fn is_fresh(&self, limit: Duration, now: Timestamp) -> bool {
        self.is_understood(now) && self.age(now).is_some_and(|age| age <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn never_loaded_is_not_fresh_under_any_limit() {
        assert!(!Freshness::new().is_fresh(Duration::MAX, NOW));
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A minute ago something was heard, and 40 seconds ago by both clocks.
    fn heard_40_seconds_ago() -> Freshness {
        let mut freshness = Freshness::new();
        let minute_ago = Instant::now().checked_sub(seconds(60)).expect("up so long");
        freshness.origin = minute_ago;
        let first = Moment { at: minute_ago, wall: NOW.minus(seconds(60)) };
        freshness.mark_current(first.plus(seconds(20)));
        freshness.mark_current(first);
        freshness
    }

    #[test]
    fn age_counts_from_the_newest_proof() {
        let freshness = heard_40_seconds_ago();
        assert!(freshness.is_fresh(seconds(50), NOW));
        assert!(!freshness.is_fresh(seconds(39), NOW));
    }

    #[test]
    fn of_two_clocks_the_one_counts_that_went_on_longer() {
        let freshness = heard_40_seconds_ago();
        // The machine was suspended: its monotonic clock stood still.
        let resumed = NOW.plus(seconds(600));
        assert!(!freshness.is_fresh(seconds(50), resumed));
        assert!(freshness.age(resumed) >= Some(seconds(640)));
        // Somebody has set the clock back.
        for set_back in [NOW.minus(seconds(40)), NOW.minus(seconds(3_600))] {
            assert!(freshness.is_fresh(seconds(50), set_back));
            assert!(!freshness.is_fresh(seconds(39), set_back));
        }
        // What is heard after that counts by the clock as it is now.
        let set_back = NOW.minus(seconds(3_600));
        freshness.mark_current(Moment { at: Instant::now(), wall: set_back });
        assert!(freshness.is_fresh(seconds(10), set_back));
        assert!(!freshness.is_fresh(seconds(10), set_back.plus(seconds(11))));
    }

    #[test]
    fn a_revocation_that_is_not_understood_spoils_freshness_until_it_expires() {
        let freshness = Freshness::new();
        freshness.mark_current(Moment { at: Instant::now(), wall: NOW });
        freshness.mark_not_understood(Timestamp::from_secs(1_010));
        assert!(!freshness.is_fresh(Duration::from_secs(30), Timestamp::from_secs(1_009)));
        assert!(freshness.is_fresh(Duration::from_secs(30), Timestamp::from_secs(1_010)));
    }
}
