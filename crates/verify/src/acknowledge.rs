//! The background task that tells the issuer how far the deny set is complete, beside the feed, so
//! that a slow answer never holds a revocation back. Places that are reached while an answer is
//! under way are told together.
//!
//! A place is told only when every revocation up to it is in the deny set and understood, and while
//! the connection to the feed stands.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{WhenStale, backoff::Backoff, fetch::Fetcher, verifier::Shared};

/// Of an answer only the status counts.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What there is to tell; none while there is no connection to the feed, or the issuer does not
/// want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) endpoint: Uri,
    /// The id that the feed began with.
    pub(crate) follower: String,
    pub(crate) seq: u64,
}

pub(crate) struct Acknowledger {
    shared: Arc<Shared>,
    fetcher: Fetcher,
    places: watch::Receiver<Option<Place>>,
    credentials: HeaderValue,
    instance: Option<String>,
    /// The id that the issuer knows this verifier by.
    known_as: Option<String>,
}

impl Acknowledger {
    pub(crate) fn new(
        shared: Arc<Shared>,
        places: watch::Receiver<Option<Place>>,
        credentials: HeaderValue,
        instance: Option<String>,
    ) -> Self {
        let fetcher = Fetcher::keeping_connections();
        Self { shared, fetcher, places, credentials, instance, known_as: None }
    }

    /// Runs until the task is aborted, or the feed is.
    pub(crate) async fn run(mut self) {
        let (first, limit) = self.shared.timing.feed_retry;
        let mut backoff = Backoff::new(first, limit);
        loop {
            let place = self.places.borrow_and_update().clone();
            let told = match &place {
                Some(place) => self.tell(place).await,
                None => true,
            };
            if !told {
                sleep(backoff.wait()).await;
                continue;
            }
            backoff.reset();
            // Told again now and then, which says that this side of the connection is there.
            let change = timeout(self.shared.timing.acknowledge, self.places.changed());
            if matches!(change.await, Ok(Err(_))) {
                return;
            }
        }
    }

    /// Answers whether the issuer took it, or will never.
    async fn tell(&mut self, place: &Place) -> bool {
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, self.credentials.clone()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ]);
        let (form, within) = (self.form(place).into(), self.shared.timing.request);
        let answer = self.fetcher.post(&place.endpoint, headers, form, MAX_ANSWER_BYTES, within);
        match answer.await.map(|reply| reply.status) {
            Ok(status) if status.is_success() => {
                self.known_as = Some(place.follower.clone());
                self.shared.counters.acknowledgements.add_one();
                true
            }
            Ok(status) => {
                self.shared.counters.acknowledgement_failures.add_one();
                tracing::debug!(%status, "the issuer did not take an acknowledgement");
                // The feed has ended under it; the next one has another id.
                status == StatusCode::BAD_REQUEST
            }
            Err(reason) => {
                self.shared.counters.acknowledgement_failures.add_one();
                tracing::debug!(%reason, "an acknowledgement did not arrive");
                false
            }
        }
    }

    fn form(&self, place: &Place) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("follower", &place.follower);
        form.append_pair("seq", &place.seq.to_string());
        if self.shared.when_stale != WhenStale::DangerAccept {
            let limit = millis(self.shared.max_staleness);
            form.append_pair("max_staleness_ms", &limit.to_string());
        }
        if let Some(instance) = &self.instance {
            form.append_pair("name", instance);
        }
        if let Some(old) = self.known_as.as_ref().filter(|old| **old != place.follower) {
            form.append_pair("replaces", old);
        }
        form.finish()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
