//! The verifier itself: what it holds, and the one check that everything goes through.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use countersign_jose::{AccessToken, Policy, Timestamp};
use http::{Request, Response};
use tokio::{sync::Notify, task::AbortHandle, time::timeout};

use crate::{
    BearerError, BearerLayer, Caller, DenySet, Error, Metrics, Presented, Refusal, ReplayGuard,
    VerifierBuilder, WhenStale,
    challenge::{Offer, Tried},
    clock,
    introspection::{self, Form},
    introspector::{Introspector, Told},
    jwks_cache::{Ask, JwksCache},
    metrics::Counters,
    proxy::Proxies,
    sender::SenderRules,
    staleness::Freshness,
    status_lists::StatusLists,
    timing::Timing,
    token_cache::TokenCache,
};

/// Checks access tokens for one API. Cheap to clone; all clones are one verifier. Its background
/// tasks end with the last clone, layers included.
#[derive(Clone)]
pub struct Verifier {
    handle: Arc<Handle>,
}

/// Ends the tasks when the last verifier is gone. The tasks hold [`Shared`] only.
struct Handle {
    shared: Arc<Shared>,
    tasks: Vec<AbortHandle>,
    stopped: AtomicBool,
}

/// What the checks read and the background tasks write.
pub(crate) struct Shared {
    pub(crate) issuer: String,
    pub(crate) policy: Policy<AccessToken>,
    pub(crate) leeway: Duration,
    pub(crate) keys: JwksCache,
    pub(crate) follows_revocations: bool,
    /// Where there is no feed to follow.
    pub(crate) status_lists: Option<StatusLists>,
    pub(crate) introspector: Option<Introspector>,
    pub(crate) verified_tokens: TokenCache,
    pub(crate) deny_set: DenySet,
    pub(crate) freshness: Freshness,
    pub(crate) max_staleness: Duration,
    pub(crate) when_stale: WhenStale,
    pub(crate) used_tokens: Arc<dyn ReplayGuard>,
    pub(crate) senders: SenderRules,
    /// Whether proofs need a nonce.
    pub(crate) needs_nonce: bool,
    pub(crate) proxies: Proxies,
    /// The public URL that the paths of requests are below; empty where it is not known.
    pub(crate) public_url: String,
    pub(crate) offer: Offer,
    pub(crate) counters: Counters,
    /// Keys or revocations were loaded: whoever waits for readiness looks again.
    pub(crate) changed: Notify,
    pub(crate) timing: Timing,
}

impl Verifier {
    /// Begins to build a verifier of tokens that `issuer` issued for `audience`, the URL of the
    /// API.
    pub fn discover(issuer: &str, audience: &str) -> VerifierBuilder {
        VerifierBuilder::new(issuer, audience)
    }

    pub(crate) fn new(shared: Arc<Shared>, tasks: Vec<AbortHandle>) -> Self {
        Self { handle: Arc::new(Handle { shared, tasks, stopped: AtomicBool::new(false) }) }
    }

