//! Requests with bounds on time and size. Redirects are answers like any other: following one
//! could lead the credentials, or the trust in the keys, to another host.

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{sync::OnceCell, time::timeout};

const USER_AGENT: &str = concat!("countersign-verify/", env!("CARGO_PKG_VERSION"));

type Plain = Client<HttpConnector, Full<Bytes>>;
type Secure = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A connection that was not used for so long is closed: the issuer's end may be by then.
const IDLE: Duration = Duration::from_secs(10);

/// Speaks http and https. The certificates of the system are read at the first https request, so a
/// verifier of a loopback issuer never needs any.
#[derive(Debug)]
pub(crate) struct Fetcher {
    plain: Plain,
    secure: OnceCell<Secure>,
    /// Connections that are kept for the next request.
    kept: usize,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("the answer is longer than {0} bytes or was cut off")]
    Body(usize),
    #[error("the request failed: {0}")]
    Transport(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Fetcher {
    /// Keeps no connection: requests are minutes apart, and a kept one may be dead by then.
    pub(crate) fn new() -> Self {
        Self::keeping(0)
    }

    /// For many small requests.
    pub(crate) fn keeping_connections() -> Self {
        Self::keeping(32)
    }

    fn keeping(kept: usize) -> Self {
        Self { plain: client(connector(false), kept), secure: OnceCell::new(), kept }
    }

    /// Sends a body and fetches a whole answer of at most `limit` bytes.
    pub(crate) async fn post(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        limit: usize,
        within: Duration,
    ) -> Result<Reply, FetchError> {
        let mut request = request(uri, headers, body);
        *request.method_mut() = Method::POST;
        self.exchange(request, limit, within).await
    }

    /// Fetches a whole answer of at most `limit` bytes.
    pub(crate) async fn get(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        limit: usize,
        within: Duration,
    ) -> Result<Reply, FetchError> {
        self.exchange(request(uri, headers, Bytes::new()), limit, within).await
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
        within: Duration,
    ) -> Result<Reply, FetchError> {
        let whole = async {
            let (parts, body) = self.send(request).await?.into_parts();
            let body = Limited::new(body, limit).collect().await;
            let body = body.map_err(|_| FetchError::Body(limit))?.to_bytes();
            Ok(Reply { status: parts.status, headers: parts.headers, body })
        };
        timeout(within, whole).await.unwrap_or(Err(FetchError::TimedOut(within)))
    }

    /// Fetches an answer up to its headers; the body is still to be read, without limits.
    pub(crate) async fn open(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        within: Duration,
    ) -> Result<Response<Incoming>, FetchError> {
        let head = timeout(within, self.send(request(uri, headers, Bytes::new()))).await;
        head.unwrap_or(Err(FetchError::TimedOut(within)))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, FetchError> {
        let response = if request.uri().scheme_str() == Some("https") {
            let secure = self.secure.get_or_try_init(|| secure_client(self.kept)).await?;
            secure.request(request).await
        } else {
            self.plain.request(request).await
        };
        response.map_err(|error| FetchError::Transport(with_causes(&error)))
    }
}

fn request(uri: &Uri, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers;
    let agent = HeaderValue::from_static(USER_AGENT);
    request.headers_mut().insert(header::USER_AGENT, agent);
    request
}

fn client<C>(connector: C, kept: usize) -> Client<C, Full<Bytes>>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(kept)
        .build(connector)
}

fn connector(for_tls: bool) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(!for_tls);
    connector.set_nodelay(true);
    connector
}

/// Reads the system's certificates, which are files, away from the threads that serve requests.
async fn secure_client(kept: usize) -> Result<Secure, FetchError> {
    let config = tokio::task::spawn_blocking(tls_config).await;
    let config = config.map_err(|error| FetchError::Tls(error.to_string()))??;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_http1()
        .wrap_connector(connector(true));
    Ok(client(connector, kept))
}

/// The crypto provider is named here: a default of the process could be another one or none.
fn tls_config() -> Result<rustls::ClientConfig, FetchError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Tls(error.to_string()))?
        .with_native_roots()
        .map_err(|error| FetchError::Tls(error.to_string()))?;
    Ok(builder.with_no_client_auth())
}

/// The client's own text says only at which step it failed; the causes say why.
fn with_causes(error: &hyper_util::client::legacy::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
