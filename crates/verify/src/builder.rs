//! How a verifier is described and started.

use std::{fmt, sync::Arc, time::Duration};

use countersign_jose::{Algorithm, Policy};
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::{AbortHandle, JoinHandle},
};

use crate::{
    BuildError, DenySet, DpopNonces, DpopRules, ReplayGuard, ReplayMemory, Verifier, WhenStale,
    acknowledge::Acknowledger,
    challenge::Offer,
    feed::{FeedFollower, basic_credentials},
    fetch::Fetcher,
    introspector::{Asking, Introspector},
    jwks_cache::JwksCache,
    metrics::Counters,
    proxy::Proxies,
    refresh::KeyRefresher,
    secure_url,
    sender::SenderRules,
    staleness::Freshness,
    status_lists::StatusLists,
    timing::Timing,
    token_cache::TokenCache,
    verifier::Shared,
};

const DEFAULT_ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::Ed25519, Algorithm::RS256];
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// The limit of the token policy itself.
const MAX_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_INTROSPECTION_MAX_AGE: Duration = Duration::from_secs(10);
/// A signed answer is made when it is asked for; beyond it, it is an old one.
const ANSWER_MAX_AGE: Duration = Duration::from_secs(30);
const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(10);
/// About 100 bytes each.
const DEFAULT_REPLAY_CAPACITY: usize = 1_000_000;
/// Some 9,000 usual tokens.
const DEFAULT_TOKEN_CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// A verifier in the making. Issuer, audience and a choice about revocations are needed; everything
/// else has a safe default.
#[must_use = "nothing is checked until start() is called"]
pub struct VerifierBuilder {
    issuer: String,
    audience: String,
    algorithms: Vec<Algorithm>,
    revocations: Revocations,
    max_staleness: Duration,
    when_stale: WhenStale,
    leeway: Duration,
    resource_metadata: Option<String>,
    status_lists: bool,
    status_list_origins: Vec<String>,
    introspection: Option<(String, String)>,
    signed_introspection: bool,
    introspection_max_age: Duration,
    instance: Option<String>,
    replay_guard: Arc<dyn ReplayGuard>,
    token_cache_bytes: u64,
    dpop_nonces: Option<DpopNonces>,
    binding_required: bool,
    public_url: Option<String>,
    proxies: Proxies,
    timing: Timing,
}

enum Revocations {
    Undecided,
    None,
    /// The `Authorization` header for the feed; `None` if the client id is empty.
    Follow(Option<HeaderValue>),
}

