//! Clients.

use countersign_protocol::client::Client;
use rusqlite::{Connection, OptionalExtension as _, Result};

use super::column::Json;

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

/// Writes only what differs, so that a start with an unchanged configuration changes nothing.
pub(super) fn put(connection: &Connection, client: &Client) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO client (client_id, metadata) VALUES (?1, ?2)
             ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata
             WHERE metadata <> excluded.metadata",
        )?
        .execute((&client.client_id, Json(client)))?;
    Ok(())
}
