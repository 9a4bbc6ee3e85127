//! The one writer: takes the steps that are waiting, runs each in a savepoint, commits them
//! together, and only then tells each of them so. One write to the disk serves many requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::column::failed;
use super::position;
use crate::error::StoreError;
use crate::store::Position;
use crate::uncommitted::Uncommitted;

/// The most steps that share a commit.
const BATCH_MAX: usize = 256;

/// Runs a step and answers with what to do after the commit; `None` if the step failed and was
/// answered already.
type Step = Box<dyn FnOnce(&Connection) -> Option<AfterCommit> + Send>;
type AfterCommit = oneshot::Sender<Result<(), StoreError>>;

#[derive(Debug)]
pub(super) struct Writer {
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        position: Arc<watch::Sender<Position>>,
    ) -> Result<Self, StoreError> {
        let (steps, waiting) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write(&connection, &waiting, &position, &counted))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { steps: Some(steps), thread: Some(thread), commits })
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Hands a step in and waits until it has been decided.
    pub(super) async fn decide<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<Uncommitted<T>, StoreError> {
        let (decided, outcome) = oneshot::channel();
        let job: Step = Box::new(move |connection| match in_savepoint(connection, step) {
            Ok(value) => {
                let (commit, notice) = oneshot::channel();
                // If nobody waits any more, the step stands all the same.
                let _ = decided.send(Ok(Uncommitted::new(value, notice)));
                Some(commit)
            }
            Err(error) => {
                let _ = decided.send(Err(failed(error)));
                None
            }
        });
        let steps = self.steps.as_ref().ok_or(StoreError::Closed)?;
        steps.send(job).map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Failed("the transaction could not begin".into()))?
    }

    /// Hands a step in and waits until it is durable.
    pub(super) async fn commit<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.decide(step).await?.committed().await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.steps.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

fn write(
    connection: &Connection,
    waiting: &mpsc::Receiver<Step>,
    position: &watch::Sender<Position>,
    commits: &AtomicU64,
) {
    while let Ok(first) = waiting.recv() {
        let mut notices = Vec::new();
        let result = batch(connection, first, waiting, &mut notices);
        match &result {
            Ok(newest) => {
                commits.fetch_add(1, Ordering::Relaxed);
                position::tell(position, *newest);
            }
            Err(error) => {
                tracing::error!(%error, steps = notices.len(), "a commit failed");
                // After a failed COMMIT the transaction may still be open.
                if !connection.is_autocommit() {
                    let _ = connection.execute_batch("ROLLBACK");
                }
            }
        }
        let verdict = result.map(|_| ()).map_err(failed);
        for notice in notices {
            let _ = notice.send(verdict.clone());
        }
    }
}

fn batch(
    connection: &Connection,
    first: Step,
    waiting: &mpsc::Receiver<Step>,
    notices: &mut Vec<AfterCommit>,
) -> rusqlite::Result<Position> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    notices.extend(first(connection));
    for step in waiting.try_iter().take(BATCH_MAX - 1) {
        notices.extend(step(connection));
    }
    let newest = position::read(connection)?;
    connection.execute_batch("COMMIT")?;
    Ok(newest)
}

/// Runs a step so that its failure leaves the other steps of the batch alone.
fn in_savepoint<T>(
    connection: &Connection,
    step: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("SAVEPOINT step")?.execute([])?;
    let result = step(connection);
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO step")?.execute([])?;
    }
    connection.prepare_cached("RELEASE step")?.execute([])?;
    result
}
