//! Sign-in sessions of the authorization server: a random cookie, looked up by its hash.

use aws_lc_rs::digest::{SHA256, digest};
use countersign_jose::Timestamp;

use crate::lifetimes::Lifetimes;
use crate::random::{self, Randomness};

/// One signed-in browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value: the store holds nothing that signs anyone in.
    pub secret_hash: [u8; 32],
    /// Its public name: `sid` in id tokens, and what the account page shows.
    pub id: String,
    /// Who is signed in.
    pub subject: String,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// When the cookie was last seen, to the minute.
    pub last_seen_at: Timestamp,
    /// The browser, as it names itself, cut to 256 bytes.
    pub user_agent: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How coarsely `last_seen_at` is kept: it spares a write at every request.
const SEEN_STEP_MS: u64 = 60_000;

impl Session {
    /// A new session and the secret for its cookie.
    #[must_use]
    pub fn start(
        subject: String,
        user_agent: &str,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> (Self, String) {
        let secret = random::secret(random);
        let cut = user_agent.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = cut.take_while(|end| *end <= 256).last().unwrap_or(0);
        let session = Self {
            secret_hash: hash_secret(&secret),
            id: random::identifier(random),
            subject,
            auth_time: now,
            last_seen_at: now,
            user_agent: user_agent.get(..end).unwrap_or_default().to_owned(),
        };
        (session, secret)
    }

    /// Whether neither timeout has passed.
    #[must_use]
    pub fn is_live(&self, lifetimes: &Lifetimes, now: Timestamp) -> bool {
        now < self.ends_at(lifetimes)
    }

    /// The earlier of the two timeouts, as things stand.
    #[must_use]
    pub fn ends_at(&self, lifetimes: &Lifetimes) -> Timestamp {
        let absolute = self.auth_time.plus(lifetimes.session_absolute);
        self.last_seen_at.plus(lifetimes.session_idle).min(absolute)
    }

    /// Whether this use is worth a write.
    #[must_use]
    pub fn needs_touch(&self, now: Timestamp) -> bool {
        now.since(self.last_seen_at).as_millis() >= u128::from(SEEN_STEP_MS)
    }
}

/// What a cookie's value is looked up by.
#[must_use]
pub fn hash_secret(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Counting;
    impl Randomness for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(3);
        }
    }

    #[test]
    fn both_timeouts_hold() {
        let lifetimes = Lifetimes {
            session_idle: Duration::from_secs(100),
            session_absolute: Duration::from_secs(250),
            ..Lifetimes::default()
        };
        let start = Timestamp::from_secs(1_800_000_000);
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        let (mut session, secret) = Session::start("u1".into(), "x", start, &Counting);
        assert_eq!(session.secret_hash, hash_secret(&secret));
        assert!(session.is_live(&lifetimes, at(99)) && !session.is_live(&lifetimes, at(100)));
        session.last_seen_at = at(200);
        assert!(session.is_live(&lifetimes, at(249)) && !session.is_live(&lifetimes, at(250)));
    }

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        let now = Timestamp::from_secs(1);
        let (session, _) = Session::start("u1".into(), &"é".repeat(200), now, &Counting);
        assert_eq!(session.user_agent.len(), 256);
    }
}
