//! Token exchange (RFC 8693): an API that was shown an access token gets one of its own for the
//! next API, which says for whom, and through whom.
//!
//! What comes out is never more than what went in: no wider scope, no longer life, the same grant,
//! so that its end is the end of both. Where it may be used is the registration of the caller.

use countersign_jose::AccessToken;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::grant::Sender;
use crate::release;
use crate::scope::Scope;

/// So many act for one person, one after the other, at the most (RFC 8693 §4.1).
const ACTORS_MAX: usize = 4;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The client, which has authenticated.
    pub caller: &'a Client,
    /// The token that it was shown; of this server, in time, not revoked.
    pub subject: &'a AccessToken,
    /// A token that tells who acts; the same holds for it.
    pub actor: Option<&'a AccessToken>,
    /// The sender constraint that the request proved.
    pub sender: &'a Sender,
    /// `scope`.
    pub scope: Option<&'a Scope>,
    /// `resource` and `audience`, which name the same things here.
    pub targets: &'a [String],
}

/// What it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchanged {
    /// The scope of the new token.
    pub scope: Scope,
    /// The resources that it is for.
    pub audience: Vec<String>,
    /// `act` (RFC 8693 §4.1): who acts, and for whom they do; none for an impersonation.
    pub actor: Option<Value>,
    /// The end of the token that was shown, in seconds since the epoch; the new one ends no later.
    pub expires_at: u64,
}

/// Judges an exchange. `issuer` is this server.
///
/// # Errors
/// As RFC 8693 §2.2.2 words it: `invalid_request` for a token that is not good enough,
/// `invalid_target` for a resource, `invalid_scope` for a scope that is not to be had.
pub fn judge(exchange: &Exchange<'_>, issuer: &str) -> Result<Exchanged, OAuthError> {
    let Exchange { caller, subject, sender, .. } = *exchange;
    let named = |list: &[String]| subject.audience.iter().any(|one| list.contains(one));
    // A token that is bound to somebody's key is good for the API that it was shown to, which has
    // seen the proof; anybody else has to bring the proof here.
    let proved = || subject.confirmation.is_none() || subject.confirmation == sender.confirmation();
    let meant_for = named(&caller.protects) || named(&caller.exchange_audiences) && proved();
    if !meant_for {
        return refuse("the subject token is not meant for this client");
    }
    let actor = acting(exchange, issuer)?;
    Ok(Exchanged {
        scope: scope(exchange)?,
        audience: audience(exchange, issuer)?,
        actor,
        expires_at: subject.expires_at,
    })
}

/// Who acts: the one whom the actor token names, or else the caller itself.
fn acting(exchange: &Exchange<'_>, issuer: &str) -> Result<Option<Value>, OAuthError> {
    let Exchange { caller, subject, actor, sender, .. } = *exchange;
    if let Some(actor) = actor {
        if actor.client_id != caller.client_id {
            return refuse("the actor token was issued to another client");
        }
        if actor.extra.contains_key("act") {
            return refuse("the actor token speaks for somebody else itself");
        }
        if actor.confirmation.is_some() && actor.confirmation != sender.confirmation() {
            return refuse("the actor token is bound to a key that the request does not prove");
        }
    }
    let name = actor.map_or(caller.client_id.as_str(), |actor| &actor.subject);
    if !subject.extra.get("may_act").is_none_or(|who| may_act(who, name, caller, issuer)) {
        return refuse("the subject token names another party that may act");
    }
    let before = subject.extra.get("act");
    if actor.is_none() && caller.danger_impersonation {
        return Ok(before.cloned());
    }
    let mut now = json!({ "sub": name });
    if let Some(before) = before {
        if depth(before) >= ACTORS_MAX {
            return refuse("too many already act for the subject, one after the other");
        }
        now["act"] = before.clone();
    }
    Ok(Some(now))
}

/// Whether the party that `may_act` names is the one that acts (RFC 8693 §4.4). Each member has to
/// fit, and one that is not known fits nobody.
fn may_act(named: &Value, actor: &str, caller: &Client, issuer: &str) -> bool {
    let Some(members) = named.as_object().filter(|members| !members.is_empty()) else {
        return false;
    };
    members.iter().all(|(member, value)| match member.as_str() {
        "sub" => value == actor,
        "client_id" => value == caller.client_id.as_str(),
        "iss" => value == issuer,
        _ => false,
    })
}

fn depth(mut act: &Value) -> usize {
    let mut depth = 1;
    while let Some(inner) = act.get("act").filter(|_| depth < ACTORS_MAX) {
        act = inner;
        depth += 1;
    }
    depth
}

/// What both the shown token and the registration of the caller allow.
fn scope(exchange: &Exchange<'_>) -> Result<Scope, OAuthError> {
    let Exchange { caller, subject, .. } = *exchange;
    let allowed = |word: &&str| match &caller.scope {
        // It is for the life of a grant, which no exchange prolongs.
        _ if *word == "offline_access" => false,
        Some(registered) => registered.contains(word),
        None => release::is_known_scope(word),
    };
    let words: Vec<_> = subject.scopes().filter(allowed).collect();
    let most = Scope::parse(&words.join(" ")).unwrap_or_default();
    match exchange.scope {
        None => Ok(most),
        Some(asked) if asked.is_within(&most) => Ok(asked.clone()),
        Some(_) => {
            let why = "the scope is wider than that of the subject token, or than is registered";
            Err(OAuthError::new(ErrorCode::InvalidScope, why))
        }
    }
}

fn audience(exchange: &Exchange<'_>, issuer: &str) -> Result<Vec<String>, OAuthError> {
    if exchange.caller.resources.is_empty() {
        let why = "the client is not registered for any resource";
        return Err(OAuthError::new(ErrorCode::InvalidTarget, why));
    }
    exchange.caller.audience(exchange.targets, issuer)
}

fn refuse<T>(why: &'static str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidRequest, why))
}

#[cfg(test)]
mod tests;
