//! An outcome that is decided but not yet durable: enough to prepare the answer while the disk
//! works, not enough to give it.

use tokio::sync::oneshot;

use crate::error::StoreError;

/// A decided outcome whose transaction has not been committed yet.
#[derive(Debug)]
pub struct Uncommitted<T> {
    value: T,
    commit: oneshot::Receiver<Result<(), StoreError>>,
}

impl<T> Uncommitted<T> {
    /// Pairs an outcome with the notice of its commit.
    #[must_use]
    pub const fn new(value: T, commit: oneshot::Receiver<Result<(), StoreError>>) -> Self {
        Self { value, commit }
    }

    /// The same with its outcome told in another way.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Uncommitted<U> {
        Uncommitted { value: change(self.value), commit: self.commit }
    }

    /// A look at the outcome, to prepare an answer with.
    #[must_use]
    pub const fn peek(&self) -> &T {
        &self.value
    }

    /// Waits until the outcome is durable. Only then may anyone hear of it.
    ///
    /// # Errors
    /// [`StoreError`] when the commit failed: nothing of the step has happened.
    pub async fn committed(self) -> Result<T, StoreError> {
        self.commit.await.map_err(|_| StoreError::Closed)??;
        Ok(self.value)
    }
}
