//! Who hears of the end of a sign-in session: noted in the step that ends it, forgotten when the
//! client has answered.

use countersign_protocol::Timestamp;
use countersign_protocol::logout::LogoutNotice;
use countersign_protocol::session::Session;
use rusqlite::{Connection, Result, Row};

use super::column::{Count, Millis};

pub(super) const DUE: &str = "SELECT EXISTS (SELECT 1 FROM logout_notice WHERE due_at <= ?1)";

/// Notes that a session has led to a client that wants to hear of its end.
pub(super) fn follow(connection: &Connection, session_id: &str, client_id: &str) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO session_client (session_id, client_id)
             SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM session WHERE id = ?1)",
        )?
        .execute((session_id, client_id))?;
    Ok(())
}

/// The clients that follow a session.
pub(super) fn followers(connection: &Connection, session_id: &str) -> Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT client_id FROM session_client WHERE session_id = ?1 ORDER BY client_id",
        )?
        .query_map([session_id], |row| row.get(0))?
        .collect()
}

/// Every client that follows a session is to be told that it has ended.
pub(super) fn ended(connection: &Connection, session: &Session, now: Timestamp) -> Result<()> {
    for client_id in followers(connection, &session.id)? {
        tell(connection, (&session.id, &session.subject), &client_id, now)?;
    }
    Ok(())
}

/// One client is to be told that a session has ended for it, if it follows the session.
pub(super) fn tell(
    connection: &Connection,
    (session_id, subject): (&str, &str),
    client_id: &str,
    now: Timestamp,
) -> Result<()> {
    let followed = connection
        .prepare_cached("DELETE FROM session_client WHERE session_id = ?1 AND client_id = ?2")?
        .execute((session_id, client_id))?;
    if followed == 1 {
        connection
            .prepare_cached(
                "INSERT INTO logout_notice (client_id, subject, session_id, attempts, due_at)
                 VALUES (?1, ?2, ?3, 0, ?4)",
            )?
            .execute((client_id, subject, session_id, Millis(now)))?;
    }
    Ok(())
}

/// Whether some notice is due.
pub(super) fn is_due(connection: &Connection, now: Timestamp) -> Result<bool> {
    connection.prepare_cached(DUE)?.query_row([Millis(now)], |row| row.get(0))
}

/// Takes notices that are due, the oldest first. Each is due again at `again_at`, so that it is
/// not lost with whoever took it.
pub(super) fn take(
    connection: &Connection,
    now: Timestamp,
    again_at: Timestamp,
    limit: usize,
) -> Result<Vec<LogoutNotice>> {
    let limit = Count(limit as u64);
    let taken: Vec<LogoutNotice> = connection
        .prepare_cached(
            "UPDATE logout_notice SET attempts = attempts + 1, due_at = ?2 WHERE id IN
                 (SELECT id FROM logout_notice WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
             RETURNING id, client_id, subject, session_id, attempts",
        )?
        .query_map((Millis(now), Millis(again_at), limit), read)?
        .collect::<Result<_>>()?;
    Ok(taken)
}

fn read(row: &Row<'_>) -> Result<LogoutNotice> {
    let Count(id) = row.get(0)?;
    let Count(attempts) = row.get(4)?;
    Ok(LogoutNotice {
        id,
        client_id: row.get(1)?,
        subject: row.get(2)?,
        session_id: row.get(3)?,
        attempts,
    })
}

/// A notice is due again later, or, without a time, done with.
pub(super) fn settle(
    connection: &Connection,
    notice: u64,
    again_at: Option<Timestamp>,
) -> Result<()> {
    match again_at {
        Some(at) => connection
            .prepare_cached("UPDATE logout_notice SET due_at = ?2 WHERE id = ?1")?
            .execute((Count(notice), Millis(at)))?,
        None => connection
            .prepare_cached("DELETE FROM logout_notice WHERE id = ?1")?
            .execute([Count(notice)])?,
    };
    Ok(())
}

/// Forgets who follows sessions that are no more, at most `limit` rows. Those that were ended
/// have told their clients; these have timed out.
pub(super) fn sweep(connection: &Connection, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM session_client WHERE (session_id, client_id) IN
                 (SELECT session_id, client_id FROM session_client WHERE NOT EXISTS
                     (SELECT 1 FROM session WHERE session.id = session_client.session_id)
                  LIMIT ?1)",
        )?
        .execute([limit])
}
