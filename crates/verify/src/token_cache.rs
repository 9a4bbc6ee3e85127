//! Tokens that were verified: the next request with the same one needs no cryptography.
//!
//! An entry says one thing only: that this text, to the last byte, was signed by a key of this very
//! set of keys, and what it claims. Everything that can change is asked again at each call: times,
//! audience, the deny set, scopes, and whether the set of keys is still the same.

use std::{fmt, sync::Arc};

use countersign_jose::{AccessToken, KeySet, Policy, Timestamp};

use crate::{Caller, metrics::SharedCounter, remembered::Remembered};

/// Callers by the text of their tokens.
///
/// It helps where the signature is dear: a hit costs the same for every algorithm, while an RSA or
/// ECDSA signature takes tens of microseconds. An HMAC takes hardly longer than a hit.
pub struct TokenCache {
    callers: Remembered<Caller>,
    hits: SharedCounter,
}

impl TokenCache {
    /// A cache of about this many bytes; 0 for none. When it is full, tokens that are not used any
    /// more go first.
    pub fn new(max_bytes: u64) -> Self {
        Self { callers: Remembered::new(max_bytes), hits: SharedCounter::default() }
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
        if let Some(caller) = self.callers.get(token) {
            if let Some(signed) = caller.verified_with(keys) {
                self.hits.add_one();
                policy.recheck(signed, now).inspect_err(|_| self.callers.remove(token))?;
                return Ok(caller);
            }
            // What another set of keys verified is worth nothing any more.
            self.callers.remove(token);
        }
        let caller = Caller::new(policy.verify(keys, token, now)?, keys);
        self.callers.insert(token, caller.clone());
        Ok(caller)
    }

    /// Forgets the tokens that have expired, or that another set of keys verified. They would not
    /// be accepted anyhow; this gives their memory back.
    pub fn prune(&self, keys: &Arc<KeySet>, now: Timestamp) {
        let lives = |caller: &Caller| {
            caller.verified_with(keys).is_some() && now < Timestamp::from_secs(caller.expires_at)
        };
        self.callers.retain(lives);
    }

    /// How often a token was found.
    pub fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// The number of tokens that are remembered.
    pub fn len(&self) -> usize {
        self.callers.len()
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
