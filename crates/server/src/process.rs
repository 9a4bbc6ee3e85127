//! The process edge: the clock and the operating system's randomness. Everything else takes them
//! as arguments.

use countersign_protocol::{Randomness, Timestamp};

/// The time of day.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since_epoch.map_or(0, |elapsed| elapsed.as_millis());
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The cryptographic library's generator.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl Randomness for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).expect("the operating system has randomness");
    }
}
