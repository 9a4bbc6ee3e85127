//! Tokens that were verified: the next request with the same one needs no cryptography.
//!
//! An entry says one thing only: that this text, to the last byte, was signed by a key of this very
//! set of keys, and what it claims. Everything that can change is asked again at each call: times,
//! audience, the deny set, scopes, and whether the set of keys is still the same.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use countersign_jose::{AccessToken, KeySet, Policy, Timestamp};
use foldhash::quality::RandomState;
use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::Caller;

/// What an entry takes beside its text and its claims, which together are taken for three times
/// the text.
const BYTES_BESIDE: usize = 512;
/// Bytes of a usual token, for a first guess at the number of entries.
const USUAL_TOKEN_BYTES: usize = 1024;
/// The first guess is at most this; beyond it the table grows as it is filled.
const MAX_ESTIMATE: usize = 10_000;

/// Callers by the text of their tokens. The hash has a seed of its own in each process, and the
/// whole text is compared, so that no token can be made to pass for another.
///
/// It helps where the signature is dear: a hit costs the same for every algorithm, while an RSA or
/// ECDSA signature takes tens of microseconds. An HMAC takes hardly longer than a hit.
pub struct TokenCache {
    /// `None` when it has no room at all.
    entries: Option<Cache<Box<str>, Caller, Bytes, RandomState>>,
    hits: AtomicU64,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<str>, Caller> for Bytes {
    fn weight(&self, token: &Box<str>, _caller: &Caller) -> u64 {
        weight(token.len())
    }
}

const fn weight(token_bytes: usize) -> u64 {
    (3 * token_bytes + BYTES_BESIDE) as u64
}

impl TokenCache {
    /// A cache of about this many bytes; 0 for none. When it is full, tokens that are not used any
    /// more go first.
    pub fn new(max_bytes: u64) -> Self {
        let usual = usize::try_from(max_bytes / weight(USUAL_TOKEN_BYTES)).unwrap_or(usize::MAX);
        let mut options = OptionsBuilder::new();
        options.weight_capacity(max_bytes).estimated_items_capacity(usual.min(MAX_ESTIMATE));
        let entries = options.build().ok().filter(|_| max_bytes > 0).map(|options| {
            Cache::with_options(options, Bytes, RandomState::default(), DefaultLifecycle::default())
        });
        Self { entries, hits: AtomicU64::new(0) }
    }

    /// Verifies a token, or finds that it was verified before and judges again what may have
    /// changed.
    ///
    /// # Errors
    /// The first rule of the policy that the token breaks.
    pub fn verify(
        &self,
        policy: &Policy<AccessToken>,
        keys: &Arc<KeySet>,
        token: &str,
        now: Timestamp,
    ) -> Result<Caller, countersign_jose::Error> {
        let Some(entries) = &self.entries else {
            return Ok(Caller::new(policy.verify(keys, token, now)?, keys));
        };
        if let Some(caller) = entries.get(token) {
            if caller.was_verified_with(keys) {
                self.hits.fetch_add(1, Ordering::Relaxed);
                policy.recheck(&caller, now).inspect_err(|_| drop(entries.remove(token)))?;
                return Ok(caller);
            }
            // What another set of keys verified is worth nothing any more.
            entries.remove(token);
        }
        let caller = Caller::new(policy.verify(keys, token, now)?, keys);
        entries.insert(token.into(), caller.clone());
        Ok(caller)
    }

    /// How often a token was found.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// The number of tokens that are remembered.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, Cache::len)
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}
