//! The public keys of clients. Those that stand in a registration are read there; those that a
//! client publishes (`jwks_uri`) are fetched, kept for as long as their server says within bounds,
//! and fetched again when something is signed with a key that is not among them. That costs at most
//! one request a pause, whatever strangers send in the name of the client.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use countersign_jose::{Error, KeySet};
use countersign_protocol::client::Client;
use countersign_protocol::client_keys::{ClientKeys, may_be_outdated};
use countersign_protocol::freshness::{self, Bounds};
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::app::App;
use crate::web::outbound::{Outbound, OutboundError};

/// Sets of keys that are kept.
const KEPT: usize = 1_000;
/// The longest set that is read, in bytes.
const SET_MAX_BYTES: usize = 64 * 1_024;

#[derive(Clone, Copy, Debug)]
struct Timing {
    lifetime: Bounds,
    /// Keys that could not be fetched anew serve for so long since they were.
    stale: Duration,
    /// After a failure nobody asks again for so long.
    retry: Duration,
    /// Between two fetches for the sake of a key that is not known.
    pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let lifetime = Bounds { least: seconds(60), silent: seconds(300), most: seconds(3_600) };
        Self { lifetime, stale: seconds(86_400), retry: seconds(10), pause: seconds(10) }
    }
}

/// The keys that clients publish, by the URL at which they do.
#[derive(Debug)]
pub(crate) struct PublishedKeys {
    held: Cache<String, Arc<Mutex<Held>>>,
    timing: Timing,
}

impl Default for PublishedKeys {
    fn default() -> Self {
        Self { held: Cache::new(KEPT), timing: Timing::default() }
    }
}

/// What is known of one URL. Whoever asks there holds the lock, so that it is asked once at a time.
#[derive(Debug, Default)]
struct Held {
    keys: Option<(Arc<ClientKeys>, Instant)>,
    /// Until then the keys are not fetched again by themselves.
    fresh_until: Option<Instant>,
    /// Until then they are not fetched again for the sake of an unknown key.
    pause_until: Option<Instant>,
}

/// Why something that a client signed is not taken, or nothing can be encrypted to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientKeyError {
    #[error("the client has no public keys")]
    None,
    #[error("the client's keys could not be fetched")]
    Unavailable,
    #[error(transparent)]
    Refused(#[from] Error),
}

impl ClientKeyError {
    /// A stable name for logs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::None => "client_without_keys",
            Self::Unavailable => "client_keys_unavailable",
            Self::Refused(error) => error.code(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the answer was {0}")]
    Status(StatusCode),
    #[error("the answer holds no usable keys: {0}")]
    Keys(#[from] Error),
}

impl FetchError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Outbound(error) => error.code(),
            Self::Status(_) => "client_keys_status",
            Self::Keys(error) => error.code(),
        }
    }
}

impl App {
    /// The public keys of a client: of its signatures, and for what is encrypted to it.
    ///
    /// # Errors
    /// When it has none, or they can't be had.
    pub(crate) async fn client_keys(
        &self,
        client: &Client,
    ) -> Result<Arc<ClientKeys>, ClientKeyError> {
        if let Some(registered) = ClientKeys::registered(client) {
            return Ok(Arc::new(registered?));
        }
        let url = client.jwks_uri.as_deref().ok_or(ClientKeyError::None)?;
        self.published_keys.current(&self.outbound, url).await.ok_or(ClientKeyError::Unavailable)
    }

    /// Judges something that a client signed, with its keys. When the client publishes them, and
    /// the key is not known or does not fit, newer ones are fetched and it is judged once more.
    ///
    /// # Errors
    /// Those of `judge`, or when there are no keys.
    pub(crate) async fn judge_with_keys<T>(
        &self,
        client: &Client,
        judge: impl Fn(&KeySet) -> Result<T, Error>,
    ) -> Result<T, ClientKeyError> {
        let keys = self.client_keys(client).await?;
        let error = match judge(keys.signatures()) {
            Ok(good) => return Ok(good),
            Err(error) => error,
        };
        if let Some(url) = &client.jwks_uri
            && may_be_outdated(&error)
            && let Some(newer) = self.published_keys.newer(&self.outbound, url, &keys).await
        {
            return Ok(judge(newer.signatures())?);
        }
        Err(error.into())
    }
}

