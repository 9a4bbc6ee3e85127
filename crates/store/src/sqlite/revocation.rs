//! Revocations in their total order: SQLite has one writer at a time, so numbers are given in
//! the order of commits and a reader never sees a hole. None is left out either: where SQLite keeps
//! the last number (`sqlite_sequence`) is part of the transaction, so a step that is undone gives
//! its numbers back, and sweeping takes from the front only.

use countersign_protocol::Timestamp;
use countersign_protocol::revocation::{Revocation, RevokedKind};
use countersign_protocol::snapshot::Snapshot;
use rusqlite::{Connection, Result, Row};

use super::column::{Count, unreadable};
use super::{position, status};

/// Adds an event within the caller's transaction and answers its place. For a client there is
/// [`add_client`].
pub(super) fn add(
    connection: &Connection,
    kind: RevokedKind,
    id: &str,
    expires_at: Timestamp,
) -> Result<u64> {
    insert(connection, kind, id, None, expires_at)
}

/// Adds the event that ends a client's tokens that were issued up to a second.
pub(super) fn add_client(
    connection: &Connection,
    client_id: &str,
    issued_until: u64,
    expires_at: Timestamp,
) -> Result<u64> {
    insert(connection, RevokedKind::Client, client_id, Some(issued_until), expires_at)
}

fn insert(
    connection: &Connection,
    kind: RevokedKind,
    id: &str,
    issued_until: Option<u64>,
    expires_at: Timestamp,
) -> Result<u64> {
    connection
        .prepare_cached(
            "INSERT INTO revocation (kind, id, issued_until, expires_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((kind.as_str(), id, issued_until.map(Count), Count(expires_at.as_secs())))?;
    let seq = connection.last_insert_rowid().unsigned_abs();
    status::mark(connection, kind, id, issued_until)?;
    Ok(seq)
}

const COLUMNS: &str = "SELECT seq, kind, id, issued_until, expires_at FROM revocation";

pub(super) fn after_statement() -> String {
    format!("{COLUMNS} WHERE seq > ?1 ORDER BY seq LIMIT ?2")
}

fn read(row: &Row<'_>) -> Result<Revocation> {
    let (Count(seq), Count(expires_at)) = (row.get(0)?, row.get(4)?);
    let issued_until: Option<Count> = row.get(3)?;
    let issued_until = issued_until.map(|Count(seconds)| seconds);
    let kind: String = row.get(1)?;
    let kind = RevokedKind::from_name(&kind).ok_or_else(|| unreadable("a kind of revocation"))?;
    Ok(Revocation { seq, kind, id: row.get(2)?, issued_until, expires_at })
}

/// The events after a place, or `None` if some have been forgotten since.
pub(super) fn after(
    connection: &Connection,
    seq: u64,
    limit: usize,
) -> Result<Option<Vec<Revocation>>> {
    // One view: an event between two would look like one that was forgotten.
    let view = connection.unchecked_transaction()?;
    let newest = position::read(&view)?.revocation;
    if seq >= newest {
        return Ok((seq == newest).then(Vec::new));
    }
    let oldest: Option<Count> =
        view.prepare_cached("SELECT min(seq) FROM revocation")?.query_row([], |row| row.get(0))?;
    if oldest.is_none_or(|Count(oldest)| oldest > seq + 1) {
        return Ok(None);
    }
    view.prepare_cached(&after_statement())?
        .query_map([Count(seq), Count(limit as u64)], read)?
        .collect::<Result<_>>()
        .map(Some)
}

/// All events that can still hit a token, as of one moment.
pub(super) fn snapshot(connection: &Connection, now: Timestamp) -> Result<Snapshot> {
    let view = connection.unchecked_transaction()?;
    let seq = position::read(&view)?.revocation;
    let events = view
        .prepare_cached(&format!("{COLUMNS} WHERE expires_at > ?1 ORDER BY seq"))?
        .query_map([Count(now.as_secs())], read)?
        .collect::<Result<_>>()?;
    Ok(Snapshot { seq, events })
}

/// Forgets the oldest events, at most `limit`, up to the first that can still hit a token: what
/// is left has no hole.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    let oldest: Vec<(i64, bool)> = connection
        .prepare_cached("SELECT seq, expires_at <= ?1 FROM revocation ORDER BY seq LIMIT ?2")?
        .query_map((Count(now.as_secs()), limit), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let Some((last, _)) = oldest.iter().take_while(|(_, dead)| *dead).last() else {
        return Ok(0);
    };
    connection.prepare_cached("DELETE FROM revocation WHERE seq <= ?1")?.execute([last])
}
