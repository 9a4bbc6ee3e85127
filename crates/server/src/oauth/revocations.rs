//! `GET /revocations/snapshot` and `GET /revocations/feed`: how revocations reach verifiers.
//!
//! A follower reads the store from its own place onwards whenever the store has moved, so a
//! reconnect, a slow reader and a change by another process are all the same case.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign_protocol::client::Client;
use countersign_protocol::revocation::{Revocation, RevokedKind};
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::{Answer, StoreError};
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
/// How long the news of a revoked key waits for this server's own keys.
const KEYS_PATIENCE: Duration = Duration::from_millis(500);
/// A reader that takes nothing for so long is left.
const SLOW_PATIENCE: Duration = Duration::from_secs(10);

/// All live events at a place of the total order.
pub(crate) async fn snapshot(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, ErrorAnswer> {
    authenticate(&shared.app, peer, &headers).await?;
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
    let client = authenticate(&shared.app, peer, &headers).await?;
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
    let feed = Followers::open(&app, &client.client_id, peer).await?;
    let feed = feed.ok_or_else(|| {
        OAuthError::new(ErrorCode::TemporarilyUnavailable, "there are too many feeds")
    })?;
    let (frames, stream) = mpsc::channel(FRAMES_WAITING);
    tokio::spawn(async move {
        let read = |seq| app.store().revocations_after(seq, READ_MAX);
        if let Err(error) = follow(&app, &client, (&feed, from), &frames, &read).await {
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
/// Reads the events after a place.
type ReadAfter<'a> = dyn Fn(u64) -> Answer<'a, Option<Vec<Revocation>>> + Sync + 'a;

/// Writes frames until the reader is gone, its client was changed or the server stops.
async fn follow(
    app: &App,
    client: &Client,
    (feed, mut sent): (&Feed, u64),
    frames: &Frames,
    read: &ReadAfter<'_>,
) -> Result<(), StoreError> {
    let mut position = app.position.clone();
    let mut stopping = app.stopping.clone();
    let begun = Instant::now();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let (mut is_due, mut is_greeted) = (false, false);
    loop {
        position.mark_unchanged();
        // Read also when nothing has moved: a heartbeat says that nothing was missed, and that
        // rests on the store itself, not on having been told. And it vouches for the moment before
        // the look: what comes while this waits for anything is in the next one.
        let looked_after = begun.elapsed();
        let Some(events) = read(sent).await? else {
            // The reader starts again from a snapshot.
            send(frames, "event: reset\ndata: {}\n\n".to_owned()).await;
            return Ok(());
        };
        if !is_greeted {
            // Not before its place was found in the store: by this id it acknowledges, and where it
            // stands may be ahead of a store that was restored from a backup.
            feed.sent(sent);
            let hello = json!({ "follower": feed.id() });
            if !send(frames, format!("event: hello\ndata: {hello}\n\n")).await {
                return Ok(());
            }
            is_greeted = true;
        }
        if let Some(last) = events.last() {
            sent = last.seq;
            if events.iter().any(|event| event.kind == RevokedKind::Key) {
                keys_are_replaced(app, sent).await;
            }
            feed.sent(sent);
            if !send(frames, frames_of(&events)).await {
                return Ok(());
            }
            // There may be more.
            continue;
        }
        if is_due {
            // A connection may last for weeks; the right to it may not.
            let now = app.client(&client.client_id).await?;
            if now.is_none_or(|now| *now != *client) || feed.is_dead() {
                return Ok(());
            }
            // The follower measures with it how late this comes.
            let after_ms = u64::try_from(looked_after.as_millis()).unwrap_or(u64::MAX);
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

fn frames_of(events: &[Revocation]) -> String {
    let mut text = String::new();
    for event in events {
        let data = serde_json::to_string(event).expect("an event is plain data");
        let seq = event.seq;
        text.push_str(&format!("id: {seq}\nevent: revoked\ndata: {data}\n\n"));
    }
    text
}

/// A verifier that hears of a revoked key asks for the keys at once: they have to be the new ones
/// by then.
async fn keys_are_replaced(app: &App, seq: u64) {
    let mut followed = app.followed.subscribe();
    let replaced = followed.wait_for(|followed| *followed >= seq);
    // Later than that the revocation matters more.
    let _ = tokio::time::timeout(KEYS_PATIENCE, replaced).await;
}

/// Hands a frame over. Answers whether the reader took it.
async fn send(frames: &Frames, text: String) -> bool {
    frames.send_timeout(Ok(text.into()), SLOW_PATIENCE).await.is_ok()
}

/// Only the API of some resource may follow.
pub(crate) async fn authenticate(
    app: &App,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<Arc<Client>, ErrorAnswer> {
    let client = app.authenticate((peer, headers), &Params::default()).await?;
    if client.protects.is_empty() {
        let why = "the client protects no resource";
        let error = OAuthError::new(ErrorCode::UnauthorizedClient, why);
        return Err(ErrorAnswer::with_status(error, StatusCode::FORBIDDEN));
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use countersign_protocol::follower::Acknowledgement;

    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn a_feed_ends_when_its_client_is_closed() {
        let site = Fixture::open().await;
        let app = Arc::clone(&site.app);
        let client = app.client("api").await.unwrap().unwrap();
        let (frames, mut read) = mpsc::channel(FRAMES_WAITING);
        let reader = Arc::clone(&client);
        let open = Followers::open(&app, "api", String::new()).await.unwrap().unwrap();
        let feed = tokio::spawn(async move {
            let read = |seq| app.store().revocations_after(seq, READ_MAX);
            follow(&app, &reader, (&open, 0), &frames, &read).await
        });
        for frame in ["hello", "heartbeat"] {
            let text = read.recv().await.expect("it comes").unwrap();
            assert!(text.starts_with(format!("event: {frame}\n").as_bytes()), "{text:?}");
        }
        let closed = Client { disabled: true, ..(*client).clone() };
        site.app.store().put_client(closed, site.app.moment()).await.unwrap();
        let ended = tokio::time::timeout(3 * HEARTBEAT, feed).await;
        ended.expect("it ends").unwrap().unwrap();
    }
    /// Frames of a feed, as text.
    type Read = mpsc::Receiver<Result<Bytes, std::convert::Infallible>>;

    async fn begin(site: &Fixture, from: u64) -> (Read, tokio::task::JoinHandle<()>) {
        let app = Arc::clone(&site.app);
        let client = app.client("api").await.unwrap().unwrap();
        let feed = Followers::open(&app, "api", String::new()).await.unwrap().unwrap();
        let (frames, read) = mpsc::channel(FRAMES_WAITING);
        let task = tokio::spawn(async move {
            let read = |seq| app.store().revocations_after(seq, READ_MAX);
            follow(&app, &client, (&feed, from), &frames, &read).await.unwrap();
        });
        (read, task)
    }

    async fn next(read: &mut Read) -> String {
        let frame = tokio::time::timeout(Duration::from_secs(10), read.recv()).await;
        let bytes = frame.expect("in time").expect("the feed goes on").unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Revokes so many tokens at once.
    async fn revoke(site: &Fixture, count: u64) {
        let mut revoking = tokio::task::JoinSet::new();
        let until = crate::process::now().plus(Duration::from_secs(600));
        for number in 0..count {
            let app = Arc::clone(&site.app);
            revoking.spawn(async move {
                app.store().revoke_token(format!("a token with the number {number}"), until).await
            });
        }
        assert!(revoking.join_all().await.iter().all(Result::is_ok));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_reader_that_reads_nothing_costs_little_and_delays_nobody() {
        const COUNT: u64 = 8_000;
        let site = Fixture::open().await;
        let (stuck, stuck_feed) = begin(&site, 0).await;
        let (mut quick, _quick_feed) = begin(&site, 0).await;
        revoke(&site, COUNT).await;
        let mut seen = 0;
        while seen < COUNT {
            let text = next(&mut quick).await;
            for line in text.lines().filter_map(|line| line.strip_prefix("id: ")) {
                seen += 1;
                assert_eq!(line.parse(), Ok(seen), "in order, without a gap");
            }
        }
        assert_eq!(stuck.len(), FRAMES_WAITING, "as many as may wait, however much there is");
        drop(stuck);
        tokio::time::timeout(SLOW_PATIENCE, stuck_feed).await.expect("it ends").unwrap();
        let moved = site.app.followers.list();
        let gone = moved.iter().filter(|follower| follower.gone_at.is_some()).count();
        assert_eq!((moved.len(), gone), (2, 1));
    }

    #[tokio::test]
    async fn a_follower_resumes_from_its_place_and_starts_again_when_that_is_forgotten() {
        let site = Fixture::open().await;
        revoke(&site, 3).await;
        let (mut read, _feed) = begin(&site, 1).await;
        assert!(next(&mut read).await.starts_with("event: hello"));
        let text = next(&mut read).await;
        let ids: Vec<_> = text.lines().filter(|line| line.starts_with("id: ")).collect();
        assert_eq!(ids, ["id: 2", "id: 3"]);
        // All three are dead by then, so a place before the last of them leads nowhere any more.
        let later = crate::process::now().plus(Duration::from_secs(1_000));
        site.app.store().sweep(site.app.lifetimes.clone(), later).await.unwrap();
        for (from, expect) in
            [(1, "event: reset"), (9, "event: reset"), (3, "event: hello\ndata: {\"")]
        {
            let (mut read, _feed) = begin(&site, from).await;
            let text = next(&mut read).await;
            assert!(text.starts_with(expect), "{from}: {text}");
        }
    }

    /// The store was restored from a backup, and the follower stands beyond it: a place that it
    /// reaches again with other revocations is none that the follower has.
    #[tokio::test]
    async fn a_place_ahead_of_the_store_is_never_acknowledged() {
        let site = Fixture::open().await;
        revoke(&site, 3).await;
        let (app, client) = (&site.app, site.app.client("api").await.unwrap().unwrap());
        let feed = Followers::open(app, "api", String::new()).await.unwrap().unwrap();
        let said = Acknowledgement {
            follower: feed.id().to_owned(),
            seq: 9,
            name: None,
            max_staleness: None,
            replaces: None,
        };
        assert!(!app.followers.acknowledge("api", &said));
        let (frames, mut read) = mpsc::channel(FRAMES_WAITING);
        let place = |seq| app.store().revocations_after(seq, READ_MAX);
        follow(app, &client, (&feed, 9), &frames, &place).await.unwrap();
        assert!(next(&mut read).await.starts_with("event: reset"), "and no id to speak by");
        assert!(!app.followers.acknowledge("api", &said));
        assert!(app.followers.list().iter().all(|one| one.acknowledged.is_none()));
    }

    /// What is revoked while a slow disk answers is not in that answer.
    #[tokio::test]
    async fn a_heartbeat_vouches_for_the_moment_before_the_store_was_read() {
        const SLOW: Duration = Duration::from_millis(400);
        let site = Fixture::open().await;
        let (app, client) = (&site.app, site.app.client("api").await.unwrap().unwrap());
        let feed = Followers::open(app, "api", String::new()).await.unwrap().unwrap();
        let (frames, mut frames_read) = mpsc::channel(FRAMES_WAITING);
        let begun = Instant::now();
        let slow = |seq| -> Answer<'_, _> {
            Box::pin(async move {
                let events = app.store().revocations_after(seq, READ_MAX).await;
                tokio::time::sleep(SLOW).await;
                events
            })
        };
        let reading = async {
            assert!(next(&mut frames_read).await.starts_with("event: hello"));
            for _ in 0..3 {
                let text = next(&mut frames_read).await;
                let data = text.trim_end().strip_prefix("event: heartbeat\ndata: ").unwrap();
                let data: serde_json::Value = serde_json::from_str(data).unwrap();
                let said = Duration::from_millis(data["after_ms"].as_u64().unwrap());
                // The clock of the feed begins a little later than this one.
                assert!(said + SLOW * 3 / 4 < begun.elapsed(), "{said:?}, {:?}", begun.elapsed());
            }
            drop(frames_read);
        };
        let followed = follow(app, &client, (&feed, 0), &frames, &slow);
        let (followed, ()) = tokio::join!(followed, reading);
        followed.unwrap();
    }

    #[tokio::test]
    async fn the_news_of_a_revoked_key_comes_after_this_servers_own_keys() {
        let site = Fixture::open().await;
        let (mut read, _feed) = begin(&site, 0).await;
        for _ in ["hello", "heartbeat"] {
            next(&mut read).await;
        }
        let app = Arc::clone(&site.app);
        let waiting = tokio::spawn(async move { keys_are_replaced(&app, 1).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        site.app.followed.send_replace(1);
        tokio::time::timeout(KEYS_PATIENCE / 2, waiting).await.expect("at once").unwrap();
    }
}
