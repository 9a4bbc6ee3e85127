//! A site of somebody else on a loopback address, for tests of what this server asks at.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running site. It goes when this does.
#[derive(Debug)]
pub(crate) struct RemoteSite {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for RemoteSite {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RemoteSite {
    /// A site on a free port.
    pub(crate) async fn start(routes: Router) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), routes).await
    }

    /// A site on this address.
    pub(crate) async fn start_at(address: SocketAddr, routes: Router) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, task }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
