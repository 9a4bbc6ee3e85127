//! Devices that wait for their person (RFC 8628).

use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::device_code::{
    self, Crowd, DeviceRequest, DeviceState, Presented, UserCode, Verdict,
};
use countersign_protocol::grant::GrantId;
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::scope::Scope;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::column::{Count, Id, Json, Millis, unreadable};
use super::grant;
use crate::store::{DeviceAnswer, DeviceBegun, DeviceOutcome};

/// Expired requests that are forgotten with each new one: more go than come.
const FORGET: u32 = 4;

const COLUMNS: &str = "SELECT id, user_code, client_id, scope, audience, asked_from, created_at,
    expires_at, state, interval_s, polled_at FROM device";

fn read(row: &Row<'_>) -> Result<DeviceRequest> {
    let (Id(id), Json(audience)) = (row.get(0)?, row.get(4)?);
    let (user_code, scope): (String, String) = (row.get(1)?, row.get(3)?);
    let (Millis(created_at), Millis(expires_at)) = (row.get(6)?, row.get(7)?);
    let (state, Count(interval)): (String, _) = (row.get(8)?, row.get(9)?);
    let polled_at: Option<Millis> = row.get(10)?;
    let state = serde_json::from_value(state.into());
    Ok(DeviceRequest {
        id,
        user_code: UserCode::parse(&user_code).ok_or_else(|| unreadable("a stored user code"))?,
        client_id: row.get(2)?,
        scope: Scope::parse(&scope).map_err(|_| unreadable("a stored scope"))?,
        audience,
        asked_from: row.get(5)?,
        created_at,
        expires_at,
        state: state.map_err(|_| unreadable("the state of a device"))?,
        interval: Duration::from_secs(interval),
        polled_at: polled_at.map(|Millis(at)| at),
    })
}

pub(super) fn find_statement() -> String {
    format!("{COLUMNS} WHERE id = ?1")
}

pub(super) fn named_statement() -> String {
    format!("{COLUMNS} WHERE user_code = ?1")
}

fn find(connection: &Connection, id: GrantId) -> Result<Option<DeviceRequest>> {
    connection.prepare_cached(&find_statement())?.query_row([Id(id)], read).optional()
}

pub(super) fn named(connection: &Connection, code: &UserCode) -> Result<Option<DeviceRequest>> {
    connection.prepare_cached(&named_statement())?.query_row([code.as_str()], read).optional()
}

pub(super) fn begin(
    connection: &Connection,
    request: &DeviceRequest,
    now: Timestamp,
) -> Result<DeviceBegun> {
    sweep(connection, now, FORGET)?;
    if !crowd(connection, request)?.has_room() {
        return Ok(DeviceBegun::Full);
    }
    let added = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO device (id, user_code, client_id, scope, audience, asked_from,
                 created_at, expires_at, state, interval_s)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            Id(request.id),
            request.user_code.as_str(),
            request.client_id,
            request.scope.to_string(),
            Json(&request.audience),
            request.asked_from,
            Millis(request.created_at),
            Millis(request.expires_at),
            word(request.state)?,
            Count(request.interval.as_secs()),
        ])?;
    Ok(if added == 1 { DeviceBegun::Begun } else { DeviceBegun::CodeTaken })
}

fn crowd(connection: &Connection, request: &DeviceRequest) -> Result<Crowd> {
    connection
        .prepare_cached(
            "SELECT (SELECT waiting FROM devices),
                    (SELECT count(*) FROM device WHERE client_id = ?1),
                    (SELECT count(*) FROM device WHERE asked_from = ?2)",
        )?
        .query_row((&request.client_id, &request.asked_from), |row| {
            let (Count(all), Count(of_client)) = (row.get(0)?, row.get(1)?);
            let Count(from_address) = row.get(2)?;
            Ok(Crowd { all, of_client, from_address })
        })
}

/// Carries the person's answer out, if the request still waits for one. Answers whether it did.
pub(super) fn answer(
    connection: &Connection,
    code: &UserCode,
    answer: &DeviceAnswer,
    now: Timestamp,
) -> Result<bool> {
    let Some(request) = named(connection, code)?.filter(|request| request.is_waiting(now)) else {
        return Ok(false);
    };
    let state = match answer {
        // The code may have been given out anew meanwhile.
        DeviceAnswer::Allow(grant) if grant.id != request.id => return Ok(false),
        DeviceAnswer::Allow(grant) => {
            grant::begin(connection, grant)?;
            DeviceState::Allowed
        }
        DeviceAnswer::Deny(id) if *id != request.id => return Ok(false),
        DeviceAnswer::Deny(_) => DeviceState::Denied,
    };
    set_state(connection, request.id, state)?;
    Ok(true)
}

pub(super) fn poll(
    connection: &Connection,
    id: GrantId,
    presented: &Presented,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<DeviceOutcome> {
    let (request, grant) = (find(connection, id)?, grant::find(connection, id)?);
    let verdict = device_code::poll(request.as_ref(), grant.as_ref(), presented, lifetimes, now);
    Ok(match verdict {
        Verdict::Redeem(redeemed) => {
            grant::store_redeemed(connection, &redeemed)?;
            set_state(connection, id, DeviceState::Used)?;
            DeviceOutcome::Redeemed(redeemed)
        }
        Verdict::Wait { interval, error } => {
            connection
                .prepare_cached("UPDATE device SET interval_s = ?2, polled_at = ?3 WHERE id = ?1")?
                .execute((Id(id), Count(interval.as_secs()), Millis(now)))?;
            DeviceOutcome::Refused(error)
        }
        Verdict::Refuse(error) => DeviceOutcome::Refused(error),
    })
}

fn set_state(connection: &Connection, id: GrantId, state: DeviceState) -> Result<()> {
    connection
        .prepare_cached("UPDATE device SET state = ?2 WHERE id = ?1")?
        .execute((Id(id), word(state)?))?;
    Ok(())
}

fn word(state: DeviceState) -> Result<String> {
    let word = serde_json::to_value(state).ok();
    word.and_then(|word| word.as_str().map(str::to_owned))
        .ok_or_else(|| unreadable("the state of a device"))
}

/// Forgets requests whose time is over, at most `limit`.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM device WHERE id IN
                 (SELECT id FROM device WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        )?
        .execute((Millis(now), limit))
}
