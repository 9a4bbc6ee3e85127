//! What every handler works with.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use countersign_jose::{AccessToken, Algorithm, IdTokenHint, Policy, SigningKey};
use countersign_protocol::client::Client;
use countersign_protocol::grant::GrantId;
use countersign_protocol::grant_token;
use countersign_protocol::jwt_grant::TrustedIssuer;
use countersign_protocol::key_schedule;
use countersign_protocol::keyring;
use countersign_protocol::lifetimes::{
    CLOCK_STEP_MAX, LEEWAY_MAX, Lifetimes, token_revocation_horizon,
};
use countersign_protocol::metadata_document;
use countersign_protocol::offer::Offer;
use countersign_protocol::opaque_token;
use countersign_protocol::token::Issuing;
use countersign_protocol::token_format::TokenFormat;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::{Ended, EndedClient, Moment, Position, Store, StoreError};
use countersign_verify::{
    DenySet, ReplayGuard, Revoked, SteadyClock, TokenCache, TokenNames, Verifier,
};
use ipnet::IpNet;
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};

use crate::client_keys::PublishedKeys;
use crate::config::AuthorizationSection;
use crate::followers::Followers;
use crate::jobs::LastFollowed;
use crate::keys::{Keys, ServingKeys};
use crate::master_key::Master;
use crate::metrics::Metrics;
use crate::oauth::documents;
use crate::oauth::sender::SenderConstraint;
use crate::oauth::status_lists::StatusLists;
use crate::own_token::OwnToken;
use crate::pages::logo::Logos;
use crate::passwords::Passwords;
use crate::process::{self, SystemRandom};
use crate::replay::StoredUses;
use crate::self_registration::SelfRegistration;
use crate::sign_in_throttle::SignInThrottle;
use crate::token_formats::TokenFormats;
use crate::web::document::Document;
use crate::web::outbound::Outbound;
use crate::web::site::Site;

/// Room for tokens that were introspected or shown to userinfo, some 4,600 usual ones.
const TOKEN_CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Clients that are kept in memory.
const CLIENTS_KEPT: usize = 10_000;
/// Answers that wait for every verifier at a time.
const BARRIERS_MAX: usize = 256;
/// How long a token request of a client that was revoked just now waits for the next second.
const REVOKED_CLIENT_PATIENCE: Duration = Duration::from_secs(3);
/// How long a request waits for a signing key that is still being made.
const KEY_PATIENCE: Duration = Duration::from_secs(15);

/// The authorization server's state, shared by all requests.
pub(crate) struct App {
    pub(crate) issuer: String,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) fast_forward_until: Option<Timestamp>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) offer: Offer,
    /// Other issuers whose word is taken, by their identifiers.
    pub(crate) trusted_issuers: HashMap<String, TrustedIssuer>,
    pub(crate) site: Site,
    /// Asks at URLs that others named.
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) published_keys: PublishedKeys,
    pub(crate) self_registration: SelfRegistration,
    pub(crate) logos: Logos,
    pub(crate) master: Arc<Master>,
    pub(crate) keys: Keys,
    pub(crate) key_settings: key_schedule::Settings,
    pub(crate) denied: DenySet,
    pub(crate) followers: Arc<Followers>,
    /// The place in the order of revocations up to which this server itself has followed the store:
    /// its own deny set, and its keys.
    pub(crate) followed: watch::Sender<u64>,
    /// When it did so last.
    pub(crate) followed_at: LastFollowed,
    /// Answers that wait for every verifier.
    pub(crate) barriers: Semaphore,
    pub(crate) sender_constraint: SenderConstraint,
    pub(crate) authorization: AuthorizationSection,
    /// Remembers DPoP proofs and client assertions, in the store.
    pub(crate) used_tokens: Arc<dyn ReplayGuard>,
    pub(crate) passwords: Passwords,
    pub(crate) sign_in_throttle: SignInThrottle,
    /// Counts the codes of devices that nobody has.
    pub(crate) code_throttle: SignInThrottle,
    pub(crate) metrics: Metrics,
    /// Shown on the sign-in page: the demo users of `dev`.
    pub(crate) sign_in_hint: Option<String>,
    /// Turns true when the declared users are in the store.
    pub(crate) users_declared: watch::Sender<bool>,
    /// Turns true when the server is stopping.
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) position: watch::Receiver<Position>,
    store: Arc<dyn Store>,
    steady: SteadyClock,
    /// The latest time of issue of an access token, in milliseconds since the epoch.
    latest_issue: AtomicU64,
    clients: Cache<String, (u64, Arc<Client>)>,
    token_formats: TokenFormats,
    pub(crate) status_lists: StatusLists,
    verified_tokens: TokenCache,
    own_access_tokens: Policy<AccessToken>,
    revocable_access_tokens: Policy<AccessToken>,
    id_token_hints: Policy<IdTokenHint>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What handlers get: the state, and the documents that never change.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) app: Arc<App>,
    pub(crate) metadata: Document,
    /// The verifier of the sample API, which belongs to what has to be ready in `dev`.
    pub(crate) sample: Option<Arc<Verifier>>,
}

