//! Grants, their rotation and their end, and what a person agreed to.

use countersign_protocol::Timestamp;
use countersign_protocol::authorization_code::{self, Presented};
use countersign_protocol::grant::{EndReason, Grant, GrantId};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family::{self, Refusal};
use countersign_protocol::revocation::{RevokedKind, client_issued_until};
use countersign_protocol::scope::Scope;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params, params_from_iter};

use super::column::{Count, Id, Json, Millis, unreadable};
use super::{audit, lifetime, logout, position, revocation};
use crate::store::{
    CodeOutcome, Consent, Ended, EndedClient, GrantSelector, Moment, RotationOutcome,
    RotationRequest,
};

const COLUMNS: &str = "SELECT id, subject, client_id, scope, audience, auth_time, amr, session_id,
    sender, generation, rotated_at, created_at, idle_expires_at, expires_at, ended_at,
    ended_reason, pending, details FROM grants";

pub(super) const ROTATE: &str =
    "UPDATE grants SET generation = ?2, rotated_at = ?3, idle_expires_at = ?4 WHERE id = ?1";

fn read(row: &Row<'_>) -> Result<Grant> {
    let time = |at| row.get(at).map(|Millis(time)| time);
    let ended: Option<Millis> = row.get(14)?;
    let reason: Option<String> = row.get(15)?;
    let (pending, details): (Option<Json<_>>, Option<Json<_>>) = (row.get(16)?, row.get(17)?);
    let scope: String = row.get(3)?;
    let (Id(id), Json(audience), Json(amr)) = (row.get(0)?, row.get(4)?, row.get(6)?);
    let (Json(sender), Count(generation)) = (row.get(8)?, row.get(9)?);
    Ok(Grant {
        id,
        subject: row.get(1)?,
        client_id: row.get(2)?,
        scope: Scope::parse(&scope).map_err(|_| unreadable("a stored scope"))?,
        audience,
        auth_time: time(5)?,
        amr,
        session_id: row.get(7)?,
        sender,
        generation,
        rotated_at: time(10)?,
        created_at: time(11)?,
        idle_expires_at: time(12)?,
        expires_at: time(13)?,
        ended: match (ended, reason) {
            (Some(Millis(at)), Some(reason)) => Some((at, read_reason(&reason)?)),
            (None, None) => None,
            // Half an end is no life.
            _ => return Err(unreadable("the end of a grant")),
        },
        pending: pending.map(|Json(pending)| pending),
        details: details.map(|Json(details)| details).unwrap_or_default(),
    })
}

fn read_reason(word: &str) -> Result<EndReason> {
    serde_json::from_value(word.into()).map_err(|_| unreadable("the reason of an ended grant"))
}

pub(super) fn find_statement() -> String {
    format!("{COLUMNS} WHERE id = ?1")
}

pub(super) fn select_statement(condition: &str) -> String {
    format!("{COLUMNS} WHERE {condition} ORDER BY id DESC LIMIT ?2")
}

pub(super) fn unended_statement(condition: &str) -> String {
    format!("{COLUMNS} WHERE {condition} AND ended_at IS NULL ORDER BY id")
}

pub(super) fn find(connection: &Connection, id: GrantId) -> Result<Option<Grant>> {
    connection.prepare_cached(&find_statement())?.query_row([Id(id)], read).optional()
}

pub(super) fn select(
    connection: &Connection,
    selector: &GrantSelector,
    limit: usize,
) -> Result<Vec<Grant>> {
    let (condition, value) = condition(selector);
    let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    connection
        .prepare_cached(&select_statement(condition))?
        .query_map(params_from_iter([value, limit]), read)?
        .collect()
}

/// The condition on `?1` that picks the selected rows.
pub(super) fn condition(selector: &GrantSelector) -> (&'static str, Value) {
    match selector {
        GrantSelector::All => ("?1 IS NULL", Value::Null),
        GrantSelector::One(id) => ("id = ?1", Value::Blob(id.as_bytes().to_vec())),
        GrantSelector::Subject(subject) => ("subject = ?1", Value::Text(subject.clone())),
        GrantSelector::Client(client_id) => ("client_id = ?1", Value::Text(client_id.clone())),
        GrantSelector::Session(id) => ("session_id = ?1", Value::Text(id.clone())),
    }
}

pub(super) fn begin(connection: &Connection, grant: &Grant) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO grants (id, subject, client_id, scope, audience, auth_time, amr,
                 session_id, sender, generation, rotated_at, created_at, idle_expires_at,
                 expires_at, pending, details)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            Id(grant.id),
            grant.subject,
            grant.client_id,
            grant.scope.to_string(),
            Json(&grant.audience),
            Millis(grant.auth_time),
            Json(&grant.amr),
            grant.session_id,
            Json(&grant.sender),
            Count(grant.generation),
            Millis(grant.rotated_at),
            Millis(grant.created_at),
            Millis(grant.idle_expires_at),
            Millis(grant.expires_at),
            grant.pending.as_ref().map(Json),
            (!grant.details.is_empty()).then_some(Json(&grant.details)),
        ])?;
    Ok(())
}

