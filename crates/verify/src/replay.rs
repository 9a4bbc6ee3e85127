//! Tokens that may be used once.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use countersign_jose::Timestamp;

use crate::{
    Error,
    id_key::{BuildKeyHasher, IdKey, KeyMaker},
};

/// Remembers which tokens were used, by issuer and `jti`, until they expire. Lives in the memory of
/// one process: two processes that serve the same API each accept a token once.
///
/// Memory is bounded twice, by the lifetime of the tokens and by a number of entries. At that
/// number new tokens are refused, because forgetting an old one would let it be used again.
pub struct ReplayGuard {
    capacity: usize,
    keys: KeyMaker,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    keys: HashSet<IdKey, BuildKeyHasher>,
    by_expiry: BinaryHeap<Reverse<(Timestamp, IdKey)>>,
    /// Everything that expired up to here has been forgotten.
    forgotten_until: Timestamp,
}

impl ReplayGuard {
    /// A guard that remembers at most `capacity` tokens at a time.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, keys: KeyMaker::default(), used: Mutex::default() }
    }

    /// Notes the use of a token that is valid until `expires_at`. Of two calls at the same time for
    /// one token exactly one succeeds.
    ///
    /// # Errors
    /// [`Error::Replayed`] if it was used before, [`Error::ReplayGuardFull`] if there is no room.
    pub fn use_once(
        &self,
        issuer: &str,
        token_id: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = self.keys.key((issuer, token_id));
        // Nothing panics while this lock is held, and the set stays whole if it did.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget_expired(now);
        // Only a clock that was set back brings such a token here, and it may have been used.
        if expires_at <= used.forgotten_until || used.keys.contains(&key) {
            return Err(Error::Replayed);
        }
        if used.keys.len() >= self.capacity {
            return Err(Error::ReplayGuardFull);
        }
        used.keys.insert(key);
        used.by_expiry.push(Reverse((expires_at, key)));
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

impl Used {
    fn forget_expired(&mut self, now: Timestamp) {
        self.forgotten_until = self.forgotten_until.max(now);
        while let Some(Reverse((expires_at, key))) = self.by_expiry.peek().copied()
            && expires_at <= now
        {
            self.by_expiry.pop();
            self.keys.remove(&key);
        }
    }
}

impl fmt::Debug for ReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayGuard")
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
        let guard = ReplayGuard::new(10);
        assert_eq!(guard.use_once("https://a", "1", at(20), at(10)), Ok(()));
        assert_eq!(guard.use_once("https://a", "1", at(20), at(11)), Err(Error::Replayed));
        assert_eq!(guard.use_once("https://b", "1", at(20), at(11)), Ok(()));
        // The pair is hashed, not its concatenation.
        assert_eq!(guard.use_once("https://a1", "", at(20), at(11)), Ok(()));
    }

    #[test]
    fn a_full_guard_refuses_and_forgets_only_what_has_expired() {
        let guard = ReplayGuard::new(2);
        assert_eq!(guard.use_once("i", "1", at(20), at(10)), Ok(()));
        assert_eq!(guard.use_once("i", "2", at(30), at(10)), Ok(()));
        assert_eq!(guard.use_once("i", "3", at(30), at(10)), Err(Error::ReplayGuardFull));
        assert_eq!(guard.use_once("i", "1", at(20), at(19)), Err(Error::Replayed));
        assert_eq!(guard.use_once("i", "3", at(30), at(20)), Ok(()));
        assert_eq!(guard.len(), 2);
    }

    #[test]
    fn setting_the_clock_back_opens_no_second_use() {
        let guard = ReplayGuard::new(2);
        assert_eq!(guard.use_once("i", "1", at(20), at(10)), Ok(()));
        assert_eq!(guard.use_once("i", "2", at(90), at(30)), Ok(()));
        assert_eq!(guard.use_once("i", "1", at(20), at(10)), Err(Error::Replayed));
    }

    #[test]
    fn one_of_many_at_the_same_time_wins() {
        let guard = ReplayGuard::new(1_000);
        for round in 0..50 {
            let wins = AtomicUsize::new(0);
            let token_id = round.to_string();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        if guard.use_once("i", &token_id, at(20), at(10)).is_ok() {
                            wins.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(wins.into_inner(), 1);
        }
    }
}
