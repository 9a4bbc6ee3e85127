//! Tokens that may be used once: the first to note one wins, over all processes on the file.

use countersign_protocol::Timestamp;
use rusqlite::{Connection, Result};

use super::column::{Count, Millis};
use crate::store::{Use, UsedOnce};

/// Tokens that are remembered at a time, about 100 bytes each.
const CAPACITY: u64 = 1_000_000;
/// Expired tokens that are forgotten with each new one: more go than come.
const FORGET: u32 = 4;

/// Notes a use. SQLite has one writer at a time, and the key is the primary key, so of two that
/// come at once the second finds the first.
pub(super) fn use_once(connection: &Connection, used: &Use, now: Timestamp) -> Result<UsedOnce> {
    note(connection, used, now, CAPACITY)
}

pub(super) fn note(
    connection: &Connection,
    used: &Use,
    now: Timestamp,
    capacity: u64,
) -> Result<UsedOnce> {
    sweep(connection, now, FORGET)?;
    let (live, forgotten_until) = connection
        .prepare_cached("SELECT live, forgotten_until FROM used_tokens")?
        .query_row([], |row| {
            let (Count(live), Millis(forgotten_until)) = (row.get(0)?, row.get(1)?);
            Ok((live, forgotten_until))
        })?;
    let known = connection
        .prepare_cached("SELECT 1 FROM used_token WHERE key = ?1")?
        .exists([&used.key])?;
    // Only a clock that was set back brings a token whose memory is gone.
    if known || used.until <= forgotten_until {
        return Ok(UsedOnce::Replayed);
    }
    if live >= capacity {
        return Ok(UsedOnce::Full);
    }
    connection
        .prepare_cached("INSERT INTO used_token (key, until) VALUES (?1, ?2)")?
        .execute((&used.key, Millis(used.until)))?;
    Ok(UsedOnce::First)
}

/// Forgets tokens that nobody accepts any more, at most `limit`, the oldest first.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM used_token WHERE key IN
                 (SELECT key FROM used_token WHERE until <= ?1 ORDER BY until LIMIT ?2)",
        )?
        .execute((Millis(now), limit))
}
