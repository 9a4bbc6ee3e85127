//! HTTP/1.1 by hand, over a blocking socket: it sends what it is told, also what is wrong.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(15);

/// What to send.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request of this method, without a body.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of form fields.
    #[must_use]
    pub fn form(target: &str, fields: &[(&str, &str)]) -> Self {
        Self::raw_form(target, encode(fields).as_bytes())
    }

    /// A POST of what calls itself a form.
    #[must_use]
    pub fn raw_form(target: &str, body: &[u8]) -> Self {
        Self::new("POST", target)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }

    /// Adds a header line; a name may come several times.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// Adds HTTP Basic credentials.
    #[must_use]
    pub fn basic(self, name: &str, secret: &str) -> Self {
        let plain = format!("{name}:{secret}");
        let encoded = base64_simd::STANDARD.encode_to_string(plain.as_bytes());
        self.header("authorization", &format!("Basic {encoded}"))
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// The bytes that go to a server at this address.
    #[must_use]
    pub fn to_bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let has = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if !has("host") {
            text.push_str(&format!("host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !has("content-length") && (self.method != "GET" || !self.body.is_empty()) {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Form fields as a body or a query.
#[must_use]
pub fn encode(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A text member of the JSON body.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn member(&self, name: &str) -> String {
        let json = self.json();
        let member = json[name].as_str();
        member
            .unwrap_or_else(|| panic!("no `{name}` in {}: {}", self.status, self.text()))
            .to_owned()
    }

    /// The OAuth error: the member `error`, else the one in `WWW-Authenticate`.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        let challenge = self.header("www-authenticate").and_then(|challenge| {
            Some(challenge.split_once("error=\"")?.1.split('"').next()?.to_owned())
        });
        self.json()["error"].as_str().map(str::to_owned).or(challenge)
    }
}

/// One connection, kept open between requests.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks first: `UnexpectedEof` with the message of [`CUT`] where part
    /// of the answer had come, other kinds or messages where nothing had.
    pub fn send(&mut self, request: &Request) -> io::Result<Answer> {
        // A server may refuse before it has read everything: its answer is what counts.
        let written = self.write(&request.to_bytes(self.address));
        let answer = self.read(request.method == "HEAD");
        if answer.is_err() { written.and(answer) } else { answer }
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn read(&mut self, bodiless: bool) -> io::Result<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before an answer"));
        }
        self.read_rest(&line, bodiless).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                io::Error::new(io::ErrorKind::UnexpectedEof, CUT)
            }
            _ => error,
        })
    }

    fn read_rest(&mut self, status_line: &str, bodiless: bool) -> io::Result<Answer> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, status_line.to_owned());
        let status = status_line.split(' ').nth(1).and_then(|code| code.trim().parse().ok());
        let status = status.ok_or_else(broken)?;
        let mut answer = Answer { status, headers: self.read_headers()?, body: Vec::new() };
        if bodiless || matches!(status, 100..=199 | 204 | 304) {
            return Ok(answer);
        }
        answer.body = if answer.header("transfer-encoding") == Some("chunked") {
            self.read_chunks()?
        } else if let Some(length) = answer.header("content-length") {
            let mut body = vec![0; length.parse().map_err(|_| broken())?];
            self.stream.read_exact(&mut body)?;
            body
        } else {
            let mut body = Vec::new();
            self.stream.read_to_end(&mut body)?;
            body
        };
        Ok(answer)
    }

    fn read_headers(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.read_text_line()?;
            match line.split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => return Ok(headers),
            }
        }
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_text_line()?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16);
            let size = size.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line))?;
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.read_text_line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads a line of text, without its end: of headers, or of an event stream.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn read_text_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// The message of an error that cut an answer in the middle.
pub const CUT: &str = "the answer was cut";

/// Sends one request on a connection of its own.
///
/// # Panics
/// When no answer comes.
#[must_use]
pub fn send(address: SocketAddr, request: &Request) -> Answer {
    try_send(address, request)
        .unwrap_or_else(|error| panic!("{} {}: {error}", request.method, request.target))
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// When no answer comes.
pub fn try_send(address: SocketAddr, request: &Request) -> io::Result<Answer> {
    Connection::open(address)?.send(request)
}
