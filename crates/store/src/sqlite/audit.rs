//! What an operator should be able to read up later.

use countersign_protocol::Timestamp;
use countersign_protocol::grant::Grant;
use rusqlite::{Connection, Result};

use super::column::{Count, Millis};
use crate::store::AuditEntry;

/// Entries beyond this many are forgotten, oldest first.
const KEPT_MAX: u32 = 100_000;

pub(super) fn note(
    connection: &Connection,
    now: Timestamp,
    event: &str,
    grant: &Grant,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, event, subject, client_id, grant_id)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((Millis(now), event, &grant.subject, &grant.client_id, grant.id.to_string()))?;
    Ok(())
}

/// Notes what happened to a key.
pub(super) fn note_key(
    connection: &Connection,
    now: Timestamp,
    event: &str,
    kid: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, event, subject, client_id, grant_id)
             VALUES (?1, ?2, ?3, '', '')",
        )?
        .execute((Millis(now), event, kid))?;
    Ok(())
}

pub(super) fn newest(connection: &Connection, limit: usize) -> Result<Vec<AuditEntry>> {
    connection
        .prepare_cached(
            "SELECT at, event, subject, client_id, grant_id FROM audit ORDER BY id DESC LIMIT ?1",
        )?
        .query_map([Count(limit as u64)], |row| {
            let Count(at_ms) = row.get(0)?;
            Ok(AuditEntry {
                at_ms,
                event: row.get(1)?,
                subject: row.get(2)?,
                client_id: row.get(3)?,
                grant_id: row.get(4)?,
            })
        })?
        .collect()
}

/// Forgets the oldest entries beyond those that are kept, at most `limit`.
pub(super) fn sweep(connection: &Connection, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit
                 WHERE id <= (SELECT max(id) FROM audit) - ?1 ORDER BY id LIMIT ?2)",
        )?
        .execute([KEPT_MAX, limit])
}
