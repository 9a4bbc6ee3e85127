//! Accounts.

use countersign_protocol::account::Account;
use rusqlite::{Connection, OptionalExtension as _, Result, Row};

use super::column::Json;

const COLUMNS: &str = "SELECT subject, username, password_hash, disabled, claims FROM account";

fn read(row: &Row<'_>) -> Result<Account> {
    let Json(claims) = row.get(4)?;
    Ok(Account {
        subject: row.get(0)?,
        username: row.get(1)?,
        password_hash: row.get(2)?,
        disabled: row.get(3)?,
        claims,
    })
}

pub(super) fn find(connection: &Connection, subject: &str) -> Result<Option<Account>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE subject = ?1"))?
        .query_row([subject], read)
        .optional()
}

pub(super) fn named(connection: &Connection, username: &str) -> Result<Option<Account>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE username = ?1"))?
        .query_row([username], read)
        .optional()
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Account>> {
    connection
        .prepare_cached(&format!("{COLUMNS} ORDER BY username"))?
        .query_map([], read)?
        .collect()
}

pub(super) fn put(connection: &Connection, account: &Account) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO account (subject, username, password_hash, disabled, claims)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (subject) DO UPDATE SET username = excluded.username,
                 password_hash = excluded.password_hash, disabled = excluded.disabled,
                 claims = excluded.claims",
        )?
        .execute((
            &account.subject,
            &account.username,
            &account.password_hash,
            account.disabled,
            Json(&account.claims),
        ))?;
    Ok(())
}
