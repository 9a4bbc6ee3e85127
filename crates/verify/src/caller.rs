//! Who calls the API.

use std::{
    ops::Deref,
    sync::{Arc, Weak},
};

use countersign_jose::{AccessToken, KeySet, Verified};

/// The verified access token of a request, shared by all requests that bring the same one. The
/// layer puts it into the request's extensions; with the feature `axum` it is an extractor, so a
/// handler that takes it runs for verified tokens only.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    token: Verified<AccessToken>,
    /// Compared by its place in memory, which is not used again while this is held.
    keys: Weak<KeySet>,
}

impl Caller {
    pub(crate) fn new(token: Verified<AccessToken>, keys: &Arc<KeySet>) -> Self {
        Self(Arc::new(Inner { token, keys: Arc::downgrade(keys) }))
    }

    pub(crate) fn was_verified_with(&self, keys: &Arc<KeySet>) -> bool {
        std::ptr::eq(self.0.keys.as_ptr(), Arc::as_ptr(keys))
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        self.0.token == other.0.token
    }
}

impl Deref for Caller {
    type Target = Verified<AccessToken>;

    fn deref(&self) -> &Self::Target {
        &self.0.token
    }
}
