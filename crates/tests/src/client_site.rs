//! A client's own web site: it publishes documents, and notes what it is sent.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(15);
const BODY_MAX_BYTES: u64 = 1 << 20;

/// A site on this machine, by plain http, which lasts as long as the process.
#[derive(Clone, Debug)]
pub struct ClientSite {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<String, (String, Vec<u8>)>,
    visits: Vec<Visit>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Its method.
    pub method: String,
    /// Its path, with its query.
    pub target: String,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl ClientSite {
    /// Opens a site on a free port. Everything that it does not know is answered with an empty 200
    /// to POST and a 404 to GET.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let site = Self { address, state: Arc::default() };
        let own = site.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A visitor that goes away is its own affair.
                let _ = own.serve(stream);
            }
        });
        site
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers GETs of this path with this document from now on.
    pub fn publish(&self, path: &str, content_type: &str, document: &[u8]) {
        let document = (content_type.to_owned(), document.to_vec());
        self.lock().documents.insert(path.to_owned(), document);
    }

    /// Waits for a visit that is as `wanted` says. Earlier visits count too.
    ///
    /// # Panics
    /// When none comes in time.
    #[must_use]
    pub fn wait_for(&self, wanted: impl Fn(&Visit) -> bool) -> Visit {
        let limit = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(visit) = state.visits.iter().find(|visit| wanted(visit)) {
                return visit.clone();
            }
            let left = limit.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nobody came as wanted, but: {:?}", state.visits);
            let (_, changed) = &*self.state;
            let waited = changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        let visit = read(&mut reader)?;
        let path = visit.target.split('?').next().unwrap_or_default().to_owned();
        let posted = visit.method == "POST";
        let known = {
            let mut state = self.lock();
            state.visits.push(visit);
            self.state.1.notify_all();
            state.documents.get(&path).cloned()
        };
        let status = if posted || known.is_some() { "200 OK" } else { "404 Not Found" };
        let (content_type, body) = known.unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let stream = reader.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Visit> {
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length.min(BODY_MAX_BYTES)).read_to_end(&mut body)?;
    Ok(Visit { method, target, headers, body })
}