    /// Checks a token that came as `Authorization: Bearer` and with nothing else. One that is bound
    /// to a key or a certificate is refused: it is checked together with its proof, by
    /// [`verify_presented`](Self::verify_presented). Waits for nothing but this: if
    /// the token names a key that is not known, the keys may be loaded again once, for all such
    /// tokens together; and about an opaque token the issuer may be asked, once for all.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::is_temporary`] tells a bad token from a verifier that cannot judge.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, Error> {
        self.verify_presented(&Presented::bearer(token), now).await
    }

    /// Checks a token together with what its sender shows. Waits for nothing but three things: if
    /// the token names a key that is not known, the keys may be loaded again once, for all such
    /// tokens together; about an opaque token the issuer may be asked, once for all; and the guard
    /// of used proofs is asked.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify_presented(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<Caller, Error> {
        self.admit(presented, now).await.map(|(caller, _)| caller)
    }

    /// Answers a new nonce as well when the one of the proof is about to expire.
    pub(crate) async fn admit(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<(Caller, Option<String>), Error> {
        let shared = &self.handle.shared;
        let mut outcome = shared.check(presented.token, None, now);
        if outcome == Err(Error::Token(countersign_jose::Error::UnknownKey))
            && shared.newer_keys().await
        {
            outcome = shared.check(presented.token, None, now);
        }
        if outcome == Err(Error::StatusUnknown) && shared.first_status(presented.token, now).await {
            outcome = shared.check(presented.token, None, now);
        }
        if outcome == Err(Error::NotIntrospected) {
            // Nobody makes up a token that is good here and only has to be confirmed.
            let signed = shared.signed(presented.token, now).is_some();
            outcome = match Introspector::ask(shared, presented.token, signed).await {
                Ok(told) => shared.check(presented.token, Some(told), now),
                Err(reason) => Err(reason),
            };
        }
        let outcome = match outcome {
            Ok(caller) => shared.check_sender(caller, presented, now).await,
            Err(reason) => Err(reason),
        };
        shared.count(&outcome);
        outcome
    }

    /// Checks a token as [`verify`](Self::verify) does, without ever waiting: a key that is not
    /// known is an error at once, and so is an opaque token about which nobody was asked yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_now(&self, token: &str, now: Timestamp) -> Result<Caller, Error> {
        let shared = &self.handle.shared;
        let outcome = shared.check(token, None, now).and_then(|caller| {
            let bare = Presented::bearer(token);
            shared.senders.judge(&caller, &bare, shared.needs_nonce, now)?;
            Ok(caller)
        });
        shared.count(&outcome);
        outcome
    }

    /// What a request presents: its token, and the proof or the certificate that comes with it.
    ///
    /// # Errors
    /// When there is not exactly one well-formed token.
    pub fn presented<'a, B>(&self, request: &'a Request<B>) -> Result<Presented<'a>, BearerError> {
        let shared = &self.handle.shared;
        Presented::of(request, &shared.proxies, &shared.public_url)
    }

    /// The answer to a request that was refused: status, challenges and a small JSON body.
    pub fn refuse<B, R: From<Bytes>>(&self, refusal: Refusal, request: &Request<B>) -> Response<R> {
        let shared = &self.handle.shared;
        let nonce = shared.senders.dpop.nonce(clock::now());
        refusal.into_response(&shared.offer, Tried { dpop: Presented::is_dpop(request), nonce })
    }

    /// Notes that a token was used that may be used once. What
    /// [`BearerLayer::single_use`] does for each request.
    ///
    /// # Errors
    /// [`Error::Replayed`], or that the guard cannot tell.
    pub async fn use_once(&self, token: &Caller, now: Timestamp) -> Result<(), Error> {
        let shared = &self.handle.shared;
        // Through the leeway an expired token still passes, so it is remembered as long.
        let until = Timestamp::from_secs(token.expires_at).plus(shared.leeway);
        let noted = shared.used_tokens.use_once(&token.issuer, &token.token_id, until, now);
        let outcome = noted.await.map_err(Error::from);
        match &outcome {
            Err(Error::Replayed) => shared.counters.refused_replayed.add_one(),
            Err(_) => shared.counters.refused_unavailable.add_one(),
            Ok(()) => {}
        }
        outcome
    }

    /// The clock difference that is tolerated.
    pub(crate) fn leeway(&self) -> Duration {
        self.handle.shared.leeway
    }

    /// A tower layer that lets only requests with a good bearer token through.
    pub fn layer(&self) -> BearerLayer {
        BearerLayer::new(self.clone())
    }

    /// Waits until tokens can be checked: keys and revocations are loaded. Returns at once after
    /// [`shutdown`](Self::shutdown).
    pub async fn ready(&self) {
        loop {
            let mut changed = std::pin::pin!(self.handle.shared.changed.notified());
            // From here on no change is missed, also one before the await.
            changed.as_mut().enable();
            if self.is_ready() || self.handle.stopped.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }

    /// Whether a good token would be accepted now: keys and revocations are loaded, and the
    /// revocations are not older than the limit, or the issuer is to be asked then.
    pub fn is_ready(&self) -> bool {
        let shared = &self.handle.shared;
        let fresh = match shared.judge_freshness(clock::now()) {
            Err(Error::Stale) => shared.when_stale == WhenStale::Introspect,
            fresh => fresh.is_ok(),
        };
        shared.keys.is_loaded() && fresh
    }

    /// Counters and ages, for the program's own metrics.
    pub fn metrics(&self) -> Metrics {
        let shared = &self.handle.shared;
        let introspector = shared.introspector.as_ref();
        Metrics {
            revocations: u64::try_from(shared.deny_set.len()).unwrap_or(u64::MAX),
            cached: shared.verified_tokens.hits(),
            cached_tokens: u64::try_from(shared.verified_tokens.len()).unwrap_or(u64::MAX),
            status_lists: shared
                .status_lists
                .as_ref()
                .map_or(0, |lists| u64::try_from(lists.len()).unwrap_or(u64::MAX)),
            introspected_before: introspector.map_or(0, |asked| asked.hits.get()),
            introspected_tokens: introspector
                .map_or(0, |asked| u64::try_from(asked.len()).unwrap_or(u64::MAX)),
            keys_age: shared.keys.age(),
            revocations_age: shared.freshness.age(clock::now()),
            revocations_applied: shared.freshness.applied(),
            ..shared.counters.read()
        }
    }

    /// Ends the background tasks of all clones. What was loaded goes on being used: keys for good,
    /// revocations until they are too old.
    pub fn shutdown(&self) {
        self.handle.tasks.iter().for_each(AbortHandle::abort);
        self.handle.stopped.store(true, Ordering::Release);
        self.handle.shared.changed.notify_waiters();
    }
}

