//! Two server processes on one data folder.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::browser::Browser;
use countersign_tests::http::{self, Answer, Connection};
use countersign_tests::relying_party::{Client, DEMO_SPA, DEMO_WEB, Tokens};
use countersign_tests::server::{Server, Site, free_port};

fn other_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// The same refresh, 64 times at once, half of them to each.
fn at_once(nodes: [&Server<'_>; 2], client: Client, token: &str) -> Vec<Answer> {
    let request = client.refresh(token);
    let barrier = Barrier::new(64);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|place| {
                let (request, barrier) = (&request, &barrier);
                scope.spawn(move || {
                    let node = nodes[place % 2].address();
                    let mut connection = Connection::open(node).expect("it listens");
                    barrier.wait();
                    connection.send(request).expect("an answer comes")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// design/rotation.md, property 1, over two processes.
#[test]
fn sixty_four_refreshes_over_two_servers_have_one_winner_and_one_successor() {
    const ROUNDS: usize = 5;
    let site = Site::of_serve("");
    let (first, second) = (site.start(), site.start_at(other_address()));
    let nodes = [&first, &second];
    let mut browser = Browser::new(first.address());
    for client in [DEMO_SPA, DEMO_WEB] {
        let mut token = client.log_in(&first, &mut browser, "alice").refresh;
        let before = counted(nodes);
        for _ in 0..ROUNDS {
            let answers = at_once(nodes, client, &token);
            let successors: BTreeSet<String> =
                answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
            assert_eq!(successors.len(), 1, "the same successor for all");
            let [successor] = Vec::from_iter(successors).try_into().expect("one");
            assert_ne!(successor, token);
            token = successor;
        }
        let after = counted(nodes);
        let [rotated, retried, reused] = [0, 1, 2].map(|at| after[at] - before[at]);
        assert_eq!((rotated, retried, reused), (ROUNDS, 63 * ROUNDS, 0), "one winner each time");
    }
    first.stop();
    second.stop();
}

/// Rotations, retries and reuses, of both.
fn counted(nodes: [&Server<'_>; 2]) -> [usize; 3] {
    ["rotated", "retried", "reused"].map(|result| {
        let name = format!("countersign_refreshes_total{{result=\"{result}\"}}");
        let count: u64 = nodes.iter().map(|node| node.counted(&name)).sum();
        usize::try_from(count).expect("few")
    })
}

#[test]
fn what_one_server_ends_the_other_refuses() {
    let site = Site::of_serve("");
    let (first, second) = (site.start(), site.start_at(other_address()));
    let mut browser = Browser::new(first.address());
    for _ in 0..5 {
        let tokens = DEMO_WEB.log_in(&first, &mut browser, "alice");
        let next = Tokens::of(&second.send(&DEMO_WEB.refresh(&tokens.refresh)));
        assert_eq!(first.send(&DEMO_WEB.revoke(&next.refresh)).status, 200);
        for node in [&second, &first] {
            let refused = node.send(&DEMO_WEB.refresh(&next.refresh));
            assert_eq!(refused.error().as_deref(), Some("invalid_grant"));
        }
    }
}

/// One of two servers dies under load, again and again: its clients go to the other.
#[test]
fn when_one_of_two_servers_is_killed_nobody_is_logged_out() {
    let site = Site::of_serve("");
    let (first, address) = (site.start(), other_address());
    let mut browser = Browser::new(first.address());
    let chains: Vec<(Client, Mutex<String>)> = [DEMO_SPA, DEMO_WEB]
        .into_iter()
        .cycle()
        .take(6)
        .map(|client| (client, Mutex::new(client.log_in(&first, &mut browser, "alice").refresh)))
        .collect();
    for round in 0..5 {
        let second = site.start_at(address);
        let (over, refreshed) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for (client, token) in &chains {
                let places = [address, first.address()];
                let (over, refreshed) = (&over, &refreshed);
                scope.spawn(move || {
                    let mut token = token.lock().expect("nobody panics with it");
                    let mut place = 0;
                    while !over.load(Ordering::SeqCst) {
                        // No answer: the same token again, at the other.
                        match http::try_send(places[place], &client.refresh(&token)) {
                            Ok(answer) => *token = Tokens::of(&answer).refresh,
                            Err(_) => place = 1,
                        }
                        refreshed.fetch_add(place, Ordering::SeqCst);
                    }
                });
            }
            thread::sleep(Duration::from_millis(50 + 40 * round));
            second.kill();
            let deadline = Instant::now() + Duration::from_secs(10);
            while refreshed.load(Ordering::SeqCst) < 2 * chains.len() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
            over.store(true, Ordering::SeqCst);
        });
        assert!(refreshed.into_inner() >= 2 * chains.len(), "the other one did not go on");
    }
    assert_eq!(first.counted("countersign_refreshes_total{result=\"reused\"}"), 0);
    first.stop();
}
