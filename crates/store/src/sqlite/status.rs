//! Token Status Lists: which index belongs to which live token, and which of them are revoked. A
//! bit turns in the very step that adds the event ([`mark`]), so no list can be behind the feed.

use countersign_protocol::Timestamp;
use countersign_protocol::revocation::RevokedKind;
use countersign_protocol::status_list::{ListedToken, StatusIndex};
use rusqlite::{Connection, Result};

use super::column::{Count, unreadable};
use super::position;
use crate::store::StatusList;

pub(super) const LISTS: &str = "SELECT coalesce(max(list) + 1, 0) FROM status";

pub(super) const WIDE: &str = "SELECT EXISTS (SELECT 1 FROM revocation
    WHERE kind IN ('client', 'key')
        AND ((kind = 'client' AND id = ?1 AND issued_until >= ?2) OR (kind = 'key' AND id = ?3)))";

/// Gives a token its index.
pub(super) fn add(connection: &Connection, token: &ListedToken) -> Result<StatusIndex> {
    // A client can be revoked up to the second in which this token is issued.
    let revoked: bool = connection
        .prepare_cached(WIDE)?
        .query_row((&token.client_id, Count(token.issued_at), &token.key_id), |row| row.get(0))?;
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO status
             (list, idx, token_id, grant_id, client_id, key_id, issued_at, free_at, revoked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for place in token.candidates(lists(connection)?) {
        let added = insert.execute((
            place.list,
            place.index,
            &token.token_id,
            &token.grant_id,
            &token.client_id,
            &token.key_id,
            Count(token.issued_at),
            Count(token.free_at().as_secs()),
            revoked,
        ))?;
        if added == 1 {
            return Ok(place);
        }
    }
    // The last one lies in a list that was empty a moment ago, in this very transaction.
    Err(unreadable("a status list"))
}

/// Turns the bits of the tokens that an event hits. Tokens and grants are found by index; clients
/// and keys, which are rarely revoked, by a walk over all live tokens.
pub(super) fn mark(
    connection: &Connection,
    kind: RevokedKind,
    id: &str,
    issued_until: Option<u64>,
) -> Result<()> {
    let set = |condition: &str| format!("UPDATE status SET revoked = 1 WHERE {condition}");
    let _count = match kind {
        RevokedKind::Token => connection.prepare_cached(&set("token_id = ?1"))?.execute([id])?,
        RevokedKind::Grant => connection.prepare_cached(&set("grant_id = ?1"))?.execute([id])?,
        RevokedKind::Client => connection
            .prepare_cached(&set("client_id = ?1 AND issued_at <= ?2"))?
            .execute((id, Count(issued_until.unwrap_or(u64::MAX))))?,
        RevokedKind::Key => connection.prepare_cached(&set("key_id = ?1"))?.execute([id])?,
    };
    Ok(())
}

/// The number of lists that hold any token.
pub(super) fn lists(connection: &Connection) -> Result<u32> {
    connection.prepare_cached(LISTS)?.query_row([], |row| row.get(0))
}

/// The revoked indexes of a list, and the place in the order of revocations that they stand for.
pub(super) fn list(connection: &Connection, list: u32) -> Result<Option<StatusList>> {
    let view = connection.unchecked_transaction()?;
    if list >= lists(&view)? {
        return Ok(None);
    }
    let seq = position::read(&view)?.revocation;
    let revoked = view
        .prepare_cached("SELECT idx FROM status WHERE list = ?1 AND revoked = 1")?
        .query_map([list], |row| row.get(0))?
        .collect::<Result<_>>()?;
    Ok(Some(StatusList { seq, revoked }))
}

/// Frees the indexes of tokens that nobody can accept any more, at most `limit`.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM status WHERE (list, idx) IN
                 (SELECT list, idx FROM status WHERE free_at <= ?1 LIMIT ?2)",
        )?
        .execute((Count(now.as_secs()), limit))
}