impl Shared {
    /// The check. The token is judged first, so that a bad one is told so also while the verifier
    /// is not ready, and the deny set before its age: what is known to be revoked stays refused.
    ///
    /// `told` is what the issuer has just said of the token, if it was asked.
    fn check(&self, token: &str, told: Option<Told>, now: Timestamp) -> Result<Caller, Error> {
        let keys = self.keys.keys();
        let keys = keys.as_ref().ok_or(Error::NotReady)?;
        let caller = match self.verified_tokens.verify(&self.policy, keys, token, now) {
            Err(countersign_jose::Error::Malformed) => {
                self.introspected(token, told.as_ref(), now)?
            }
            Err(countersign_jose::Error::UnknownKey) if self.keys.is_by_withdrawn(token) => {
                return Err(Error::Revoked);
            }
            verified => verified?,
        };
        if self.deny_set.is_revoked(caller.names(), now) {
            return Err(Error::Revoked);
        }
        let fresh = match &self.status_lists {
            Some(lists) => lists.judge(self, &caller, now),
            None => self.judge_freshness(now),
        };
        match fresh {
            Err(Error::Stale) if self.when_stale == WhenStale::Introspect => {
                self.confirm(&caller, token, told, now)?;
            }
            fresh => fresh?,
        }
        Ok(caller)
    }

