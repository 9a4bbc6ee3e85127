//! The one writer: takes the steps that are waiting, runs each in a savepoint, commits them
//! together, and only then tells each of them so. One write to the disk serves many requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::fault::failed;
use super::position;
use crate::error::StoreError;
use crate::store::Position;
use crate::uncommitted::Uncommitted;

/// The most steps that share a commit.
const BATCH_MAX: usize = 256;

/// Runs a step in the batch's transaction, or refuses it because there is none. Answers with
/// whom to tell of the commit; nobody if the step failed, since that was answered already.
type Step = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Option<AfterCommit> + Send>;
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
        let job: Step = Box::new(move |transaction| {
            match transaction.and_then(|connection| in_savepoint(connection, step)) {
                Ok(value) => {
                    let (commit, notice) = oneshot::channel();
                    // If nobody waits any more, the step stands all the same.
                    let _ = decided.send(Ok(Uncommitted::new(value, notice)));
                    Some(commit)
                }
                Err(error) => {
                    let _ = decided.send(Err(error));
                    None
                }
            }
        });
        let steps = self.steps.as_ref().ok_or(StoreError::Closed)?;
        steps.send(job).map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
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
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            refuse(first, waiting, &failed(error));
            continue;
        }
        let mut notices = Vec::new();
        let result = batch(connection, first, waiting, &mut notices);
        let verdict = match result {
            Ok(newest) => {
                commits.fetch_add(1, Ordering::Relaxed);
                position::tell(position, newest);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, steps = notices.len(), "a commit failed");
                // After a failed COMMIT the transaction may still be open.
                undo(connection);
                Err(error)
            }
        };
        for notice in notices {
            let _ = notice.send(verdict.clone());
        }
    }
}

/// Another process has held the lock for longer than we wait. Those who came meanwhile have
/// waited as well: to try again for each of them would keep the last one for minutes.
fn refuse(first: Step, waiting: &mpsc::Receiver<Step>, error: &StoreError) {
    let mut refused = 0;
    for step in std::iter::once(first).chain(waiting.try_iter()) {
        step(Err(error.clone()));
        refused += 1;
    }
    tracing::error!(%error, steps = refused, "a transaction could not begin");
}

fn batch(
    connection: &Connection,
    first: Step,
    waiting: &mpsc::Receiver<Step>,
    notices: &mut Vec<AfterCommit>,
) -> Result<Position, StoreError> {
    for step in std::iter::once(first).chain(waiting.try_iter().take(BATCH_MAX - 1)) {
        notices.extend(step(Ok(connection)));
        // A full disk, for one, undoes more than the step: the next step would run, and be
        // committed, outside of the transaction that its caller is told about.
        if connection.is_autocommit() {
            return Err(StoreError::Failed("a failed step has undone the transaction".into()));
        }
    }
    let newest = position::read(connection).map_err(failed)?;
    connection.execute_batch("COMMIT").map_err(failed)?;
    Ok(newest)
}

/// Runs a step so that its failure, even a panic, leaves the other steps of the batch alone.
fn in_savepoint<T>(
    connection: &Connection,
    step: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let say = |sql| {
        let run = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        run.map_err(failed)
    };
    say("SAVEPOINT step")?;
    // The connection is the only thing that outlives a panic, and what the step did to it is
    // undone.
    let result = catch_unwind(AssertUnwindSafe(|| step(connection)))
        .unwrap_or(Err(rusqlite::Error::UnwindingPanic));
    let closed = match &result {
        Ok(_) => say("RELEASE step"),
        Err(_) => say("ROLLBACK TO step").and_then(|_| say("RELEASE step")),
    };
    if closed.is_err() {
        // How much of the step stands is not known, so nothing of the batch may.
        undo(connection);
    }
    let value = result.map_err(failed)?;
    closed.map(|_| value)
}

fn undo(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be undone");
    }
}
