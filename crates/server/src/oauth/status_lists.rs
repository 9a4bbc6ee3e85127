//! `GET /status-lists` and `GET /status-lists/{list}`: the status of access tokens for verifiers
//! that do not follow our revocations (draft-ietf-oauth-status-list-21).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use countersign_jose::StatusListToken;
use countersign_protocol::keyring::DEFAULT_ALGORITHM;
use countersign_protocol::status_list::{self, TIME_TO_LIVE_S, USABLE_FOR_S};
use countersign_protocol::{ErrorCode, OAuthError};
use serde_json::json;
use tokio::time::Instant;

use crate::app::{App, Shared};
use crate::process;
use crate::web::document::Document;
use crate::web::headers::allow_any_origin;
use crate::web::oauth_error::ErrorAnswer;

/// A list is made anew at most so often, however many tokens are revoked.
const REBUILT_EVERY: Duration = Duration::from_secs(1);
/// Where nothing is revoked it is made anew so often, so that every copy can be used for long.
const RENEWED_EVERY: Duration = Duration::from_secs(TIME_TO_LIVE_S);
/// The token itself says how long a copy may be kept; on the way nobody may keep it longer.
const REVALIDATED: &str = "public, no-cache";
const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// The lists as they were last made.
#[derive(Debug, Default)]
pub(crate) struct StatusLists {
    made: Mutex<HashMap<u32, Made>>,
    /// One is made at a time: all who ask for it meanwhile get the same.
    making: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Made {
    document: Document,
    /// Its place in the order of revocations.
    seq: u64,
    at: Instant,
}

impl Made {
    fn is_current(&self, seq: u64) -> bool {
        let age = self.at.elapsed();
        age < REBUILT_EVERY || (self.seq == seq && age < RENEWED_EVERY)
    }
}

/// One list. Its signature and the time of its making are those of the first who asked.
pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(list): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let app = &shared.app;
    // In one way only, so that every list has one address.
    let number = list.parse::<u32>().ok().filter(|number| number.to_string() == list);
    let Some(made) = (match number {
        Some(number) => current(app, number).await?,
        None => None,
    }) else {
        let why = OAuthError::new(ErrorCode::InvalidRequest, "there is no such status list");
        return Err(ErrorAnswer::with_status(why, StatusCode::NOT_FOUND));
    };
    let mut response = made.document.answer(&headers, REVALIDATED);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    allow_any_origin(response.headers_mut());
    Ok(response)
}

/// Where all lists are (§9.3).
pub(crate) async fn all(State(shared): State<Shared>) -> Result<Response, ErrorAnswer> {
    let app = &shared.app;
    let lists = app.store().status_lists().await?;
    let uris: Vec<_> = (0..lists).map(|list| status_list::uri(&app.issuer, list)).collect();
    let body = serde_json::to_vec(&json!({ "status_lists": uris })).expect("plain data");
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATED));
    allow_any_origin(headers);
    Ok(response)
}

async fn current(app: &Arc<App>, list: u32) -> Result<Option<Made>, ErrorAnswer> {
    let lists = &app.status_lists;
    let known = || {
        let seq = app.position.borrow().revocation;
        lists.made().get(&list).filter(|made| made.is_current(seq)).cloned()
    };
    if let Some(made) = known() {
        return Ok(Some(made));
    }
    let _one_at_a_time = lists.making.lock().await;
    if let Some(made) = known() {
        return Ok(Some(made));
    }
    let at = Instant::now();
    let Some(content) = app.store().status_list(list).await? else {
        lists.made().remove(&list);
        return Ok(None);
    };
    let key = app.signing_key(DEFAULT_ALGORITHM).await?;
    let uri = status_list::uri(&app.issuer, list);
    let issuer = app.issuer.clone();
    let now = process::now().as_secs();
    // A million bits take a millisecond or two to pack.
    let signed = tokio::task::spawn_blocking(move || {
        let token = StatusListToken {
            issuer: Some(issuer),
            uri,
            issued_at: now,
            expires_at: Some(now + USABLE_FOR_S),
            time_to_live_s: Some(TIME_TO_LIVE_S),
            bits: 1,
            list: status_list::pack(&content.revoked),
        };
        token.sign(&key)
    });
    let signed = signed.await.ok().and_then(Result::ok).ok_or_else(|| {
        tracing::error!(list, "a status list could not be signed");
        OAuthError::new(ErrorCode::ServerError, "the status list could not be signed")
    })?;
    let made = Made { document: Document::new(signed.into()), seq: content.seq, at };
    lists.made().insert(list, made.clone());
    Ok(Some(made))
}

impl StatusLists {
    fn made(&self) -> MutexGuard<'_, HashMap<u32, Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
