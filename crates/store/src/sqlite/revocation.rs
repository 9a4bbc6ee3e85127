//! Revocations in their total order: SQLite has one writer at a time, so numbers are given in
//! the order of commits and a reader never sees a hole.

use countersign_protocol::Timestamp;
use countersign_protocol::revocation::{Revocation, RevokedKind};
use rusqlite::{Connection, Result, Row};

use super::column::{Count, unreadable};
use super::position;
use crate::store::Snapshot;

/// Adds an event and answers its place.
pub(super) fn add(
    connection: &Connection,
    kind: RevokedKind,
    id: &str,
    expires_at: Timestamp,
) -> Result<u64> {
    connection
        .prepare_cached("INSERT INTO revocation (kind, id, expires_at) VALUES (?1, ?2, ?3)")?
        .execute((kind.as_str(), id, Count(expires_at.as_secs())))?;
    Ok(connection.last_insert_rowid().unsigned_abs())
}

fn read(row: &Row<'_>) -> Result<Revocation> {
    let (Count(seq), Count(expires_at)) = (row.get(0)?, row.get(3)?);
    let kind: String = row.get(1)?;
    let kind = RevokedKind::from_name(&kind).ok_or_else(|| unreadable("a kind of revocation"))?;
    Ok(Revocation { seq, kind, id: row.get(2)?, expires_at })
}

/// The events after a place, or `None` if some have been forgotten since.
pub(super) fn after(
    connection: &Connection,
    seq: u64,
    limit: usize,
) -> Result<Option<Vec<Revocation>>> {
    let events: Vec<Revocation> = connection
        .prepare_cached(
            "SELECT seq, kind, id, expires_at FROM revocation WHERE seq > ?1
             ORDER BY seq LIMIT ?2",
        )?
        .query_map([Count(seq), Count(limit as u64)], read)?
        .collect::<Result<_>>()?;
    let newest = position::read(connection)?.revocation;
    let next = events.first().map_or(newest + 1, |event| event.seq);
    // Numbers have no holes but for those forgotten, so the next one has to be the next.
    Ok((seq <= newest && next == seq + 1).then_some(events))
}

/// All events that can still hit a token, as of one moment.
pub(super) fn snapshot(connection: &Connection, now: Timestamp) -> Result<Snapshot> {
    let transaction = connection.unchecked_transaction()?;
    let seq = position::read(&transaction)?.revocation;
    let events = transaction
        .prepare_cached(
            "SELECT seq, kind, id, expires_at FROM revocation WHERE expires_at > ?1 ORDER BY seq",
        )?
        .query_map([Count(now.as_secs())], read)?
        .collect::<Result<_>>()?;
    transaction.commit()?;
    Ok(Snapshot { seq, events })
}

pub(super) fn sweep(connection: &Connection, now: Timestamp) -> Result<usize> {
    connection
        .prepare_cached("DELETE FROM revocation WHERE expires_at <= ?1")?
        .execute([Count(now.as_secs())])
}
