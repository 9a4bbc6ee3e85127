//! SIGTERM under load: no answer is cut, nothing acknowledged is lost.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::browser::Browser;
use countersign_tests::http::{CUT, Connection, Request};
use countersign_tests::relying_party::{DEMO_SERVICE, DEMO_SPA, Tokens};
use countersign_tests::server::Site;

#[test]
fn no_answer_is_cut_and_nothing_acknowledged_is_lost() {
    let site = Site::new();
    let mut server = site.start();
    let mut browser = Browser::new(server.address());
    let chains: Vec<Mutex<Tokens>> =
        (0..8).map(|_| Mutex::new(DEMO_SPA.log_in(&server, &mut browser, "alice"))).collect();
    for _ in 0..3 {
        let refreshed = AtomicUsize::new(0);
        let ended = thread::scope(|scope| {
            for chain in &chains {
                let (address, refreshed) = (server.address(), &refreshed);
                scope.spawn(move || {
                    let mut connection = Connection::open(address).expect("it listens");
                    let mut tokens = chain.lock().expect("no thread panicked");
                    loop {
                        match connection.send(&DEMO_SPA.refresh(&tokens.refresh)) {
                            Ok(answer) => *tokens = Tokens::of(&answer),
                            Err(error) => break not_cut(&error),
                        }
                        refreshed.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            thread::sleep(Duration::from_millis(150));
            server.terminate();
            server.wait()
        });
        assert!(ended.success(), "it ended with {ended}");
        assert!(refreshed.into_inner() > 0, "the load never began");
        server = site.start();
        for chain in &chains {
            let mut tokens = chain.lock().expect("no thread panicked");
            *tokens = Tokens::of(&server.send(&DEMO_SPA.refresh(&tokens.refresh)));
        }
    }
    server.stop();
}

/// A server may close a connection between two requests, not in the middle of an answer.
fn not_cut(error: &io::Error) {
    assert_ne!(error.to_string(), CUT);
    let closed = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
    ];
    assert!(closed.contains(&error.kind()), "{error:?}");
}

#[test]
fn a_request_that_had_begun_is_answered() {
    let site = Site::new();
    let server = site.start();
    let mut connection = Connection::open(server.address()).expect("it listens");
    let body = "grant_type=refresh_token&client_id=demo-spa&refresh_token=csr_junk";
    let (first, second) = body.split_at(20);
    let head = format!(
        "POST /token HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{first}",
        server.address(),
        body.len()
    );
    connection.write(head.as_bytes()).expect("it reads");
    thread::sleep(Duration::from_millis(50));
    server.terminate();
    thread::sleep(Duration::from_millis(100));
    connection.write(second.as_bytes()).expect("it still reads");
    let answer = connection.read(false).expect("it still answers");
    assert_eq!(answer.error().as_deref(), Some("invalid_grant"));
    assert!(server.wait().success());
}

#[test]
fn open_feeds_do_not_hold_it_up() {
    let site = Site::new();
    let server = site.start();
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let snapshot =
        server.send(&Request::get("/revocations/snapshot").basic(DEMO_SERVICE.id, secret));
    assert_eq!(snapshot.status, 200);
    let mut feed = Connection::open(server.address()).expect("it listens");
    let request = format!(
        "GET /revocations/feed HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {}\r\n\r\n",
        server.address(),
        base64_simd::STANDARD.encode_to_string(format!("{}:{secret}", DEMO_SERVICE.id).as_bytes()),
    );
    feed.write(request.as_bytes()).expect("it reads");
    let mut lines = (0..40).map(|_| feed.read_text_line().expect("the feed is open"));
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
    assert!(lines.any(|line| line == "event: heartbeat"), "a heartbeat comes");
    let idle = Connection::open(server.address()).expect("it listens");
    let start = Instant::now();
    server.terminate();
    assert!(server.wait().success());
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "it took {took:?} to end");
    drop(idle);
}
