//! Asks the issuer what a token means, as rarely as possible: one question for each token at a
//! time, so many at once and no more, and the answer is remembered.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use countersign_jose::{Error as TokenError, IntrospectionResponse, Policy, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};

use crate::{
    Caller, Error,
    clock::{self, Moment},
    discovery::Endpoints,
    fetch::{FetchError, Fetcher},
    introspection::{self, Form, Unusable},
    metrics::SharedCounter,
    remembered::Remembered,
    verifier::Shared,
};

/// Requests that are under way at once.
const OPEN_MAX: usize = 32;
/// Tokens that wait for an answer at once. Beyond it the verifier says that it cannot judge.
const WAITING_MAX: usize = 1_024;
/// Room for a long answer, signed.
const MAX_BYTES: usize = 64 * 1024;
/// Room for refusals: some hundreds.
const REFUSED_BYTES: u64 = 1024 * 1024;
const SIGNED: &str = "application/token-introspection+jwt";

/// What the issuer said, and when it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) verdict: Result<Caller, Error>,
    asked_at: Moment,
}

/// How the issuer is asked.
pub(crate) struct Asking {
    pub(crate) credentials: HeaderValue,
    /// What a signed answer has to satisfy; `None` where plain ones will do.
    pub(crate) signed: Option<Policy<IntrospectionResponse>>,
    /// How long an answer counts where no feed would tell of its end.
    pub(crate) max_age: Duration,
    pub(crate) cache_bytes: u64,
}

/// Questions and answers.
pub(crate) struct Introspector {
    asking: Asking,
    runtime: Handle,
    fetcher: Fetcher,
    endpoints: watch::Receiver<Option<Arc<Endpoints>>>,
    accepted: Remembered<Told>,
    refused: Remembered<Told>,
    pub(crate) hits: SharedCounter,
    waiting: Mutex<HashMap<Box<str>, watch::Receiver<Option<Told>>>>,
    open: Semaphore,
    strangers: Mutex<Allowance>,
}

/// So many questions for texts of which nothing is known, and then so many a second.
#[derive(Debug)]
struct Allowance {
    left: f64,
    counted_at: Instant,
}

