//! Accepting connections, and stopping without cutting one off in the middle of a request.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::web::client_ip::Peer;

/// A client that has not sent its request's head by then is disconnected.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);
/// Requests that run longer than this after the stop are given up.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// The longest request head, in bytes.
const HEAD_MAX_BYTES: usize = 64 * 1_024;

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Another program listens there.
    #[error("{0} is in use: stop the program that listens there, or choose another port")]
    Taken(SocketAddr),
    /// The system does not allow it.
    #[error("can't listen on {0}: {1}")]
    Refused(SocketAddr, std::io::Error),
}

/// Opens the listening socket.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::Taken(address),
        _ => ListenError::Refused(address, error),
    })
}

/// Waits until the server is told to stop.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // When the sender is gone, so is whoever could want the server to go on.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Serves until `stopping` turns true, then lets requests that are under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: some will come free.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Answers are written whole; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone().layer(axum::Extension(Peer(peer))));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests took too long and were given up");
    }
}
