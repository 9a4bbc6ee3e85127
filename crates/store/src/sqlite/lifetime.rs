//! Which lifetimes access tokens are given, and were, and until when: a revocation has to outlive
//! the last of them, and one of a client to reach it.

use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::lifetimes::{
    ACCESS_TOKEN_MAX, is_in_use, longest_in_use, revocation_horizon,
};
use rusqlite::{Connection, Result};

use super::column::{Count, Millis};
use crate::store::Moment;

/// Notes that tokens are given this lifetime at `now`.
pub(super) fn note(connection: &Connection, lifetime: Duration, now: Timestamp) -> Result<()> {
    // Never too short, also for a lifetime of no whole number of seconds.
    let seconds = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
    connection
        .prepare_cached(
            "INSERT INTO access_token_lifetime (seconds, used_at) VALUES (?1, ?2)
             ON CONFLICT (seconds) DO UPDATE SET used_at = max(used_at, excluded.used_at)",
        )?
        .execute((Count(seconds), Millis(now)))?;
    for (lifetime, used_at) in noted(connection)? {
        if !is_in_use(lifetime, used_at, now) {
            connection
                .prepare_cached("DELETE FROM access_token_lifetime WHERE seconds = ?1")?
                .execute([Count(lifetime.as_secs())])?;
        }
    }
    Ok(())
}

/// The longest lifetime of the tokens that may be alive, if one was noted.
pub(super) fn longest(connection: &Connection, now: Timestamp) -> Result<Option<Duration>> {
    Ok(longest_in_use(noted(connection)?, now))
}

/// The latest time at which tokens were given out, as far as that was noted.
pub(super) fn latest_issue(connection: &Connection) -> Result<Option<Timestamp>> {
    let latest: Option<Millis> = connection
        .prepare_cached("SELECT max(used_at) FROM access_token_lifetime")?
        .query_row([], |row| row.get(0))?;
    Ok(latest.map(|Millis(latest)| latest))
}

/// When a revocation that happens in this moment can be forgotten.
pub(super) fn horizon(connection: &Connection, moment: Moment) -> Result<Timestamp> {
    let longest = longest(connection, moment.now)?.max(moment.access_token);
    Ok(revocation_horizon(longest.unwrap_or(ACCESS_TOKEN_MAX), moment.now))
}

fn noted(connection: &Connection) -> Result<Vec<(Duration, Timestamp)>> {
    connection
        .prepare_cached("SELECT seconds, used_at FROM access_token_lifetime")?
        .query_map([], |row| {
            let (Count(seconds), Millis(used_at)) = (row.get(0)?, row.get(1)?);
            Ok((Duration::from_secs(seconds), used_at))
        })?
        .collect()
}
