//! The HTTP face of the authorization server. It translates; it decides nothing.
//!
//! | room | subject |
//! |---|---|
//! | [`config`] | the configuration: where each value comes from, what is wrong with it |
//! | `bootstrap`, `master_key`, `process` | from a configuration to a running server |
//! | `app`, `router`, `listen`, `jobs` | state, paths, connections, background work |
//! | `backchannel` | telling clients that a sign-in has ended |
//! | `followers`, `propagation` | verifiers that are connected, and waiting for all of them |
//! | `keys` | the keys in use, and their replacement |
//! | `client_authentication`, `client_keys` | which client asks, and the keys that prove it |
//! | `client_encryption`, `client_signature` | what is encrypted to one client, or signed for it |
//! | `self_registration`, `metadata_documents` | clients that nobody declared |
//! | `own_token`, `token_formats` | access tokens that come back, and their form |
//! | `oauth` | the protocol endpoints, one a file |
//! | `pages`, `sign_in`, `passwords` | what people see, and how they prove who they are |
//! | `web` | cookies, forgery checks, headers, forms, errors |
//! | `operations`, `metrics` | for those who run it |
//! | [`sample`] | the sample API, page and users of `countersign dev` |

mod app;
mod assets;
mod backchannel;
mod bootstrap;
mod client_authentication;
mod client_encryption;
mod client_keys;
mod client_secret;
mod client_signature;
pub mod config;
#[cfg(test)]
mod fixture;
mod followers;
mod jobs;
mod keys;
mod listen;
mod master_key;
mod metadata_documents;
mod metrics;
mod oauth;
mod operations;
mod own_token;
mod pages;
#[cfg(test)]
mod pairwise;
pub mod passwords;
pub mod process;
mod propagation;
#[cfg(test)]
mod reference_model;
#[cfg(test)]
mod remote_site;
mod replay;
mod router;
pub mod sample;
mod self_registration;
mod sign_in;
mod sign_in_throttle;
mod token_formats;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

pub use bootstrap::{Opened, StartError, open};
pub use listen::ListenError;
pub use master_key::{
    Master, MasterKeyError, Source as MasterKeySource, new_text as new_master_key,
};

use app::Shared;
use config::{Config, DeclaredUser};

/// A server that has bound its addresses and is about to answer.
#[derive(Debug)]
pub struct Server {
    shared: Shared,
    listener: tokio::net::TcpListener,
    operations: Option<tokio::net::TcpListener>,
    stopping: watch::Receiver<bool>,
    master: Arc<Master>,
    router: axum::Router,
    users: Vec<DeclaredUser>,
}

impl Server {
    /// Opens the store and binds the addresses. Connections wait from here on.
    ///
    /// `stopping` turns true when the server is to stop.
    ///
    /// # Errors
    /// [`StartError`]: one sentence on what is wrong and what to do.
    pub async fn start(
        config: &Config,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let listener = listen::bind(config.server.listen).await?;
        let operations = match config.server.operations {
            Some(address) => Some(listen::bind(address).await?),
            None => None,
        };
        let opened = open(&config.data_dir, config.master_key_source())?;
        let app = bootstrap::assemble(config, &opened, None, stopping.clone()).await?;
        let shared = Shared::new(app);
        let users = config.users.clone();
        let routes = router::routes().merge(router::home());
        let router = routes.fallback(router::not_found).with_state(shared.clone());
        Ok(Self { shared, listener, operations, stopping, master: opened.master, router, users })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is told to stop, and then finishes what is under way. Every change that
    /// was acknowledged is on the disk by then.
    pub async fn run(self) {
        let app = &self.shared.app;
        tokio::spawn(bootstrap::declare_users(Arc::clone(app), self.users));
        let jobs = [
            tokio::spawn(jobs::follow_store(Arc::clone(app), Arc::clone(&self.master))),
            tokio::spawn(keys::keep(Arc::clone(app), Arc::clone(&self.master))),
            tokio::spawn(jobs::sweep(Arc::clone(app))),
            tokio::spawn(jobs::note_issues(Arc::clone(app))),
            tokio::spawn(followers::keep(Arc::clone(app))),
            tokio::spawn(backchannel::deliver(Arc::clone(app))),
        ];
        if let Some(listener) = self.operations {
            let router = router::operations().with_state(self.shared.clone());
            tokio::spawn(listen::serve(listener, router, self.stopping.clone()));
        }
        listen::serve(self.listener, self.router, self.stopping).await;
        for job in jobs {
            job.abort();
        }
    }
}
