//! How old the knowledge about revocations may be, and how old it is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use countersign_jose::Timestamp;
use tokio::time::Instant;

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
/// without a lock. Measured on the monotonic clock, so setting the wall clock changes nothing.
#[derive(Debug)]
pub(crate) struct Freshness {
    origin: Instant,
    /// Milliseconds after `origin`, plus one; zero means never.
    current_at: AtomicU64,
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
            not_understood_until: AtomicU64::new(0),
            applied: AtomicU64::new(0),
        }
    }

    /// Everything that was revoked before `at` is in the deny set. Never moves backwards.
    pub(crate) fn mark_current(&self, at: Instant) {
        let millis = at.saturating_duration_since(self.origin).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX - 1).saturating_add(1);
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

    /// The time since the revocations were known to be complete; `None` before the first snapshot.
    pub(crate) fn age(&self) -> Option<Duration> {
        let millis = self.current_at.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.origin.elapsed().saturating_sub(Duration::from_millis(millis)))
    }

    pub(crate) fn is_fresh(&self, limit: Duration, now: Timestamp) -> bool {
        self.is_understood(now) && self.age().is_some_and(|age| age <= limit)
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

    #[test]
    fn age_counts_from_the_newest_proof() {
        let mut freshness = Freshness::new();
        let minute_ago = Instant::now().checked_sub(Duration::from_secs(60)).expect("up so long");
        freshness.origin = minute_ago;
        freshness.mark_current(minute_ago + Duration::from_secs(20));
        freshness.mark_current(minute_ago);
        assert!(freshness.is_fresh(Duration::from_secs(50), NOW));
        assert!(!freshness.is_fresh(Duration::from_secs(39), NOW));
    }

    #[test]
    fn a_revocation_that_is_not_understood_spoils_freshness_until_it_expires() {
        let freshness = Freshness::new();
        freshness.mark_current(Instant::now());
        freshness.mark_not_understood(Timestamp::from_secs(1_010));
        assert!(!freshness.is_fresh(Duration::from_secs(30), Timestamp::from_secs(1_009)));
        assert!(freshness.is_fresh(Duration::from_secs(30), Timestamp::from_secs(1_010)));
    }
}
