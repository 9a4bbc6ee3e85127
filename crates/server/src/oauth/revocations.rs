//! `GET /revocations/snapshot` and `GET /revocations/feed`: how revocations reach verifiers.
//!
//! A follower reads the store from its own place onwards whenever the store has moved, so a
//! reconnect, a slow reader and a change by another process are all the same case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign_protocol::client::Client;
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::StoreError;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::app::{App, Shared};
use crate::listen::stopped;
use crate::web::document::Document;
use crate::web::oauth_error::ErrorAnswer;

/// A heartbeat says that nothing was missed.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Events that are read from the store at a time.
const READ_MAX: usize = 1_000;
/// Frames that may wait for a slow reader before the server stops reading for it.
const FRAMES_WAITING: usize = 16;

/// All live events at a place of the total order.
pub(crate) async fn snapshot(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    authenticate(&shared.app, &headers).await?;
    let now = shared.app.time_to_forget();
    let snapshot = shared.app.store().snapshot(now).await?;
    let body = serde_json::to_vec(&snapshot).expect("a snapshot is plain data");
    Ok(Document::new(body.into()).answer(&headers, "private, no-cache"))
}

/// The events from `Last-Event-ID` on, as server-sent events.
pub(crate) async fn feed(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    let client = authenticate(&shared.app, &headers).await?;
    let from = match headers.get("last-event-id") {
        None => shared.app.position.borrow().revocation,
        Some(id) => {
            let number = id.to_str().ok().and_then(|id| id.parse().ok());
            number.ok_or_else(|| {
                let why = "Last-Event-ID is the number of the last event that was applied";
                OAuthError::new(ErrorCode::InvalidRequest, why)
            })?
        }
    };
    let (frames, stream) = mpsc::channel(FRAMES_WAITING);
    let app = Arc::clone(&shared.app);
    tokio::spawn(async move {
        if let Err(error) = follow(&app, &client, from, &frames).await {
            tracing::error!(code = error.code(), %error, "a revocation feed ended");
        }
    });
    let mut response =
        (StatusCode::OK, Body::from_stream(ReceiverStream::new(stream))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold events back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

type Frames = mpsc::Sender<Result<Bytes, std::convert::Infallible>>;

/// Writes frames until the reader is gone, its client was changed or the server stops.
async fn follow(
    app: &App,
    client: &Client,
    mut sent: u64,
    frames: &Frames,
) -> Result<(), StoreError> {
    let mut position = app.position.clone();
    let mut stopping = app.stopping.clone();
    let begun = Instant::now();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let newest = position.borrow_and_update().revocation;
        if newest != sent {
            match app.store().revocations_after(sent, READ_MAX).await? {
                None => {
                    // The reader starts again from a snapshot.
                    let _ = frames.send(Ok("event: reset\ndata: {}\n\n".into())).await;
                    return Ok(());
                }
                Some(events) => {
                    let mut text = String::new();
                    for event in &events {
                        let data = serde_json::to_string(event).expect("an event is plain data");
                        let seq = event.seq;
                        text.push_str(&format!("id: {seq}\nevent: revoked\ndata: {data}\n\n"));
                    }
                    sent = events.last().map_or(sent, |event| event.seq);
                    if !text.is_empty() && frames.send(Ok(text.into())).await.is_err() {
                        return Ok(());
                    }
                    if sent < newest {
                        continue;
                    }
                }
            }
        }
        tokio::select! {
            changed = position.changed() => if changed.is_err() { return Ok(()) },
            _ = heartbeat.tick() => {
                // A connection may last for weeks; the right to it may not.
                if app.client(&client.client_id).await?.is_none_or(|now| *now != *client) {
                    return Ok(());
                }
                // The follower measures with it how late this comes.
                let after_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let data = json!({ "seq": sent, "after_ms": after_ms });
                let frame = format!("event: heartbeat\ndata: {data}\n\n");
                if frames.send(Ok(frame.into())).await.is_err() {
                    return Ok(());
                }
            }
            () = stopped(&mut stopping) => return Ok(()),
            () = frames.closed() => return Ok(()),
        }
    }
}

/// Only the API of some resource may follow.
async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Arc<Client>, ErrorAnswer> {
    let client = app.authenticate(headers, &Params::default()).await?;
    if client.protects.is_empty() {
        let why = "the client protects no resource";
        let error = OAuthError::new(ErrorCode::UnauthorizedClient, why);
        return Err(ErrorAnswer::with_status(error, StatusCode::FORBIDDEN));
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn a_feed_ends_when_its_client_is_closed() {
        let site = Fixture::open().await;
        let app = Arc::clone(&site.app);
        let client = app.client("api").await.unwrap().unwrap();
        let (frames, mut read) = mpsc::channel(FRAMES_WAITING);
        let reader = Arc::clone(&client);
        let feed = tokio::spawn(async move { follow(&app, &reader, 0, &frames).await });
        assert!(read.recv().await.is_some(), "a heartbeat comes");
        let closed = Client { disabled: true, ..(*client).clone() };
        site.app.store().put_client(closed, site.app.moment()).await.unwrap();
        let ended = tokio::time::timeout(3 * HEARTBEAT, feed).await;
        ended.expect("it ends").unwrap().unwrap();
    }
}
