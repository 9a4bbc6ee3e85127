//! The schema, one step at a time, each in a transaction of its own.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::fault::explain;
use crate::error::StoreError;

/// Marks the file as ours: "CtSn".
const APPLICATION_ID: i32 = 0x4374_536e;

/// What has been done to the schema since the beginning. Only ever added to: the position in the
/// list is the version.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_revoked_clients.sql"),
    include_str!("migrations/0003_used_token.sql"),
    include_str!("migrations/0004_protecting_clients.sql"),
    include_str!("migrations/0005_lifetimes.sql"),
    include_str!("migrations/0006_status.sql"),
    include_str!("migrations/0007_follower.sql"),
    include_str!("migrations/0008_keys.sql"),
    include_str!("migrations/0009_sealing.sql"),
    include_str!("migrations/0010_logout.sql"),
    include_str!("migrations/0011_device.sql"),
    include_str!("migrations/0012_grant_details.sql"),
    include_str!("migrations/0013_pushed_request.sql"),
    include_str!("migrations/0014_registration.sql"),
    include_str!("migrations/0015_exchanged.sql"),
];

/// The version of the schema, if the file is ours and not too new. Changes nothing.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let facts = || -> rusqlite::Result<(i32, i32, i32)> {
        // One view of the file: another process may be making the schema right now.
        let view = connection.unchecked_transaction()?;
        let number = |sql| view.query_row(sql, [], |row| row.get(0));
        Ok((
            number("PRAGMA user_version")?,
            number("PRAGMA application_id")?,
            number("SELECT count(*) FROM sqlite_master")?,
        ))
    };
    let (version, owner, tables) = facts().map_err(|error| explain(&error, path))?;
    let fresh = owner == 0 && version == 0 && tables == 0;
    if owner != APPLICATION_ID && !fresh {
        return Err(StoreError::NotOurs { path: path.display().to_string() });
    }
    let known = u32::try_from(MIGRATIONS.len()).expect("there are few migrations");
    let found = u32::try_from(version).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { path: path.display().to_string(), found, known });
    }
    Ok(found)
}

/// Brings the schema up to date.
pub(super) fn run(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = version(connection, path)?;
    for (migration, to) in MIGRATIONS.iter().zip(1..).skip(found as usize) {
        step(connection, migration, to).map_err(|error| explain(&error, path))?;
    }
    Ok(())
}

fn step(connection: &Connection, migration: &str, to: u32) -> rusqlite::Result<()> {
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let now: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if now < to {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", to)?;
    }
    transaction.commit()
}
