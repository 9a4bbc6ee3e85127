//! A site of somebody else on a loopback address, for tests of what this server asks at.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A file of the certificates for tests: `authority.pem` signed that of every https site.
pub(crate) fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/outbound/test_certificates").join(name)
}

/// A running site. It goes when this does.
#[derive(Debug)]
pub(crate) struct RemoteSite {
    scheme: &'static str,
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
        Self { scheme: "http", address, task }
    }

    /// A site on a free port that speaks TLS, with the certificate for `rp.example` and
    /// `127.0.0.1`.
    pub(crate) async fn start_https(routes: Router) -> Self {
        let chain = CertificateDer::pem_file_iter(certificate("server.pem")).unwrap();
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(certificate("server_key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, routes) = (acceptor.clone(), routes.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let server = hyper::server::conn::http1::Builder::new();
                    let service = TowerToHyperService::new(routes);
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { scheme: "https", address, task }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }
}
