use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Outcome, Script, Window};
use crate::server::http::Request;

/// Answers each request with what `answer` makes of its text, for as long as the test runs.
async fn serve(answer: fn(&str, usize) -> Option<(u16, String)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(speak(stream, answer));
        }
    });
    address
}

async fn speak(mut stream: TcpStream, answer: fn(&str, usize) -> Option<(u16, String)>) {
    // Or the second piece waits for word of the first.
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 4096];
    for count in 0.. {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let Some((status, body)) = answer(&request, count).filter(|_| read > 0) else { return };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        // In two pieces, as a network may bring it.
        for piece in [head, body] {
            if stream.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn run(address: SocketAddr, script: Script, connections: usize) -> Outcome {
    let window = Window::open(address, vec![script; connections]).await.unwrap();
    window.run(Duration::from_millis(50)).await
}

fn get(address: SocketAddr) -> Script {
    Script::fixed(&Request::get(address, "/x"), "good")
}

fn chain(address: SocketAddr) -> Script {
    Script::chain(Request::post(address, "/token", String::new()), "t0".to_owned())
}

#[tokio::test]
async fn right_answers_are_counted_and_timed() {
    let address = serve(|_, _| Some((200, "all good".to_owned()))).await;
    let outcome = run(address, get(address), 3).await;
    assert!(outcome.latencies.len() > 3, "{}", outcome.latencies.len());
    assert_eq!((outcome.errors, outcome.example), (0, None));
    assert_eq!(outcome.scripts.len(), 3);
    assert!(outcome.took >= Duration::from_millis(50));
}

#[tokio::test]
async fn wrong_answers_are_errors_and_end_a_connection_after_some() {
    for (status, body) in [(500, "good"), (200, "bad")] {
        let answer: fn(&str, usize) -> _ = match status {
            500 => |_, _| Some((500, "good".to_owned())),
            _ => |_, _| Some((200, "bad".to_owned())),
        };
        let address = serve(answer).await;
        let outcome = run(address, get(address), 2).await;
        assert_eq!(outcome.latencies.len(), 0);
        assert_eq!(outcome.errors, 2 * 21);
        assert_eq!(outcome.example, Some(format!("{status} {body}")));
    }
}

#[tokio::test]
async fn a_closed_connection_is_an_error_and_no_endless_loop() {
    let address = serve(|_, count| (count < 2).then(|| (200, "good".to_owned()))).await;
    let outcome = run(address, get(address), 1).await;
    assert_eq!((outcome.latencies.len(), outcome.errors), (2, 1));
}

#[tokio::test]
async fn a_chain_uses_each_token_once() {
    // The token is a count, and the server refuses every other than the one it gave last.
    let address = serve(|request, count| {
        let given = format!("refresh_token=t{count}");
        let right = request.ends_with(&given);
        let body = format!("{{\"access_token\":\"a\",\"refresh_token\":\"t{}\"}}", count + 1);
        Some((if right { 200 } else { 400 }, body))
    })
    .await;
    let outcome = run(address, chain(address), 2).await;
    assert_eq!((outcome.errors, outcome.example), (0, None));
    assert!(outcome.latencies.len() > 2);
}

#[tokio::test]
async fn a_token_that_does_not_change_is_found() {
    let address = serve(|_, _| Some((200, "{\"refresh_token\":\"t0\"}".to_owned()))).await;
    let outcome = run(address, chain(address), 1).await;
    assert_eq!(outcome.example.as_deref(), Some("the same refresh token again"));
    assert_eq!((outcome.latencies.len(), outcome.errors), (0, 1));
}

#[tokio::test]
async fn only_this_machine_is_asked() {
    let elsewhere: SocketAddr = "192.0.2.1:80".parse().unwrap();
    assert!(Window::open(elsewhere, Vec::new()).await.is_err());
}