    /// A proof is judged at each call, whether the token was remembered or not.
    async fn check_sender(
        &self,
        caller: Caller,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<(Caller, Option<String>), Error> {
        let Some(proof) = self.senders.judge(&caller, presented, self.needs_nonce, now)? else {
            return Ok((caller, None));
        };
        proof.use_once(&*self.used_tokens, now).await.map_err(Error::of_proof)?;
        Ok((caller, proof.nonce_for_next().map(str::to_owned)))
    }

    /// Waits for the first copy of the status list of a token that is good otherwise. Tells whether
    /// to look again.
    async fn first_status(self: &Arc<Self>, token: &str, now: Timestamp) -> bool {
        let (Some(lists), Some(caller)) = (&self.status_lists, self.signed(token, now)) else {
            return false;
        };
        lists.first_copy(self, &caller).await
    }

    /// What a token says that the issuer has signed, whether it was revoked or not.
    fn signed(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let keys = self.keys.keys().clone()?;
        self.verified_tokens.verify(&self.policy, &keys, token, now).ok()
    }

    /// The caller that an opaque token stands for, by the word of its issuer.
    fn introspected(
        &self,
        token: &str,
        told: Option<&Told>,
        now: Timestamp,
    ) -> Result<Caller, Error> {
        let Some(introspector) = &self.introspector else {
            return Err(if introspection::is_own(token) {
                Error::Opaque
            } else {
                countersign_jose::Error::Malformed.into()
            });
        };
        if let Some(told) = told {
            return told.verdict.clone();
        }
        if introspection::form(token) == Form::Impossible {
            return Err(countersign_jose::Error::Malformed.into());
        }
        let limit = self.answer_limit(introspector, now);
        let Some(told) = introspector.remembered(self, token, limit, now) else {
            // Where no answer would do, nobody is asked.
            return Err(match self.judge_freshness(now) {
                Err(Error::Stale) if self.when_stale == WhenStale::Introspect => {
                    Error::NotIntrospected
                }
                Err(reason) => reason,
                Ok(()) => Error::NotIntrospected,
            });
        };
        let caller = told.verdict?;
        self.policy.recheck_claims(&caller, now)?;
        Ok(caller)
    }

    /// How old an answer may be. While the feed is followed, it ends what has to end; still the
    /// issuer is asked again now and then, since no event tells that it has withdrawn the secret
    /// that sealed a token.
    fn answer_limit(&self, introspector: &Introspector, now: Timestamp) -> Option<Duration> {
        if !self.follows_revocations {
            return Some(introspector.max_age());
        }
        match (self.when_stale, self.judge_freshness(now)) {
            (WhenStale::Introspect, Err(Error::Stale)) => Some(self.timing.answer_when_stale),
            (WhenStale::DangerAccept, _) if !self.freshness.is_fresh(self.max_staleness, now) => {
                None
            }
            _ => Some(self.timing.answer_kept),
        }
    }

    /// Makes sure, while the revocations are too old, that the issuer still stands by a token.
    fn confirm(
        &self,
        caller: &Caller,
        token: &str,
        told: Option<Told>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if told.is_none() && caller.signed().is_none() {
            // Its answer is as young as it has to be, or it would not have got here.
            return Ok(());
        }
        let introspector = self.introspector.as_ref().ok_or(Error::Stale)?;
        let limit = Some(self.timing.answer_when_stale);
        let told = told.or_else(|| introspector.remembered(self, token, limit, now));
        let confirmed = told.ok_or(Error::NotIntrospected)?.verdict?;
        if confirmed.names().token_id == caller.token_id { Ok(()) } else { Err(Error::Inactive) }
    }

    fn judge_freshness(&self, now: Timestamp) -> Result<(), Error> {
        if !self.follows_revocations {
            return Ok(());
        }
        if !self.freshness.is_known() {
            return Err(Error::NotReady);
        }
        match self.when_stale {
            WhenStale::DangerAccept => Ok(()),
            _ if self.freshness.is_fresh(self.max_staleness, now) => Ok(()),
            WhenStale::Reject | WhenStale::Introspect => Err(Error::Stale),
        }
    }

    /// Gets newer keys, or waits for those who are getting them. Tells whether to look again.
    pub(crate) async fn newer_keys(&self) -> bool {
        match self.keys.ask() {
            Ask::TooSoon => {
                self.counters.unknown_keys_throttled.add_one();
                false
            }
            Ask::Wait { mut done, first } => {
                if first {
                    self.counters.unknown_key_loads.add_one();
                }
                timeout(self.timing.request, done.changed()).await.is_ok_and(|done| done.is_ok())
            }
        }
    }

    fn count<T>(&self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => self.counters.accepted.add_one(),
            Err(Error::Revoked) => self.counters.refused_revoked.add_one(),
            Err(reason) if reason.is_temporary() => self.counters.refused_unavailable.add_one(),
            Err(_) => self.counters.refused.add_one(),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policy", &self.handle.shared.policy)
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}
