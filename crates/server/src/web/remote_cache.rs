//! What was fetched from URLs that others named, kept for as long as their servers say within
//! bounds. Each URL is asked once at a time, and after a failure not again for a while, whatever
//! strangers do: most of these URLs are asked for the sake of somebody who has proved nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use countersign_protocol::freshness::Bounds;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

/// How long things count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Bounds for what the other server says.
    pub(crate) lifetime: Bounds,
    /// What could not be fetched anew serves for so long since it was.
    pub(crate) stale: Duration,
    /// After a failure nobody asks again for so long.
    pub(crate) retry: Duration,
    /// Between two fetches because what is held does not suffice.
    pub(crate) pause: Duration,
}

/// Why nothing was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody knows what is there now: what is held serves on.
    Unknown,
    /// There is nothing there any more, or something else.
    Gone,
}

/// What is held, by its URL.
#[derive(Debug)]
pub(crate) struct RemoteCache<T> {
    held: Cache<String, Arc<Mutex<Held<T>>>>,
    timing: Timing,
}

/// What is known of one URL. Whoever asks there holds the lock.
#[derive(Debug)]
struct Held<T> {
    value: Option<(Arc<T>, Instant)>,
    /// Until then it is not fetched again by itself.
    fresh_until: Option<Instant>,
    /// Until then it is not fetched again because it does not suffice.
    pause_until: Option<Instant>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { value: None, fresh_until: None, pause_until: None }
    }
}

impl<T: Send + Sync + 'static> RemoteCache<T> {
    /// A cache of at most so many.
    pub(crate) fn new(most: usize, timing: Timing) -> Self {
        Self { held: Cache::new(most), timing }
    }

    /// The bounds for what other servers say.
    pub(crate) const fn lifetime(&self) -> Bounds {
        self.timing.lifetime
    }

    /// What is at a URL. `fetch` runs only if nothing fresh is held, and answers what is there and
    /// how long it counts.
    pub(crate) async fn current(
        &self,
        url: &str,
        fetch: impl Future<Output = Result<(T, Duration), Failure>> + Send + 'static,
    ) -> Option<Arc<T>> {
        let held = self.at(url).lock_owned().await;
        let fresh = held.fresh_until.is_some_and(|until| Instant::now() < until);
        let held = if fresh { held } else { self.fetch(held, fetch).await? };
        held.value.as_ref().map(|(value, _)| Arc::clone(value))
    }

    /// What is newer than `known`; `None` when nothing is, or the last fetch for such a reason was
    /// too recent.
    pub(crate) async fn newer(
        &self,
        url: &str,
        known: &Arc<T>,
        fetch: impl Future<Output = Result<(T, Duration), Failure>> + Send + 'static,
    ) -> Option<Arc<T>> {
        let mut held = self.at(url).lock_owned().await;
        let newer = |held: &Held<T>| {
            let (value, _) = held.value.as_ref()?;
            (!Arc::ptr_eq(value, known)).then(|| Arc::clone(value))
        };
        // Somebody else has fetched it while this one waited.
        if let Some(found) = newer(&held) {
            return Some(found);
        }
        let now = Instant::now();
        if held.pause_until.is_some_and(|until| now < until) {
            return None;
        }
        held.pause_until = Some(now + self.timing.pause);
        let held = self.fetch(held, fetch).await?;
        newer(&held)
    }

    /// What is held, fresh or not, if nobody is fetching it right now.
    pub(crate) fn held(&self, url: &str) -> Option<Arc<T>> {
        let held = self.held.get(url)?;
        let held = held.try_lock().ok()?;
        held.value.as_ref().map(|(value, _)| Arc::clone(value))
    }

    fn at(&self, url: &str) -> Arc<Mutex<Held<T>>> {
        let made = self.held.get_or_insert_with(url, || Ok::<_, Infallible>(Arc::default()));
        made.unwrap_or_else(|never| match never {})
    }

    /// Fetches to the end even if whoever wants it goes away: otherwise coming and going would cost
    /// more requests than waiting.
    async fn fetch(
        &self,
        mut held: OwnedMutexGuard<Held<T>>,
        fetch: impl Future<Output = Result<(T, Duration), Failure>> + Send + 'static,
    ) -> Option<OwnedMutexGuard<Held<T>>> {
        let timing = self.timing;
        let fetching = tokio::spawn(async move {
            let fetched = fetch.await;
            held.take(fetched, &timing);
            held
        });
        fetching.await.ok()
    }
}

impl<T> Held<T> {
    fn take(&mut self, fetched: Result<(T, Duration), Failure>, timing: &Timing) {
        let now = Instant::now();
        match fetched {
            Ok((value, lifetime)) => {
                self.value = Some((Arc::new(value), now));
                self.fresh_until = Some(now + lifetime);
            }
            Err(failure) => {
                let too_old = |since: Instant| now.duration_since(since) > timing.stale;
                self.value.take_if(|(_, since)| failure == Failure::Gone || too_old(*since));
                self.fresh_until = Some(now + timing.retry);
            }
        }
    }
}
