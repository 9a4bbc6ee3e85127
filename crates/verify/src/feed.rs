//! The background task that follows the issuer's revocations: the snapshot first, then the stream
//! from there. Whatever goes wrong ends in the same way: wait a little, connect again, and load the
//! snapshot again if the place in the order is lost.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use countersign_jose::Timestamp;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    acknowledge::Place,
    backoff::Backoff,
    clock::{self, Moment, SetBackWatch, SteadyClock},
    discovery::{Endpoints, RevocationEndpoints},
    fetch::{FetchError, Fetcher},
    revocation::{self, FeedState, Malformed, Step},
    sse::{Parser, SseError},
    verifier::Shared,
};

/// Room for more than a million revocations.
const MAX_SNAPSHOT_BYTES: usize = 256 * 1024 * 1024;

pub(crate) struct FeedFollower {
    shared: Arc<Shared>,
    fetcher: Arc<Fetcher>,
    endpoints: watch::Receiver<Option<Arc<Endpoints>>>,
    credentials: HeaderValue,
    state: FeedState,
    /// What the issuer is told.
    places: watch::Sender<Option<Place>>,
    backoff: Backoff,
    pruned_at: Instant,
    failing: bool,
    /// Revocations are forgotten by this one.
    steady: SteadyClock,
    wall: SetBackWatch,
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the issuer's metadata names no revocation feed")]
    NotOffered,
    #[error("the {what} answered {status}")]
    Status { what: &'static str, status: StatusCode },
    #[error("the feed is not a stream of events")]
    NotEvents,
    #[error("the feed ended")]
    Ended,
    #[error("nothing came from the feed for {0:?}")]
    Silent(Duration),
    #[error("this machine was suspended, or its clock set forward, by {0:?}")]
    Suspended(Duration),
    #[error("what the issuer says comes {0:?} late")]
    Late(Duration),
    #[error("the clock of this machine was set back")]
    ClockSetBack,
    #[error("the issuer is at another place in its order of revocations")]
    Missed,
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Sse(#[from] SseError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the snapshot could not be entered")]
    Interrupted,
}

/// The `Authorization` header of a confidential client: id and secret are form-encoded before they
/// are joined (RFC 6749 section 2.3.1).
pub(crate) fn basic_credentials(client_id: &str, client_secret: &str) -> Option<HeaderValue> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(client_secret));
    let encoded = base64_simd::STANDARD.encode_to_string(pair.as_bytes());
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl FeedFollower {
    pub(crate) fn new(
        shared: Arc<Shared>,
        fetcher: Arc<Fetcher>,
        endpoints: watch::Receiver<Option<Arc<Endpoints>>>,
        credentials: HeaderValue,
        places: watch::Sender<Option<Place>>,
    ) -> Self {
        let (first, limit) = shared.timing.feed_retry;
        let state = FeedState::new(shared.leeway);
        Self {
            shared,
            fetcher,
            endpoints,
            credentials,
            state,
            places,
            backoff: Backoff::new(first, limit),
            pruned_at: Instant::now(),
            failing: false,
            steady: SteadyClock::new(clock::now()),
            wall: SetBackWatch::default(),
        }
    }

    /// Runs until the task is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            let Err(reason) = self.follow().await;
            self.places.send_replace(None);
            self.shared.counters.feed_failures.add_one();
            // One line for each outage, not one for each try.
            if self.failing {
                tracing::debug!(%reason, "the revocation feed is still lost");
            } else {
                tracing::warn!(%reason, "the revocation feed was lost; connecting again");
            }
            self.failing = true;
            sleep(self.backoff.wait()).await;
        }
    }

    async fn follow(&mut self) -> Result<Infallible, FeedError> {
        let urls = self.urls().await?;
        let applied = match self.state.applied() {
            Some(applied) => applied,
            None => self.load_snapshot(&urls).await?,
        };
        let mut headers = self.headers("text/event-stream");
        headers.insert("last-event-id", HeaderValue::from(applied));
        let within = self.shared.timing.request;
        let opened_at = Moment::now();
        let response = self.fetcher.open(&urls.feed, headers, within).await?;
        if response.status() != StatusCode::OK {
            return Err(FeedError::Status { what: "feed", status: response.status() });
        }
        let media_type = response.headers().get(header::CONTENT_TYPE);
        if !media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream")) {
            return Err(FeedError::NotEvents);
        }
        self.read(response.into_body(), opened_at, urls.acknowledgement).await
    }

    async fn urls(&mut self) -> Result<RevocationEndpoints, FeedError> {
        // The sender lives in the task of the keys, which ends only together with this one.
        let endpoints = self.endpoints.wait_for(Option::is_some).await;
        let endpoints = endpoints.map_err(|_| FeedError::NotOffered)?;
        let revocations = endpoints.as_ref().and_then(|endpoints| endpoints.revocations.clone());
        revocations.ok_or(FeedError::NotOffered)
    }

    fn headers(&self, accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static(accept)),
            (header::AUTHORIZATION, self.credentials.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ])
    }

    async fn load_snapshot(&mut self, urls: &RevocationEndpoints) -> Result<u64, FeedError> {
        let (headers, within) = (self.headers("application/json"), self.shared.timing.snapshot);
        let reply = self.fetcher.get(&urls.snapshot, headers, MAX_SNAPSHOT_BYTES, within).await?;
        if reply.status != StatusCode::OK {
            return Err(FeedError::Status { what: "snapshot", status: reply.status });
        }
        let (shared, now) = (self.shared.clone(), self.now());
        // A million entries take a while: not on a thread that serves requests.
        let loaded = tokio::task::spawn_blocking(move || {
            revocation::load_snapshot(&reply.body, &shared.deny_set, shared.leeway, now)
        });
        let loaded = loaded.await.map_err(|_| FeedError::Interrupted)??;
        self.state.adopt(&loaded);
        if !loaded.revoked_keys.is_empty() {
            self.shared.keys.withdraw(&loaded.revoked_keys);
        }
        if let Some(until) = loaded.not_understood_until {
            self.shared.freshness.mark_not_understood(until);
        }
        self.shared.counters.snapshots.add_one();
        self.shared.freshness.mark_applied(loaded.seq);
        // It does not count as current: that is for a feed to say, since whoever follows one is
        // known to the issuer, and to those who wait for a revocation to be everywhere.
        Ok(loaded.seq)
    }

    async fn read(
        &mut self,
        mut body: Incoming,
        opened_at: Moment,
        endpoint: Option<Uri>,
    ) -> Result<Infallible, FeedError> {
        let silence = self.shared.timing.feed_silence;
        let mut follower = None;
        let mut parser = Parser::default();
        let mut delay = Delay::new(opened_at);
        let mut heard_at = Moment::now();
        loop {
            let chunk = timeout(silence, next_chunk(&mut body)).await;
            let chunk = chunk.map_err(|_| FeedError::Silent(silence))??;
            let received_at = Moment::now();
            // If this process was stopped meanwhile, what lies in the socket may be long past, and
            // a heartbeat in it proves nothing.
            if received_at.since(&heard_at).0 > silence {
                return Err(FeedError::Silent(silence));
            }
            // The same for a machine that was suspended, on which little time seems to have passed;
            // also little by little.
            let (_, suspended) = received_at.since(&opened_at);
            if suspended > silence {
                return Err(FeedError::Suspended(suspended));
            }
            heard_at = received_at;
            if self.wall.notices(clock::now()) {
                // What had seemed to be expired was not taken in.
                self.state.lose_place();
                return Err(FeedError::ClockSetBack);
            }
            for frame in parser.push(&chunk)? {
                let step = self.state.apply(&frame, &self.shared.deny_set, self.now())?;
                self.shared.counters.feed_frames.add_one();
                match step {
                    Step::Continue => {}
                    Step::Hello(id) => follower = Some(id),
                    Step::Current(after) => {
                        self.mark_current(delay.said_at(after, received_at));
                        delay.check(silence)?;
                        self.backoff.reset();
                        self.failing = false;
                    }
                    Step::KeyRevoked(id) => self.shared.keys.withdraw(&[id]),
                    Step::NotUnderstood(until) => self.shared.freshness.mark_not_understood(until),
                    Step::Reload => return Err(FeedError::Missed),
                }
            }
            if let Some(seq) = self.state.applied() {
                self.shared.freshness.mark_applied(seq);
                self.acknowledge(endpoint.as_ref(), follower.as_ref(), seq);
            }
            self.prune().await;
        }
    }

    /// Has the issuer told that everything up to `seq` is in the deny set, if it wants to know.
    fn acknowledge(&self, endpoint: Option<&Uri>, follower: Option<&String>, seq: u64) {
        let (Some(endpoint), Some(follower)) = (endpoint, follower) else { return };
        if !self.shared.freshness.is_understood(clock::now()) {
            return;
        }
        let place = Place { endpoint: endpoint.clone(), follower: follower.clone(), seq };
        self.places.send_if_modified(|known| {
            let is_new = known.as_ref() != Some(&place);
            if is_new {
                *known = Some(place);
            }
            is_new
        });
    }

    fn mark_current(&self, moment: Moment) {
        self.shared.freshness.mark_current(moment);
        self.shared.changed.notify_waiters();
    }

    /// The time to forget by.
    fn now(&self) -> Timestamp {
        self.steady.read(clock::now())
    }

    async fn prune(&mut self) {
        if self.pruned_at.elapsed() < self.shared.timing.prune {
            return;
        }
        let (shared, now) = (self.shared.clone(), self.now());
        let pruned = tokio::task::spawn_blocking(move || shared.deny_set.prune(now));
        // It can only fail while the runtime shuts down, and then nothing is left to do.
        let _shutting_down = pruned.await;
        self.pruned_at = Instant::now();
    }
}

