//! Clients.

use countersign_protocol::client::Client;
use countersign_protocol::client_secret;
use rusqlite::{Connection, OptionalExtension as _, Result};

use super::column::Json;
use super::fault::sealed_with_an_old_key;
use super::keyring;

pub(super) fn find(connection: &Connection, client_id: &str) -> Result<Option<Client>> {
    connection
        .prepare_cached("SELECT metadata FROM client WHERE client_id = ?1")?
        .query_row([client_id], |row| row.get(0).map(|Json(client)| client))
        .optional()
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Client>> {
    connection
        .prepare_cached("SELECT metadata FROM client ORDER BY client_id")?
        .query_map([], |row| row.get(0).map(|Json(client)| client))?
        .collect()
}

/// Found by an index of these few: there may be very many others.
pub(super) const PROTECTING: &str = "SELECT metadata FROM client
    WHERE json_array_length(metadata, '$.protects') > 0 ORDER BY client_id";

pub(super) fn protecting(connection: &Connection) -> Result<Vec<Client>> {
    connection
        .prepare_cached(PROTECTING)?
        .query_map([], |row| row.get(0).map(|Json(client)| client))?
        .collect()
}

/// Those whose secrets are sealed. Only a new master key looks for them, so there is no index.
pub(super) fn with_readable_secrets(connection: &Connection) -> Result<Vec<Client>> {
    connection
        .prepare_cached(
            "SELECT metadata FROM client
             WHERE json_extract(metadata, '$.client_secret_sealed') IS NOT NULL",
        )?
        .query_map([], |row| row.get(0).map(|Json(client)| client))?
        .collect()
}

/// Writes only what differs, so that a start with an unchanged configuration changes nothing.
pub(super) fn put(connection: &Connection, client: &Client) -> Result<()> {
    refuse_old_seal(connection, client)?;
    connection
        .prepare_cached(
            "INSERT INTO client (client_id, metadata) VALUES (?1, ?2)
             ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata
             WHERE metadata <> excluded.metadata",
        )?
        .execute((&client.client_id, Json(client)))?;
    Ok(())
}

/// Whoever read the master key before it was replaced must not leave behind what the new one does
/// not open.
pub(super) fn refuse_old_seal(connection: &Connection, client: &Client) -> Result<()> {
    match client_secret::sealed_by(client) {
        Some(master) if keyring::was_replaced(connection, master)? => Err(sealed_with_an_old_key()),
        _ => Ok(()),
    }
}
