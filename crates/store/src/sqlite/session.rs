//! Sign-in sessions.

use countersign_protocol::Timestamp;
use countersign_protocol::session::Session;
use rusqlite::{Connection, OptionalExtension as _, Result, Row};

use super::column::Millis;
use super::logout;

const COLUMNS: &str =
    "SELECT secret_hash, id, subject, auth_time, last_seen_at, user_agent FROM session";

fn read(row: &Row<'_>) -> Result<Session> {
    let (Millis(auth_time), Millis(last_seen_at)) = (row.get(3)?, row.get(4)?);
    Ok(Session {
        secret_hash: row.get(0)?,
        id: row.get(1)?,
        subject: row.get(2)?,
        auth_time,
        last_seen_at,
        user_agent: row.get(5)?,
    })
}

pub(super) fn find(connection: &Connection, secret_hash: &[u8; 32]) -> Result<Option<Session>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE secret_hash = ?1"))?
        .query_row([secret_hash], read)
        .optional()
}

pub(super) fn of(connection: &Connection, subject: &str) -> Result<Vec<Session>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE subject = ?1 ORDER BY auth_time DESC LIMIT 100"))?
        .query_map([subject], read)?
        .collect()
}

pub(super) fn begin(connection: &Connection, session: &Session) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO session (secret_hash, id, subject, auth_time, last_seen_at, user_agent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            session.secret_hash,
            &session.id,
            &session.subject,
            Millis(session.auth_time),
            Millis(session.last_seen_at),
            &session.user_agent,
        ))?;
    Ok(())
}

pub(super) fn replace(
    connection: &Connection,
    old: &[u8; 32],
    new: Session,
    now: Timestamp,
) -> Result<()> {
    match find(connection, old)? {
        // Renewed: the name stays, and with it whoever follows it.
        Some(before) if before.subject == new.subject => {
            remove(connection, old)?;
            begin(connection, &Session { id: before.id, ..new })
        }
        _ => {
            end(connection, old, now)?;
            begin(connection, &new)
        }
    }
}

/// Two requests may come in one order and be noted in the other.
pub(super) fn touch(connection: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE session SET last_seen_at = max(last_seen_at, ?2) WHERE secret_hash = ?1",
        )?
        .execute((hash, Millis(now)))?;
    Ok(())
}

/// Ends a session. Those who follow it are to be told.
pub(super) fn end(connection: &Connection, secret_hash: &[u8; 32], now: Timestamp) -> Result<()> {
    if let Some(session) = find(connection, secret_hash)? {
        remove(connection, secret_hash)?;
        logout::ended(connection, &session, now)?;
    }
    Ok(())
}

/// The same for every session of a person.
pub(super) fn end_all_of(connection: &Connection, subject: &str, now: Timestamp) -> Result<()> {
    let ended: Vec<Session> = connection
        .prepare_cached(&format!("{COLUMNS} WHERE subject = ?1"))?
        .query_map([subject], read)?
        .collect::<Result<_>>()?;
    connection.prepare_cached("DELETE FROM session WHERE subject = ?1")?.execute([subject])?;
    ended.iter().try_for_each(|session| logout::ended(connection, session, now))
}

fn remove(connection: &Connection, secret_hash: &[u8; 32]) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM session WHERE secret_hash = ?1")?
        .execute([secret_hash])?;
    Ok(())
}
