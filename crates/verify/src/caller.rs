//! Who calls the API.

use std::{ops::Deref, sync::Arc};

use countersign_jose::{AccessToken, Verified};

/// The verified access token of a request. The layer puts it into the request's extensions; with
/// the feature `axum` it is an extractor, so a handler that takes it runs for verified tokens only.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Verified<AccessToken>>);

impl Caller {
    pub(crate) fn new(token: Verified<AccessToken>) -> Self {
        Self(Arc::new(token))
    }
}

impl Deref for Caller {
    type Target = Verified<AccessToken>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
