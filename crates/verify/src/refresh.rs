//! The background task that keeps the keys fresh: metadata, then keys, then sleep until they are
//! about to expire or someone asks. A failure leaves everything as it was.

use std::{collections::HashSet, sync::Arc, time::Duration};

use countersign_jose::RejectedKey;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use tokio::{sync::watch, time::Instant};

use crate::{
    backoff::Backoff,
    clock,
    discovery::{self, Endpoints, MetadataError},
    fetch::{FetchError, Fetcher},
    jwks_cache::{self, Answer, Unusable},
    secure_url,
    verifier::Shared,
};

/// Room for a long metadata document or more than a hundred keys.
const MAX_BYTES: usize = 256 * 1024;

pub(crate) struct KeyRefresher {
    shared: Arc<Shared>,
    fetcher: Arc<Fetcher>,
    issuer: Uri,
    endpoints: watch::Sender<Option<Arc<Endpoints>>>,
    backoff: Backoff,
    /// Loads in a row that still held a revoked key.
    outdated: u32,
    outdated_backoff: Backoff,
    entity_tag: Option<HeaderValue>,
    /// The unusable keys of the last set: each is reported once, not at every load.
    reported: HashSet<Option<String>>,
}

/// Loads that may hold a revoked key before those who wait for a newer one are sent on.
const OUTDATED_TRIES: u32 = 5;

#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the metadata endpoint answered {0}")]
    MetadataStatus(StatusCode),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Keys(#[from] Unusable),
    #[error("a URL cannot be built")]
    Url,
}

impl KeyRefresher {
    pub(crate) fn new(
        shared: Arc<Shared>,
        fetcher: Arc<Fetcher>,
        issuer: Uri,
        endpoints: watch::Sender<Option<Arc<Endpoints>>>,
    ) -> Self {
        let (first, limit) = shared.timing.keys_retry;
        Self {
            shared,
            fetcher,
            issuer,
            endpoints,
            backoff: Backoff::new(first, limit),
            outdated: 0,
            outdated_backoff: Backoff::new(first, limit),
            entity_tag: None,
            reported: HashSet::new(),
        }
    }

    /// Runs until the task is aborted.
    pub(crate) async fn run(mut self) {
        let mut due = Instant::now();
        loop {
            // Who asks for a newer key waits for it: the metadata is left for the next time.
            let asked = due > Instant::now();
            self.shared.keys.begin();
            let outcome = self.refresh(asked).await;
            let wait = self.conclude(outcome);
            let wait = wait.min(self.wait_if_outdated().unwrap_or(wait));
            // Who waits for a newer key goes on waiting while the answers are older than the news.
            if !(1..=OUTDATED_TRIES).contains(&self.outdated) {
                self.shared.keys.finish();
            }
            due = Instant::now() + wait;
            self.shared.keys.until_due(due).await;
        }
    }

    /// The news that a key was revoked may be faster than the server that publishes the keys. Until
    /// it publishes the key no more, its successor may be missing.
    fn wait_if_outdated(&mut self) -> Option<Duration> {
        if !self.shared.keys.is_outdated() {
            self.outdated = 0;
            self.outdated_backoff.reset();
            return None;
        }
        self.outdated = self.outdated.saturating_add(1);
        Some(self.outdated_backoff.wait())
    }

    fn conclude(&mut self, outcome: Result<Duration, RefreshError>) -> Duration {
        match outcome {
            Ok(lifetime) => {
                self.shared.counters.key_loads.add_one();
                self.backoff.reset();
                self.shared.changed.notify_waiters();
                lifetime
            }
            Err(reason) => {
                self.shared.counters.key_failures.add_one();
                let wait = self.backoff.wait();
                tracing::warn!(%reason, retry_in = ?wait, "the issuer's keys could not be loaded");
                wait
            }
        }
    }

    /// One load. Returns how long it holds.
    async fn refresh(&mut self, asked: bool) -> Result<Duration, RefreshError> {
        let known = self.endpoints.borrow().clone();
        let endpoints = match known {
            Some(known) if asked => known,
            Some(known) => self.discover().await.unwrap_or_else(|reason| {
                tracing::warn!(%reason, "the issuer's metadata could not be loaded again");
                known
            }),
            None => self.discover().await?,
        };
        self.load_keys(&endpoints.jwks).await
    }

    async fn discover(&mut self) -> Result<Arc<Endpoints>, RefreshError> {
        let mut status = StatusCode::NOT_FOUND;
        for url in discovery::metadata_urls(&self.issuer) {
            let url: Uri = url.parse().map_err(|_| RefreshError::Url)?;
            let within = self.shared.timing.request;
            let reply = self.fetcher.get(&url, accept_json(), MAX_BYTES, within).await?;
            if reply.status == StatusCode::OK {
                let loopback = secure_url::is_loopback(&self.issuer);
                let found = discovery::read(&reply.body, &self.shared.issuer, loopback)?;
                return Ok(self.publish(found));
            }
            status = reply.status;
        }
        Err(RefreshError::MetadataStatus(status))
    }

    fn publish(&mut self, found: Endpoints) -> Arc<Endpoints> {
        if let Some(known) = &*self.endpoints.borrow() {
            if **known == found {
                return known.clone();
            }
            if known.jwks != found.jwks {
                self.entity_tag = None;
            }
        }
        let found = Arc::new(found);
        self.endpoints.send_replace(Some(found.clone()));
        found
    }

    async fn load_keys(&mut self, url: &Uri) -> Result<Duration, RefreshError> {
        let mut headers = accept_json();
        if let Some(entity_tag) = &self.entity_tag {
            headers.insert(header::IF_NONE_MATCH, entity_tag.clone());
        }
        let conditional = self.entity_tag.is_some();
        let within = self.shared.timing.request;
        let reply = self.fetcher.get(url, headers, MAX_BYTES, within).await?;
        match jwks_cache::judge(reply.status, &reply.headers, &reply.body, conditional)? {
            Answer::Unchanged => self.shared.keys.confirm(),
            Answer::Keys { keys, rejected, entity_tag } => {
                self.report(rejected);
                self.entity_tag = entity_tag;
                self.shared.keys.replace(keys);
            }
        }
        if let Some(keys) = &*self.shared.keys.keys() {
            self.shared.verified_tokens.prune(keys, clock::now());
            if let Some(introspector) = &self.shared.introspector {
                introspector.prune(&self.shared, clock::now());
            }
        }
        Ok(jwks_cache::lifetime(&reply.headers, &self.shared.timing))
    }

    fn report(&mut self, rejected: Vec<RejectedKey>) {
        self.shared.counters.unusable_keys.set(rejected.len());
        let mut reported = HashSet::new();
        for RejectedKey { key_id, reason, .. } in rejected {
            if !self.reported.contains(&key_id) && !reported.contains(&key_id) {
                tracing::warn!(?key_id, %reason, "a key of the issuer cannot be used");
            }
            reported.insert(key_id);
        }
        self.reported = reported;
    }
}

fn accept_json() -> HeaderMap {
    let json = HeaderValue::from_static("application/json, application/jwk-set+json");
    HeaderMap::from_iter([(header::ACCEPT, json)])
}
