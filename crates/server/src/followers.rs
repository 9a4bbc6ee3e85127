//! The verifiers that are connected to this server, and what they have acknowledged. Kept in
//! memory, where a barrier looks first, and written to the store now and then, for the command line
//! and for other servers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::follower::{Acknowledgement, Follower, SEEN_EVERY};
use countersign_protocol::random;
use countersign_store::StoreError;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::app::App;
use crate::process::{self, SystemRandom};

/// What was acknowledged is written at most so often, whatever the number of verifiers.
const WRITE_EVERY: Duration = Duration::from_millis(50);
/// After a failure the store is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// A verifier that has acknowledged before does so every few seconds. When it has not for so long,
/// its connection leads nowhere.
const ACKNOWLEDGED_MAX: Duration = Duration::from_secs(15);
/// Connected verifiers, at most.
const FOLLOWERS_MAX: usize = 20_000;

/// The verifiers that follow this server.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    known: Mutex<HashMap<String, Known>>,
    /// Ids that others have taken the place of.
    replaced: Mutex<Vec<String>>,
    /// Counts what a barrier may wait for.
    moved: watch::Sender<u64>,
    unsaved: Notify,
}

#[derive(Debug)]
struct Known {
    follower: Follower,
    /// The newest place that was written to its feed; `None` before the first, where it goes on
    /// from: what it says about that was not compared with the store yet.
    sent: Option<u64>,
    acknowledged_at: Option<Instant>,
    is_saved: bool,
}

/// A verifier's feed, from its first byte to its last.
#[derive(Debug)]
pub(crate) struct Feed {
    followers: Arc<Followers>,
    id: String,
}

impl Followers {
    /// Notes a new connection. When this answers, every process on the store knows of it, so no
    /// verifier hears anything from a feed that a barrier does not count it in.
    pub(crate) async fn open(
        app: &App,
        client_id: &str,
        peer: String,
    ) -> Result<Option<Feed>, StoreError> {
        let now = process::now();
        let follower = Follower {
            id: random::identifier(&SystemRandom),
            client_id: client_id.to_owned(),
            name: None,
            peer,
            connected_at: now,
            seen_at: now,
            gone_at: None,
            acknowledged: None,
            max_staleness: None,
        };
        let followers = Arc::clone(&app.followers);
        let id = follower.id.clone();
        {
            let mut known = followers.known();
            if known.len() >= FOLLOWERS_MAX {
                return Ok(None);
            }
            let (follower, acknowledged_at) = (follower.clone(), None);
            let new = Known { follower, sent: None, acknowledged_at, is_saved: true };
            known.insert(id.clone(), new);
        }
        let feed = Feed { followers, id };
        app.store().put_followers(vec![follower], Vec::new()).await?;
        Ok(Some(feed))
    }

    /// Takes an acknowledgement. Answers whether its verifier is connected here.
    pub(crate) fn acknowledge(&self, client_id: &str, said: &Acknowledgement) -> bool {
        let mut known = self.known();
        let mine = known.get_mut(&said.follower);
        let Some(mine) = mine.filter(|mine| mine.follower.client_id == client_id) else {
            return false;
        };
        // It can't have what it was not sent. And before it was sent anything, it does not know
        // its id.
        let Some(sent) = mine.sent else { return false };
        let seq = said.seq.min(sent);
        let before = mine.follower.clone();
        mine.follower.acknowledged = mine.follower.acknowledged.max(Some(seq));
        mine.follower.name = said.name.clone().or_else(|| before.name.clone());
        mine.follower.max_staleness = said.max_staleness;
        mine.acknowledged_at = Some(Instant::now());
        let moved = mine.follower != before;
        if moved {
            mine.is_saved = false;
        }
        let replaced = said.replaces.as_ref().filter(|old| **old != said.follower);
        let replaced = replaced.filter(|old| {
            let old = known.get(*old);
            // One of another client is not touched; one of another server is looked up there.
            old.is_none_or(|old| old.follower.client_id == client_id)
        });
        if let Some(old) = replaced {
            known.remove(old);
            let mut waiting = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(old.clone());
        }
        drop(known);
        if moved || replaced.is_some() {
            self.tell();
        }
        true
    }

