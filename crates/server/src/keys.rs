//! The keys that this process works with. The store says which of them signs; here they are opened,
//! swapped as a whole when the store has moved, and replaced when the schedule says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use countersign_jose::{Algorithm, Error};
use countersign_protocol::Timestamp;
use countersign_protocol::grant_token::GrantTokenKeys;
use countersign_protocol::key_schedule::{
    KeyLife, KeyState, KeyUse, Settings, UNCONFIRMED_MAX, Wish,
};
use countersign_protocol::keyring::{self, Keyring, KeyringError, SealedKey, Secret};
use countersign_protocol::opaque_token::OpaqueTokenKeys;
use countersign_protocol::seal::{MasterKey, WrongMasterKey};
use countersign_protocol::subject::SubjectKey;
use countersign_store::{KeyChange, KeysChanged, Store, StoreError};
use countersign_verify::{DpopNonces, DpopRules, SenderRules};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::app::App;
use crate::master_key::Master;
use crate::process::{self, SystemRandom};
use crate::web::document::Document;
use crate::web::site::FormKeys;

/// How often the schedule is asked at least, and the keys are compared with those in the store.
const ROUND: Duration = Duration::from_secs(60);
/// After a failure the store is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Opened keys, all as of one moment.
#[derive(Debug)]
pub(crate) struct ServingKeys {
    pub(crate) keyring: Keyring,
    /// The JWKS as it is served.
    pub(crate) jwks: Document,
    pub(crate) grant_tokens: GrantTokenKeys,
    pub(crate) opaque_tokens: OpaqueTokenKeys,
    /// What is asked of senders; the nonces of DPoP are computed, so every server on this store
    /// knows them.
    pub(crate) sender_rules: SenderRules,
    pub(crate) forms: Arc<FormKeys>,
    /// What clients know people by.
    pub(crate) subjects: SubjectKey,
    lives: Vec<KeyLife>,
}

impl ServingKeys {
    /// Opens what is stored.
    pub(crate) fn open(stored: &[SealedKey], master: &MasterKey) -> Result<Self, KeyringError> {
        let keyring = Keyring::open(stored, master)?;
        let jwks = serde_json::to_vec(keyring.published()).expect("a key set is plain data");
        let secrets = |usage| keyring::open_secrets(usage, stored, master);
        let (grant, opaque) = (secrets(KeyUse::GrantTokens)?, secrets(KeyUse::OpaqueTokens)?);
        Ok(Self {
            jwks: Document::new(jwks.into()),
            keyring,
            grant_tokens: GrantTokenKeys::new(&grant).ok_or(WrongMasterKey)?,
            opaque_tokens: OpaqueTokenKeys::new(&opaque).ok_or(WrongMasterKey)?,
            sender_rules: sender_rules(&secrets(KeyUse::DpopNonces)?).ok_or(WrongMasterKey)?,
            forms: Arc::new(FormKeys::new(&secrets(KeyUse::Forms)?)),
            subjects: SubjectKey::new(&secrets(KeyUse::PairwiseSubjects)?).ok_or(WrongMasterKey)?,
            lives: stored.iter().map(|key| key.life.clone()).collect(),
        })
    }
}

fn sender_rules(secrets: &[Secret]) -> Option<SenderRules> {
    let (newest, others) = secrets.split_first()?;
    let others = others.iter().map(|secret| &secret.bytes[..]);
    let dpop = DpopRules::new().with_nonces(DpopNonces::new(&newest.bytes, others));
    Some(SenderRules { dpop, ..SenderRules::default() })
}

/// The keys in use, and when they were last found to be those in the store.
#[derive(Debug)]
pub(crate) struct Keys {
    serving: ArcSwap<ServingKeys>,
    origin: Instant,
    /// Milliseconds after `origin`.
    confirmed_at: AtomicU64,
    /// Wakes the task that looks after them.
    changed: Notify,
    /// One reads and takes over at a time, so that what was read earlier never comes last.
    reading: Mutex<()>,
    /// Further algorithms that somebody wants tokens with.
    wanted: std::sync::Mutex<Vec<Algorithm>>,
}

