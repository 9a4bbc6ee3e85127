//! The store's position, told to those who follow it, whichever process moved it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use super::column::Count;
use super::open;
use crate::error::StoreError;
use crate::store::Position;

/// How soon a change by another process is noticed. The look costs a microsecond.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Reads the position in one query.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Position> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'revocation'), 0),
                    (SELECT version FROM catalogue)",
        )?
        .query_row([], |row| {
            let Count(revocation) = row.get(0)?;
            let Count(catalogue) = row.get(1)?;
            Ok(Position { revocation, catalogue })
        })
}

/// Tells a new position, if it is one. Never goes back: the writer and the follower may read in
/// one order and tell in the other.
pub(super) fn tell(sender: &watch::Sender<Position>, read: Position) {
    sender.send_if_modified(|known| {
        let newest = Position {
            revocation: known.revocation.max(read.revocation),
            catalogue: known.catalogue.max(read.catalogue),
        };
        let moved = newest != *known;
        *known = newest;
        moved
    });
}

/// When the file was last looked at.
#[derive(Debug)]
struct Looked {
    origin: Instant,
    /// Milliseconds after the origin.
    at: AtomicU64,
}

/// Watches the file for commits of other processes.
#[derive(Debug)]
pub(super) struct Follower {
    sender: Arc<watch::Sender<Position>>,
    looked: Arc<Looked>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    pub(super) fn start(
        path: &Path,
        sender: Arc<watch::Sender<Position>>,
    ) -> Result<Self, StoreError> {
        let connection = open::open_reader(path)?;
        let (stop, stopped) = mpsc::channel();
        let looked = Arc::new(Looked { origin: Instant::now(), at: AtomicU64::new(0) });
        let (told, noted) = (Arc::clone(&sender), Arc::clone(&looked));
        let thread = std::thread::Builder::new()
            .name("store-follower".into())
            .spawn(move || follow(&connection, &told, &noted, &stopped))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { sender, looked, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Position> {
        self.sender.subscribe()
    }

    pub(super) fn looked_at(&self) -> Instant {
        self.looked.origin + Duration::from_millis(self.looked.at.load(Ordering::Acquire))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

fn follow(
    connection: &Connection,
    sender: &watch::Sender<Position>,
    noted: &Looked,
    stopped: &mpsc::Receiver<()>,
) {
    let mut seen = None;
    let mut blind = false;
    while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
        let begun = noted.origin.elapsed().as_millis();
        let looked = look(connection, seen, sender);
        // Said once, not a hundred times a second.
        if let Err(error) = &looked
            && !blind
        {
            tracing::error!(%error, "the database can't be watched for changes");
        }
        blind = looked.is_err();
        if !blind {
            noted.at.store(u64::try_from(begun).unwrap_or(u64::MAX), Ordering::Release);
        }
        // A change counts as seen when it has been told: a look that failed is made again.
        seen = looked.ok().or(seen);
    }
}

/// Tells the position if the file is not at the version `seen`. Answers its version.
fn look(
    connection: &Connection,
    seen: Option<i64>,
    sender: &watch::Sender<Position>,
) -> rusqlite::Result<i64> {
    let version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
    if seen != Some(version) {
        tell(sender, read(connection)?);
    }
    Ok(version)
}