pub(super) fn redeem_code(
    connection: &Connection,
    id: GrantId,
    presented: &Presented,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<CodeOutcome> {
    let grant = find(connection, id)?;
    let verdict = authorization_code::redeem(grant.as_ref(), presented, lifetimes, now);
    match (verdict, grant) {
        (authorization_code::Verdict::Redeem(redeemed), before) => {
            store_redeemed(connection, &redeemed)?;
            let nonce = before.and_then(|grant| grant.pending).and_then(|pending| pending.nonce);
            Ok(CodeOutcome::Redeemed { grant: redeemed, nonce })
        }
        (authorization_code::Verdict::End(reason), Some(grant)) => {
            end(connection, &grant, reason, Moment::new(now, lifetimes))?;
            audit::note(connection, now, reason.as_str(), &grant)?;
            Ok(CodeOutcome::Refused(countersign_protocol::OAuthError::new(
                countersign_protocol::ErrorCode::InvalidGrant,
                "the code was used before; everything issued from it has been revoked",
            )))
        }
        (authorization_code::Verdict::End(_), None) => Err(unreadable("a grant")),
        (authorization_code::Verdict::Refuse(error), _) => Ok(CodeOutcome::Refused(error)),
    }
}

/// Stores a grant that has just given its first tokens.
pub(super) fn store_redeemed(connection: &Connection, redeemed: &Grant) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE grants SET sender = ?2, generation = ?3, rotated_at = ?4,
                 idle_expires_at = ?5, expires_at = ?6, pending = NULL WHERE id = ?1",
        )?
        .execute((
            Id(redeemed.id),
            Json(&redeemed.sender),
            Count(redeemed.generation),
            Millis(redeemed.rotated_at),
            Millis(redeemed.idle_expires_at),
            Millis(redeemed.expires_at),
        ))?;
    Ok(())
}

pub(super) fn rotate(
    connection: &Connection,
    request: &RotationRequest,
    moment: Moment,
) -> Result<RotationOutcome> {
    let RotationRequest { grant: id, presented, settings } = request;
    let Some(grant) = find(connection, *id)? else {
        return Ok(RotationOutcome::Refused(Refusal::Unknown));
    };
    match refresh_family::redeem(Some(&grant), presented, settings, moment.now) {
        refresh_family::Verdict::Rotate(next) => {
            connection.prepare_cached(ROTATE)?.execute((
                Id(*id),
                Count(next.generation),
                Millis(next.rotated_at),
                Millis(next.idle_expires_at),
            ))?;
            Ok(RotationOutcome::Rotated(next))
        }
        refresh_family::Verdict::Retry => Ok(RotationOutcome::Retried(Box::new(grant))),
        refresh_family::Verdict::End(reason) => {
            end(connection, &grant, reason, moment)?;
            audit::note(connection, moment.now, reason.as_str(), &grant)?;
            let ended = Grant { ended: Some((moment.now, reason)), pending: None, ..grant };
            Ok(RotationOutcome::Reused(Box::new(ended)))
        }
        refresh_family::Verdict::Refuse(refusal) => {
            if refusal == Refusal::AheadOfRecord {
                audit::note(connection, moment.now, "refresh_ahead_of_record", &grant)?;
            }
            Ok(RotationOutcome::Refused(refusal))
        }
    }
}

/// Ends the selected grants that have not ended, and publishes each, or the client that they
/// belong to.
pub(super) fn end_selected(
    connection: &Connection,
    selector: &GrantSelector,
    reason: EndReason,
    moment: Moment,
) -> Result<Ended> {
    let (condition, value) = condition(selector);
    let found: Vec<Grant> = connection
        .prepare_cached(&unended_statement(condition))?
        .query_map([value], read)?
        .collect::<Result<_>>()?;
    let keep_offline = matches!(selector, GrantSelector::Session(_));
    let expires_at = lifetime::horizon(connection, moment)?;
    let client = match selector {
        GrantSelector::Client(client_id) => Some(EndedClient {
            issued_until: end_client(connection, client_id, moment)?,
            exchanged: publish_exchanged(connection, client_id, expires_at)?,
            client_id: client_id.clone(),
        }),
        _ => None,
    };
    let mut grants = Vec::new();
    for grant in found {
        if keep_offline && grant.is_offline() {
            continue;
        }
        mark_ended(connection, &grant, reason, moment)?;
        if client.is_none() {
            publish(connection, &grant, expires_at)?;
        }
        grants.push(grant.id);
        if reason == EndReason::UserRevoked {
            forget_consent(connection, &grant.subject, &grant.client_id)?;
        }
        // Who takes an application's access back has signed out of it.
        if matches!(reason, EndReason::UserRevoked | EndReason::OperatorRevoked)
            && let Some(session_id) = &grant.session_id
        {
            let session = (session_id.as_str(), grant.subject.as_str());
            logout::tell(connection, session, &grant.client_id, moment.now)?;
        }
    }
    Ok(Ended { grants, client, expires_at, seq: position::read(connection)?.revocation })
}