impl PublishedKeys {
    fn at(&self, url: &str) -> Arc<Mutex<Held>> {
        let made =
            self.held.get_or_insert_with(url, || Ok::<_, std::convert::Infallible>(Arc::default()));
        made.unwrap_or_else(|never| match never {})
    }

    /// The keys at a URL, fetched if they are not held or not fresh any more.
    async fn current(&self, outbound: &Arc<Outbound>, url: &str) -> Option<Arc<ClientKeys>> {
        let held = self.at(url).lock_owned().await;
        let fresh = held.fresh_until.is_some_and(|until| Instant::now() < until);
        let held = if fresh { held } else { self.fetch(outbound, url, held).await? };
        held.keys.as_ref().map(|(keys, _)| Arc::clone(keys))
    }

    /// Keys that are newer than these; `None` when there are none, or the last fetch for the sake
    /// of an unknown key was too recent.
    async fn newer(
        &self,
        outbound: &Arc<Outbound>,
        url: &str,
        known: &Arc<ClientKeys>,
    ) -> Option<Arc<ClientKeys>> {
        let mut held = self.at(url).lock_owned().await;
        let newer = |held: &Held| {
            let (keys, _) = held.keys.as_ref()?;
            (!Arc::ptr_eq(keys, known)).then(|| Arc::clone(keys))
        };
        // Somebody else has fetched them while this one waited.
        if let Some(found) = newer(&held) {
            return Some(found);
        }
        let now = Instant::now();
        if held.pause_until.is_some_and(|until| now < until) {
            return None;
        }
        held.pause_until = Some(now + self.timing.pause);
        let held = self.fetch(outbound, url, held).await?;
        newer(&held)
    }

    /// Fetches the keys, to the end even if whoever wants them goes away: otherwise coming and
    /// going would cost more requests than waiting.
    async fn fetch(
        &self,
        outbound: &Arc<Outbound>,
        url: &str,
        mut held: OwnedMutexGuard<Held>,
    ) -> Option<OwnedMutexGuard<Held>> {
        let (outbound, url, timing) = (Arc::clone(outbound), url.to_owned(), self.timing);
        let fetching = tokio::spawn(async move {
            let fetched = fetch(&outbound, &url, &timing.lifetime).await;
            held.take(fetched, &url, &timing);
            held
        });
        fetching.await.ok()
    }
}

impl Held {
    fn take(
        &mut self,
        fetched: Result<(ClientKeys, Duration), FetchError>,
        url: &str,
        timing: &Timing,
    ) {
        let now = Instant::now();
        match fetched {
            Ok((keys, lifetime)) => {
                self.keys = Some((Arc::new(keys), now));
                self.fresh_until = Some(now + lifetime);
            }
            Err(error) => {
                let code = error.code();
                tracing::warn!(url, code, %error, "the keys of a client could not be fetched");
                self.keys.take_if(|(_, since)| now.duration_since(*since) > timing.stale);
                self.fresh_until = Some(now + timing.retry);
            }
        }
    }
}

async fn fetch(
    outbound: &Outbound,
    url: &str,
    bounds: &Bounds,
) -> Result<(ClientKeys, Duration), FetchError> {
    let answer = outbound.get(url, SET_MAX_BYTES).await?;
    if answer.status != StatusCode::OK {
        return Err(FetchError::Status(answer.status));
    }
    let keys = ClientKeys::read(&answer.body)?;
    Ok((keys, freshness::lifetime(&answer.headers, bounds)))
}

#[cfg(test)]
mod tests;
