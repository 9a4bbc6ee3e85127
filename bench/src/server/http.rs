//! HTTP/1.1 with a kept connection, small enough not to be what is measured.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer that is measured comes near this.
const LONGEST_REPLY: usize = 1 << 20;

/// A request, built once and sent as bytes.
#[derive(Clone, Debug)]
pub(super) struct Request {
    start: &'static str,
    target: String,
    headers: String,
    body: Option<String>,
}

impl Request {
    pub(super) fn get(address: SocketAddr, target: &str) -> Self {
        Self::new("GET", address, target, None)
    }

    /// A form, already encoded.
    pub(super) fn post(address: SocketAddr, target: &str, form: String) -> Self {
        let request = Self::new("POST", address, target, Some(form));
        request.header("content-type", "application/x-www-form-urlencoded")
    }

    fn new(start: &'static str, address: SocketAddr, target: &str, body: Option<String>) -> Self {
        let headers = format!("host: {address}\r\n");
        Self { start, target: target.to_owned(), headers, body }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.extend([name, ": ", value, "\r\n"]);
        self
    }

    pub(super) fn with_body(&self, form: String) -> Self {
        Self { body: Some(form), ..self.clone() }
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let Self { start, target, headers, body } = self;
        let head = format!("{start} {target} HTTP/1.1\r\n{headers}");
        match body {
            Some(body) => format!("{head}content-length: {}\r\n\r\n{body}", body.len()),
            None => format!("{head}\r\n"),
        }
        .into_bytes()
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    head: &'a str,
    pub(super) body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// All values of a header; `name` in lower case.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        fields(self.head).filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

/// A kept connection with at most one request under way.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a rendered request and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Reply<'_>, String> {
        self.buffer.clear();
        self.stream.write_all(request).await.map_err(|error| error.to_string())?;
        let shape = loop {
            let read = self.stream.read_buf(&mut self.buffer).await;
            match read.map_err(|error| error.to_string())? {
                0 => return Err("the connection was closed".to_owned()),
                _ if self.buffer.len() > LONGEST_REPLY => return Err("a long answer".to_owned()),
                _ => {}
            }
            if let Some(shape) = shape(&self.buffer)? {
                break shape;
            }
        };
        let (head, body) = self.buffer.split_at(shape.head);
        let head = std::str::from_utf8(head).map_err(|error| error.to_string())?;
        Ok(Reply { status: shape.status, head, body })
    }
}

#[derive(Debug, PartialEq)]
struct Shape {
    status: u16,
    head: usize,
}

/// `None` until the answer is whole.
fn shape(bytes: &[u8]) -> Result<Option<Shape>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is not text")?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| digits.parse().ok()).ok_or("not an HTTP/1.1 answer")?;
    let length = fields(head).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some((_, digits)) => digits.parse().map_err(|_| "an unreadable length")?,
        None if matches!(status, 204 | 304) => 0,
        None => return Err("an answer without a length".to_owned()),
    };
    let head = end + 4;
    match bytes.len().checked_sub(head + length) {
        None => Ok(None),
        Some(0) => Ok(Some(Shape { status, head })),
        Some(_) => Err("more bytes than the answer has".to_owned()),
    }
}

fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n").skip(1).filter_map(|line| line.split_once(':')).map(|(n, v)| (n, v.trim()))
}

#[cfg(test)]
mod tests {
    use super::{Reply, Request, Shape, shape};

    #[test]
    fn an_answer_is_whole_when_its_length_says_so() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(shape(whole), Ok(Some(Shape { status: 200, head: 38 })));
        for short in 0..whole.len() {
            assert_eq!(shape(&whole[..short]), Ok(None), "{short}");
        }
        let empty = b"HTTP/1.1 304 Not Modified\r\n\r\n";
        assert_eq!(shape(empty), Ok(Some(Shape { status: 304, head: empty.len() })));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_no_endless_wait() {
        assert!(shape(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(shape(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n").is_err());
        assert!(shape(b"HTTP/2 200\r\n\r\n").is_err());
        assert!(shape(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab").is_err());
    }

    #[test]
    fn requests_and_headers_are_written_and_read() {
        let address = "127.0.0.1:7".parse().unwrap();
        let request = Request::post(address, "/token", "a=b".to_owned()).header("x", "y");
        let text = String::from_utf8(request.render()).unwrap();
        assert_eq!(
            text,
            "POST /token HTTP/1.1\r\nhost: 127.0.0.1:7\r\n\
             content-type: application/x-www-form-urlencoded\r\nx: y\r\n\
             content-length: 3\r\n\r\na=b"
        );
        let head = "HTTP/1.1 303 See Other\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n";
        let reply = Reply { status: 303, head, body: b"" };
        assert_eq!(reply.headers("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    }
}
