//! Clients that nobody declared: what they are allowed, how many may come, and which of them are of
//! use to anybody.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_protocol::client::Client;
use countersign_protocol::rate::RateLimit;
use countersign_protocol::registration::Terms;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::StoreError;
use quick_cache::sync::Cache;

use crate::app::App;
use crate::config::{Config, RegistrationMode};
use crate::metadata_documents::MetadataDocuments;
use crate::web::client_ip::throttle_key;

/// Registrations from one address in [`WINDOW`]. A suite of tests registers a client for each.
const FROM_AN_ADDRESS: u32 = 200;
const WINDOW: Duration = Duration::from_secs(600);
/// A client that was never used goes after this long: registering costs nothing, and the number is
/// limited.
const NEVER_USED: Duration = Duration::from_secs(86_400);
/// A use is noted once in this time.
const USE_NOTED_MS: u64 = 86_400_000;
/// Clients whose last noted use is remembered.
const USES_KEPT: usize = 10_000;

/// What clients that register themselves find here.
#[derive(Debug)]
pub(crate) struct SelfRegistration {
    pub(crate) mode: RegistrationMode,
    pub(crate) terms: Terms,
    pub(crate) max_clients: u64,
    /// Documents that describe clients, where they are taken.
    pub(crate) documents: Option<MetadataDocuments>,
    unused: Duration,
    attempts: Mutex<RateLimit>,
    uses: Cache<String, u64>,
}

impl SelfRegistration {
    pub(crate) fn new(config: &Config) -> Self {
        let section = &config.registration;
        let terms = section.terms(&config.issuer);
        let documents = section
            .takes_documents()
            .then(|| MetadataDocuments::new(section.document_hosts.clone(), terms.clone()));
        Self {
            mode: section.mode,
            terms,
            documents,
            max_clients: section.max_clients,
            unused: Duration::from_secs(section.unused_days * 86_400),
            attempts: Mutex::new(RateLimit::new(FROM_AN_ADDRESS, WINDOW)),
            uses: Cache::new(USES_KEPT),
        }
    }

    /// Counts a registration from an address.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) -> Result<(), OAuthError> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.take(&throttle_key(address), now).map_err(|_| {
            let why = "too many clients were registered from this address; try again later";
            OAuthError::new(ErrorCode::TemporarilyUnavailable, why)
        })
    }

    /// Whether a use of a client is still to be noted for this time.
    fn is_news(&self, client_id: &str, now: Timestamp) -> bool {
        let day = now.as_millis() / USE_NOTED_MS;
        if self.uses.get(client_id) == Some(day) {
            return false;
        }
        self.uses.insert(client_id.to_owned(), day);
        true
    }
}

impl App {
    /// Notes that a client got a token. Nobody waits for it.
    pub(crate) fn note_client_use(self: &Arc<Self>, client: &Client, now: Timestamp) {
        if !client.self_registered || !self.self_registration.is_news(&client.client_id, now) {
            return;
        }
        let (app, client_id) = (Arc::clone(self), client.client_id.clone());
        tokio::spawn(async move {
            if let Err(error) = app.store().note_client_use(client_id, now).await {
                tracing::error!(code = error.code(), %error, "the use of a client was not noted");
            }
        });
    }

    /// Removes clients that registered themselves and that nobody uses.
    pub(crate) async fn forget_unused_clients(&self, now: Timestamp) -> Result<usize, StoreError> {
        let unused = now.minus(self.self_registration.unused);
        self.store().forget_unused_clients(now.minus(NEVER_USED), unused).await
    }
}
