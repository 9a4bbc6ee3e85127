//! The one way out: all that this server fetches from, or sends to, a URL that somebody else named
//! (keys, metadata documents, logos, logout). Whoever names a URL must not reach through it what
//! only this server can reach. So names are resolved here, every address is looked at, and the
//! connection goes to exactly the address that was looked at; redirects are answers like any
//! other; and size, time and number are bounded.

mod resolver;
mod trust;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use countersign_protocol::public_address::is_public;
use countersign_protocol::remote_url::{Host, RemoteUrl, Unsuitable};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body as _;
use hyper::client::conn::http1;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;
use tower::{Service as _, service_fn};

use crate::config::OutboundSection;
use resolver::{Resolve, SystemResolver};

/// What this server calls itself.
const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));
/// For a whole exchange, from the wait for its turn to the last byte.
const WITHIN: Duration = Duration::from_secs(5);
/// Exchanges at a time.
const AT_A_TIME: usize = 64;
/// Addresses of a name that are tried.
const ADDRESSES_TRIED: usize = 4;
/// The longest head of an answer, in bytes.
const HEAD_MAX_BYTES: usize = 64 * 1_024;

/// Asks at URLs that others named.
pub(crate) struct Outbound {
    resolver: Arc<dyn Resolve>,
    /// Networks that are asked in spite of what they are.
    allowed: Vec<IpNet>,
    /// Whether this machine may be asked, and by plain http: on a server that nobody but this
    /// machine reaches either.
    loopback: bool,
    /// The only certificates that are trusted; those of the system when absent.
    roots: Option<Arc<RootCertStore>>,
    /// Made at the first https request: the certificates of the system are files.
    tls: OnceCell<Arc<rustls::ClientConfig>>,
    turns: Semaphore,
    within: Duration,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// A whole answer. A redirect is one as well, and so is a failure of the other server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer. This is for the log: told to whoever named the URL, it would say what
/// there is in networks that only this server reaches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OutboundError {
    #[error("the URL can't be asked at: {0}")]
    Url(#[from] Unsuitable),
    #[error("the name can't be resolved: {0}")]
    Name(std::io::Error),
    #[error("{0} is not on the open Internet and not in outbound.allow")]
    Address(IpAddr),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the exchange failed: {0}")]
    Transport(String),
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

impl OutboundError {
    /// A stable name for logs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "outbound_url",
            Self::Name(_) => "outbound_name",
            Self::Address(_) => "outbound_address",
            Self::TimedOut(_) => "outbound_timed_out",
            Self::TooLong(_) => "outbound_too_long",
            Self::Transport(_) => "outbound_transport",
            Self::Tls(_) => "outbound_tls",
        }
    }
}

/// The file with the certificates to trust can't be used.
#[derive(Debug)]
pub(crate) struct CaFileError {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

impl Outbound {
    /// The client of an issuer. One with a plain http issuer is for this machine alone, so it
    /// asks this machine as well.
    ///
    /// # Errors
    /// When the file with the certificates can't be used.
    pub(crate) fn new(section: &OutboundSection, issuer: &str) -> Result<Self, CaFileError> {
        let roots = section.ca_file.as_ref().map(|path| {
            trust::read(path).map_err(|reason| CaFileError { path: path.clone(), reason })
        });
        Ok(Self {
            resolver: Arc::new(SystemResolver::default()),
            allowed: section.allow.clone(),
            loopback: issuer.starts_with("http://"),
            roots: roots.transpose()?.map(Arc::new),
            tls: OnceCell::new(),
            turns: Semaphore::new(AT_A_TIME),
            within: WITHIN,
        })
    }

    /// Reads a URL as [`Outbound::get`] would, and asks nobody: for those who register one.
    ///
    /// # Errors
    /// [`Unsuitable`] with what is wrong.
    pub(crate) fn check(&self, url: &str) -> Result<RemoteUrl, Unsuitable> {
        RemoteUrl::parse(url, self.loopback)
    }

    /// Fetches a whole answer of at most `limit` bytes.
    ///
    /// # Errors
    /// [`OutboundError`], for the log.
    pub(crate) async fn get(&self, url: &str, limit: usize) -> Result<Answer, OutboundError> {
        self.ask(Method::GET, url, None, limit).await
    }

