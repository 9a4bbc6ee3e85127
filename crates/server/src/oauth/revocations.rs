//! `GET /revocations/snapshot` and `GET /revocations/feed`: how revocations reach verifiers.
//!
//! A follower reads the store from its own place onwards whenever the store has moved, so a
//! reconnect, a slow reader and a change by another process are all the same case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Extension, State};
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
use crate::followers::{Feed, Followers};
use crate::listen::stopped;
use crate::web::client_ip::{self, Peer};
use crate::web::document::Document;
use crate::web::oauth_error::ErrorAnswer;

/// A heartbeat says that nothing was missed.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Events that are read from the store at a time.
const READ_MAX: usize = 1_000;
/// Frames that may wait for a slow reader before the server stops reading for it.
const FRAMES_WAITING: usize = 4;
/// A reader that takes nothing for so long is left.
const SLOW_PATIENCE: Duration = Duration::from_secs(10);

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
    Extension(Peer(peer)): Extension<Peer>,
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
    let app = Arc::clone(&shared.app);
    let address = client_ip::find(peer, &headers, &app.trusted_proxies);
    // Behind a proxy the port is the proxy's.
    let is_direct = address == peer.ip().to_canonical();
    let peer = if is_direct { peer.to_string() } else { address.to_string() };
    let feed = Followers::open(&app, &client.client_id, peer, from).await?;
    let feed = feed.ok_or_else(|| {
        OAuthError::new(ErrorCode::TemporarilyUnavailable, "there are too many feeds")
    })?;
    let (frames, stream) = mpsc::channel(FRAMES_WAITING);
    tokio::spawn(async move {
        if let Err(error) = follow(&app, &client, &feed, from, &frames).await {
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
    feed: &Feed,
    mut sent: u64,
    frames: &Frames,
) -> Result<(), StoreError> {
    let mut position = app.position.clone();
    let mut stopping = app.stopping.clone();
    let begun = Instant::now();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let hello = json!({ "follower": feed.id() });
    if !send(frames, format!("event: hello\ndata: {hello}\n\n")).await {
        return Ok(());
    }
    let mut is_due = false;
    loop {
        position.mark_unchanged();
        // Read also when nothing has moved: a heartbeat says that nothing was missed, and that
        // rests on the store itself, not on having been told.
        match app.store().revocations_after(sent, READ_MAX).await? {
            None => {
                // The reader starts again from a snapshot.
                send(frames, "event: reset\ndata: {}\n\n".to_owned()).await;
                return Ok(());
            }
            Some(events) if !events.is_empty() => {
                let mut text = String::new();
                for event in &events {
                    let data = serde_json::to_string(event).expect("an event is plain data");
                    let seq = event.seq;
                    text.push_str(&format!("id: {seq}\nevent: revoked\ndata: {data}\n\n"));
                }
                sent = events.last().map_or(sent, |event| event.seq);
                feed.sent(sent);
                if !send(frames, text).await {
                    return Ok(());
                }
                // There may be more.
                continue;
            }
            Some(_) => {}
        }
        if is_due {
            // A connection may last for weeks; the right to it may not.
            let now = app.client(&client.client_id).await?;
            if now.is_none_or(|now| *now != *client) || feed.is_dead() {
                return Ok(());
            }
            // The follower measures with it how late this comes.
            let after_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let data = json!({ "seq": sent, "after_ms": after_ms });
            if !send(frames, format!("event: heartbeat\ndata: {data}\n\n")).await {
                return Ok(());
            }
        }
        is_due = tokio::select! {
            changed = position.changed() => if changed.is_ok() { false } else { return Ok(()) },
            _ = heartbeat.tick() => true,
            () = stopped(&mut stopping) => return Ok(()),
            () = frames.closed() => return Ok(()),
        };
    }
}

/// Hands a frame over. Answers whether the reader took it.
async fn send(frames: &Frames, text: String) -> bool {
    frames.send_timeout(Ok(text.into()), SLOW_PATIENCE).await.is_ok()
}

/// Only the API of some resource may follow.
pub(crate) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
) -> Result<Arc<Client>, ErrorAnswer> {
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
        let open = Followers::open(&app, "api", String::new(), 0).await.unwrap().unwrap();
        let feed = tokio::spawn(async move { follow(&app, &reader, &open, 0, &frames).await });
        for frame in ["hello", "heartbeat"] {
            let text = read.recv().await.expect("it comes").unwrap();
            assert!(text.starts_with(format!("event: {frame}\n").as_bytes()), "{text:?}");
        }
        let closed = Client { disabled: true, ..(*client).clone() };
        site.app.store().put_client(closed, site.app.moment()).await.unwrap();
        let ended = tokio::time::timeout(3 * HEARTBEAT, feed).await;
        ended.expect("it ends").unwrap().unwrap();
    }
}