impl Keys {
    pub(crate) fn new(serving: ServingKeys, wanted: Vec<Algorithm>) -> Self {
        let now = Instant::now();
        let keys = Self {
            serving: ArcSwap::from_pointee(serving),
            // So far back that 0 means too long ago.
            origin: now.checked_sub(UNCONFIRMED_MAX).unwrap_or(now),
            confirmed_at: AtomicU64::new(0),
            changed: Notify::new(),
            reading: Mutex::new(()),
            wanted: std::sync::Mutex::new(wanted),
        };
        keys.confirm(now);
        keys
    }

    /// They are what the store held at `read_at`.
    fn confirm(&self, read_at: Instant) {
        let millis = (read_at - self.origin).as_millis();
        self.confirmed_at.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Guard<Arc<ServingKeys>> {
        self.serving.load()
    }

    /// The same, to be held while something is waited for.
    pub(crate) fn load_full(&self) -> Arc<ServingKeys> {
        self.serving.load_full()
    }

    /// Has keys made for an algorithm, if there are none yet: it may be one that no client asked
    /// for before.
    pub(crate) fn want(&self, algorithm: Algorithm) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted.contains(&algorithm) {
            wanted.push(algorithm);
            self.changed.notify_one();
        }
    }

    /// What there have to be keys for.
    fn uses(&self) -> Vec<KeyUse> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let further = wanted.iter().copied().map(KeyUse::Signature);
        KeyUse::ALWAYS.iter().copied().chain(further).collect()
    }

    /// Whether they may be used: who has not seen the store for long does not know which key signs,
    /// and the schedule allows for no longer delay.
    pub(crate) fn are_confirmed(&self) -> bool {
        let confirmed_at = Duration::from_millis(self.confirmed_at.load(Ordering::Relaxed));
        self.origin.elapsed().saturating_sub(confirmed_at) < UNCONFIRMED_MAX
    }

    /// Takes over what was read from the store after `read_at`.
    fn replace(&self, stored: &[SealedKey], master: &Master, read_at: Instant) -> bool {
        let same = {
            let serving = self.serving.load();
            serving.lives.iter().eq(stored.iter().map(|key| &key.life))
        };
        if !same {
            let opened = ServingKeys::open(stored, &master.load()).or_else(|_| {
                // The master key may have been changed.
                master.read_again();
                ServingKeys::open(stored, &master.load())
            });
            match opened {
                Ok(keys) => {
                    self.serving.store(Arc::new(keys));
                    self.changed.notify_one();
                }
                Err(error) => {
                    tracing::error!(%error, "the changed keys can't be read; the old ones stay");
                    return false;
                }
            }
        }
        self.confirm(read_at);
        true
    }
}

/// At the start: what is due is done before the first token is signed, so that no key is deleted
/// before the tokens of this server have expired. At the first start it makes the keys that are
/// made in no time.
pub(crate) async fn first(
    settings: Settings,
    store: &dyn Store,
    master: &Master,
) -> Result<Result<ServingKeys, KeyringError>, StoreError> {
    let mut candidates = Vec::new();
    loop {
        let brought = !candidates.is_empty();
        let change = KeyChange {
            wish: Wish::Schedule,
            uses: KeyUse::ALWAYS.to_vec(),
            settings,
            candidates: std::mem::take(&mut candidates),
            now: process::now(),
        };
        let KeysChanged::Done { wanted, .. } = store.change_keys(change).await? else { break };
        let mut quick = wanted;
        quick.retain(|usage| !usage.is_slow());
        // One of each will do; their successors are made beside the first answers.
        quick.dedup();
        if brought || quick.is_empty() {
            break;
        }
        match quick.into_iter().map(|usage| make(usage, master)).collect::<Result<_, _>>() {
            Ok(made) => candidates = made,
            Err(error) => return Ok(Err(error.into())),
        }
    }
    let stored = store.keys().await?;
    Ok(ServingKeys::open(&stored, &master.load()))
}

