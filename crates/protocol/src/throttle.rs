//! Failed sign-ins cost time: after a few free tries each further failure doubles the wait,
//! counted for the account and for the address that asks.

use std::collections::HashMap;
use std::time::Duration;

use countersign_jose::Timestamp;

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after this long without a new one.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// More keys than this are not remembered; the oldest give way.
const KEYS_MAX: usize = 100_000;

/// Counts failures by key. Each attempt is counted when it begins, so that many at once can't
/// slip through together; a success takes it back.
#[derive(Debug)]
pub struct Throttle {
    free_tries: u32,
    failures: HashMap<String, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Throttle {
    /// A throttle that lets `free_tries` failures pass without a wait.
    #[must_use]
    pub fn new(free_tries: u32) -> Self {
        Self { free_tries, failures: HashMap::new() }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// The time to wait; the attempt must not be made, and is not counted.
    pub fn attempt(&mut self, key: &str, now: Timestamp) -> Result<(), Duration> {
        if let Some(failures) = self.failures.get_mut(key) {
            if now.since(failures.last) >= MEMORY {
                failures.count = 0;
            }
            let open_at = failures.last.plus(wait(failures.count, self.free_tries));
            if now < open_at {
                return Err(open_at.since(now));
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
            return Ok(());
        }
        if self.failures.len() >= KEYS_MAX {
            self.make_room(now);
        }
        self.failures.insert(key.to_owned(), Failures { count: 1, last: now });
        Ok(())
    }

    /// The attempt was good: the failures of this key are forgotten.
    pub fn forgive(&mut self, key: &str) {
        self.failures.remove(key);
    }

    /// The attempt was good, but the key is shared (an address): only this attempt is taken
    /// back, so that one good account does not clear the way for guessing at others.
    pub fn take_back(&mut self, key: &str) {
        if let Some(failures) = self.failures.get_mut(key) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        self.failures.retain(|_, failures| now.since(failures.last) < MEMORY);
        if self.failures.len() >= KEYS_MAX {
            let mut times: Vec<_> = self.failures.values().map(|f| f.last).collect();
            let (_, median, _) = times.select_nth_unstable(KEYS_MAX / 2);
            let median = *median;
            self.failures.retain(|_, failures| failures.last > median);
        }
    }
}

fn wait(failures: u32, free_tries: u32) -> Duration {
    match failures.checked_sub(free_tries) {
        None => Duration::ZERO,
        Some(over) => FIRST_WAIT.saturating_mul(1 << over.min(20)).min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn waits_double_after_the_free_tries() {
        let mut throttle = Throttle::new(3);
        for _ in 0..3 {
            assert_eq!(throttle.attempt("alice", at(0)), Ok(()));
        }
        assert_eq!(throttle.attempt("alice", at(0)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.attempt("bob", at(0)), Ok(()), "others are not hit");
        assert_eq!(throttle.attempt("alice", at(1)), Ok(()));
        assert_eq!(throttle.attempt("alice", at(1)), Err(Duration::from_secs(2)));
        assert_eq!(throttle.attempt("alice", at(3)), Ok(()));
        assert_eq!(throttle.attempt("alice", at(3)), Err(Duration::from_secs(4)));
    }

    #[test]
    fn success_and_time_forgive() {
        let mut throttle = Throttle::new(1);
        throttle.attempt("alice", at(0)).unwrap();
        assert!(throttle.attempt("alice", at(0)).is_err());
        throttle.forgive("alice");
        assert_eq!(throttle.attempt("alice", at(0)), Ok(()));
        assert_eq!(throttle.attempt("alice", at(3_600)), Ok(()));
        assert_eq!(throttle.attempt("alice", at(3_600)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut throttle = Throttle::new(1);
        for n in 0..=KEYS_MAX as u64 {
            throttle.attempt(&n.to_string(), at(n / 1_000)).unwrap();
        }
        assert!(throttle.failures.len() <= KEYS_MAX);
        assert!(throttle.attempt(&KEYS_MAX.to_string(), at(KEYS_MAX as u64 / 1_000)).is_err());
    }
}
