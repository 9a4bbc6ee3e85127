//! How long things live. One place, so that what depends on what can be checked together.

use std::time::Duration;

use countersign_jose::Timestamp;

/// Lifetimes of everything that this server issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Access tokens. Short, since an unreachable verifier may take them until they expire.
    pub access_token: Duration,
    /// Id tokens.
    pub id_token: Duration,
    /// Authorization codes (RFC 6749 §4.1.2 asks for ten minutes at most).
    pub code: Duration,
    /// How long a person has to type a device's code in and to agree (RFC 8628 §3.2).
    pub device_code: Duration,
    /// A grant that is not refreshed for this long ends.
    pub refresh_idle: Duration,
    /// A grant ends this long after it was made, however often it is refreshed.
    pub refresh_absolute: Duration,
    /// How long the predecessor of the newest bearer refresh token of a public client is still
    /// answered with that newest token. Zero turns the tolerance off.
    pub retry_window: Duration,
    /// A sign-in session that is not used for this long ends.
    pub session_idle: Duration,
    /// A sign-in session ends this long after the sign-in.
    pub session_absolute: Duration,
}

/// The clock difference between servers that verifiers tolerate at the most.
pub const LEEWAY_MAX: Duration = Duration::from_secs(300);

/// How far a clock may be off, or step, without harm: of the server, of a verifier, or the one that
/// both go by.
pub const CLOCK_STEP_MAX: Duration = Duration::from_secs(3_600);

/// The longest lifetime that access tokens can be given.
pub const ACCESS_TOKEN_MAX: Duration = Duration::from_secs(DAY);

/// A lifetime is still taken to be in use for so long after it was last noted: far longer than a
/// server goes on without noting its own.
const NOTE_HOLDS: Duration = Duration::from_secs(DAY);

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: Duration::from_secs(5 * MINUTE),
            id_token: Duration::from_secs(5 * MINUTE),
            code: Duration::from_secs(MINUTE),
            device_code: Duration::from_secs(10 * MINUTE),
            refresh_idle: Duration::from_secs(14 * DAY),
            refresh_absolute: Duration::from_secs(90 * DAY),
            retry_window: Duration::from_secs(10),
            session_idle: Duration::from_secs(12 * 60 * MINUTE),
            session_absolute: Duration::from_secs(7 * DAY),
        }
    }
}

impl Lifetimes {
    /// [`revocation_horizon`] as if these were the only lifetimes that were ever in use.
    #[must_use]
    pub fn revocation_horizon(&self, now: Timestamp) -> Timestamp {
        revocation_horizon(self.access_token, now)
    }
}

/// When a revocation that happens at `now` can be forgotten: the last token that it can hit has
/// expired by then, even for a verifier with the largest leeway, and even if a clock was off by
/// [`CLOCK_STEP_MAX`] for a while. `access_token` is the longest lifetime of a token that may be
/// alive ([`longest_in_use`]), which need not be the one that tokens are given today.
#[must_use]
pub fn revocation_horizon(access_token: Duration, now: Timestamp) -> Timestamp {
    token_revocation_horizon(now.plus(access_token))
}

/// The same for the revocation of one token alone, which expires at `expires_at`.
#[must_use]
pub fn token_revocation_horizon(expires_at: Timestamp) -> Timestamp {
    // Once: for the time of revocation, which may come before the one of issue, or for the time at
    // which a verifier asks, which may come before the one at which it has forgotten.
    expires_at.plus(LEEWAY_MAX).plus(CLOCK_STEP_MAX)
}

/// Whether tokens of a lifetime may still be alive at `now`, when a server noted at `used_at` that
/// it gives it to them.
#[must_use]
pub fn is_in_use(access_token: Duration, used_at: Timestamp, now: Timestamp) -> bool {
    now < revocation_horizon(access_token, used_at.plus(NOTE_HOLDS))
}

