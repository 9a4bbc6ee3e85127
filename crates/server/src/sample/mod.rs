//! `countersign dev`: everything in one process on a loopback address, with a sample API, a
//! sample single-page app, and users and clients to try it with.

mod api;
mod fixtures;
mod page;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_verify::Verifier;
use tokio::sync::watch;

use crate::app::Shared;
use crate::config::{Config, Declared};
use crate::router;
use crate::{Server, StartError, bootstrap, listen};

pub use fixtures::{
    SERVICE_ID, SERVICE_SECRET, USER_PASSWORD, USERS, WEB_ID, WEB_SECRET, resource,
};

/// What `countersign dev` is started with.
#[derive(Debug)]
pub struct Dev {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Where its data is kept between runs.
    pub data_dir: PathBuf,
    /// More clients and users, and what else can be chosen.
    pub declared: Declared,
}

/// Opens the development server. It speaks plain http, so it listens on a loopback address and
/// nowhere else.
///
/// # Errors
/// [`StartError`]: one sentence on what is wrong and what to do.
pub async fn start(dev: Dev, stopping: watch::Receiver<bool>) -> Result<Server, StartError> {
    let address = SocketAddr::from(([127, 0, 0, 1], dev.port));
    let listener = listen::bind(address).await?;
    let port = listener.local_addr().map_or(dev.port, |bound| bound.port());
    let config = fixtures::config(port, dev);
    let opened = bootstrap::open(&config.data_dir, config.master_key_source())?;
    let hint = format!("Demo: sign in as alice or bob, password {USER_PASSWORD}");
    let app = bootstrap::assemble(&config, &opened, Some(hint), stopping.clone()).await?;
    let verifier = verifier(&config);
    let shared = Shared { sample: Some(Arc::clone(&verifier)), ..Shared::new(app) };
    tokio::spawn(leave_before_the_server(Arc::clone(&verifier), stopping.clone()));
    let router = router::routes()
        .merge(router::operations())
        .merge(page::routes())
        .fallback(router::not_found)
        .with_state(shared.clone())
        .merge(api::routes(&config, verifier));
    let (master, users) = (opened.master, config.users);
    Ok(Server { shared, listener, operations: None, stopping, master, router, users })
}

/// The sample API goes when the server does, and does not report it missing.
async fn leave_before_the_server(verifier: Arc<Verifier>, mut stopping: watch::Receiver<bool>) {
    listen::stopped(&mut stopping).await;
    verifier.shutdown();
}

/// The sample API's verifier: it knows the server only by its public interface, over the network,
/// as any API would.
fn verifier(config: &Config) -> Arc<Verifier> {
    let resource = resource(&config.issuer);
    let verifier = Verifier::discover(&config.issuer, &resource)
        .revocations(SERVICE_ID, SERVICE_SECRET)
        .introspection(SERVICE_ID, SERVICE_SECRET)
        .resource_metadata(&api::metadata_url(&config.issuer))
        .start()
        .expect("issuer, audience and credentials are given");
    Arc::new(verifier)
}