/// Questions in a row, and a second, for texts that could be any issuer's.
const STRANGERS: f64 = 50.0;

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("the issuer's metadata names no introspection endpoint")]
    NotOffered,
    #[error("the introspection endpoint answered {0}")]
    Status(StatusCode),
    #[error("the answer is not signed")]
    NotSigned,
    #[error("the keys have not been loaded yet")]
    NoKeys,
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Introspector {
    pub(crate) fn new(
        asking: Asking,
        runtime: Handle,
        endpoints: watch::Receiver<Option<Arc<Endpoints>>>,
    ) -> Self {
        Self {
            accepted: Remembered::new(asking.cache_bytes),
            refused: Remembered::new(REFUSED_BYTES.min(asking.cache_bytes)),
            asking,
            runtime,
            fetcher: Fetcher::keeping_connections(),
            endpoints,
            hits: SharedCounter::default(),
            waiting: Mutex::default(),
            open: Semaphore::new(OPEN_MAX),
            strangers: Mutex::new(Allowance { left: STRANGERS, counted_at: Instant::now() }),
        }
    }

    /// How long an answer counts where no feed would tell of its end.
    pub(crate) const fn max_age(&self) -> Duration {
        self.asking.max_age
    }

    /// What the issuer said of this text, if it was asked no longer ago than `limit`.
    pub(crate) fn remembered(
        &self,
        shared: &Shared,
        token: &str,
        limit: Option<Duration>,
        now: Timestamp,
    ) -> Option<Told> {
        let is_recent = |told: &Told, limit| told.asked_at.age(now) <= limit;
        if let Some(told) = self.accepted.get(token) {
            if limit.is_none_or(|limit| is_recent(&told, limit)) {
                self.hits.add_one();
                return Some(told);
            }
            return None;
        }
        let kept = shared.timing.refusal_kept.min(limit.unwrap_or(Duration::MAX));
        self.refused.get(token).filter(|told| is_recent(told, kept))
    }

    /// Asks, or waits for the answer that somebody else is waiting for. `signed` says that the
    /// token was found good here, and only has to be confirmed.
    pub(crate) async fn ask(
        shared: &Arc<Shared>,
        token: &str,
        signed: bool,
    ) -> Result<Told, Error> {
        let Some(introspector) = &shared.introspector else { return Err(Error::Opaque) };
        let mut answer = introspector.join(shared, token, signed)?;
        let told = answer.wait_for(Option::is_some).await;
        // The other end is gone without a word only if there was no answer.
        let told = told.ok().and_then(|told| told.clone());
        told.ok_or(Error::IntrospectionFailed)
    }

    /// Gives back the memory of answers that count no more.
    pub(crate) fn prune(&self, shared: &Shared, now: Timestamp) {
        let lives = |told: &Told| {
            let ends = told.verdict.as_ref().map(|caller| Timestamp::from_secs(caller.expires_at));
            ends.is_ok_and(|ends| now < ends.plus(shared.leeway))
        };
        self.accepted.retain(lives);
        self.refused.retain(|told| told.asked_at.age(now) <= shared.timing.refusal_kept);
    }

    pub(crate) fn len(&self) -> usize {
        self.accepted.len()
    }

    fn join(
        &self,
        shared: &Arc<Shared>,
        token: &str,
        signed: bool,
    ) -> Result<watch::Receiver<Option<Told>>, Error> {
        let mut waiting = self.waiting();
        if let Some(answer) = waiting.get(token) {
            return Ok(answer.clone());
        }
        if waiting.len() >= WAITING_MAX || !(signed || self.may_ask(token)) {
            shared.counters.introspections_throttled.add_one();
            return Err(Error::IntrospectionFailed);
        }
        let (tell, answer) = watch::channel(None);
        waiting.insert(token.into(), answer.clone());
        let question = Question { shared: shared.clone(), token: token.into() };
        // A task of its own: who asked first may go away, and the others still want to know.
        self.runtime.spawn(async move {
            if let Some(told) = question.ask().await {
                tell.send_replace(Some(told));
            }
        });
        Ok(answer)
    }

    /// Junk in the form of our own tokens is bounded by what waits at once: the issuer sees through
    /// it in microseconds. Of other texts it may cost more.
    fn may_ask(&self, token: &str) -> bool {
        if introspection::form(token) == Form::Own {
            return true;
        }
        let mut allowance = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let earned = (now - allowance.counted_at).as_secs_f64() * STRANGERS;
        allowance.left = (allowance.left + earned).min(STRANGERS);
        allowance.counted_at = now;
        let may = allowance.left >= 1.0;
        if may {
            allowance.left -= 1.0;
        }
        may
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Box<str>, watch::Receiver<Option<Told>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn question(&self, shared: &Shared, token: &str) -> Result<Told, AskError> {
        let within = shared.timing.question;
        let asked = async {
            // Never closed.
            let _turn = self.open.acquire().await;
            let asked_at = Moment::now();
            let verdict = self.request(shared, token).await?;
            Ok(Told { verdict, asked_at })
        };
        timeout(within, asked).await.unwrap_or(Err(AskError::TimedOut(within)))
    }

    async fn request(
        &self,
        shared: &Shared,
        token: &str,
    ) -> Result<Result<Caller, Error>, AskError> {
        let endpoints = self.endpoints.borrow().clone();
        let endpoint = endpoints.and_then(|endpoints| endpoints.introspection.clone());
        let endpoint = endpoint.ok_or(AskError::NotOffered)?;
        let accept = if self.asking.signed.is_some() { SIGNED } else { "application/json" };
        let headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static(accept)),
            (header::AUTHORIZATION, self.asking.credentials.clone()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ]);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        shared.counters.introspections.add_one();
        let within = shared.timing.question;
        let body = Bytes::from(form);
        let reply = self.fetcher.post(&endpoint, headers, body, MAX_BYTES, within).await?;
        if reply.status != StatusCode::OK {
            return Err(AskError::Status(reply.status));
        }
        let Some(answers) = &self.asking.signed else {
            return Ok(introspection::read(&reply.body, &shared.policy, clock::now())?);
        };
        let kind = reply.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        if !kind.is_some_and(|kind| kind.starts_with(SIGNED.as_bytes())) {
            return Err(AskError::NotSigned);
        }
        let read = || {
            let keys = shared.keys.keys();
            let keys = keys.as_ref().ok_or(AskError::NoKeys)?;
            let answers = (answers, &**keys);
            let read =
                introspection::read_signed(&reply.body, answers, &shared.policy, clock::now());
            Ok(read?)
        };
        let unknown = |outcome: &Result<_, AskError>| {
            let unknown = Unusable::Signature(TokenError::UnknownKey);
            matches!(outcome, Err(AskError::Unusable(reason)) if *reason == unknown)
        };
        let mut outcome = read();
        if unknown(&outcome) && shared.newer_keys().await {
            outcome = read();
        }
        outcome
    }
}

/// A question on its way. When it is over, however that comes, nobody waits for it any more.
struct Question {
    shared: Arc<Shared>,
    token: Box<str>,
}

impl Question {
    async fn ask(&self) -> Option<Told> {
        let introspector = self.shared.introspector.as_ref()?;
        match introspector.question(&self.shared, &self.token).await {
            Ok(told) => {
                let (keep, forget) = match &told.verdict {
                    Ok(_) => (&introspector.accepted, &introspector.refused),
                    Err(_) => (&introspector.refused, &introspector.accepted),
                };
                keep.insert(&self.token, told.clone());
                forget.remove(&self.token);
                Some(told)
            }
            Err(reason) => {
                self.shared.counters.introspection_failures.add_one();
                tracing::warn!(%reason, "the issuer could not be asked about a token");
                None
            }
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(introspector) = &self.shared.introspector {
            introspector.waiting().remove(&self.token);
        }
    }
}
