//! Signing keys and secrets, sealed.

use countersign_jose::Algorithm;
use countersign_protocol::Timestamp;
use countersign_protocol::keyring::{KeyState, SealedKey};
use rusqlite::{Connection, Result};

use super::column::{Millis, unreadable};
use crate::store::SealedSecret;

pub(super) fn signing_keys(connection: &Connection) -> Result<Vec<SealedKey>> {
    connection
        .prepare_cached(
            "SELECT kid, algorithm, state, created_at, sealed FROM signing_key
             ORDER BY created_at, kid",
        )?
        .query_map([], |row| {
            let (algorithm, state): (String, String) = (row.get(1)?, row.get(2)?);
            let Millis(created_at) = row.get(3)?;
            Ok(SealedKey {
                kid: row.get(0)?,
                algorithm: Algorithm::from_name(&algorithm)
                    .ok_or_else(|| unreadable("a signing algorithm"))?,
                state: KeyState::from_name(&state).ok_or_else(|| unreadable("a key state"))?,
                created_at,
                sealed: row.get(4)?,
            })
        })?
        .collect()
}

pub(super) fn add_signing_key(connection: &Connection, key: &SealedKey) -> Result<bool> {
    let added = connection
        .prepare_cached(
            "INSERT INTO signing_key (kid, algorithm, state, created_at, sealed)
             SELECT ?1, ?2, ?3, ?4, ?5
             WHERE NOT EXISTS (SELECT 1 FROM signing_key WHERE algorithm = ?2)",
        )?
        .execute((
            &key.kid,
            key.algorithm.name(),
            key.state.as_str(),
            Millis(key.created_at),
            &key.sealed,
        ))?;
    Ok(added == 1)
}

pub(super) fn secrets(connection: &Connection, purpose: &str) -> Result<Vec<SealedSecret>> {
    connection
        .prepare_cached("SELECT id, sealed FROM secret WHERE purpose = ?1 ORDER BY id DESC")?
        .query_map([purpose], |row| Ok(SealedSecret { id: row.get(0)?, sealed: row.get(1)? }))?
        .collect()
}

pub(super) fn add_first_secret(
    connection: &Connection,
    purpose: &str,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let added = connection
        .prepare_cached(
            "INSERT INTO secret (purpose, created_at, sealed) SELECT ?1, ?2, ?3
             WHERE NOT EXISTS (SELECT 1 FROM secret WHERE purpose = ?1)",
        )?
        .execute((purpose, Millis(now), sealed))?;
    Ok(added == 1)
}
