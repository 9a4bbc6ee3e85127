//! HTTP itself: broken requests, wrong methods, paths that are not there.

use std::io;

use countersign_tests::http::{Answer, Connection, Request};
use countersign_tests::server::{Server, Site};

use super::{Table, shown};

/// Sends bytes and reads what comes; `None` where the server just closed.
fn raw(server: &Server<'_>, bytes: &[u8]) -> io::Result<Option<Answer>> {
    let mut connection = Connection::open(server.address())?;
    // The server may close while it is still being written to.
    let _ = connection.write(bytes);
    match connection.read(false) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
        Err(_) => Ok(None),
    }
}

#[test]
fn broken_requests() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let host = format!("host: {}\r\n", server.address());
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let large = format!("GET / HTTP/1.1\r\n{host}x: {}\r\n\r\n", "a".repeat(2 << 20));
    let many = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "x: a\r\n".repeat(20_000));
    let smuggle = format!(
        "POST /token HTTP/1.1\r\n{host}{form}content-length: 5\r\n\
         transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n{host}\r\n"
    );
    let lengths = format!(
        "POST /token HTTP/1.1\r\n{host}{form}content-length: 1\r\ncontent-length: 2\r\n\r\na"
    );
    for (name, bytes) in [
        ("no HTTP", "hello\r\n\r\n".to_owned()),
        ("no version", "GET /\r\n\r\n".to_owned()),
        ("HTTP/3", format!("GET / HTTP/3.0\r\n{host}\r\n")),
        ("a header without a colon", format!("GET / HTTP/1.1\r\n{host}a\r\n\r\n")),
        ("a header of 2 MiB", large),
        ("20000 headers", many),
        ("two lengths", lengths),
        ("a negative length", format!("POST /token HTTP/1.1\r\n{host}content-length: -1\r\n\r\n")),
        (
            "a broken chunk",
            format!("POST /token HTTP/1.1\r\n{host}{form}transfer-encoding: chunked\r\n\r\nzz\r\n"),
        ),
        ("length and chunks", smuggle),
        ("TLS", "\u{16}\u{3}\u{1}".to_owned()),
        ("a long path", format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(100_000))),
    ] {
        match raw(&server, bytes.as_bytes()) {
            Ok(Some(answer)) if !(400..600).contains(&answer.status) || answer.status == 500 => {
                table.blame(name, &shown(&answer));
            }
            Ok(Some(answer)) => table.check_wire(name, &answer),
            Ok(None) => {}
            Err(error) => table.blame(name, &format!("the server waits: {error}")),
        }
    }
    table.finish();
    server.stop();
}

impl Table<'_> {
    /// 505 is the one answer of its hundred that blames the client.
    fn check_wire(&mut self, name: &str, answer: &Answer) {
        if answer.status != 505 {
            self.check_shape(name, answer);
        }
    }
}

#[test]
fn paths_and_methods_that_are_not_there() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    for path in [
        "/no-such-page",
        "/..%2f..%2fetc/passwd",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/%00",
        "/token/",
        "//token",
        "/%ff",
        "/.well-known/",
        "/.well-known/openid-configuration/extra",
        "/account/grants/revoke",
    ] {
        let answer = server.send(&Request::get(path));
        table.check_shape(path, &answer);
        if !matches!(answer.status, 303 | 400 | 404 | 405) {
            table.blame(path, &shown(&answer));
        }
    }
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json", "/livez"] {
        for method in ["POST", "PUT", "DELETE"] {
            let answer = server.send(&Request::new(method, path));
            table.check_shape(path, &answer);
            if answer.status != 405 || answer.header("allow").is_none() {
                table.blame(&format!("{method} {path}"), &shown(&answer));
            }
        }
        let head = server.send(&Request::new("HEAD", path));
        if head.status != 200 || !head.body.is_empty() {
            table.blame(&format!("HEAD {path}"), &shown(&head));
        }
    }
    for method in ["TRACE", "CONNECT", "PROPFIND"] {
        let answer = server.send(&Request::new(method, "/"));
        table.check_shape(method, &answer);
        if !matches!(answer.status, 400 | 404 | 405 | 501) {
            table.blame(method, &shown(&answer));
        }
    }
    table.finish();
    server.stop();
}

#[test]
fn metadata_is_cached_and_revalidated() {
    let site = Site::new();
    let server = site.start();
    server.wait_for_keys();
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
    ] {
        let first = server.send(&Request::get(path));
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no ETag"));
        let again = server.send(&Request::get(path).header("if-none-match", tag));
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let other = server.send(&Request::get(path).header("if-none-match", "\"other\""));
        assert_eq!((other.status, &other.body), (200, &first.body), "{path}");
    }
    server.stop();
}

#[test]
fn a_slow_client_blocks_nobody() {
    let site = Site::new();
    let server = site.start();
    let held: Vec<Connection> = (0..200)
        .map(|_| {
            let mut connection = Connection::open(server.address()).expect("it listens");
            connection.write(b"POST /token HTTP/1.1\r\nhost: a\r\n").expect("it reads");
            connection
        })
        .collect();
    let answer = server.send(&Request::get("/.well-known/openid-configuration"));
    assert_eq!(answer.status, 200);
    drop(held);
    server.stop();
}
