//! Verifiers that follow the feed, for the other processes on this store.

use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::follower::{Follower, Standing};
use rusqlite::{Connection, Result, Row, params};

use super::column::{Count, Millis};

/// Writes what a server knows of its followers. What they have acknowledged only grows: another
/// server may have heard of it first.
pub(super) fn put(connection: &Connection, followers: &[Follower]) -> Result<()> {
    for follower in followers {
        connection
            .prepare_cached(
                "INSERT INTO follower (id, client_id, name, peer, connected_at, seen_at, gone_at,
                     acknowledged, max_staleness_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (id) DO UPDATE SET
                     name = coalesce(excluded.name, name),
                     seen_at = excluded.seen_at,
                     gone_at = excluded.gone_at,
                     acknowledged = nullif(max(coalesce(acknowledged, -1),
                         coalesce(excluded.acknowledged, -1)), -1),
                     max_staleness_ms = coalesce(excluded.max_staleness_ms, max_staleness_ms)",
            )?
            .execute(params![
                follower.id,
                follower.client_id,
                follower.name,
                follower.peer,
                Millis(follower.connected_at),
                Millis(follower.seen_at),
                follower.gone_at.map(Millis),
                follower.acknowledged.map(Count),
                follower.max_staleness.map(|limit| Count(millis(limit))),
            ])?;
    }
    Ok(())
}

pub(super) fn remove(connection: &Connection, ids: &[String]) -> Result<()> {
    for id in ids {
        connection.prepare_cached("DELETE FROM follower WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Follower>> {
    connection
        .prepare_cached(
            "SELECT id, client_id, name, peer, connected_at, seen_at, gone_at, acknowledged,
                 max_staleness_ms FROM follower ORDER BY client_id, connected_at, id",
        )?
        .query_map([], read)?
        .collect()
}

fn read(row: &Row<'_>) -> Result<Follower> {
    let (Millis(connected_at), Millis(seen_at)) = (row.get(4)?, row.get(5)?);
    let gone_at: Option<Millis> = row.get(6)?;
    let acknowledged: Option<Count> = row.get(7)?;
    let max_staleness: Option<Count> = row.get(8)?;
    Ok(Follower {
        id: row.get(0)?,
        client_id: row.get(1)?,
        name: row.get(2)?,
        peer: row.get(3)?,
        connected_at,
        seen_at,
        gone_at: gone_at.map(|Millis(at)| at),
        acknowledged: acknowledged.map(|Count(seq)| seq),
        max_staleness: max_staleness.map(|Count(millis)| Duration::from_millis(millis)),
    })
}

/// Forgets those that are past caring about. Answers their number.
pub(super) fn sweep(connection: &Connection, now: Timestamp) -> Result<usize> {
    let past = |follower: &Follower| follower.standing(now) == Standing::Past;
    let past: Vec<_> = all(connection)?.into_iter().filter(past).map(|past| past.id).collect();
    remove(connection, &past)?;
    Ok(past.len())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
