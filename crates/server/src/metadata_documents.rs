//! Clients whose id is the URL of a document: the documents that were fetched. Anybody can have one
//! fetched by naming it in a request, so the number of requests is limited: for all together, and
//! for each host, which may be somebody else's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use countersign_protocol::OAuthError;
use countersign_protocol::client::Client;
use countersign_protocol::freshness::{self, Bounds};
use countersign_protocol::metadata_document;
use countersign_protocol::rate::RateLimit;
use countersign_protocol::registration::Terms;
use tokio::sync::Semaphore;

use crate::process;
use crate::web::outbound::{Outbound, OutboundError};
use crate::web::remote_cache::{Failure, RemoteCache, Timing};

/// Documents that are kept, of 5 KB at most.
const KEPT: usize = 2_000;
/// Fetches of unknown documents at a time: fewer than the way out allows, so that others get
/// through.
const AT_A_TIME: usize = 16;
const WINDOW: Duration = Duration::from_secs(60);
/// Fetches of unknown documents from one host in [`WINDOW`].
const FROM_A_HOST: u32 = 30;
/// And from all of them.
const FROM_ALL: u32 = 600;

fn timing() -> Timing {
    let seconds = Duration::from_secs;
    let lifetime = Bounds { least: seconds(60), silent: seconds(300), most: seconds(86_400) };
    Timing { lifetime, stale: seconds(86_400), retry: seconds(10), pause: seconds(10) }
}

/// The documents.
#[derive(Debug)]
pub(crate) struct MetadataDocuments {
    held: RemoteCache<Client>,
    gate: Arc<Gate>,
    /// The hosts that are asked; any when empty.
    hosts: Vec<String>,
    terms: Arc<Terms>,
}

/// Bounds for what strangers cause.
#[derive(Debug)]
struct Gate {
    hosts: Mutex<RateLimit>,
    all: Mutex<RateLimit>,
    turns: Semaphore,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the answer was {0}")]
    Status(StatusCode),
    #[error("{}", .0.description)]
    Document(#[from] OAuthError),
    #[error("too many documents were asked for")]
    TooMany,
}

impl FetchError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Outbound(error) => error.code(),
            Self::Status(_) => "document_status",
            Self::Document(_) => "document_unfit",
            Self::TooMany => "document_limit",
        }
    }

    /// A document that its owner took away or spoilt is gone; one whose server is down is not. What
    /// was refused is never kept (§5.2 of the draft).
    fn failure(&self) -> Failure {
        match self {
            Self::Document(_) | Self::Outbound(OutboundError::TooLong(_)) => Failure::Gone,
            Self::Status(status)
                if !status.is_server_error() && *status != StatusCode::TOO_MANY_REQUESTS =>
            {
                Failure::Gone
            }
            _ => Failure::Unknown,
        }
    }
}

impl MetadataDocuments {
    pub(crate) fn new(hosts: Vec<String>, terms: Terms) -> Self {
        let gate = Gate {
            hosts: Mutex::new(RateLimit::new(FROM_A_HOST, WINDOW)),
            all: Mutex::new(RateLimit::new(FROM_ALL, WINDOW)),
            turns: Semaphore::new(AT_A_TIME),
        };
        let held = RemoteCache::new(KEPT, timing());
        Self { held, gate: Arc::new(gate), hosts, terms: Arc::new(terms) }
    }

    /// The client that the document at this URL describes, fetched if need be.
    pub(crate) async fn client(
        &self,
        outbound: &Arc<Outbound>,
        client_id: &str,
    ) -> Option<Arc<Client>> {
        if !self.may_be_asked(client_id) {
            return None;
        }
        let (outbound, gate, terms) =
            (Arc::clone(outbound), Arc::clone(&self.gate), Arc::clone(&self.terms));
        let (id, bounds) = (client_id.to_owned(), self.held.lifetime());
        // One that was good before is asked for again whatever strangers do meanwhile.
        let known = self.held.held(client_id).is_some();
        let fetch = async move {
            let fetched = async {
                let _turn = if known { None } else { Some(gate.pass(&id).await?) };
                fetch(&outbound, &id, &terms, &bounds).await
            };
            fetched.await.map_err(|error: FetchError| {
                let code = error.code();
                tracing::info!(client_id = id, code, %error, "a client's document is not taken");
                error.failure()
            })
        };
        self.held.current(client_id, fetch).await
    }

    /// A client whose document is held: nobody is asked.
    pub(crate) fn held(&self, client_id: &str) -> Option<Arc<Client>> {
        self.held.held(client_id)
    }

    fn may_be_asked(&self, client_id: &str) -> bool {
        let listed = |host: String| self.hosts.iter().any(|one| one.eq_ignore_ascii_case(&host));
        metadata_document::check_id(client_id).is_ok()
            && (self.hosts.is_empty() || metadata_document::host(client_id).is_some_and(listed))
    }
}

impl Gate {
    /// Lets a fetch of an unknown document through, or not.
    async fn pass(&self, client_id: &str) -> Result<tokio::sync::SemaphorePermit<'_>, FetchError> {
        let now = process::now();
        let host = metadata_document::host(client_id).unwrap_or_default();
        for (limit, key) in [(&self.hosts, host.as_str()), (&self.all, "")] {
            let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
            limit.take(key, now).map_err(|_| FetchError::TooMany)?;
        }
        self.turns.try_acquire().map_err(|_| FetchError::TooMany)
    }
}

async fn fetch(
    outbound: &Outbound,
    client_id: &str,
    terms: &Terms,
    bounds: &Bounds,
) -> Result<(Client, Duration), FetchError> {
    let answer = outbound.get(client_id, metadata_document::DOCUMENT_MAX_BYTES).await?;
    if answer.status != StatusCode::OK {
        return Err(FetchError::Status(answer.status));
    }
    let client = metadata_document::read(client_id, &answer.body, terms)?;
    Ok((client, freshness::lifetime(&answer.headers, bounds)))
}

#[cfg(test)]
mod tests;
