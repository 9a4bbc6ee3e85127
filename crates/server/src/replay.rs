//! The guard of tokens that may be used once, over the store: all processes on one database share
//! it, and it outlives them.

use std::fmt;
use std::sync::Arc;

use countersign_protocol::Timestamp;
use countersign_store::{Store, Use, UsedOnce};
use countersign_verify::{Noted, ReplayError, ReplayGuard};

/// Remembers in the store.
pub(crate) struct StoredUses(pub(crate) Arc<dyn Store>);

impl fmt::Debug for StoredUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredUses").finish_non_exhaustive()
    }
}

impl ReplayGuard for StoredUses {
    fn use_once<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: Timestamp,
        now: Timestamp,
    ) -> Noted<'a> {
        let noting = self.0.use_once(Use::new(issuer, token_id, until), now);
        Box::pin(async move {
            match noting.await {
                Ok(UsedOnce::First) => Ok(()),
                Ok(UsedOnce::Replayed) => Err(ReplayError::Replayed),
                Ok(UsedOnce::Full) => Err(ReplayError::Full),
                Err(error) => {
                    tracing::error!(code = error.code(), %error, "a use could not be noted");
                    Err(ReplayError::Unreachable)
                }
            }
        })
    }
}
