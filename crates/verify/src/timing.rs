//! Every time limit of the background tasks in one place, so that tests can shorten them.

use std::time::Duration;

/// A set of keys is loaded again after so long at the latest, whatever its issuer said about it.
pub const KEYS_KEPT_MAX: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// For a whole request, or up to the headers of the feed.
    pub(crate) request: Duration,
    /// For a whole snapshot, which may hold a million entries.
    pub(crate) snapshot: Duration,
    /// The feed sends a heartbeat every second. Without a byte for so long its connection is dead.
    pub(crate) feed_silence: Duration,
    pub(crate) feed_retry: (Duration, Duration),
    pub(crate) keys_retry: (Duration, Duration),
    /// Between two refreshes for the sake of a key id that is not known.
    pub(crate) unknown_key_pause: Duration,
    /// The keys' lifetime when the issuer states none.
    pub(crate) keys_lifetime: Duration,
    pub(crate) keys_lifetime_bounds: (Duration, Duration),
    /// For a question about a token, with the wait for its turn.
    pub(crate) question: Duration,
    /// How long an answer counts while the feed is followed and tells of its end.
    pub(crate) answer_kept: Duration,
    /// How long it is remembered that a token was refused by its issuer.
    pub(crate) refusal_kept: Duration,
    /// How long an answer counts while the revocations are too old.
    pub(crate) answer_when_stale: Duration,
    /// Between two acknowledgements while nothing happens. The issuer gives a connection up that
    /// has acknowledged before and then not for 15 seconds.
    pub(crate) acknowledge: Duration,
    /// How long a status list is kept before it is fetched again, whatever it says.
    pub(crate) status_lifetime_bounds: (Duration, Duration),
    /// Between two walks over the deny set.
    pub(crate) prune: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            request: seconds(5),
            snapshot: seconds(60),
            feed_silence: seconds(3),
            feed_retry: (Duration::from_millis(50), seconds(2)),
            keys_retry: (Duration::from_millis(100), seconds(30)),
            unknown_key_pause: seconds(10),
            keys_lifetime: seconds(300),
            keys_lifetime_bounds: (seconds(30), KEYS_KEPT_MAX),
            question: seconds(2),
            answer_kept: seconds(60),
            refusal_kept: seconds(5),
            answer_when_stale: seconds(1),
            acknowledge: seconds(5),
            status_lifetime_bounds: (seconds(1), seconds(300)),
            prune: seconds(30),
        }
    }
}
