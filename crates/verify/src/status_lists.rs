//! Copies of the issuer's Token Status Lists. The first token that names a list waits for it; from
//! then on a task keeps the copy young, and no request waits.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use countersign_jose::{Algorithm, Error as TokenError, Policy, StatusListToken, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use papaya::HashMap;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    BuildError, Caller, Error, WhenStale,
    backoff::Backoff,
    clock::{self, Moment},
    fetch::{FetchError, Fetcher},
    secure_url,
    status::{self, List, Packed},
    verifier::Shared,
};

/// An issuer with more lists than this is not followed any further.
const LISTS_MAX: usize = 64;
/// A list that no token has named for so long is given up.
const UNUSED: Duration = Duration::from_secs(900);
const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// The lists that tokens have named.
pub(crate) struct StatusLists {
    issuer: String,
    algorithms: Vec<Algorithm>,
    /// The scheme and authority of every place that a list may come from.
    allowed: Vec<Uri>,
    runtime: Handle,
    fetcher: Fetcher,
    origin: Instant,
    kept: HashMap<Box<str>, Arc<Kept>>,
    /// Held while a list is added, so that each has one task.
    adding: Mutex<()>,
}

/// A list, and the task that keeps it young.
struct Kept {
    uri: Uri,
    text: Box<str>,
    copy: ArcSwapOption<Copy>,
    /// How often it was tried to fetch.
    tries: watch::Sender<u64>,
    /// Milliseconds after the origin.
    used_at: AtomicU64,
}

