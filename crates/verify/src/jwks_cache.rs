//! The issuer's keys as a verifier holds them. Reading takes no lock and waits for nothing; one
//! background task (`refresh`) replaces the whole set, and only by a usable one.
//!
//! A token whose key id is known never waits and never causes a request. One whose key id is
//! unknown may ask for a refresh; all that ask at the same time share it, and after it the next
//! pause begins. The key id itself never leaves the process.
//!
//! A key that was revoked is left out of the set, and of every later one: the news of it is
//! forgotten some day, while a set may be held, or come again from somebody's cache, for as long as
//! newer ones cannot be loaded.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwapOption, Guard};
use countersign_jose::{KeySet, RejectedKey, jwt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::timing::Timing;

/// Revoked keys that are remembered, far more than an issuer ever has. Beyond it the oldest are
/// forgotten.
const WITHDRAWN_MAX: usize = 1_000;
/// No key has a longer id.
const KEY_ID_MAX_BYTES: usize = 256;

/// The keys and the requests for newer ones.
#[derive(Debug)]
pub(crate) struct JwksCache {
    keys: ArcSwapOption<KeySet>,
    /// Ids of keys that were revoked, the oldest first. `keys` is changed only with it held.
    withdrawn: Mutex<VecDeque<String>>,
    has_withdrawn: AtomicBool,
    /// Whether the set, as it was loaded, holds a key that was revoked.
    is_outdated: AtomicBool,
    origin: Instant,
    /// Milliseconds after `origin`.
    confirmed_at: AtomicU64,
    unknown: Mutex<Unknown>,
    /// Wakes the task that refreshes.
    wanted: Notify,
    /// Counts the refreshes that were asked for and are done.
    done: watch::Sender<u64>,
    pause: Duration,
}

#[derive(Debug)]
struct Unknown {
    progress: Progress,
    not_before: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Idle,
    Wanted,
    Running,
}

/// What came of asking for newer keys.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Wait for this to change, then look again.
    Wait {
        done: watch::Receiver<u64>,
        /// This is the one that started the refresh.
        first: bool,
    },
    /// The last refresh was too recent.
    TooSoon,
}

impl JwksCache {
    pub(crate) fn new(pause: Duration) -> Self {
        let now = Instant::now();
        Self {
            keys: ArcSwapOption::empty(),
            withdrawn: Mutex::default(),
            has_withdrawn: AtomicBool::new(false),
            is_outdated: AtomicBool::new(false),
            origin: now,
            confirmed_at: AtomicU64::new(0),
            unknown: Mutex::new(Unknown { progress: Progress::Idle, not_before: now }),
            wanted: Notify::new(),
            done: watch::Sender::new(0),
            pause,
        }
    }

    /// The keys as they are now; none before the first load.
    pub(crate) fn keys(&self) -> Guard<Option<Arc<KeySet>>> {
        self.keys.load()
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.keys.load().is_some()
    }

    /// The time since the keys were loaded or confirmed; `None` if never.
    pub(crate) fn age(&self) -> Option<Duration> {
        let confirmed_at = Duration::from_millis(self.confirmed_at.load(Ordering::Relaxed));
        self.is_loaded().then(|| self.origin.elapsed().saturating_sub(confirmed_at))
    }

    /// Replaces the keys, by all of these that were not revoked.
    pub(crate) fn replace(&self, keys: KeySet) {
        let withdrawn = self.withdrawn();
        let left = without(&keys, &withdrawn);
        self.is_outdated.store(left.is_some(), Ordering::Release);
        self.keys.store(Some(Arc::new(left.unwrap_or(keys))));
        drop(withdrawn);
        self.confirm();
    }

    /// These keys were revoked: they are used no more, and newer ones are loaded without a pause.
    pub(crate) fn withdraw(&self, key_ids: &[String]) {
        let mut withdrawn = self.withdrawn();
        for id in key_ids.iter().filter(|id| id.len() <= KEY_ID_MAX_BYTES) {
            if !withdrawn.contains(id) {
                withdrawn.push_back(id.clone());
            }
        }
        let too_many = withdrawn.len().saturating_sub(WITHDRAWN_MAX);
        withdrawn.drain(..too_many);
        self.has_withdrawn.store(true, Ordering::Release);
        let left = self.keys.load().as_ref().and_then(|keys| without(keys, &withdrawn));
        if let Some(left) = left {
            self.is_outdated.store(true, Ordering::Release);
            self.keys.store(Some(Arc::new(left)));
        }
        drop(withdrawn);
        self.refresh_now();
    }