fn make(usage: KeyUse, master: &Master) -> Result<SealedKey, Error> {
    keyring::generate(usage, &master.load(), process::now(), &SystemRandom)
}

/// Reads the keys of the store, whoever has changed them.
pub(crate) async fn reload(app: &App, master: &Master) -> Result<(), StoreError> {
    let _one_at_a_time = app.keys.reading.lock().await;
    let read_at = Instant::now();
    let stored = app.store().keys().await?;
    if app.keys.replace(&stored, master, read_at) {
        app.site.replace_forms(Arc::clone(&app.keys.load().forms));
        for key in stored.iter().filter(|key| key.life.state() == KeyState::Active) {
            if let Some((algorithm, since)) = key.life.usage.algorithm().zip(key.life.active_at) {
                app.metrics.key_active_since(algorithm.name(), since);
            }
        }
    }
    Ok(())
}

/// Does what the schedule says, when it is due; makes the keys that are missing. An RSA key takes
/// as long as some ten thousand signatures, so it is made beside the first answers.
pub(crate) async fn keep(app: Arc<App>, master: Arc<Master>) {
    loop {
        let wait = match round(&app, &master).await {
            Ok(next_at) => {
                app.metrics.next_key_step(next_at);
                next_at.map_or(ROUND, |next_at| next_at.since(process::now()).min(ROUND))
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the keys could not be looked after");
                RETRY_AFTER
            }
        };
        // A clock that was set back makes a step due again and again; not at once.
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Somebody else's change may have left something to do: a revoked key has no successor's
        // successor yet.
        let _ = tokio::time::timeout(wait, app.keys.changed.notified()).await;
    }
}

async fn round(app: &App, master: &Arc<Master>) -> Result<Option<Timestamp>, StoreError> {
    let mut candidates = Vec::new();
    loop {
        let change = KeyChange {
            wish: Wish::Schedule,
            uses: app.keys.uses(),
            settings: app.key_settings,
            candidates: std::mem::take(&mut candidates),
            now: process::now(),
        };
        let (steps, wanted, next_at) = match app.store().change_keys(change).await? {
            KeysChanged::Done { steps, wanted, next_at } => (steps, wanted, next_at),
            KeysChanged::SealedWithAnOldKey => {
                master.read_again();
                return Ok(Some(process::now().plus(RETRY_AFTER)));
            }
            _ => return Ok(None),
        };
        for step in steps {
            tracing::debug!(?step, "keys");
        }
        reload(app, master).await?;
        if wanted.is_empty() {
            return Ok(next_at);
        }
        candidates = make_wanted(wanted, master).await;
        if candidates.is_empty() {
            return Ok(next_at);
        }
    }
}

