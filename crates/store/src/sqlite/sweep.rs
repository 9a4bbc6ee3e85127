//! Forgetting what is dead, a slice at a time: other steps go between the slices, so no request
//! waits behind a sweep, however large the store has become.

use countersign_protocol::Timestamp;
use countersign_protocol::lifetimes::Lifetimes;
use rusqlite::{Connection, Result};

use super::column::Millis;
use super::{
    SqliteStore, audit, device, follower, lifetime, logout, pushed_request, registration,
    revocation, status, used_token,
};
use crate::error::StoreError;
use crate::store::Moment;

/// Rows that are looked at in one step.
const SLICE: u32 = 1_000;

/// A table whose rows die of age.
struct Mortal {
    table: &'static str,
    /// Its primary key, a blob.
    key: &'static str,
    /// Whether a row is dead, given the times `?3` and `?4`.
    dead: &'static str,
}

const GRANTS: Mortal = Mortal {
    table: "grants",
    key: "id",
    dead: "expires_at < ?3 OR idle_expires_at < ?3 OR ended_at < ?4",
};
const SESSIONS: Mortal =
    Mortal { table: "session", key: "secret_hash", dead: "auth_time < ?3 OR last_seen_at < ?4" };

impl SqliteStore {
    /// Deletes what nothing that is alive can refer to. Answers how many rows went.
    pub(super) async fn forget(
        &self,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> std::result::Result<usize, StoreError> {
        let lifetime = lifetimes.access_token;
        self.commit(move |connection| lifetime::note(connection, lifetime, now)).await?;
        // A grant stays as long as its last access token may live.
        let moment = Moment::new(now, lifetimes);
        let horizon = self.read(move |connection| lifetime::horizon(connection, moment)).await?;
        let horizon = now.minus(horizon.since(now));
        let begun = now.minus(lifetimes.session_absolute);
        let seen = now.minus(lifetimes.session_idle);
        let mut deleted = self.forget_mortals(&GRANTS, [horizon, horizon]).await?;
        deleted += self.forget_mortals(&SESSIONS, [begun, seen]).await?;
        deleted += self.forget_oldest(move |c| revocation::sweep(c, now, SLICE)).await?;
        deleted += self.forget_oldest(move |c| used_token::sweep(c, now, SLICE)).await?;
        deleted += self.forget_oldest(move |c| status::sweep(c, now, SLICE)).await?;
        deleted += self.forget_oldest(move |c| device::sweep(c, now, SLICE)).await?;
        deleted += self.forget_oldest(move |c| pushed_request::sweep(c, now, SLICE)).await?;
        deleted += self.commit(move |connection| follower::sweep(connection, now)).await?;
        deleted += self.forget_oldest(|c| logout::sweep(c, SLICE)).await?;
        deleted += self.commit(move |connection| registration::sweep(connection, now)).await?;
        deleted += self.forget_oldest(|c| audit::sweep(c, SLICE)).await?;
        Ok(deleted)
    }

    async fn forget_mortals(
        &self,
        mortal: &'static Mortal,
        before: [Timestamp; 2],
    ) -> std::result::Result<usize, StoreError> {
        let (mut deleted, mut after) = (0, Some(Vec::new()));
        while let Some(from) = after {
            let slice = self.commit(move |connection| mortal.sweep(connection, &from, before));
            let (count, to) = slice.await?;
            deleted += count;
            after = to;
        }
        Ok(deleted)
    }

    async fn forget_oldest(
        &self,
        slice: impl Fn(&Connection) -> Result<usize> + Copy + Send + 'static,
    ) -> std::result::Result<usize, StoreError> {
        let mut deleted = 0;
        loop {
            let count = self.commit(slice).await?;
            deleted += count;
            if count < SLICE as usize {
                return Ok(deleted);
            }
        }
    }
}

impl Mortal {
    /// Deletes the dead among the next rows after a key. Answers their number, and the key to go
    /// on from if there may be more rows.
    fn sweep(
        &self,
        connection: &Connection,
        after: &[u8],
        before: [Timestamp; 2],
    ) -> Result<(usize, Option<Vec<u8>>)> {
        let Self { table, key, dead } = self;
        let last: Option<Vec<u8>> = connection
            .prepare_cached(&format!(
                "SELECT max({key}) FROM
                     (SELECT {key} FROM {table} WHERE {key} > ?1 ORDER BY {key} LIMIT ?2)"
            ))?
            .query_row((after, SLICE), |row| row.get(0))?;
        let Some(last) = last else { return Ok((0, None)) };
        let count = connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE {key} > ?1 AND {key} <= ?2 AND ({dead})"
            ))?
            .execute((after, &last, Millis(before[0]), Millis(before[1])))?;
        Ok((count, Some(last)))
    }
}