    /// Whether the issuer, when it was last asked, still published a key that was revoked.
    pub(crate) fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Acquire)
    }

    /// Whether a token says that it was signed with a key that was revoked. Then no newer keys can
    /// make it good.
    pub(crate) fn is_by_withdrawn(&self, token: &str) -> bool {
        self.has_withdrawn.load(Ordering::Acquire)
            && jwt::peek(token).is_ok_and(|token| {
                token.key_id().is_some_and(|id| self.withdrawn().iter().any(|one| one == id))
            })
    }

    fn withdrawn(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that are held are still the ones that the issuer publishes.
    pub(crate) fn confirm(&self) {
        let millis = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.confirmed_at.store(millis, Ordering::Relaxed);
    }

    /// Asks for newer keys for the sake of an unknown key id.
    pub(crate) fn ask(&self) -> Ask {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let first = unknown.progress == Progress::Idle;
        if first {
            let now = Instant::now();
            if now < unknown.not_before {
                return Ask::TooSoon;
            }
            unknown.not_before = now + self.pause;
            unknown.progress = Progress::Wanted;
            self.wanted.notify_one();
        }
        Ask::Wait { done: self.done.subscribe(), first }
    }

    /// Has the keys loaded again without a pause: the issuer itself said that they have changed.
    fn refresh_now(&self) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        // Also while a refresh is running: its question may be older than the change.
        unknown.progress = Progress::Wanted;
        self.wanted.notify_one();
    }

    /// The task waits here until the time has come or someone asked.
    pub(crate) async fn until_due(&self, deadline: Instant) {
        while !self.is_wanted() {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// A refresh begins. Who asks from now on gets the next one if this one was not asked for.
    pub(crate) fn begin(&self) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.progress == Progress::Wanted {
            unknown.progress = Progress::Running;
        }
    }

    /// The refresh that was begun is done, well or badly.
    pub(crate) fn finish(&self) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.progress == Progress::Running {
            unknown.progress = Progress::Idle;
            self.done.send_modify(|count| *count += 1);
        }
    }

    fn is_wanted(&self) -> bool {
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.progress == Progress::Wanted
    }
}

/// What is left of a set without the keys that were revoked; `None` if it has none of them.
fn without(keys: &KeySet, withdrawn: &VecDeque<String>) -> Option<KeySet> {
    let stays = |id: &&str| !withdrawn.iter().any(|one| one == id);
    if keys.key_ids().all(|id| stays(&id)) {
        return None;
    }
    Some(KeySet::new(keys.key_ids().filter(stays).filter_map(|id| keys.get(id).cloned())))
}

/// A usable answer of the JWKS endpoint.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The keys that are held are still right (304).
    Unchanged,
    /// A set with at least one usable key.
    Keys { keys: KeySet, rejected: Vec<RejectedKey>, entity_tag: Option<HeaderValue> },
}

/// Why an answer changes nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("the key endpoint answered {0}")]
    Status(StatusCode),
    #[error("the answer is no set of keys: {0}")]
    Malformed(countersign_jose::Error),
    #[error("the set holds no usable key")]
    Empty,
}

/// Judges an answer of the JWKS endpoint. `conditional` says that the request named an entity tag.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    conditional: bool,
) -> Result<Answer, Unusable> {
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if conditional => return Ok(Answer::Unchanged),
        _ => return Err(Unusable::Status(status)),
    }
    let (keys, rejected) = KeySet::from_jwks_json(body).map_err(Unusable::Malformed)?;
    if keys.is_empty() {
        return Err(Unusable::Empty);
    }
    Ok(Answer::Keys { keys, rejected, entity_tag: headers.get(header::ETAG).cloned() })
}

/// How long to wait before the next load: shortly before what the issuer allows is over
/// (RFC 9111 section 4.2), within bounds.
pub(crate) fn lifetime(headers: &HeaderMap, timing: &Timing) -> Duration {
    let (shortest, longest) = timing.keys_lifetime_bounds;
    let directives = headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    let mut lifetime = timing.keys_lifetime;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return shortest;
        }
        if name.eq_ignore_ascii_case("max-age")
            && let Ok(seconds) = value.trim_matches('"').parse()
        {
            lifetime = Duration::from_secs(seconds);
        }
    }
    let age = headers.get(header::AGE).and_then(|value| value.to_str().ok());
    let age = age.and_then(|age| age.parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
    // A fifth is kept in reserve for a load that takes long or fails once.
    let usable = lifetime.saturating_sub(age);
    (usable - usable / 5).clamp(shortest, longest)
}

#[cfg(test)]
mod tests {
    use countersign_jose::{Algorithm, SigningKey};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn lifetimes_follow_the_issuer_within_bounds() {
        for (pairs, seconds) in [
            (&[][..], 240),
            (&[("cache-control", "public, max-age=1000")][..], 800),
            (&[("cache-control", "public"), ("cache-control", "MAX-AGE=1000")][..], 800),
            (&[("cache-control", "max-age=1000"), ("age", "500")][..], 400),
            (&[("cache-control", "max-age=1")][..], 30),
            (&[("cache-control", "max-age=100"), ("age", "500")][..], 30),
            (&[("cache-control", "max-age=31536000")][..], 3600),
            (&[("cache-control", "max-age=18446744073709551615")][..], 3600),
            (&[("cache-control", "max-age=18446744073709551616")][..], 240),
            (&[("cache-control", "max-age=-1")][..], 240),
            (&[("cache-control", "max-age=1000, no-cache")][..], 30),
            (&[("cache-control", "no-store")][..], 30),
        ] {
            let lifetime = lifetime(&headers(pairs), &Timing::default());
            assert_eq!(lifetime, Duration::from_secs(seconds), "{pairs:?}");
        }
    }