    /// Everyone who is connected, or was when it was last written.
    pub(crate) fn list(&self) -> Vec<Follower> {
        self.known().values().map(|known| known.follower.clone()).collect()
    }

    /// How many are connected, and how many of them have not acknowledged a place.
    fn count(&self, newest: u64) -> (usize, usize) {
        let known = self.known();
        let connected = known.values().filter(|known| known.follower.gone_at.is_none());
        let is_behind = |known: &&Known| known.follower.acknowledged.is_none_or(|at| at < newest);
        (connected.clone().count(), connected.filter(is_behind).count())
    }

    /// Changes whenever a barrier should look again.
    pub(crate) fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    fn tell(&self) {
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
        self.unsaved.notify_one();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written: what has changed, or everyone who is connected.
    fn to_write(&self, everyone: bool, now: Timestamp) -> Vec<Follower> {
        let mut known = self.known();
        let chosen = known.values_mut().filter(|known| everyone || !known.is_saved);
        chosen
            .map(|known| {
                known.is_saved = true;
                if known.follower.gone_at.is_none() {
                    known.follower.seen_at = now;
                }
                known.follower.clone()
            })
            .collect()
    }

    /// They are in the store: those who are gone need not be kept here.
    fn written(&self, followers: &[Follower]) {
        let mut known = self.known();
        for gone in followers.iter().filter(|follower| follower.gone_at.is_some()) {
            known.remove(&gone.id);
        }
    }

    fn not_written(&self, followers: &[Follower], replaced: Vec<String>) {
        let mut known = self.known();
        for follower in followers {
            if let Some(known) = known.get_mut(&follower.id) {
                known.is_saved = false;
            }
        }
        drop(known);
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).extend(replaced);
        self.unsaved.notify_one();
    }

