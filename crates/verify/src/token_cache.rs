//! Tokens that were verified: the next request with the same one needs no cryptography.
//!
//! An entry says one thing only: that this text, to the last byte, was signed by a key of this very
//! set of keys, and what it claims. Everything that can change is asked again at each call: times,
//! audience, the deny set, scopes, and whether the set of keys is still the same.

use std::{fmt, sync::Arc};

use countersign_jose::KeySet;
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

/// Callers by the text of their tokens. The hash has a seed of its own in each process, and the
/// whole text is compared, so that no token can be made to pass for another.
pub(crate) struct TokenCache {
    /// `None` when it has no room at all.
    entries: Option<Cache<Box<str>, Caller, Bytes, RandomState>>,
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
    /// A cache of about this many bytes; of the tokens that are not used any more, those are
    /// forgotten first.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let usual = usize::try_from(max_bytes / weight(USUAL_TOKEN_BYTES)).unwrap_or(usize::MAX);
        let mut options = OptionsBuilder::new();
        options.weight_capacity(max_bytes).estimated_items_capacity(usual);
        let entries = options.build().ok().filter(|_| max_bytes > 0).map(|options| {
            Cache::with_options(options, Bytes, RandomState::default(), DefaultLifecycle::default())
        });
        Self { entries }
    }

    /// The caller of this token, if it was verified with this very set of keys.
    pub(crate) fn get(&self, token: &str, keys: &Arc<KeySet>) -> Option<Caller> {
        let caller = self.entries.as_ref()?.get(token)?;
        if caller.was_verified_with(keys) {
            return Some(caller);
        }
        self.forget(token);
        None
    }

    /// Remembers a token that has just been verified.
    pub(crate) fn insert(&self, token: &str, caller: &Caller) {
        if let Some(entries) = &self.entries {
            entries.insert(token.into(), caller.clone());
        }
    }

    pub(crate) fn forget(&self, token: &str) {
        if let Some(entries) = &self.entries {
            entries.remove(token);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, Cache::len)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}