    #[test]
    fn only_a_set_with_a_usable_key_is_an_answer() {
        let key = SigningKey::generate(Algorithm::ES256).expect("a key");
        let jwk = serde_json::to_string(&key.public_jwk()).expect("a JWK");
        let bad = r#"{"kty":"EC","kid":"bad","crv":"P-256","x":"AA","y":"AA","alg":"ES256"}"#;
        for (status, body, conditional, expect) in [
            (200, format!(r#"{{"keys":[{jwk}]}}"#), false, Ok(0)),
            (200, format!(r#"{{"keys":[{bad},{jwk}]}}"#), false, Ok(1)),
            (200, format!(r#"{{"keys":[{bad}]}}"#), false, Err("Empty")),
            (200, r#"{"keys":[]}"#.to_owned(), false, Err("Empty")),
            (200, "<html>".to_owned(), false, Err("Malformed")),
            (200, String::new(), false, Err("Malformed")),
            (200, format!(r#"{{"keys":[{jwk}]"#), false, Err("Malformed")),
            (200, format!(r#"{{"keys":[{jwk}],"x":"{}"}}"#, "x".repeat(300_000)), false, Err("M")),
            (304, String::new(), false, Err("Status")),
            (304, String::new(), true, Ok(0)),
            (302, format!(r#"{{"keys":[{jwk}]}}"#), true, Err("Status")),
            (500, format!(r#"{{"keys":[{jwk}]}}"#), true, Err("Status")),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let answer = judge(status, &HeaderMap::new(), body.as_bytes(), conditional);
            match (answer, expect) {
                (Ok(Answer::Unchanged), Ok(_)) => assert!(conditional),
                (Ok(Answer::Keys { rejected, .. }), Ok(count)) => assert_eq!(rejected.len(), count),
                (Err(reason), Err(name)) => assert!(format!("{reason:?}").starts_with(name)),
                (answer, expect) => panic!("{status} {body:.40} gave {answer:?}, not {expect:?}"),
            }
        }
    }

    #[test]
    fn what_was_revoked_is_in_no_set_any_more_and_the_memory_of_it_is_bounded() {
        let cache = JwksCache::new(Duration::ZERO);
        let [one, other] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).expect("a key"));
        let both = || KeySet::new([one.verifying_key(), other.verifying_key()]);
        let held = || cache.keys().as_ref().is_some_and(|keys| keys.get(one.key_id()).is_some());
        cache.replace(both());
        assert!(held() && !cache.is_outdated());
        let name = one.key_id().to_owned();
        cache.withdraw(&["x".repeat(257), name.clone(), name.clone()]);
        assert!(!held() && cache.is_outdated());
        cache.replace(both());
        assert!(!held() && cache.is_outdated());
        assert_eq!(cache.keys().as_ref().map(|keys| keys.len()), Some(1));
        cache.replace(KeySet::new([other.verifying_key()]));
        assert!(!cache.is_outdated());
        assert_eq!(cache.withdrawn().len(), 1);
        let many: Vec<_> = (1..WITHDRAWN_MAX).map(|number| number.to_string()).collect();
        cache.withdraw(&many);
        cache.replace(both());
        assert!(!held());
        cache.withdraw(&["one more".to_owned()]);
        assert_eq!(cache.withdrawn().len(), WITHDRAWN_MAX);
        assert!(!cache.withdrawn().contains(&name));
    }

    #[tokio::test]
    async fn a_question_during_a_refresh_that_nobody_asked_for_gets_its_own() {
        let cache = JwksCache::new(Duration::ZERO);
        cache.begin();
        let Ask::Wait { done, first: true } = cache.ask() else { panic!("not admitted") };
        cache.finish();
        assert!(!done.has_changed().expect("open"), "an older refresh must not count");
        cache.until_due(Instant::now() + Duration::from_secs(60)).await;
        cache.begin();
        let Ask::Wait { first: false, .. } = cache.ask() else { panic!("not shared") };
        cache.finish();
        assert!(done.has_changed().expect("open"));
    }

    #[test]
    fn the_pause_counts_from_the_question() {
        let cache = JwksCache::new(Duration::from_secs(60));
        assert!(matches!(cache.ask(), Ask::Wait { first: true, .. }));
        assert!(matches!(cache.ask(), Ask::Wait { first: false, .. }));
        cache.begin();
        cache.finish();
        assert!(matches!(cache.ask(), Ask::TooSoon));
    }
}
