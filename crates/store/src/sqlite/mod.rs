//! SQLite: one file, one writer thread that commits many requests' steps together, and readers
//! beside it that never wait (WAL).

mod account;
mod audit;
mod client;
mod column;
mod device;
mod fault;
mod follower;
mod grant;
mod keyring;
mod lifetime;
mod logout;
mod migrations;
mod open;
mod position;
mod pushed_request;
mod readers;
mod registration;
mod revocation;
mod session;
mod status;
mod store;
mod sweep;
mod used_token;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;

use tokio::sync::watch;

use crate::error::StoreError;
use crate::store::Position;

/// A store in one SQLite file. Dropping it finishes the steps that were handed in.
#[derive(Debug)]
pub struct SqliteStore {
    writer: writer::Writer,
    readers: readers::Readers,
    follower: position::Follower,
}

impl SqliteStore {
    /// Opens the file, making it or bringing its schema up to date if need be.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is overwritten when the file is damaged, newer, or not ours.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open::open(path)?;
        migrations::run(&connection, path)?;
        let first = position::read(&connection).map_err(|error| fault::explain(&error, path))?;
        let sender = std::sync::Arc::new(watch::channel(first).0);
        Ok(Self {
            readers: readers::Readers::new(path),
            follower: position::Follower::start(path, std::sync::Arc::clone(&sender))?,
            writer: writer::Writer::start(connection, sender)?,
        })
    }

    /// How often the writer has committed, that is, has made the disk write.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// How often it has been asked for something that only reads.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.readers.reads()
    }

    fn watch(&self) -> watch::Receiver<Position> {
        self.follower.subscribe()
    }

    fn watched_at(&self) -> std::time::Instant {
        self.follower.looked_at()
    }
}