    /// Sends a body and fetches a whole answer of at most `limit` bytes.
    ///
    /// # Errors
    /// [`OutboundError`], for the log.
    pub(crate) async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: Bytes,
        limit: usize,
    ) -> Result<Answer, OutboundError> {
        self.ask(Method::POST, url, Some((content_type, body)), limit).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        body: Option<(&'static str, Bytes)>,
        limit: usize,
    ) -> Result<Answer, OutboundError> {
        let url = self.check(url)?;
        let request = request(method, url.uri(), body)?;
        let whole = async {
            let _turn = self.turns.acquire().await.map_err(transport)?;
            let stream = self.connect(&url).await?;
            exchange(stream, request, limit).await
        };
        timeout(self.within, whole).await.unwrap_or(Err(OutboundError::TimedOut(self.within)))
    }

    /// A connection to one of the addresses of a URL, all of which were looked at.
    async fn connect(&self, url: &RemoteUrl) -> Result<Stream, OutboundError> {
        let mut last = None;
        for address in self.addresses(url).await?.into_iter().take(ADDRESSES_TRIED) {
            let address = SocketAddr::new(address, url.port());
            // Who asks by plain http was promised that nobody sits in between.
            if !url.is_https() && !address.ip().is_loopback() {
                return Err(OutboundError::Address(address.ip()));
            }
            match self.connect_to(address, url).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| transport("the name has no address")))
    }

    async fn connect_to(
        &self,
        address: SocketAddr,
        url: &RemoteUrl,
    ) -> Result<Stream, OutboundError> {
        let tcp = move || async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        };
        if !url.is_https() {
            return tcp().await.map(Stream::Http).map_err(transport);
        }
        // The URL is there for the name in the certificate; where to connect is settled.
        let mut connector =
            HttpsConnector::from((service_fn(move |_: Uri| tcp()), self.tls().await?));
        connector.call(url.uri().clone()).await.map_err(transport)
    }

    /// The addresses of a host. If one of them must not be asked, none is: a name that leads both
    /// out and in is none that an honest owner needs here.
    async fn addresses(&self, url: &RemoteUrl) -> Result<Vec<IpAddr>, OutboundError> {
        let addresses = match url.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(OutboundError::Name)?,
        };
        match addresses.iter().find(|address| !self.may_be_asked(**address)) {
            Some(refused) => Err(OutboundError::Address(*refused)),
            None => Ok(addresses),
        }
    }

    fn may_be_asked(&self, address: IpAddr) -> bool {
        is_public(address)
            || (self.loopback && address.is_loopback())
            || self.allowed.iter().any(|net| net.contains(&address))
    }

    async fn tls(&self) -> Result<Arc<rustls::ClientConfig>, OutboundError> {
        let make = || async {
            let roots = self.roots.clone();
            let made = tokio::task::spawn_blocking(move || trust::client_config(roots)).await;
            let made = made.map_err(|error| OutboundError::Tls(error.to_string()))?;
            made.map(Arc::new).map_err(OutboundError::Tls)
        };
        self.tls.get_or_try_init(make).await.cloned()
    }
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A request with nothing in it that says who else talks to this server.
fn request(
    method: Method,
    uri: &Uri,
    body: Option<(&'static str, Bytes)>,
) -> Result<Request<Full<Bytes>>, OutboundError> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
        .header(header::ACCEPT, HeaderValue::from_static("*/*"))
        .header(header::CONNECTION, HeaderValue::from_static("close"));
    let (kind, body) = body.unzip();
    let request = match kind {
        Some(kind) => request.header(header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        None => request,
    };
    request.body(Full::new(body.unwrap_or_default())).map_err(transport)
}

async fn exchange(
    stream: Stream,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<Answer, OutboundError> {
    let mut connection = http1::Builder::new();
    connection.max_buf_size(HEAD_MAX_BYTES);
    let (mut sender, connection) = connection.handshake(stream).await.map_err(transport)?;
    let answer = async {
        let (parts, body) = sender.send_request(request).await.map_err(transport)?.into_parts();
        let too_long = || OutboundError::TooLong(limit);
        if body.size_hint().lower() > limit as u64 {
            return Err(too_long());
        }
        let body = Limited::new(body, limit).collect().await;
        let body = body.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                too_long()
            } else {
                transport(error)
            }
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    };
    // The connection moves the bytes. When it ends, the answer is there or has failed by itself.
    let driver = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = answer => answer,
        never = driver => match never {},
    }
}

fn transport(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OutboundError {
    let error = error.into();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    OutboundError::Transport(text)
}

#[cfg(test)]
mod tests;
