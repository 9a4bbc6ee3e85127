//! So many in a while: for what anybody may cause and what costs more than it should.

use std::collections::HashMap;
use std::time::Duration;

use countersign_jose::Timestamp;

/// More keys than this are not remembered. When there are more, all are let go: a limit that can be
/// filled up with junk must not keep others out.
const KEYS_MAX: usize = 10_000;

/// Counts by key within windows of time.
#[derive(Debug)]
pub struct RateLimit {
    most: u32,
    window: Duration,
    counts: HashMap<String, (Timestamp, u32)>,
}

impl RateLimit {
    /// At most `most` of each key in each `window`.
    #[must_use]
    pub fn new(most: u32, window: Duration) -> Self {
        Self { most, window, counts: HashMap::new() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The time until the next one is let through; this one is not counted.
    pub fn take(&mut self, key: &str, now: Timestamp) -> Result<(), Duration> {
        if self.counts.len() >= KEYS_MAX && !self.counts.contains_key(key) {
            self.counts.retain(|_, (since, _)| now.since(*since) < self.window);
            if self.counts.len() >= KEYS_MAX {
                self.counts.clear();
            }
        }
        let (since, count) = self.counts.entry(key.to_owned()).or_insert((now, 0));
        // Also when the clock was set back.
        if now.since(*since) >= self.window || now < *since {
            (*since, *count) = (now, 0);
        }
        if *count >= self.most {
            return Err(since.plus(self.window).since(now));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn each_key_has_its_own_windows() {
        let mut limit = RateLimit::new(2, MINUTE);
        assert_eq!(limit.take("a", at(0)), Ok(()));
        assert_eq!(limit.take("a", at(10)), Ok(()));
        assert_eq!(limit.take("a", at(20)), Err(Duration::from_secs(40)));
        assert_eq!(limit.take("b", at(20)), Ok(()));
        assert_eq!(limit.take("a", at(60)), Ok(()));
        assert_eq!(limit.take("a", at(5)), Ok(()), "the clock was set back");
    }

    #[test]
    fn memory_is_bounded_and_junk_keeps_nobody_out() {
        let mut limit = RateLimit::new(1, MINUTE);
        for n in 0..=2 * KEYS_MAX {
            limit.take(&n.to_string(), at(0)).unwrap();
        }
        assert!(limit.counts.len() <= KEYS_MAX);
        assert_eq!(limit.take("new", at(0)), Ok(()));
    }
}
