//! Pushed authorization requests: kept until one answer was given.

use countersign_protocol::Timestamp;
use countersign_protocol::wire::authorize::pushed::PushedRequest;
use rusqlite::{Connection, OptionalExtension as _, Result, Row};

use super::column::{Count, Millis};
use crate::store::Pushed;

/// Requests that are kept at a time of clients that proved who they are, and as many of others.
const CAPACITY: u64 = 20_000;
/// Expired requests that are forgotten with each new one: more go than come.
const FORGET: u32 = 4;

pub(super) const FIND: &str =
    "SELECT key, client_id, confidential, parameters, pushed_at, expires_at
         FROM pushed_request WHERE key = ?1 AND expires_at > ?2";
pub(super) const TAKE: &str = "DELETE FROM pushed_request WHERE key = ?1 AND expires_at > ?2";

/// Keeps a request, if there is room.
pub(super) fn push(
    connection: &Connection,
    pushed: &PushedRequest,
    now: Timestamp,
) -> Result<Pushed> {
    push_within(connection, pushed, now, CAPACITY)
}

pub(super) fn push_within(
    connection: &Connection,
    pushed: &PushedRequest,
    now: Timestamp,
    capacity: u64,
) -> Result<Pushed> {
    sweep(connection, now, FORGET)?;
    let Count(live) = connection
        .prepare_cached("SELECT live FROM pushed_requests WHERE confidential = ?1")?
        .query_row([pushed.confidential], |row| row.get(0))?;
    if live >= capacity {
        return Ok(Pushed::Full);
    }
    connection
        .prepare_cached(
            "INSERT INTO pushed_request
                 (key, client_id, confidential, parameters, pushed_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            &pushed.key,
            &pushed.client_id,
            pushed.confidential,
            &pushed.parameters,
            Millis(pushed.pushed_at),
            Millis(pushed.expires_at),
        ))?;
    Ok(Pushed::Kept)
}

/// A request that lives.
pub(super) fn find(
    connection: &Connection,
    key: &[u8; 32],
    now: Timestamp,
) -> Result<Option<PushedRequest>> {
    connection.prepare_cached(FIND)?.query_row((key, Millis(now)), read).optional()
}

fn read(row: &Row<'_>) -> Result<PushedRequest> {
    let (Millis(pushed_at), Millis(expires_at)) = (row.get(4)?, row.get(5)?);
    Ok(PushedRequest {
        key: row.get(0)?,
        client_id: row.get(1)?,
        confidential: row.get(2)?,
        parameters: row.get(3)?,
        pushed_at,
        expires_at,
    })
}

/// Lets a request live longer.
pub(super) fn prolong(connection: &Connection, key: &[u8; 32], until: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE pushed_request SET expires_at = max(expires_at, ?2) WHERE key = ?1",
        )?
        .execute((key, Millis(until)))?;
    Ok(())
}

/// Forgets a request because it is answered now. Answers whether it lived: of any number of answers
/// one is the first.
pub(super) fn take(connection: &Connection, key: &[u8; 32], now: Timestamp) -> Result<bool> {
    let count = connection.prepare_cached(TAKE)?.execute((key, Millis(now)))?;
    Ok(count > 0)
}

/// Forgets requests that have expired, at most `limit`, the oldest first.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM pushed_request WHERE key IN
                 (SELECT key FROM pushed_request WHERE expires_at <= ?1
                      ORDER BY expires_at LIMIT ?2)",
        )?
        .execute((Millis(now), limit))
}
