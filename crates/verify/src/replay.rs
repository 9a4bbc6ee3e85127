//! Tokens that may be used once: DPoP proofs, client assertions, and access tokens at the routes
//! that say so.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    fmt,
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use countersign_jose::Timestamp;

use crate::id_key::{BuildKeyHasher, IdKey, KeyMaker};

/// What a guard answers, when it has.
pub type Noted<'a> = Pin<Box<dyn Future<Output = Result<(), ReplayError>> + Send + 'a>>;

/// Remembers which tokens were used, by issuer and `jti`, until they expire.
///
/// The `jti` is the one of the verified payload. A guard that remembers the text of a token, or a
/// hash of it, is got around by writing the same token in another way: a second signature, or other
/// spaces in its JSON.
///
/// Programs on several machines that serve one API share a guard over a store of theirs;
/// [`ReplayMemory`] is for one process.
pub trait ReplayGuard: fmt::Debug + Send + Sync {
    /// Notes the use of a token that could be accepted until `until`. Of any number of calls at the
    /// same time for one token exactly one succeeds, over all processes that share the guard.
    ///
    /// # Errors
    /// [`ReplayError::Replayed`] if it was used before; otherwise the guard cannot tell, and the
    /// token is not accepted either.
    fn use_once<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: Timestamp,
        now: Timestamp,
    ) -> Noted<'a>;
}

/// Why a guard did not let a token pass.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It was used before.
    #[error("the token may be used once and was used before")]
    Replayed,
    /// There is no room. Forgetting a token would let it be used again.
    #[error("the memory of used tokens is full")]
    Full,
    /// The store behind the guard does not answer.
    #[error("the memory of used tokens cannot be reached")]
    Unreachable,
}

/// A [`ReplayGuard`] in the memory of one process: two processes that serve the same API each
/// accept a token once.
///
/// Memory is bounded twice, by the time for which tokens are accepted and by a number of entries.
/// At that number new tokens are refused, because forgetting an old one would let it be used again.
pub struct ReplayMemory {
    capacity: usize,
    keys: KeyMaker,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    keys: HashSet<IdKey, BuildKeyHasher>,
    by_expiry: BinaryHeap<Reverse<(Timestamp, IdKey)>>,
    /// The latest end of what has been forgotten. Not the time at which that was: a clock that was
    /// ahead for a moment must not make everything look used until the time has caught up.
    forgotten_until: Timestamp,
}

impl ReplayMemory {
    /// A guard that remembers at most `capacity` tokens at a time.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, keys: KeyMaker::default(), used: Mutex::default() }
    }

    fn note(
        &self,
        issuer: &str,
        token_id: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), ReplayError> {
        let key = self.keys.key((issuer, token_id));
        // Nothing panics while this lock is held, and the set stays whole if it did.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget_expired(now);
        // Only a clock that was set back brings such a token here, and it may have been used.
        if until <= used.forgotten_until || used.keys.contains(&key) {
            return Err(ReplayError::Replayed);
        }
        if used.keys.len() >= self.capacity {
            return Err(ReplayError::Full);
        }
        used.keys.insert(key);
        used.by_expiry.push(Reverse((until, key)));
        Ok(())
    }

    /// The number of tokens that are remembered.
    pub fn len(&self) -> usize {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).keys.len()
    }

    /// Whether no token is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReplayGuard for ReplayMemory {
    fn use_once<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: Timestamp,
        now: Timestamp,
    ) -> Noted<'a> {
        Box::pin(std::future::ready(self.note(issuer, token_id, until, now)))
    }
}

impl Used {
    fn forget_expired(&mut self, now: Timestamp) {
        while let Some(Reverse((expires_at, key))) = self.by_expiry.peek().copied()
            && expires_at <= now
        {
            self.by_expiry.pop();
            self.keys.remove(&key);
            self.forgotten_until = self.forgotten_until.max(expires_at);
        }
    }
}

impl fmt::Debug for ReplayMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayMemory")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn a_token_passes_once_for_each_issuer() {
        let guard = ReplayMemory::new(10);
        assert_eq!(guard.note("https://a", "1", at(20), at(10)), Ok(()));
        assert_eq!(guard.note("https://a", "1", at(20), at(11)), Err(ReplayError::Replayed));
        assert_eq!(guard.note("https://b", "1", at(20), at(11)), Ok(()));
        // The pair is hashed, not its concatenation.
        assert_eq!(guard.note("https://a1", "", at(20), at(11)), Ok(()));
    }

    #[test]
    fn a_full_guard_refuses_and_forgets_only_what_has_expired() {
        let guard = ReplayMemory::new(2);
        assert_eq!(guard.note("i", "1", at(20), at(10)), Ok(()));
        assert_eq!(guard.note("i", "2", at(30), at(10)), Ok(()));
        assert_eq!(guard.note("i", "3", at(30), at(10)), Err(ReplayError::Full));
        assert_eq!(guard.note("i", "1", at(20), at(19)), Err(ReplayError::Replayed));
        assert_eq!(guard.note("i", "3", at(30), at(20)), Ok(()));
        assert_eq!(guard.len(), 2);
    }

    #[test]
    fn setting_the_clock_back_opens_no_second_use() {
        let guard = ReplayMemory::new(2);
        assert_eq!(guard.note("i", "1", at(20), at(10)), Ok(()));
        assert_eq!(guard.note("i", "2", at(90), at(30)), Ok(()));
        assert_eq!(guard.note("i", "1", at(20), at(10)), Err(ReplayError::Replayed));
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_refuses_nothing_new() {
        let guard = ReplayMemory::new(10);
        assert_eq!(guard.note("i", "1", at(100), at(10)), Ok(()));
        assert_eq!(guard.note("i", "2", at(3_700), at(3_610)), Ok(()));
        // Back again: what came before is still known, and what is new passes.
        assert_eq!(guard.note("i", "1", at(100), at(11)), Err(ReplayError::Replayed));
        assert_eq!(guard.note("i", "3", at(102), at(12)), Ok(()));
        assert_eq!(guard.note("i", "2", at(3_700), at(13)), Err(ReplayError::Replayed));
    }

    #[test]
    fn one_of_many_at_the_same_time_wins() {
        let guard = ReplayMemory::new(1_000);
        for round in 0..50 {
            let wins = AtomicUsize::new(0);
            let token_id = round.to_string();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        if guard.note("i", &token_id, at(20), at(10)).is_ok() {
                            wins.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(wins.into_inner(), 1);
        }
    }
}
