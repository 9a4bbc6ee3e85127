//! Running a server until it is told to stop.

use std::future::Future;
use std::io::IsTerminal as _;

use countersign_server::{Server, StartError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::output::Failure;

/// How log lines look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Log {
    /// For a person at a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts a server, tells about it, and serves until SIGINT or SIGTERM.
pub(crate) fn run<F>(
    log: Log,
    default_level: &str,
    start: impl FnOnce(watch::Receiver<bool>) -> F,
    tell: impl FnOnce(&Server),
) -> Result<(), Failure>
where
    F: Future<Output = Result<Server, StartError>>,
{
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that can't be written, since the disk is full, is lost. To say so on the same
        // standard error would fail again, and panic in the midst of a request.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match log {
        Log::Text => subscriber.with_target(false).init(),
        Log::Json => subscriber.json().init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (stop, stopping) = watch::channel(false);
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let server = start(stopping).await?;
        tell(&server);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("stopping: requests that are under way are finished");
            let _ = stop.send(true);
        });
        server.run().await;
        Ok(())
    })
}