impl VerifierBuilder {
    pub(crate) fn new(issuer: &str, audience: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            algorithms: DEFAULT_ALGORITHMS.to_vec(),
            revocations: Revocations::Undecided,
            max_staleness: DEFAULT_MAX_STALENESS,
            when_stale: WhenStale::Reject,
            leeway: DEFAULT_LEEWAY,
            resource_metadata: None,
            instance: None,
            replay_guard: Arc::new(ReplayMemory::new(DEFAULT_REPLAY_CAPACITY)),
            token_cache_bytes: DEFAULT_TOKEN_CACHE_BYTES,
            dpop_nonces: None,
            binding_required: false,
            public_url: None,
            proxies: Proxies::default(),
            timing: Timing::default(),
            status_lists: false,
            status_list_origins: Vec::new(),
            introspection: None,
            signed_introspection: false,
            introspection_max_age: DEFAULT_INTROSPECTION_MAX_AGE,
        }
    }

    /// The algorithms that are accepted: ES256, Ed25519 and RS256 unless set.
    pub fn algorithms(self, algorithms: &[Algorithm]) -> Self {
        Self { algorithms: algorithms.to_vec(), ..self }
    }

    /// Follows the issuer's pushed revocations, as this client (HTTP Basic, RFC 6749 section
    /// 2.3.1).
    pub fn revocations(self, client_id: &str, client_secret: &str) -> Self {
        let credentials =
            (!client_id.is_empty()).then(|| basic_credentials(client_id, client_secret)).flatten();
        Self { revocations: Revocations::Follow(credentials), ..self }
    }

    /// Accepts that a revoked token stays good until it expires. To be said explicitly: forgetting
    /// about revocation should not be possible.
    pub fn no_revocations(self) -> Self {
        Self { revocations: Revocations::None, ..self }
    }

    /// Looks for revoked tokens in the issuer's Token Status Lists
    /// (draft-ietf-oauth-status-list): for issuers without a feed. A token has to name its list,
    /// and the list has to lie at the origin of the issuer or of
    /// [`status_list_origin`](Self::status_list_origin). With [`revocations`](Self::revocations)
    /// the lists are not needed, and not used.
    pub fn status_lists(self) -> Self {
        Self { status_lists: true, ..self }
    }

    /// Another place than the issuer where its status lists may lie: a URL of which scheme, host
    /// and port count.
    pub fn status_list_origin(mut self, url: &str) -> Self {
        self.status_list_origins.push(url.to_owned());
        self
    }

    /// How old the knowledge about revocations may be: 10 seconds unless set. The issuer confirms
    /// it every second, so less than 3 seconds makes every hiccup an outage.
    pub fn max_staleness(self, limit: Duration) -> Self {
        Self { max_staleness: limit, ..self }
    }

    /// What happens beyond that limit: tokens are refused unless set otherwise.
    pub fn when_stale(self, when_stale: WhenStale) -> Self {
        Self { when_stale, ..self }
    }

    /// How far the clocks of issuer and API may disagree: 30 seconds unless set, at most 300.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway: leeway.min(MAX_LEEWAY), ..self }
    }

    /// Takes opaque access tokens as well: the issuer is asked what they mean (RFC 7662), as this
    /// client (HTTP Basic), which has to protect the API's resource there. What it says is
    /// remembered for a minute, in as much room as [`token_cache`](Self::token_cache) has and
    /// beside it; the pushed revocations end it at once, and without them it counts for ten
    /// seconds ([`introspection_max_age`](Self::introspection_max_age)).
    pub fn introspection(self, client_id: &str, client_secret: &str) -> Self {
        Self { introspection: Some((client_id.to_owned(), client_secret.to_owned())), ..self }
    }

    /// Asks for signed answers (RFC 9701) and takes no others: then what lies between issuer and
    /// API cannot change them.
    pub fn signed_introspection(self) -> Self {
        Self { signed_introspection: true, ..self }
    }

    /// How long an answer about an opaque token counts with
    /// [`no_revocations`](Self::no_revocations): 10 seconds unless set.
    pub fn introspection_max_age(self, limit: Duration) -> Self {
        Self { introspection_max_age: limit, ..self }
    }

    /// The URL of the API's metadata, named in every challenge (RFC 9728 section 5.1). See
    /// [`ProtectedResource`](crate::ProtectedResource) for what to serve there.
    pub fn resource_metadata(self, url: &str) -> Self {
        Self { resource_metadata: Some(url.to_owned()), ..self }
    }

    /// What the issuer's operator sees this verifier called, in the list of those that confirm
    /// revocations: the name of the machine or the pod, at most 64 characters. Without one it goes
    /// by its client id and address.
    pub fn instance(self, name: &str) -> Self {
        let visible: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        Self { instance: Some(visible).filter(|name| !name.is_empty()), ..self }
    }

    /// How many used tokens are remembered at a time, in the memory of this process, for
    /// [`single_use`](crate::BearerLayer::single_use): a million unless set.
    pub fn replay_capacity(self, capacity: usize) -> Self {
        self.replay_guard(ReplayMemory::new(capacity))
    }

    /// Who remembers used tokens instead. Where several processes serve one API, one guard over a
    /// store that they share lets a token pass once among all of them.
    pub fn replay_guard(self, guard: impl ReplayGuard + 'static) -> Self {
        Self { replay_guard: Arc::new(guard), ..self }
    }

    /// How much memory tokens may take that were verified before, about 32 MiB unless set; 0 for
    /// none. Such a token needs no signature check, and everything that can change is still asked
    /// at each call: times, revocations, scopes, and that the issuer's keys are the same.
    pub fn token_cache(self, max_bytes: u64) -> Self {
        Self { token_cache_bytes: max_bytes, ..self }
    }

    /// Tokens that are bound to nothing are refused: whoever steals one gains nothing (RFC 9449,
    /// RFC 8705).
    pub fn require_bound_tokens(self) -> Self {
        Self { binding_required: true, ..self }
    }

    /// DPoP proofs must carry a nonce that this API has handed out in the last minutes, so that
    /// none can be made ahead (RFC 9449 section 9). The secret is at least 32 random bytes, the
    /// same in all processes that serve the API.
    pub fn dpop_nonces(self, nonces: DpopNonces) -> Self {
        Self { dpop_nonces: Some(nonces), ..self }
    }

    /// The URL under which clients reach this program; the path of a request comes after it. DPoP
    /// proofs name it. Without it the origin of the audience is taken, if the audience is a URL.
    pub fn public_url(self, url: &str) -> Self {
        Self { public_url: Some(url.to_owned()), ..self }
    }

    /// The proxies whose headers count, by the networks that they are in. A request is recognized
    /// by the [`Peer`](crate::Peer) in its extensions.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.proxies.listed = networks.into_iter().collect();
        self
    }

    /// A listed proxy tells the public URL, by `X-Forwarded-Proto` and `X-Forwarded-Host`, which it
    /// sets itself: for an API that is reached under several names.
    pub fn public_url_from_proxy(mut self) -> Self {
        self.proxies.tell_url = true;
        self
    }

    /// A listed proxy reports the client's certificate in this header; see
    /// [`CertificateThumbprint::from_header`](crate::CertificateThumbprint::from_header) for how.
    pub fn client_certificate_header(mut self, name: HeaderName) -> Self {
        self.proxies.certificate_header = Some(name);
        self
    }

    #[cfg(test)]
    pub(crate) fn timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// Starts the background tasks and returns at once. The verifier refuses everything until it is
    /// [`ready`](Verifier::ready); an issuer that is not up yet is tried again until it is.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn start(self) -> Result<Verifier, BuildError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let issuer = secure_url::parse(&self.issuer, true).map_err(BuildError::Issuer)?;
        if self.issuer.contains('?') {
            return Err(BuildError::Issuer("it has a query"));
        }
        if let Some(url) = &self.resource_metadata {
            secure_url::parse(url, true).map_err(BuildError::ResourceMetadata)?;
        }
        if self.algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
            return Err(BuildError::SymmetricAlgorithm);
        }
        let public_url = public_url(self.public_url.as_deref(), &self.audience)?;
        let policy = Policy::access_token(&self.issuer, &self.audience, &self.algorithms)?;
        let credentials = self.feed_credentials()?;
        let (endpoints, endpoints_seen) = watch::channel(None);
        let status_lists = self.lists(&runtime)?;
        let introspector = self
            .asking()?
            .map(|asking| Introspector::new(asking, runtime.clone(), endpoints_seen.clone()));
        let needs_nonce = self.dpop_nonces.is_some();
        let dpop = DpopRules::new();
        let dpop = match self.dpop_nonces {
            Some(nonces) => dpop.with_nonces(nonces),
            None => dpop,
        };
        let senders = SenderRules { dpop, binding_required: self.binding_required };
        let takes_dpop = !public_url.is_empty() || self.proxies.tell_url;
        let offer = Offer::new(self.resource_metadata, &senders, takes_dpop);
        let shared = Arc::new(Shared {
            issuer: self.issuer,
            policy: policy.leeway(self.leeway),
            leeway: self.leeway,
            keys: JwksCache::new(self.timing.unknown_key_pause),
            follows_revocations: credentials.is_some(),
            status_lists,
            introspector,
            verified_tokens: TokenCache::new(self.token_cache_bytes),
            deny_set: DenySet::new(),
            freshness: Freshness::new(),
            max_staleness: self.max_staleness,
            when_stale: self.when_stale,
            used_tokens: self.replay_guard,
            senders,
            needs_nonce,
            proxies: self.proxies,
            public_url,
            offer,
            counters: Counters::default(),
            changed: Notify::new(),
            timing: self.timing,
        });
        let fetcher = Arc::new(Fetcher::new());
        let keys = KeyRefresher::new(shared.clone(), fetcher.clone(), issuer, endpoints);
        let mut tasks = vec![abort(runtime.spawn(keys.run()))];
        if let Some(credentials) = credentials {
            let (places, told) = watch::channel(None);
            let telling =
                Acknowledger::new(shared.clone(), told, credentials.clone(), self.instance);
            let feed =
                FeedFollower::new(shared.clone(), fetcher, endpoints_seen, credentials, places);
            tasks.extend([runtime.spawn(feed.run()), runtime.spawn(telling.run())].map(abort));
        }
        Ok(Verifier::new(shared, tasks))
    }

    /// For the feed, if it is followed.
    fn feed_credentials(&self) -> Result<Option<HeaderValue>, BuildError> {
        match &self.revocations {
            Revocations::Undecided if self.status_lists => Ok(None),
            Revocations::Undecided => Err(BuildError::RevocationsUndecided),
            Revocations::None => Ok(None),
            Revocations::Follow(None) => Err(BuildError::EmptyClientId),
            Revocations::Follow(credentials) => Ok(credentials.clone()),
        }
    }

    /// Only where there is no feed to follow.
    fn lists(&self, runtime: &Handle) -> Result<Option<StatusLists>, BuildError> {
        if !self.status_lists || matches!(self.revocations, Revocations::Follow(_)) {
            return Ok(None);
        }
        let others = &self.status_list_origins;
        StatusLists::new(&self.issuer, others, &self.algorithms, runtime.clone()).map(Some)
    }

    fn asking(&self) -> Result<Option<Asking>, BuildError> {
        let Some((client_id, client_secret)) = &self.introspection else {
            let wanted = self.signed_introspection || self.when_stale == WhenStale::Introspect;
            return if wanted { Err(BuildError::IntrospectionUndecided) } else { Ok(None) };
        };
        let credentials =
            (!client_id.is_empty()).then(|| basic_credentials(client_id, client_secret)).flatten();
        let signed = self.signed_introspection.then(|| {
            let policy = Policy::introspection_response(&self.issuer, client_id, &self.algorithms)?;
            Ok::<_, BuildError>(policy.leeway(self.leeway).max_age(ANSWER_MAX_AGE))
        });
        Ok(Some(Asking {
            credentials: credentials.ok_or(BuildError::EmptyClientId)?,
            signed: signed.transpose()?,
            max_age: self.introspection_max_age,
            cache_bytes: self.token_cache_bytes,
        }))
    }
}

/// What comes before the path of a request; empty when nothing is known.
fn public_url(given: Option<&str>, audience: &str) -> Result<String, BuildError> {
    if let Some(url) = given {
        secure_url::parse(url, true).map_err(BuildError::PublicUrl)?;
        if url.contains('?') {
            return Err(BuildError::PublicUrl("it has a query"));
        }
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let uri = audience.parse::<Uri>().ok();
    let origin = uri.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
    Ok(origin.filter(|origin| origin.starts_with("http")).unwrap_or_default())
}

#[expect(clippy::needless_pass_by_value, reason = "the handle of a task that runs on by itself")]
fn abort(task: JoinHandle<()>) -> AbortHandle {
    task.abort_handle()
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