/// The longest lifetime of the access tokens that may be alive at `now`, given which lifetimes were
/// noted and when last. `None` if none is: then [`ACCESS_TOKEN_MAX`] is the safe guess.
#[must_use]
pub fn longest_in_use(
    noted: impl IntoIterator<Item = (Duration, Timestamp)>,
    now: Timestamp,
) -> Option<Duration> {
    let in_use = noted.into_iter().filter(|(lifetime, at)| is_in_use(*lifetime, *at, now));
    in_use.map(|(lifetime, _)| lifetime).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_lifetime_counts_until_its_last_token_has_expired() {
        let (hour, minute) = (Duration::from_secs(3_600), Duration::from_secs(60));
        let noted_at = Timestamp::from_secs(1_800_000_000);
        let noted = [(minute, noted_at.plus(10 * hour)), (hour, noted_at)];
        let hour_ends = revocation_horizon(hour, noted_at.plus(NOTE_HOLDS));
        for (now, expect) in [
            (noted_at, Some(hour)),
            (hour_ends.minus(Duration::from_millis(1)), Some(hour)),
            (hour_ends, Some(minute)),
            (noted_at.plus(48 * hour), None),
        ] {
            assert_eq!(longest_in_use(noted, now), expect, "{now:?}");
        }
    }

    /// Whose clock is wrong for a while.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Wrong {
        Servers,
        Verifiers,
        Both,
    }

    /// What happens to a token, at the true time in minutes: it is issued at 0, revoked, its
    /// revocation is forgotten by whoever then takes it for over, and a verifier is shown it.
    type Course = [u64; 4];

    /// How a clock that is off by this much, during a part of the course, makes a verifier accept a
    /// revoked token, if events live until `horizon` (given the expiry of the token and the time of
    /// the revocation, by the server's clock). Answers how often the token was alive to the
    /// verifier, and the first case in which it was accepted.
    fn try_all(
        wrong: Wrong,
        horizon: impl Fn(Timestamp, Timestamp) -> Timestamp,
    ) -> (usize, Option<String>) {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let (zero, life) = (Timestamp::from_secs(1_800_000_000), minutes(5));
        let courses = [0, 1, 4, 5, 9, 60, 65].into_iter().flat_map(|revoked| {
            let forgotten = (revoked..150).step_by(5);
            forgotten.flat_map(move |at| (at..150).step_by(5).map(move |c| [0, revoked, at, c]))
        });
        let courses: Vec<Course> = courses.collect();
        let (mut alive, mut escaped) = (0, None);
        for (from, to) in (0..=4).flat_map(|from| (from..=4).map(move |to| (from, to))) {
            for (ahead, leeway) in [(true, 0), (true, 5), (false, 0), (false, 5)] {
                let clock = |course: &Course, at: usize, is_servers: bool| {
                    let (time, own) = (zero.plus(minutes(course[at])), Wrong::Both == wrong);
                    let own = own || is_servers == (wrong == Wrong::Servers);
                    match (own && (from..to).contains(&at), ahead) {
                        (false, _) => time,
                        (true, true) => time.plus(CLOCK_STEP_MAX),
                        (true, false) => time.minus(CLOCK_STEP_MAX),
                    }
                };
                let leeway = minutes(leeway);
                for course in &courses {
                    let expires_at = clock(course, 0, true).plus(life);
                    let until = horizon(expires_at, clock(course, 1, true));
                    let asked_at = clock(course, 3, false);
                    if asked_at >= expires_at.plus(leeway) {
                        continue;
                    }
                    alive += 1;
                    let kept = clock(course, 2, true) < until
                        && clock(course, 2, false) < until.plus(leeway)
                        && asked_at < until.plus(leeway);
                    if !kept && escaped.is_none() {
                        let when = format!("{from}..{to}, {ahead}, {leeway:?}");
                        escaped = Some(format!("{wrong:?} {when} {course:?}"));
                    }
                }
            }
        }
        (alive, escaped)
    }

    #[test]
    fn a_clock_that_is_off_by_an_hour_lets_no_revoked_token_through() {
        let life = Duration::from_secs(300);
        for wrong in [Wrong::Servers, Wrong::Verifiers, Wrong::Both] {
            let (alive, escaped) = try_all(wrong, |_, now| revocation_horizon(life, now));
            assert_eq!(escaped, None);
            assert!(alive > 1_000, "hardly anything was tried: {alive}");
            let of_one = |expires_at, _| token_revocation_horizon(expires_at);
            assert_eq!(try_all(wrong, of_one).1, None);
            // Without the hour it would be found out.
            let short = |_, now| revocation_horizon(life, now).minus(CLOCK_STEP_MAX);
            assert!(try_all(wrong, short).1.is_some(), "{wrong:?}");
        }
    }
}
