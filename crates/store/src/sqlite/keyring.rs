//! Keys, sealed. What happens to them is decided by the schedule, inside the transaction, so that
//! all processes on one store agree.

use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::client::Client;
use countersign_protocol::key_schedule::{
    KeyLife, KeyUse, Step, Wish, apply, decide, next_step_at, revocation_life,
};
use countersign_protocol::keyring::SealedKey;
use countersign_protocol::revocation::RevokedKind;
use countersign_protocol::seal::MasterKeyId;
use rusqlite::{Connection, Result};

use super::column::{Count, Millis, unreadable};
use super::{audit, client, revocation};
use crate::store::{KeyChange, KeysChanged, NewMaster, Seal};

pub(super) fn all(connection: &Connection) -> Result<Vec<SealedKey>> {
    connection
        .prepare_cached(
            "SELECT kid, purpose, announced_at, active_at, retired_at, longest_token_s, sealed
             FROM sealed_key ORDER BY announced_at, kid",
        )?
        .query_map([], |row| {
            let usage: String = row.get(1)?;
            let time = |index| row.get::<_, Option<Millis>>(index).map(|at| at.map(|at| at.0));
            let (Millis(announced_at), Count(longest_token)) = (row.get(2)?, row.get(5)?);
            let life = KeyLife {
                kid: row.get(0)?,
                usage: KeyUse::from_name(&usage).ok_or_else(|| unreadable("the use of a key"))?,
                announced_at,
                active_at: time(3)?,
                retired_at: time(4)?,
                longest_token: Duration::from_secs(longest_token),
            };
            Ok(SealedKey { life, sealed: row.get(6)? })
        })?
        .collect()
}

/// Does what is wished and what is due.
pub(super) fn change(connection: &Connection, mut change: KeyChange) -> Result<KeysChanged> {
    if is_sealed_with_an_old_key(connection, &change.candidates)? {
        return Ok(KeysChanged::SealedWithAnOldKey);
    }
    let now = change.now;
    let before: Vec<_> = all(connection)?.into_iter().map(|key| key.life).collect();
    let steps = match decide(&before, &change.uses, &change.settings, &change.wish, now) {
        Ok(steps) => steps,
        Err(refusal) => return Ok(KeysChanged::Refused(refusal)),
    };
    let (mut after, mut made, mut wanted) = (before.clone(), Vec::new(), Vec::new());
    for step in &steps {
        apply(&mut after, step, now);
        let Step::Make { usage, signs, longest_token } = step else { continue };
        match change.candidates.iter().position(|key| key.life.usage == *usage) {
            Some(place) => {
                let key = change.candidates.swap_remove(place);
                let active_at = signs.then_some(now);
                let longest_token = *longest_token;
                let life = KeyLife { announced_at: now, active_at, longest_token, ..key.life };
                made.push(SealedKey { life, ..key });
            }
            // Better the old key than none.
            None if *signs && change.wish != Wish::Schedule => {
                return Ok(KeysChanged::NothingToSignWith(*usage));
            }
            None => wanted.push(*usage),
        }
    }
    for key in &made {
        insert(connection, key)?;
    }
    for life in &before {
        match after.iter().find(|kept| kept.kid == life.kid) {
            None => delete(connection, &life.kid)?,
            Some(kept) if kept != life => update(connection, kept)?,
            Some(_) => {}
        }
    }
    publish(connection, &before, &change.wish, now)?;
    after.extend(made.into_iter().map(|key| key.life));
    let next_at = next_step_at(&after, &change.settings);
    Ok(KeysChanged::Done { steps, wanted, next_at })
}

/// Seals every key and every readable secret of a client anew, all or none. Answers how many, or
/// the name of one that can't be opened.
pub(super) fn reseal(
    connection: &Connection,
    masters: &NewMaster,
    seal: &dyn Seal,
) -> Result<std::result::Result<usize, String>> {
    let (keys, clients) = (all(connection)?, client::with_readable_secrets(connection)?);
    let mut sealed = Vec::new();
    for key in &keys {
        match seal.key(key) {
            Some(anew) => sealed.push(anew),
            None => return Ok(Err(key.life.kid.clone())),
        }
    }
    let count = keys.len() + clients.len();
    let mut changed = Vec::new();
    for client in clients {
        match seal.client_secret(&client) {
            Some(anew) => changed.push(Client { client_secret_sealed: Some(anew), ..client }),
            None => return Ok(Err(format!("of the client {}", client.client_id))),
        }
    }
    for (key, sealed) in keys.iter().zip(sealed) {
        connection
            .prepare_cached("UPDATE sealed_key SET sealed = ?2 WHERE kid = ?1")?
            .execute((&key.life.kid, sealed))?;
    }
    for replaced in &masters.replaced {
        connection
            .prepare_cached("INSERT OR IGNORE INTO replaced_master_key (id) VALUES (?1)")?
            .execute([replaced.as_bytes()])?;
    }
    // Somebody may return to a key that was replaced once.
    connection
        .prepare_cached("DELETE FROM replaced_master_key WHERE id = ?1")?
        .execute([masters.newest.as_bytes()])?;
    for client in &changed {
        client::put(connection, client)?;
    }
    Ok(Ok(count))
}

/// Whoever read the master key before it was replaced must not leave behind what the new one does
/// not open.
fn is_sealed_with_an_old_key(connection: &Connection, candidates: &[SealedKey]) -> Result<bool> {
    for id in candidates.iter().filter_map(|key| MasterKeyId::of(&key.sealed)) {
        if was_replaced(connection, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether nothing may be sealed by a master key any more.
pub(super) fn was_replaced(connection: &Connection, id: MasterKeyId) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM replaced_master_key WHERE id = ?1")?
        .exists([id.as_bytes()])
}

/// A key in wrong hands is told to all who may still trust it.
fn publish(connection: &Connection, before: &[KeyLife], wish: &Wish, now: Timestamp) -> Result<()> {
    let Wish::Revoke { kids } = wish else { return Ok(()) };
    for life in before.iter().filter(|life| kids.contains(&life.kid)) {
        if life.usage.algorithm().is_some() {
            let until = now.plus(revocation_life(life.longest_token));
            revocation::add(connection, RevokedKind::Key, &life.kid, until)?;
        }
        audit::note_key(connection, now, "key_revoked", &life.kid)?;
    }
    Ok(())
}

fn insert(connection: &Connection, key: &SealedKey) -> Result<()> {
    let life = &key.life;
    connection
        .prepare_cached(
            "INSERT INTO sealed_key
                 (kid, purpose, announced_at, active_at, retired_at, longest_token_s, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &life.kid,
            life.usage.name(),
            Millis(life.announced_at),
            life.active_at.map(Millis),
            life.retired_at.map(Millis),
            whole_seconds(life.longest_token),
            &key.sealed,
        ))?;
    Ok(())
}

fn update(connection: &Connection, life: &KeyLife) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE sealed_key SET announced_at = ?2, active_at = ?3, retired_at = ?4,
                 longest_token_s = ?5 WHERE kid = ?1",
        )?
        .execute((
            &life.kid,
            Millis(life.announced_at),
            life.active_at.map(Millis),
            life.retired_at.map(Millis),
            whole_seconds(life.longest_token),
        ))?;
    Ok(())
}

fn delete(connection: &Connection, kid: &str) -> Result<()> {
    connection.prepare_cached("DELETE FROM sealed_key WHERE kid = ?1")?.execute([kid])?;
    Ok(())
}

/// Never less than it is.
fn whole_seconds(duration: Duration) -> Count {
    Count(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
}
