//! Two server processes on one data folder.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use countersign_jose::base64url;
use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::http::{self, Answer, Connection, Request};
use countersign_tests::relying_party::{Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens};
use countersign_tests::server::{Server, Site, free_port};
use serde_json::Value;

/// Within so long two servers agree after their keys were changed; it takes a hundredth of it on a
/// machine that is not busy.
const AGREED_WITHIN: Duration = Duration::from_secs(5);
/// For what has no bound of its own.
const PATIENCE: Duration = Duration::from_secs(30);

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

fn key_command(site: &Site, arguments: &[&str]) -> Value {
    let mut command = Command::new(binary::path());
    command.arg("key").args(arguments).args(["--json", "--data-dir"]).arg(site.data());
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The next key for ES256, if there is one yet.
fn announced(site: &Site) -> Option<String> {
    let keys = key_command(site, &["list"]);
    let mut keys = keys.as_array().expect("a list").iter();
    let next = keys.find(|key| key["alg"] == "ES256" && key["state"] == "announced")?;
    Some(next["kid"].as_str().expect("a name").to_owned())
}

fn jwks(node: &Server<'_>) -> String {
    let answer = node.send(&Request::get("/.well-known/jwks.json"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

fn key_of(token: &str) -> String {
    let header = base64url::decode(token.split('.').next().unwrap_or_default().as_bytes());
    let header: Value = serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    header["kid"].as_str().expect("a key id").to_owned()
}

fn signs_with(node: &Server<'_>) -> String {
    key_of(&Tokens::of(&node.send(&DEMO_SERVICE.client_credentials(node))).access)
}

fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}

/// Requests to two servers whose keys change.
struct Load<'a> {
    nodes: [&'a Server<'a>; 2],
    over: AtomicBool,
    requests: AtomicUsize,
    /// Keys that are revoked, or just about to be.
    revoked: Mutex<Vec<String>>,
}

impl Load<'_> {
    fn is_revoked(&self, kid: &String) -> bool {
        self.revoked.lock().expect("nobody panics with it").contains(kid)
    }

    /// Tokens made by one server and shown to both, and a chain of refreshes at both; every request
    /// succeeds. Gives the keys that signed here, as they came.
    fn run(&self, own: usize, mut refresh: String) -> Vec<String> {
        let mut connections =
            self.nodes.map(|node| Connection::open(node.address()).expect("it listens"));
        let mut signed: Vec<String> = Vec::new();
        let request = DEMO_SERVICE.client_credentials(self.nodes[own]);
        while !self.over.load(Ordering::SeqCst) {
            let mut send = |node: usize, request: &Request| {
                let answer = connections[node].send(request).expect("an answer comes");
                assert_eq!(answer.status, 200, "{}", answer.text());
                self.requests.fetch_add(1, Ordering::SeqCst);
                answer
            };
            let token = Tokens::of(&send(own, &request)).access;
            let kid = key_of(&token);
            if signed.last() != Some(&kid) {
                assert!(!signed.contains(&kid), "{kid} signs again, after {signed:?}");
                signed.push(kid.clone());
            }
            for node in [1 - own, own] {
                let asked = DEMO_SERVICE.form("/introspect", &[("token", &token)]);
                let known = send(node, &asked).json()["active"] == true;
                assert!(known || self.is_revoked(&kid), "server {node} does not know {kid}");
                let published = send(node, &Request::get("/.well-known/jwks.json")).text();
                let published = published.contains(&format!("\"{kid}\""));
                assert!(published || self.is_revoked(&kid), "server {node} hides {kid}");
                refresh = Tokens::of(&send(node, &DEMO_WEB.refresh(&refresh))).refresh;
            }
        }
        signed
    }

    /// Replaces the key that signs, in turn on schedule and in an emergency, and waits each time
    /// until both servers have the next one.
    fn change_keys(&self, site: &Site, rounds: usize) {
        for round in 0..rounds {
            let mut next = None;
            wait_until("both publish the next key", PATIENCE, || {
                next = announced(site);
                let is_published = |next: &String| {
                    self.nodes.iter().all(|node| jwks(node).contains(&format!("\"{next}\"")))
                };
                next.as_ref().is_some_and(is_published)
            });
            let before = signs_with(self.nodes[0]);
            let is_emergency = round % 2 == 1;
            if is_emergency {
                self.revoked.lock().expect("nobody panics with it").push(before.clone());
                key_command(site, &["revoke", &before, "--yes"]);
            } else {
                key_command(site, &["rotate", "--alg", "ES256", "--now"]);
            }
            let took = wait_until("both sign with the next key", AGREED_WITHIN, || {
                self.nodes.map(signs_with).map(Some) == [next.clone(), next.clone()]
            });
            wait_until("both publish the same keys", AGREED_WITHIN, || {
                let [one, other] = self.nodes.map(jwks);
                one == other && one.contains(&format!("\"{before}\"")) != is_emergency
            });
            println!("emergency: {is_emergency}; both sign with the next key after {took:?}");
            thread::sleep(Duration::from_millis(100));
            for node in self.nodes.iter().cycle().take(10) {
                assert_eq!(Some(signs_with(node)), next, "and they stay with it");
            }
        }
    }
}

#[test]
fn two_servers_agree_on_the_key_that_signs_through_rotations_and_revocations_under_load() {
    const ROUNDS: usize = 6;
    let site = Site::of_serve("");
    let (first, second) = (site.start(), site.start_at(other_address()));
    let mut browser = Browser::new(first.address());
    let chains = [(); 2].map(|()| DEMO_WEB.log_in(&first, &mut browser, "alice").refresh);
    let load = Load {
        nodes: [&first, &second],
        over: AtomicBool::new(false),
        requests: AtomicUsize::new(0),
        revoked: Mutex::default(),
    };
    thread::scope(|scope| {
        let load = &load;
        let [one, other] = chains;
        let running =
            [(0, one), (1, other)].map(|(own, chain)| scope.spawn(move || load.run(own, chain)));
        let changed = scope.spawn(|| load.change_keys(&site, ROUNDS)).join();
        load.over.store(true, Ordering::SeqCst);
        for signed in running.map(|thread| thread.join().expect("no request fails")) {
            assert!(signed.len() > ROUNDS / 2, "hardly anything was signed: {signed:?}");
        }
        changed.expect("they agree");
    });
    println!("{} requests", load.requests.load(Ordering::SeqCst));
}
