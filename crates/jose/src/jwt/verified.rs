//! The result of a judgement.

use std::{fmt, ops::Deref};

use serde::Deserialize;

use super::{claims::Claims, kind::Profile};
use crate::{Algorithm, Error, VerifyingKey};

/// A token that a [`Policy`](crate::Policy) has accepted. Nothing else makes one, so a function
/// that takes `Verified<AccessToken>` cannot be handed anything unchecked.
#[derive(Clone)]
pub struct Verified<T> {
    token: T,
    key: VerifyingKey,
}

impl<T> Verified<T> {
    pub(crate) const fn new(token: T, key: VerifyingKey) -> Self {
        Self { token, key }
    }

    /// The claims alone; from here on nothing says that they were checked.
    pub fn into_inner(self) -> T {
        self.token
    }

    /// The id of the key whose signature was checked.
    pub fn key_id(&self) -> &str {
        self.key.key_id()
    }

    /// The algorithm of that key, and so of the signature.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }
}

impl<'a, P: Profile> Verified<Claims<'a, P>> {
    /// The same with its claims copied into the kind's own type, free of the buffer.
    ///
    /// # Errors
    /// [`Error::Json`] for a number that no `f64` holds, which the reader has refused before.
    pub fn into_owned(self) -> Result<Verified<P>, Error> {
        Ok(Verified { token: P::read(&self.token)?, key: self.key })
    }

    /// The same with its claims as a type of the caller's, which may borrow from the buffer.
    ///
    /// # Errors
    /// [`Error::UnfitClaims`] when they do not fit the type.
    pub fn read<T: Deserialize<'a>>(self) -> Result<Verified<T>, Error> {
        Ok(Verified { token: self.token.read()?, key: self.key })
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.token
    }
}

impl<T: PartialEq> PartialEq for Verified<T> {
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token && self.key_id() == other.key_id()
    }
}

impl<T: fmt::Debug> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("token", &self.token)
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