/// Publishes that the tokens of a client have ended. Answers up to which second of issue.
pub(super) fn end_client(connection: &Connection, client_id: &str, moment: Moment) -> Result<u64> {
    let latest_issue = lifetime::latest_issue(connection)?;
    let issued_until = client_issued_until(moment.present(), latest_issue);
    let expires_at = lifetime::horizon(connection, moment)?;
    revocation::add_client(connection, client_id, issued_until, expires_at)?;
    Ok(issued_until)
}

/// Publishes the grants of a client that are about to end and of which other clients have tokens.
fn publish_exchanged(
    connection: &Connection,
    client_id: &str,
    expires_at: Timestamp,
) -> Result<Vec<GrantId>> {
    let ids: Vec<GrantId> = connection
        .prepare_cached(
            "SELECT id FROM grants
             WHERE client_id = ?1 AND ended_at IS NULL AND exchanged = 1 ORDER BY id",
        )?
        .query_map([client_id], |row| row.get(0).map(|Id(id)| id))?
        .collect::<Result<_>>()?;
    for id in &ids {
        revocation::add(connection, RevokedKind::Grant, &id.to_string(), expires_at)?;
    }
    Ok(ids)
}

/// A grant of which it is noted that other clients have tokens of it.
pub(super) fn known_as_exchanged(connection: &Connection, id: GrantId) -> Result<Option<Grant>> {
    connection
        .prepare_cached(&format!("{} AND exchanged = 1", find_statement()))?
        .query_row([Id(id)], read)
        .optional()
}

/// Notes that other clients get tokens of a grant, if it lives.
pub(super) fn exchange(
    connection: &Connection,
    id: GrantId,
    now: Timestamp,
) -> Result<Option<Grant>> {
    let Some(grant) = find(connection, id)?.filter(|grant| grant.is_live(now)) else {
        return Ok(None);
    };
    connection
        .prepare_cached("UPDATE grants SET exchanged = 1 WHERE id = ?1")?
        .execute([Id(id)])?;
    Ok(Some(grant))
}

fn end(connection: &Connection, grant: &Grant, reason: EndReason, moment: Moment) -> Result<()> {
    mark_ended(connection, grant, reason, moment)?;
    publish(connection, grant, lifetime::horizon(connection, moment)?)
}

fn mark_ended(
    connection: &Connection,
    grant: &Grant,
    reason: EndReason,
    moment: Moment,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE grants SET ended_at = ?2, ended_reason = ?3, pending = NULL WHERE id = ?1",
        )?
        .execute((Id(grant.id), Millis(moment.now), reason.as_str()))?;
    Ok(())
}

fn publish(connection: &Connection, grant: &Grant, expires_at: Timestamp) -> Result<()> {
    revocation::add(connection, RevokedKind::Grant, &grant.id.to_string(), expires_at)?;
    Ok(())
}

pub(super) fn consent(connection: &Connection, subject: &str, client_id: &str) -> Result<Consent> {
    let found = connection
        .prepare_cached(
            "SELECT scope, audience, claims FROM consent WHERE subject = ?1 AND client_id = ?2",
        )?
        .query_row((subject, client_id), |row| read_consent(row, 0))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Adds what was agreed to now to what was agreed to before, as far as the two add up.
pub(super) fn remember_consent(connection: &Connection, grant: &Grant) -> Result<()> {
    let claims = grant.details.claims.names().into_iter().map(str::to_owned).collect();
    let new = Consent { scope: grant.scope.clone(), audience: grant.audience.clone(), claims };
    let known = consent(connection, &grant.subject, &grant.client_id)?.and(new);
    connection
        .prepare_cached(
            "INSERT INTO consent (subject, client_id, scope, audience, claims)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (subject, client_id)
             DO UPDATE SET scope = excluded.scope, audience = excluded.audience,
                 claims = excluded.claims",
        )?
        .execute((
            &grant.subject,
            &grant.client_id,
            known.scope.to_string(),
            Json(&known.audience),
            (!known.claims.is_empty()).then_some(Json(&known.claims)),
        ))?;
    Ok(())
}

/// What a person agreed to, for each client, by its id.
pub(super) fn consents(connection: &Connection, subject: &str) -> Result<Vec<(String, Consent)>> {
    connection
        .prepare_cached(
            "SELECT client_id, scope, audience, claims FROM consent WHERE subject = ?1
             ORDER BY client_id",
        )?
        .query_map([subject], |row| Ok((row.get(0)?, read_consent(row, 1)?)))?
        .collect()
}

/// Reads scope, audience and claims, from a column on.
fn read_consent(row: &Row<'_>, at: usize) -> Result<Consent> {
    let scope: String = row.get(at)?;
    let (Json(audience), claims): (_, Option<Json<_>>) = (row.get(at + 1)?, row.get(at + 2)?);
    let claims = claims.map(|Json(claims)| claims).unwrap_or_default();
    let scope = Scope::parse(&scope).map_err(|_| unreadable("a stored scope"))?;
    Ok(Consent { scope, audience, claims })
}

pub(super) fn forget_consent(
    connection: &Connection,
    subject: &str,
    client_id: &str,
) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM consent WHERE subject = ?1 AND client_id = ?2")?
        .execute((subject, client_id))?;
    Ok(())
}
