//! The rule of refresh-token rotation: one row a grant, a counter that only moves forward,
//! and exactly one tolerated predecessor.
//!
//! | presented | row | verdict |
//! |---|---|---|
//! | any | ended or expired | refuse |
//! | n | n | rotate to n+1 |
//! | n-1 | n, inside the retry window | the same token n again; the row does not change |
//! | older, or n-1 outside the window | n | reuse: the grant ends |
//! | n, by a client that keeps its token | n | the same token n; its time begins again |
//! | newer than n | n | refuse, unless the operator lets a restored database catch up |
//!
//! The retry window of a bearer token of a public client is short. A confidential client or a
//! sender-constrained token has it open until generation n is first used, since a thief without
//! the client's key gains nothing from it. In both cases it closes at once when n is used: the
//! row is then at n+1, and n-1 is two behind.

use std::time::Duration;

use countersign_jose::Timestamp;

use crate::authorization_code::are_granted;
use crate::authorization_details::AuthorizationDetails;
use crate::grant::{EndReason, Grant, Sender};
use crate::scope::Scope;

/// What a client presents, after it has authenticated and the token's MAC was found good.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The generation that the token names.
    pub generation: u64,
    /// The authenticated (or, when public, identified) client.
    pub client_id: String,
    /// Whether the client proved its identity with a secret or key.
    pub confidential: bool,
    /// The sender constraint that the request proved.
    pub sender: Sender,
    /// Whether the client keeps its refresh token instead of getting a new one each time (FAPI 2.0
    /// Security Profile §5.3.2.1). For clients that prove their identity, and whose tokens are
    /// bound to a key or certificate.
    pub keeps: bool,
    /// A narrower scope, if one was asked for (RFC 6749 §6).
    pub scope: Option<Scope>,
    /// Fewer resources, if any were named (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// Narrower details, if any were named (RFC 9396 §6).
    pub authorization_details: Option<AuthorizationDetails>,
}

/// The numbers of the rule.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The retry window of bearer tokens of public clients.
    pub retry_window: Duration,
    /// How far a rotation moves the idle expiry.
    pub idle: Duration,
    /// Until then, tokens newer than the row are accepted: the database was restored from a
    /// backup, and the MAC proves that this server issued them.
    pub fast_forward_until: Option<Timestamp>,
}

/// What happens to the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Store this grant; its generation is the new refresh token's.
    Rotate(Box<Grant>),
    /// Answer with the newest generation again; the row stays as it is.
    Retry,
    /// End the grant for this reason.
    End(EndReason),
    /// Nothing changes.
    Refuse(Refusal),
}

/// Why a refresh token is refused without any change to the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such grant.
    #[error("the grant does not exist any more")]
    Unknown,
    /// The token was made for another client.
    #[error("the refresh token was issued to another client")]
    WrongClient,
    /// The proof of possession is missing or for another key.
    #[error("the refresh token is bound to another key")]
    WrongSender,
    /// The grant was revoked.
    #[error("the grant was revoked")]
    Revoked,
    /// The idle or the absolute lifetime is over.
    #[error("the refresh token has expired")]
    Expired,
    /// More scope than was agreed to.
    #[error("the scope is wider than what was granted")]
    ScopeTooWide,
    /// A resource that was not agreed to.
    #[error("a resource was not part of what was granted")]
    ResourceNotGranted,
    /// Details that were not agreed to.
    #[error("authorization_details asks for more than what was granted")]
    DetailsNotGranted,
    /// The token is newer than the row: the database went back in time.
    #[error("the refresh token is newer than the server's record of it")]
    AheadOfRecord,
}

/// Judges a refresh token against its grant, inside the transaction that stores the outcome.
#[must_use]
pub fn redeem(
    grant: Option<&Grant>,
    presented: &Presented,
    settings: &Settings,
    now: Timestamp,
) -> Verdict {
    let Some(grant) = grant else { return Verdict::Refuse(Refusal::Unknown) };
    if let Err(refusal) = check_bindings(grant, presented, now) {
        return Verdict::Refuse(refusal);
    }
    let newest = grant.generation;
    if presented.generation == newest && presented.keeps && presented.confidential {
        Verdict::Rotate(Box::new(kept(grant, settings, now)))
    } else if presented.generation == newest {
        Verdict::Rotate(Box::new(rotated(grant, newest, settings, now)))
    } else if presented.generation > newest {
        // A grant that is not redeemed by its record has no lifetimes of its own to go on with.
        let may_catch_up = newest > 0;
        if may_catch_up && settings.fast_forward_until.is_some_and(|end| now < end) {
            Verdict::Rotate(Box::new(rotated(grant, presented.generation, settings, now)))
        } else {
            Verdict::Refuse(Refusal::AheadOfRecord)
        }
    } else if presented.generation + 1 == newest && may_retry(grant, presented, settings, now) {
        Verdict::Retry
    } else {
        Verdict::End(EndReason::RefreshReuse)
    }
}

fn check_bindings(grant: &Grant, presented: &Presented, now: Timestamp) -> Result<(), Refusal> {
    if grant.client_id != presented.client_id {
        return Err(Refusal::WrongClient);
    }
    if grant.sender != Sender::Bearer && grant.sender != presented.sender {
        return Err(Refusal::WrongSender);
    }
    if grant.ended.is_some() {
        return Err(Refusal::Revoked);
    }
    if !grant.is_live(now) {
        return Err(Refusal::Expired);
    }
    if presented.scope.as_ref().is_some_and(|scope| !scope.is_within(&grant.scope)) {
        return Err(Refusal::ScopeTooWide);
    }
    if presented.resources.iter().any(|resource| !grant.audience.contains(resource)) {
        return Err(Refusal::ResourceNotGranted);
    }
    if !are_granted(presented.authorization_details.as_ref(), grant) {
        return Err(Refusal::DetailsNotGranted);
    }
    Ok(())
}

fn may_retry(grant: &Grant, presented: &Presented, settings: &Settings, now: Timestamp) -> bool {
    presented.confidential
        || grant.sender != Sender::Bearer
        || now.since(grant.rotated_at) < settings.retry_window
}

/// The same generation, and so the same token, with a new idle time.
fn kept(grant: &Grant, settings: &Settings, now: Timestamp) -> Grant {
    let idle_expires_at = now.plus(settings.idle).min(grant.expires_at);
    Grant { idle_expires_at, ..grant.clone() }
}

fn rotated(grant: &Grant, from: u64, settings: &Settings, now: Timestamp) -> Grant {
    let mut next = grant.clone();
    next.generation = from + 1;
    next.rotated_at = now;
    next.idle_expires_at = now.plus(settings.idle).min(grant.expires_at);
    next
}

#[cfg(test)]
mod tests;