/// One key of each use at a time, so that the first does not wait for the second. Those that take
/// long come last and one by one, so that no other waits for them.
async fn make_wanted(mut wanted: Vec<KeyUse>, master: &Arc<Master>) -> Vec<SealedKey> {
    wanted.dedup();
    if wanted.iter().all(|usage| usage.is_slow()) {
        wanted.truncate(1);
    } else {
        wanted.retain(|usage| !usage.is_slow());
    }
    let master = Arc::clone(master);
    let made = tokio::task::spawn_blocking(move || {
        let made = wanted.into_iter().map(|usage| make(usage, &master));
        made.collect::<Result<Vec<_>, _>>()
    });
    match made.await {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => {
            tracing::error!(%error, "a key could not be made");
            Vec::new()
        }
        Err(error) => {
            tracing::error!(%error, "a key could not be made");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use countersign_jose::{IdToken, KeySet, Policy};
    use countersign_protocol::ErrorCode;
    use countersign_protocol::client::Client;

    use super::*;
    use crate::fixture::flow::WEB;
    use crate::fixture::{self, Fixture};

    /// A key that was announced is published, and may sign, only by those who know of it.
    #[tokio::test]
    async fn who_has_not_read_the_keys_for_long_neither_signs_nor_publishes() {
        let site = Fixture::open().await;
        let app = &site.app;
        let jwks = async || site.get("/.well-known/jwks.json", None).await;
        assert_eq!(jwks().await.status(), StatusCode::OK);
        assert!(app.signing_key(Algorithm::ES256).await.is_ok());
        app.keys.confirmed_at.store(0, Ordering::Relaxed);
        let refused = app.signing_key(Algorithm::ES256).await.expect_err("it may be retired");
        assert_eq!(refused.code, ErrorCode::TemporarilyUnavailable);
        assert_eq!(jwks().await.status(), StatusCode::SERVICE_UNAVAILABLE);
        reload(app, &site.master).await.unwrap();
        assert!(app.signing_key(Algorithm::ES256).await.is_ok());
        let answer = jwks().await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(fixture::body(answer).await.contains("ES256"));
    }

    /// The first token of an algorithm waits for its key; nobody else does.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_key_of_any_algorithm_is_made_when_a_client_needs_it() {
        let site = Fixture::open().await;
        let app = &site.app;
        let session = site.sign_in("alice").await;
        let job = tokio::spawn(keep(Arc::clone(app), Arc::clone(&site.master)));
        app.signing_key(Algorithm::RS256).await.unwrap();
        let web = (*app.client("web").await.unwrap().unwrap()).clone();
        let published = async || {
            let text = fixture::body(site.get("/.well-known/jwks.json", None).await).await;
            KeySet::from_jwks_json(text.as_bytes()).unwrap().0
        };
        for algorithm in keyring::ALGORITHMS {
            let wanted = Some(*algorithm);
            let client = Client {
                id_token_signed_response_alg: wanted,
                userinfo_signed_response_alg: wanted,
                // Anything that counts as a change.
                client_name: Some(algorithm.name().to_owned()),
                ..web.clone()
            };
            site.put_client(client).await;
            let tokens = site.tokens(&session, WEB, &[]).await;
            let policy = Policy::id_token(&app.issuer, "web", &[*algorithm]).unwrap();
            let id_token = tokens["id_token"].as_str().unwrap();
            let verified = policy.verify(&published().await, id_token, process::now()).unwrap();
            let access_token = tokens["access_token"].as_str().unwrap();
            let hash = IdToken::access_token_hash(*algorithm, access_token);
            assert_eq!(verified.access_token_hash.as_ref(), Some(&hash), "{algorithm}");
            let hint = app.own_id_token_hint(id_token, process::now());
            assert!(hint.is_some(), "{algorithm}");
        }
        job.abort();
    }

    #[tokio::test]
    async fn the_job_makes_what_is_missing_and_takes_over_what_others_changed() {
        let site = Fixture::open().await;
        let app = &site.app;
        assert!(app.keys.load().keyring.signing_key(Algorithm::RS256).is_none());
        round(app, &site.master).await.unwrap();
        let first = app.signing_key(Algorithm::ES256).await.unwrap();
        assert!(app.keys.load().keyring.signing_key(Algorithm::RS256).is_some());
        assert_eq!(app.keys.load().keyring.published().keys.len(), 6, "each with its successor");
        let kept = Arc::clone(app.keys.load().keyring.verification());
        round(app, &site.master).await.unwrap();
        let same = Arc::ptr_eq(&kept, app.keys.load().keyring.verification());
        assert!(same, "what has not changed is not opened again");
        let wish = Wish::Revoke { kids: vec![first.key_id().to_owned()] };
        let (uses, settings, now) = (KeyUse::ALWAYS.to_vec(), app.key_settings, process::now());
        let change = KeyChange { wish, uses, settings, candidates: Vec::new(), now };
        app.store().change_keys(change).await.unwrap();
        round(app, &site.master).await.unwrap();
        assert_ne!(app.signing_key(Algorithm::ES256).await.unwrap().key_id(), first.key_id());
        assert_eq!(app.keys.load().keyring.published().keys.len(), 6);
        assert!(app.keys.load().keyring.verification().get(first.key_id()).is_none());
    }
}
