//! Clients that register themselves, and who may do so.

use countersign_protocol::Timestamp;
use countersign_protocol::client::Client;
use countersign_protocol::error::OAuthError;
use countersign_protocol::grant::EndReason;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::column::{Json, Millis};
use super::{SqliteStore, client, grant};
use crate::registration::{
    ChangeClient, InitialAccess, NewRegistration, RegisteredClient, RegistrationOutcome,
    Registrations,
};
use crate::store::{Answer, Ended, GrantSelector, Moment};

/// Clients that are removed in one step.
const SLICE: u32 = 200;

impl Registrations for SqliteStore {
    fn register_client(&self, new: NewRegistration) -> Answer<'_, RegistrationOutcome> {
        self.commit(move |connection| register(connection, &new))
    }

    fn registered_client<'a>(
        &'a self,
        client_id: &'a str,
        management: [u8; 32],
    ) -> Answer<'a, Option<RegisteredClient>> {
        self.read(move |connection| find(connection, client_id, &management))
    }

    fn change_registered_client(
        &self,
        client_id: String,
        management: [u8; 32],
        change: ChangeClient,
    ) -> Answer<'_, Option<Result<RegisteredClient, OAuthError>>> {
        self.commit(move |connection| {
            let Some(found) = find(connection, &client_id, &management)? else { return Ok(None) };
            let changed = change(found.client);
            if let Ok(changed) = &changed {
                client::put(connection, changed)?;
            }
            let registered_at = found.registered_at;
            Ok(Some(changed.map(|client| RegisteredClient { client, registered_at })))
        })
    }

    fn remove_registered_client(
        &self,
        client_id: String,
        management: [u8; 32],
        moment: Moment,
    ) -> Answer<'_, Option<Ended>> {
        let removal = self.commit(move |connection| {
            let found = find(connection, &client_id, &management)?;
            if found.is_none_or(|found| found.client.disabled) {
                return Ok(None);
            }
            remove(connection, &client_id)?;
            let selector = GrantSelector::Client(client_id);
            grant::end_selected(connection, &selector, EndReason::ClientRevoked, moment).map(Some)
        });
        Box::pin(async move {
            match removal.await? {
                Some(ended) => self.up_to_the_commit(ended, moment).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn note_client_use(&self, client_id: String, now: Timestamp) -> Answer<'_, ()> {
        self.commit(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE registration SET used_at = ?2
                     WHERE client_id = ?1 AND coalesce(used_at, 0) < ?2",
                )?
                .execute((client_id, Millis(now)))?;
            Ok(())
        })
    }

    fn forget_unused_clients(&self, never_used: Timestamp, unused: Timestamp) -> Answer<'_, usize> {
        Box::pin(async move {
            let mut removed = 0;
            loop {
                let slice = self.commit(move |connection| forget(connection, never_used, unused));
                let count = slice.await?;
                removed += count;
                if count < SLICE as usize {
                    return Ok(removed);
                }
            }
        })
    }

    fn add_initial_access(&self, permit: InitialAccess) -> Answer<'_, bool> {
        self.commit(move |connection| {
            let added = connection
                .prepare_cached(
                    "INSERT INTO initial_access (hash, name, created_at, expires_at, uses_left)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    permit.hash,
                    permit.name,
                    Millis(permit.created_at),
                    Millis(permit.expires_at),
                    permit.uses_left,
                ])?;
            Ok(added > 0)
        })
    }

    fn initial_accesses(&self, now: Timestamp) -> Answer<'_, Vec<InitialAccess>> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT hash, name, created_at, expires_at, uses_left FROM initial_access
                     WHERE expires_at > ?1 AND uses_left > 0 ORDER BY name",
                )?
                .query_map([Millis(now)], |row| {
                    let (Millis(created_at), Millis(expires_at)) = (row.get(2)?, row.get(3)?);
                    let (hash, name, uses_left) = (row.get(0)?, row.get(1)?, row.get(4)?);
                    Ok(InitialAccess { name, hash, created_at, expires_at, uses_left })
                })?
                .collect()
        })
    }

    fn remove_initial_access<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        let name = name.to_owned();
        self.commit(move |connection| {
            let removed = connection
                .prepare_cached("DELETE FROM initial_access WHERE name = ?1")?
                .execute([name])?;
            Ok(removed > 0)
        })
    }
}

fn register(connection: &Connection, new: &NewRegistration) -> Result<RegistrationOutcome> {
    let count: u64 = connection
        .prepare_cached("SELECT count(*) FROM registration")?
        .query_row([], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))?;
    if count >= new.most {
        return Ok(RegistrationOutcome::Full);
    }
    if let Some(hash) = &new.permit {
        let used = connection
            .prepare_cached(
                "UPDATE initial_access SET uses_left = uses_left - 1
                 WHERE hash = ?1 AND uses_left > 0 AND expires_at > ?2",
            )?
            .execute((hash, Millis(new.now)))?;
        if used == 0 {
            return Ok(RegistrationOutcome::NoPermit);
        }
    }
    // Both fail when the id is taken, and with them the step.
    connection
        .prepare_cached(
            "INSERT INTO registration (client_id, management_hash, registered_at)
             VALUES (?1, ?2, ?3)",
        )?
        .execute((&new.client.client_id, new.management, Millis(new.now)))?;
    client::refuse_old_seal(connection, &new.client)?;
    connection
        .prepare_cached("INSERT INTO client (client_id, metadata) VALUES (?1, ?2)")?
        .execute((&new.client.client_id, Json(&new.client)))?;
    Ok(RegistrationOutcome::Done)
}

fn find(
    connection: &Connection,
    client_id: &str,
    management: &[u8; 32],
) -> Result<Option<RegisteredClient>> {
    connection
        .prepare_cached(
            "SELECT metadata, registered_at FROM registration JOIN client USING (client_id)
             WHERE client_id = ?1 AND management_hash = ?2",
        )?
        .query_row((client_id, management), |row| {
            let (Json::<Client>(client), Millis(registered_at)) = (row.get(0)?, row.get(1)?);
            Ok(RegisteredClient { client, registered_at })
        })
        .optional()
}

fn remove(connection: &Connection, client_id: &str) -> Result<()> {
    for sql in
        ["DELETE FROM registration WHERE client_id = ?1", "DELETE FROM client WHERE client_id = ?1"]
    {
        connection.prepare_cached(sql)?.execute([client_id])?;
    }
    Ok(())
}

fn forget(connection: &Connection, never_used: Timestamp, unused: Timestamp) -> Result<usize> {
    let found: Vec<String> = connection
        .prepare_cached(
            "SELECT client_id FROM registration
             WHERE CASE WHEN used_at IS NULL THEN registered_at < ?1 ELSE used_at < ?2 END
                 AND NOT EXISTS
                     (SELECT 1 FROM grants WHERE grants.client_id = registration.client_id)
             LIMIT ?3",
        )?
        .query_map((Millis(never_used), Millis(unused), SLICE), |row| row.get(0))?
        .collect::<Result<_>>()?;
    for client_id in &found {
        remove(connection, client_id)?;
    }
    Ok(found.len())
}

/// Forgets permissions that can't be used any more.
pub(super) fn sweep(connection: &Connection, now: Timestamp) -> Result<usize> {
    connection
        .prepare_cached("DELETE FROM initial_access WHERE expires_at <= ?1 OR uses_left = 0")?
        .execute([Millis(now)])
}
