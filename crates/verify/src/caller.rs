//! Who calls the API.

use std::{
    ops::Deref,
    sync::{Arc, Weak},
};

use countersign_jose::{AccessToken, KeySet, Verified};

use crate::TokenNames;

/// The access token of a request, found good, and shared by all requests that bring the same one.
/// The layer puts it into the request's extensions; with the feature `axum` it is an extractor, so
/// a handler that takes it runs for good tokens only. Nothing but a verifier makes one.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Proof>);

/// What vouches for the claims.
#[derive(Debug)]
enum Proof {
    /// The issuer's signature.
    Signature {
        token: Verified<AccessToken>,
        /// Compared by its place in memory, which is not used again while this is held.
        keys: Weak<KeySet>,
    },
    /// The issuer's answer to the question what the token means.
    Answer(AccessToken),
}

impl Caller {
    pub(crate) fn new(token: Verified<AccessToken>, keys: &Arc<KeySet>) -> Self {
        Self(Arc::new(Proof::Signature { token, keys: Arc::downgrade(keys) }))
    }

    /// The caller that the issuer told of.
    pub(crate) fn told(token: AccessToken) -> Self {
        Self(Arc::new(Proof::Answer(token)))
    }

    /// The signed token; `None` for an opaque one, whose issuer told what it means.
    pub fn signed(&self) -> Option<&Verified<AccessToken>> {
        match &*self.0 {
            Proof::Signature { token, .. } => Some(token),
            Proof::Answer(_) => None,
        }
    }

    /// The id of the key whose signature was checked; `None` for an opaque token.
    pub fn key_id(&self) -> Option<&str> {
        self.signed().map(Verified::key_id)
    }

    /// All that it can be revoked by.
    pub fn names(&self) -> TokenNames<'_> {
        match &*self.0 {
            Proof::Signature { token, .. } => token.into(),
            Proof::Answer(token) => token.into(),
        }
    }

    /// The signed token, if a key of this very set signed it.
    pub(crate) fn verified_with(&self, keys: &Arc<KeySet>) -> Option<&Verified<AccessToken>> {
        match &*self.0 {
            Proof::Signature { token, keys: known } => {
                std::ptr::eq(known.as_ptr(), Arc::as_ptr(keys)).then_some(token)
            }
            Proof::Answer(_) => None,
        }
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        self.key_id() == other.key_id() && **self == **other
    }
}

impl Deref for Caller {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        match &*self.0 {
            Proof::Signature { token, .. } => token,
            Proof::Answer(token) => token,
        }
    }
}