impl Shared {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let metadata = documents::describe(&app);
        Self { metadata, app, sample: None }
    }
}

/// The parts that [`App::new`] puts together.
pub(crate) struct Parts {
    pub(crate) issuer: String,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) fast_forward_until: Option<Timestamp>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) outbound: Outbound,
    pub(crate) offer: Offer,
    pub(crate) self_registration: SelfRegistration,
    pub(crate) trusted_issuers: Vec<TrustedIssuer>,
    pub(crate) master: Arc<Master>,
    pub(crate) keys: ServingKeys,
    /// What tokens are to be signed with beside the usual.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) sender_constraint: SenderConstraint,
    pub(crate) authorization: AuthorizationSection,
    pub(crate) key_settings: key_schedule::Settings,
    pub(crate) metrics: Metrics,
    pub(crate) sign_in_hint: Option<String>,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) store: Arc<dyn Store>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Result<Self, countersign_jose::Error> {
        Ok(Self {
            verified_tokens: TokenCache::new(TOKEN_CACHE_BYTES),
            own_access_tokens: Policy::own_access_token(&parts.issuer, keyring::ALGORITHMS)?
                .leeway(Duration::ZERO),
            revocable_access_tokens: Policy::own_access_token_of_any_age(
                &parts.issuer,
                keyring::ALGORITHMS,
            )?
            .leeway(LEEWAY_MAX),
            id_token_hints: Policy::own_id_token_hint(&parts.issuer, keyring::ALGORITHMS)?,
            site: Site::new(&parts.issuer, Arc::clone(&parts.keys.forms)),
            issuer: parts.issuer,
            lifetimes: parts.lifetimes,
            fast_forward_until: parts.fast_forward_until,
            trusted_proxies: parts.trusted_proxies,
            outbound: Arc::new(parts.outbound),
            published_keys: PublishedKeys::default(),
            master: parts.master,
            offer: parts.offer,
            self_registration: parts.self_registration,
            logos: Logos::default(),
            keys: Keys::new(parts.keys, parts.algorithms),
            trusted_issuers: parts
                .trusted_issuers
                .into_iter()
                .map(|trusted| (trusted.issuer.clone(), trusted))
                .collect(),
            key_settings: parts.key_settings,
            denied: DenySet::new(),
            followers: Arc::default(),
            followed: watch::Sender::new(0),
            followed_at: LastFollowed::new(),
            barriers: Semaphore::new(BARRIERS_MAX),
            sender_constraint: parts.sender_constraint,
            authorization: parts.authorization,
            used_tokens: Arc::new(StoredUses(Arc::clone(&parts.store))),
            passwords: Passwords::new(),
            sign_in_throttle: SignInThrottle::default(),
            code_throttle: SignInThrottle::default(),
            metrics: parts.metrics,
            sign_in_hint: parts.sign_in_hint,
            users_declared: watch::Sender::new(false),
            stopping: parts.stopping,
            position: parts.store.position(),
            store: parts.store,
            steady: SteadyClock::new(process::now()),
            latest_issue: AtomicU64::default(),
            clients: Cache::new(CLIENTS_KEPT),
            token_formats: TokenFormats::default(),
            status_lists: StatusLists::default(),
        })
    }

    /// The store.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The time by which revocations are forgotten: never ahead, even while the clock is.
    pub(crate) fn time_to_forget(&self) -> Timestamp {
        self.steady.read(process::now())
    }

    /// The present moment for a step of the store.
    pub(crate) fn moment(&self) -> Moment {
        Moment::new(process::now(), &self.lifetimes)
    }

    /// The circumstances for making tokens.
    pub(crate) fn issuing(&self, now: Timestamp) -> Issuing<'_> {
        self.latest_issue.fetch_max(now.as_millis(), Ordering::Relaxed);
        let random = &SystemRandom;
        Issuing { issuer: &self.issuer, lifetimes: &self.lifetimes, now, random }
    }

    /// The latest time of issue of an access token, by the clock of that moment.
    pub(crate) fn latest_issue(&self) -> Timestamp {
        Timestamp::from_millis(self.latest_issue.load(Ordering::Relaxed))
    }

    /// A client that is registered and not disabled. Read from memory as long as nothing has
    /// changed in the store. Or one that a document describes, see [`MetadataDocuments`].
    ///
    /// [`MetadataDocuments`]: crate::metadata_documents::MetadataDocuments
    pub(crate) async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if metadata_document::is_document_id(client_id) {
            return self.documented_client(client_id).await;
        }
        let version = self.position.borrow().catalogue;
        if let Some((read_at, client)) = self.clients.get(client_id)
            && read_at == version
        {
            return Ok(Some(client));
        }
        let found = self.store.client(client_id).await?.filter(|client| !client.disabled);
        let Some(client) = found.and_then(|client| self.profiled(client)) else { return Ok(None) };
        // The keys are there, and published, before the first token.
        client.signature_algorithms().for_each(|algorithm| self.keys.want(algorithm));
        self.clients.insert(client_id.to_owned(), (version, Arc::clone(&client)));
        Ok(Some(client))
    }

    /// The client under the profile that holds for everybody here. One that falls short of it, such
    /// as one that was registered before, is refused as if it were unknown.
    fn profiled(&self, client: Client) -> Option<Arc<Client>> {
        let client_id = client.client_id.clone();
        let profiled = client.under(self.authorization.profile).inspect_err(|faults| {
            tracing::warn!(client_id, faults = faults.join("; "), "a client breaks its profile");
        });
        profiled.ok().map(Arc::new)
    }

    /// A client that a document describes, unless an operator has closed it. Nothing else that may
    /// be stored under such an id counts.
    async fn documented_client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let Some(documents) = &self.self_registration.documents else { return Ok(None) };
        if self.store.client(client_id).await?.is_some_and(|closed| closed.disabled) {
            return Ok(None);
        }
        let client = documents.client(&self.outbound, client_id).await;
        let client = client.and_then(|client| match self.authorization.profile {
            None => Some(client),
            Some(_) => self.profiled((*client).clone()),
        });
        let algorithms = client.iter().flat_map(|client| client.signature_algorithms());
        algorithms.for_each(|algorithm| self.keys.want(algorithm));
        Ok(client)
    }

    /// A client as far as it is known here: nobody is asked about it.
    pub(crate) async fn known_client(
        &self,
        client_id: &str,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        if metadata_document::is_document_id(client_id) {
            let documents = self.self_registration.documents.as_ref();
            return Ok(documents.and_then(|documents| documents.held(client_id)));
        }
        self.client(client_id).await
    }

    /// Opens a code or refresh token. Junk ends here, before any storage is touched.
    pub(crate) fn open_grant_token(
        &self,
        kind: grant_token::Kind,
        token: &str,
    ) -> Result<(GrantId, u64), OAuthError> {
        self.keys.load().grant_tokens.open(kind, token).map_err(|error| {
            self.metrics.junk_tokens.inc();
            OAuthError::new(ErrorCode::InvalidGrant, error.to_string())
        })
    }

    /// The same for a text that may as well be of another kind; then it is no junk.
    pub(crate) fn find_grant_token(
        &self,
        kind: grant_token::Kind,
        token: &str,
    ) -> Option<(GrantId, u64)> {
        if kind.is_claimed_by(token) { self.open_grant_token(kind, token).ok() } else { None }
    }

    /// The key that signs with an algorithm. At the first start an RSA key takes a moment, and so
    /// does the first key of an algorithm that nobody asked for before.
    pub(crate) async fn signing_key(
        &self,
        algorithm: Algorithm,
    ) -> Result<Arc<SigningKey>, OAuthError> {
        if !self.keys.are_confirmed() {
            let why = "this server does not know any more which key signs; try again";
            return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why));
        }
        let find = || self.keys.load().keyring.signing_key(algorithm).cloned();
        let deadline = tokio::time::Instant::now() + KEY_PATIENCE;
        loop {
            if let Some(key) = find() {
                return Ok(key);
            }
            self.keys.want(algorithm);
            if tokio::time::Instant::now() > deadline {
                let why = "the signing key is still being made; try again";
                return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Judges one of this server's own access tokens: signature, time, revocation. Only while it is
    /// known what was revoked; else nothing is said of any, or it would show which are good.
    pub(crate) fn verify_access_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<OwnToken>, OAuthError> {
        if self.followed_at.is_too_long_ago() {
            let why = "this server does not know any more what was revoked; try again";
            return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why));
        }
        let token = self.judge(&self.own_access_tokens, token, now);
        Ok(token.filter(|token| !self.denied.is_revoked(token.names(), now)))
    }

    /// Reads one of this server's own access tokens that some verifier may still accept, and until
    /// when its revocation counts: a clock that is behind accepts it for a while after it has
    /// expired here, and it may have been issued by a clock that was ahead.
    pub(crate) fn revocable_access_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Option<(OwnToken, Timestamp)> {
        let latest = now.plus(CLOCK_STEP_MAX);
        let token = self.judge(&self.revocable_access_tokens, token, latest)?;
        let until = token_revocation_horizon(Timestamp::from_secs(token.expires_at));
        (now < until && !self.denied.is_revoked(token.names(), now)).then_some((token, until))
    }

    fn judge(&self, policy: &Policy<AccessToken>, token: &str, now: Timestamp) -> Option<OwnToken> {
        if opaque_token::is_opaque(token) {
            let claims = self.keys.load().opaque_tokens.open(token).inspect_err(|_| {
                self.metrics.junk_tokens.inc();
            });
            Some(OwnToken::Opaque(Box::new(policy.judge_claims(&claims.ok()?, now).ok()?)))
        } else {
            let keys = self.keys.load();
            let keys = keys.keyring.verification();
            Some(OwnToken::Signed(self.verified_tokens.verify(policy, keys, token, now).ok()?))
        }
    }

    /// The form of an access token of a client for these resources.
    pub(crate) async fn token_format(
        &self,
        client: &Client,
        audience: &[String],
    ) -> Result<TokenFormat, StoreError> {
        let version = self.position.borrow().catalogue;
        let formats = self.token_formats.at(version, self.store()).await?;
        Ok(formats.choose(client, audience))
    }

    /// Gives back the memory of tokens that would not be accepted any more.
    pub(crate) fn prune_verified_tokens(&self, now: Timestamp) {
        self.verified_tokens.prune(self.keys.load().keyring.verification(), now);
    }

    /// Reads an id token that this server signed with a key of its own, even if it has expired.
    pub(crate) fn own_id_token_hint(&self, token: &str, now: Timestamp) -> Option<IdTokenHint> {
        let keys = self.keys.load();
        let verified = self.id_token_hints.verify(keys.keyring.verification(), token, now);
        Some(verified.ok()?.into_inner())
    }

    /// Makes this server itself refuse the tokens that it has just ended, without waiting for the
    /// news to come back from the store.
    pub(crate) fn deny(&self, ended: &Ended) {
        let grants = match &ended.client {
            Some(EndedClient { client_id, issued_until, exchanged }) => {
                let revoked = Revoked::Client { client_id, issued_until: *issued_until };
                self.denied.insert(revoked, ended.expires_at);
                self.metrics.revocations.inc();
                exchanged
            }
            None => &ended.grants,
        };
        for grant in grants {
            self.denied.insert(Revoked::Grant(&grant.to_string()), ended.expires_at);
        }
        self.metrics.revocations.inc_by(grants.len() as u64);
    }

    /// The same for one grant that a rule has ended. The news from the store may make it last
    /// longer.
    pub(crate) fn deny_grant(&self, ended: GrantId) {
        let until = self.lifetimes.revocation_horizon(process::now());
        self.denied.insert(Revoked::Grant(&ended.to_string()), until);
        self.metrics.revocations.inc();
    }

    /// Waits until a token that is issued now outlives a revocation of its client: `iat` has whole
    /// seconds, so what is issued in the same one would be refused everywhere.
    pub(crate) async fn outlive_revocation(&self, client_id: &str) -> Result<(), OAuthError> {
        let deadline = tokio::time::Instant::now() + REVOKED_CLIENT_PATIENCE;
        loop {
            let now = process::now();
            let would_be = TokenNames {
                token_id: "",
                grant_id: None,
                client_id,
                issued_at: now.as_secs(),
                key_id: None,
            };
            if !self.denied.is_revoked(would_be, now) {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                let why = "the client's tokens are revoked up to a later time; try again";
                return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The `Authorization` header as text, if there is exactly one.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| {
            let why = "the Authorization header is not plain text";
            OAuthError::new(ErrorCode::InvalidClient, why)
        }),
        (Some(_), Some(_)) => Err(OAuthError::new(
            ErrorCode::InvalidRequest,
            "the Authorization header stands more than once",
        )),
    }
}
