//! The one place of this crate that reads the clock on the wall.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_jose::Timestamp;

/// The time now. A clock before 1970 reads as the epoch, at which every token is issued in the
/// future and so refused.
#[expect(clippy::disallowed_methods, reason = "the process edge")]
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).plus(since_epoch)
}
