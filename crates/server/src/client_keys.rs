//! The public keys of clients. Those that stand in a registration are read there; those that a
//! client publishes (`jwks_uri`) are fetched, kept for as long as their server says within bounds,
//! and fetched again when something is signed with a key that is not among them. That costs at most
//! one request a pause, whatever strangers send in the name of the client. The same holds for other
//! issuers whose word is taken.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use countersign_jose::{Error, KeySet};
use countersign_protocol::client::Client;
use countersign_protocol::client_certificate::ClientCertificate;
use countersign_protocol::client_keys::{ClientKeys, may_be_outdated};
use countersign_protocol::freshness::{self, Bounds};

use crate::app::App;
use crate::web::outbound::{Outbound, OutboundError};
use crate::web::remote_cache::{Failure, RemoteCache, Timing};

/// Sets of keys that are kept.
const KEPT: usize = 1_000;
/// The longest set that is read, in bytes.
const SET_MAX_BYTES: usize = 64 * 1_024;

fn timing() -> Timing {
    let seconds = Duration::from_secs;
    let lifetime = Bounds { least: seconds(60), silent: seconds(300), most: seconds(3_600) };
    Timing { lifetime, stale: seconds(86_400), retry: seconds(10), pause: seconds(10) }
}

/// The keys that clients publish, by the URL at which they do.
#[derive(Debug)]
pub(crate) struct PublishedKeys(RemoteCache<ClientKeys>);

impl Default for PublishedKeys {
    fn default() -> Self {
        Self(RemoteCache::new(KEPT, timing()))
    }
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
        self.judge_with_all_keys(client, |keys| judge(keys.signatures())).await
    }

    /// The same with the keys that are published at a URL.
    ///
    /// # Errors
    /// Those of `judge`, or when there are no keys.
    pub(crate) async fn judge_with_keys_at<T>(
        &self,
        url: &str,
        judge: impl Fn(&KeySet) -> Result<T, Error>,
    ) -> Result<T, ClientKeyError> {
        self.judge_at(url, |keys| judge(keys.signatures())).await
    }

    /// Refuses a certificate that holds none of a client's keys (RFC 8705 §2.2).
    ///
    /// # Errors
    /// [`Error::UnknownKey`], or when there are no keys.
    pub(crate) async fn check_self_signed(
        &self,
        client: &Client,
        certificate: &ClientCertificate,
    ) -> Result<(), ClientKeyError> {
        let judge = |keys: &ClientKeys| match keys.are_held_by(certificate) {
            true => Ok(()),
            false => Err(Error::UnknownKey),
        };
        self.judge_with_all_keys(client, judge).await
    }

    async fn judge_with_all_keys<T>(
        &self,
        client: &Client,
        judge: impl Fn(&ClientKeys) -> Result<T, Error>,
    ) -> Result<T, ClientKeyError> {
        if let Some(registered) = ClientKeys::registered(client) {
            return Ok(judge(&registered?)?);
        }
        let url = client.jwks_uri.as_deref().ok_or(ClientKeyError::None)?;
        self.judge_at(url, judge).await
    }

    async fn judge_at<T>(
        &self,
        url: &str,
        judge: impl Fn(&ClientKeys) -> Result<T, Error>,
    ) -> Result<T, ClientKeyError> {
        let keys = self.published_keys.current(&self.outbound, url).await;
        let keys = keys.ok_or(ClientKeyError::Unavailable)?;
        let error = match judge(&keys) {
            Ok(good) => return Ok(good),
            Err(error) => error,
        };
        if may_be_outdated(&error)
            && let Some(newer) = self.published_keys.newer(&self.outbound, url, &keys).await
        {
            return Ok(judge(&newer)?);
        }
        Err(error.into())
    }
}

impl PublishedKeys {
    async fn current(&self, outbound: &Arc<Outbound>, url: &str) -> Option<Arc<ClientKeys>> {
        self.0.current(url, self.load(outbound, url)).await
    }

    async fn newer(
        &self,
        outbound: &Arc<Outbound>,
        url: &str,
        known: &Arc<ClientKeys>,
    ) -> Option<Arc<ClientKeys>> {
        self.0.newer(url, known, self.load(outbound, url)).await
    }

    /// While the keys can't be had, those that are held serve on: a client is not locked out
    /// because its server is down.
    fn load(
        &self,
        outbound: &Arc<Outbound>,
        url: &str,
    ) -> impl Future<Output = Result<(ClientKeys, Duration), Failure>> + Send + use<> {
        let (outbound, url, bounds) = (Arc::clone(outbound), url.to_owned(), self.0.lifetime());
        async move {
            fetch(&outbound, &url, &bounds).await.map_err(|error| {
                let code = error.code();
                tracing::warn!(url, code, %error, "the keys of a client could not be fetched");
                Failure::Unknown
            })
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