struct Copy {
    list: Arc<List>,
    /// It is as old as the question.
    asked_at: Moment,
    entity_tag: Option<HeaderValue>,
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("the status list answered {0}")]
    Status(StatusCode),
    #[error("the answer is no status list")]
    NotAList,
    #[error("the keys have not been loaded yet")]
    NoKeys,
    #[error("the list was not accepted: {0}")]
    Token(#[from] TokenError),
    #[error("the list is older than the one that is held")]
    Older,
    #[error(transparent)]
    Packed(#[from] Packed),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl StatusLists {
    /// Lists come from the origin of `issuer` and from `others`.
    pub(crate) fn new(
        issuer: &str,
        others: &[String],
        algorithms: &[Algorithm],
        runtime: Handle,
    ) -> Result<Self, BuildError> {
        let places = std::iter::once(issuer).chain(others.iter().map(String::as_str));
        let allowed = places.map(|place| secure_url::parse(place, true));
        Ok(Self {
            issuer: issuer.to_owned(),
            algorithms: algorithms.to_vec(),
            allowed: allowed.collect::<Result<_, _>>().map_err(BuildError::StatusListOrigin)?,
            runtime,
            fetcher: Fetcher::new(),
            origin: Instant::now(),
            kept: HashMap::new(),
            adding: Mutex::default(),
        })
    }

    /// Judges a token by its list.
    pub(crate) fn judge(
        &self,
        shared: &Shared,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<(), Error> {
        if caller.signed().is_none() {
            // The issuer itself has just spoken of it.
            return Ok(());
        }
        let reference = status::reference(caller)?.ok_or(Error::NoStatus)?;
        let pinned = self.kept.pin();
        let kept = pinned.get(reference.uri).ok_or(Error::StatusUnknown)?;
        kept.used_at.store(self.millis(), Ordering::Relaxed);
        let copy = kept.copy.load();
        let copy = copy.as_ref().ok_or(Error::StatusUnknown)?;
        match copy.list.get(reference.index) {
            None => return Err(TokenError::InvalidClaim("status").into()),
            Some(0) => {}
            // What is invalid or suspended is so in an old copy as well.
            Some(_) => return Err(Error::Revoked),
        }
        let limit = copy.list.lifetime() + shared.max_staleness;
        let is_old = copy.asked_at.age(now) > limit || copy.list.has_expired(shared.leeway, now);
        if is_old && shared.when_stale != WhenStale::DangerAccept {
            return Err(Error::Stale);
        }
        Ok(())
    }

    /// Waits for the first copy of a token's list, if that is what is missing. Tells whether to
    /// look again.
    pub(crate) async fn first_copy(&self, shared: &Arc<Shared>, caller: &Caller) -> bool {
        let Ok(Some(reference)) = status::reference(caller) else { return false };
        let Some(kept) = self.keep(shared, reference.uri) else { return false };
        let mut tries = kept.tries.subscribe();
        let tried = tries.wait_for(|tries| *tries > 0);
        timeout(shared.timing.request, tried).await.is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The list at a place that is allowed. Nothing else from a token ever becomes a URL.
    fn keep(&self, shared: &Arc<Shared>, text: &str) -> Option<Arc<Kept>> {
        if let Some(kept) = self.kept.pin().get(text) {
            return Some(kept.clone());
        }
        let uri = secure_url::parse(text, true).ok().filter(|uri| self.is_allowed(uri))?;
        let _one_at_a_time = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let pinned = self.kept.pin();
        if let Some(kept) = pinned.get(text) {
            return Some(kept.clone());
        }
        if pinned.len() >= LISTS_MAX {
            return None;
        }
        let kept = Arc::new(Kept {
            uri,
            text: text.into(),
            copy: ArcSwapOption::empty(),
            tries: watch::Sender::new(0),
            used_at: AtomicU64::new(self.millis()),
        });
        pinned.insert(text.into(), kept.clone());
        self.runtime.spawn(follow(Arc::downgrade(shared), kept.clone()));
        Some(kept)
    }

    fn is_allowed(&self, uri: &Uri) -> bool {
        self.allowed.iter().any(|allowed| {
            uri.scheme() == allowed.scheme() && uri.authority() == allowed.authority()
        })
    }

    async fn load(&self, shared: &Shared, kept: &Kept) -> Result<Copy, LoadError> {
        let held = kept.copy.load_full();
        let mut headers =
            HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(MEDIA_TYPE))]);
        let entity_tag = held.as_ref().and_then(|held| held.entity_tag.clone());
        if let Some(entity_tag) = &entity_tag {
            headers.insert(header::IF_NONE_MATCH, entity_tag.clone());
        }
        let asked_at = Moment::now();
        let within = shared.timing.request;
        let limit = StatusListToken::MAX_BYTES;
        let reply = self.fetcher.get(&kept.uri, headers, limit, within).await?;
        let text = match (reply.status, held.as_ref()) {
            (StatusCode::OK, _) => {
                let kind = reply.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
                let is_list = kind.is_some_and(|kind| kind.starts_with(MEDIA_TYPE.as_bytes()));
                let text = str::from_utf8(&reply.body).ok().filter(|_| is_list);
                text.ok_or(LoadError::NotAList)?
            }
            (StatusCode::NOT_MODIFIED, Some(held)) if entity_tag.is_some() => {
                return Ok(Copy { list: held.list.clone(), asked_at, entity_tag });
            }
            (status, _) => return Err(LoadError::Status(status)),
        };
        let policy = Policy::status_list(&self.issuer, &kept.text, &self.algorithms)?;
        let policy = policy.leeway(shared.leeway);
        let read = || {
            let keys = shared.keys.keys();
            let keys = keys.as_ref().ok_or(LoadError::NoKeys)?;
            Ok::<_, LoadError>(policy.verify(keys, text, clock::now())?)
        };
        let mut verified = read();
        let unknown = LoadError::Token(TokenError::UnknownKey).to_string();
        if verified.as_ref().is_err_and(|reason| reason.to_string() == unknown)
            && shared.newer_keys().await
        {
            verified = read();
        }
        let verified = verified?;
        if held.is_some_and(|held| verified.issued_at < held.list.issued_at) {
            return Err(LoadError::Older);
        }
        let list = Arc::new(List::unpack(&verified, &shared.timing)?);
        let entity_tag = reply.headers.get(header::ETAG).cloned();
        Ok(Copy { list, asked_at, entity_tag })
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_unused(&self, kept: &Kept) -> bool {
        let used_at = Duration::from_millis(kept.used_at.load(Ordering::Relaxed));
        self.origin.elapsed().saturating_sub(used_at) > UNUSED
    }
}

/// Fetches a list again and again, until nobody needs it or the verifier is gone.
async fn follow(shared: Weak<Shared>, kept: Arc<Kept>) {
    let mut backoff = None;
    loop {
        let pause = {
            let Some(shared) = shared.upgrade() else { return };
            let Some(lists) = &shared.status_lists else { return };
            if lists.is_unused(&kept) {
                lists.kept.pin().remove(&kept.text);
                return;
            }
            let (first, limit) = shared.timing.keys_retry;
            let backoff = backoff.get_or_insert_with(|| Backoff::new(first, limit));
            match lists.load(&shared, &kept).await {
                Ok(copy) => {
                    shared.counters.status_list_loads.add_one();
                    backoff.reset();
                    // A fifth is kept in reserve for a load that takes long or fails once.
                    let lifetime = copy.list.lifetime();
                    kept.copy.store(Some(Arc::new(copy)));
                    lifetime - lifetime / 5
                }
                Err(reason) => {
                    shared.counters.status_list_failures.add_one();
                    let wait = backoff.wait();
                    tracing::warn!(%reason, retry_in = ?wait, "a status list could not be loaded");
                    wait
                }
            }
        };
        kept.tries.send_modify(|tries| *tries += 1);
        sleep(pause).await;
    }
}