/// How late the feed comes. A connection that is held back a little more each second is never
/// silent, so what counts is when the issuer said something, not when it arrived: whoever stands
/// between could otherwise keep a revocation away for as long as it likes.
struct Delay {
    opened_at: Moment,
    newest: Duration,
}

impl Delay {
    const fn new(opened_at: Moment) -> Self {
        Self { opened_at, newest: Duration::ZERO }
    }

    /// When the issuer said something, or earlier: it had the request after it was sent, and counts
    /// from then. An issuer that does not count is believed to speak without delay.
    fn said_at(&mut self, after: Option<Duration>, received_at: Moment) -> Moment {
        let Some(after) = after else { return received_at };
        let said_at = self.opened_at.plus(after).min(received_at);
        self.newest = received_at.since(&said_at).0;
        said_at
    }

    /// A new connection counts anew. The delay of this one may come from a request that was held
    /// up on its way, or in the end from two clocks that differ.
    fn check(&self, limit: Duration) -> Result<(), FeedError> {
        if self.newest > limit { Err(FeedError::Late(self.newest)) } else { Ok(()) }
    }
}

async fn next_chunk(body: &mut Incoming) -> Result<Bytes, FeedError> {
    loop {
        let frame = body.frame().await.ok_or(FeedError::Ended)?;
        let frame = frame.map_err(|_| FeedError::Ended)?;
        if let Ok(data) = frame.into_data() {
            return Ok(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_when_the_issuer_spoke() {
        let (second, limit) = (Duration::from_secs(1), Duration::from_secs(3));
        let opened_at = Moment::now();
        let mut delay = Delay::new(opened_at);
        for (after, received, said, good) in [
            (Some(0), 1, 0, true),
            (Some(1), 2, 1, true),
            (Some(2), 5, 2, true),
            (Some(3), 7, 3, false),
            (Some(8), 9, 8, true),
            // A clock that runs fast proves nothing about the future.
            (Some(99), 10, 10, true),
            (Some(u32::MAX), 11, 11, true),
            (None, 12, 12, true),
        ] {
            let after = after.map(|after| second * after);
            let said_at = delay.said_at(after, opened_at.plus(received * second));
            assert_eq!(said_at, opened_at.plus(said * second), "{after:?}");
            assert_eq!(delay.check(limit).is_ok(), good, "{after:?}");
        }
    }

    #[test]
    fn credentials_are_form_encoded_before_they_are_joined() {
        for (client_id, client_secret, expect) in [
            ("api", "secret", "Basic YXBpOnNlY3JldA=="),
            // `a%3Ab+c:p%26%C3%BC%2B`
            ("a:b c", "p&ü+", "Basic YSUzQWIrYzpwJTI2JUMzJUJDJTJC"),
        ] {
            let value = basic_credentials(client_id, client_secret).expect("a header");
            assert_eq!(value, expect);
            assert!(value.is_sensitive());
        }
    }
}