    fn take_replaced(&self) -> Vec<String> {
        std::mem::take(&mut *self.replaced.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Feed {
    /// The id that its acknowledgements name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Notes up to which place the feed is written.
    pub(crate) fn sent(&self, seq: u64) {
        if let Some(known) = self.followers.known().get_mut(&self.id) {
            known.sent = known.sent.max(Some(seq));
        }
    }

    /// Whether it has acknowledged and then stopped to, or another connection has taken its place.
    pub(crate) fn is_dead(&self) -> bool {
        let known = self.followers.known();
        known.get(&self.id).is_none_or(|known| {
            known.acknowledged_at.is_some_and(|at| at.elapsed() > ACKNOWLEDGED_MAX)
        })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(known) = self.followers.known().get_mut(&self.id) {
            known.follower.gone_at = Some(process::now());
            known.is_saved = false;
        }
        self.followers.tell();
    }
}

/// Writes the followers to the store: changes soon and together, and everyone now and then, which
/// says that this server is still there.
pub(crate) async fn keep(app: Arc<App>) {
    let mut seen = tokio::time::interval(SEEN_EVERY);
    loop {
        let everyone = tokio::select! {
            () = app.followers.unsaved.notified() => false,
            _ = seen.tick() => true,
        };
        if everyone {
            let (connected, behind) = app.followers.count(app.position.borrow().revocation);
            app.metrics.verifiers.set(i64::try_from(connected).unwrap_or(i64::MAX));
            app.metrics.verifiers_behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
        }
        let put = app.followers.to_write(everyone, process::now());
        let forget = app.followers.take_replaced();
        if put.is_empty() && forget.is_empty() {
            continue;
        }
        let pause = match app.store().put_followers(put.clone(), forget.clone()).await {
            Ok(()) => {
                app.followers.written(&put);
                WRITE_EVERY
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "followers could not be written");
                app.followers.not_written(&put, forget);
                RETRY_AFTER
            }
        };
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn said(feed: &Feed, seq: u64) -> Acknowledgement {
        Acknowledgement {
            follower: feed.id().to_owned(),
            seq,
            name: None,
            max_staleness: Some(Duration::from_secs(10)),
            replaces: None,
        }
    }

    async fn open(site: &Fixture, client_id: &str) -> Feed {
        let feed = Followers::open(&site.app, client_id, "10.0.0.7:1".into()).await;
        let feed = feed.unwrap().expect("there is room");
        assert!(!site.app.followers.acknowledge(client_id, &said(&feed, 3)), "of what?");
        feed.sent(3);
        feed
    }

    #[tokio::test]
    async fn only_its_own_client_speaks_for_a_feed_and_only_of_what_was_sent() {
        let site = Fixture::open().await;
        let followers = &site.app.followers;
        let feed = open(&site, "api").await;
        // Known to every process before its first byte.
        let stored = site.app.store().followers().await.unwrap();
        assert_eq!(stored.iter().map(|one| &*one.id).collect::<Vec<_>>(), [feed.id()]);
        assert!(!followers.acknowledge("web", &said(&feed, 3)));
        let place = || followers.list()[0].acknowledged;
        for (seq, sent, expect) in [(2, 3, 2), (9, 3, 3), (9, 7, 7), (5, 7, 7)] {
            feed.sent(sent);
            assert!(followers.acknowledge("api", &said(&feed, seq)));
            assert_eq!(place(), Some(expect));
        }
    }

    #[tokio::test]
    async fn a_connection_takes_the_place_of_one_of_its_own_client_only() {
        let site = Fixture::open().await;
        let followers = &site.app.followers;
        let (old, other) = (open(&site, "api").await, open(&site, "web").await);
        let new = open(&site, "api").await;
        for (replaces, left) in [(&other, 3), (&new, 3), (&old, 2)] {
            let replaces = Some(replaces.id().to_owned());
            assert!(followers.acknowledge("api", &Acknowledgement { replaces, ..said(&new, 3) }));
            assert_eq!(followers.list().len(), left);
        }
        assert!(old.is_dead() && !new.is_dead() && !other.is_dead());
    }

    #[tokio::test]
    async fn a_connection_that_has_stopped_to_acknowledge_is_given_up() {
        let site = Fixture::open().await;
        let followers = &site.app.followers;
        let (silent, feed) = (open(&site, "api").await, open(&site, "api").await);
        assert!(followers.acknowledge("api", &said(&feed, 3)));
        assert!(!feed.is_dead());
        let long_ago = Instant::now().checked_sub(2 * ACKNOWLEDGED_MAX).expect("up so long");
        followers.known().get_mut(feed.id()).unwrap().acknowledged_at = Some(long_ago);
        assert!(feed.is_dead());
        assert_eq!(followers.count(3), (2, 1), "connected, and the silent one behind");
        assert_eq!(followers.count(4), (2, 2));
        // One of an older make is left in peace.
        assert!(!silent.is_dead());
    }

    #[tokio::test]
    async fn what_happens_is_written_and_the_gone_are_left_to_the_store() {
        let site = Fixture::open().await;
        let app = Arc::clone(&site.app);
        let job = tokio::spawn(keep(app));
        let (feed, gone) = (open(&site, "api").await, open(&site, "api").await);
        let gone_id = gone.id().to_owned();
        assert!(site.app.followers.acknowledge("api", &said(&feed, 3)));
        drop(gone);
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let stored = site.app.store().followers().await.unwrap();
            let is_gone = |one: &Follower| one.id == gone_id && one.gone_at.is_some();
            let has_told = |one: &Follower| one.id == feed.id() && one.acknowledged == Some(3);
            let known = site.app.followers.list().len();
            if stored.iter().any(is_gone) && stored.iter().any(has_told) && known == 1 {
                break;
            }
            assert!(Instant::now() < deadline, "{stored:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        job.abort();
    }
}
