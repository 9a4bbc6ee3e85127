//! Verifiers that are cut off again and again, and go on at another server of the same site: they
//! see every revocation, each exactly once, in order.
//!
//! design/revocation.md, property 3, over two server processes and the command line on one store,
//! with commits that somebody else delays.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use countersign_jose::{Timestamp, base64url};
use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::http::{Connection, Request};
use countersign_tests::proxy::{Proxy, Relay};
use countersign_tests::relying_party::{Client, DEMO_SERVICE, DEMO_WEB, Tokens, resource};
use countersign_tests::server::{Server, Site, free_port};
use countersign_verify::{Error, Verifier};
use serde_json::Value;

const BY_EACH_SERVER: usize = 120;
const BY_COMMAND: usize = 60;
const VERIFIERS: usize = 4;
/// So patient that none refuses a token because it was cut off.
const MAX_STALENESS: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(120);

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    Timestamp::from_millis(u64::try_from(since.as_millis()).expect("before the far future"))
}

/// Numbers that look like chance and are the same in each run.
struct Chance(u64);

impl Chance {
    /// A time below so many milliseconds.
    fn below(&mut self, milliseconds: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Duration::from_millis((self.0 >> 33) % milliseconds)
    }
}

async fn verifier(server: &Server<'_>) -> Verifier {
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let verifier = Verifier::discover(&server.site.issuer(), &resource(server))
        .revocations(DEMO_SERVICE.id, secret)
        .max_staleness(MAX_STALENESS)
        .start()
        .expect("well described");
    tokio::time::timeout(PATIENCE, verifier.ready()).await.expect("ready in time");
    verifier
}

fn claim(token: &str, name: &str) -> String {
    let payload = token.split('.').nth(1).expect("three parts");
    let payload = base64url::decode(payload.as_bytes()).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("JSON");
    claims[name].as_str().unwrap_or_else(|| panic!("no {name}: {claims}")).to_owned()
}

/// An event as the feed tells it: its number, and what it ends.
type Event = (u64, String);

fn event(json: &Value) -> Event {
    (json["seq"].as_u64().expect("a number"), json["id"].as_str().expect("an id").to_owned())
}

/// The newest number, and all that has ended.
fn snapshot(server: &Server<'_>) -> (u64, BTreeSet<String>) {
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let request = Request::get("/revocations/snapshot").basic(DEMO_SERVICE.id, secret);
    let json = server.send(&request).json();
    let groups = json["revoked"].as_array().expect("a list");
    let ids = groups.iter().flat_map(|group| group["ids"].as_array().expect("a list"));
    let ids = ids.map(|id| id.as_str().expect("an id").to_owned());
    (json["seq"].as_u64().expect("a number"), ids.collect())
}

/// Follows the feed by hand, through whatever it is led to, until it has seen the event `until`.
/// Gives all that it saw, as it came.
fn follow(address: SocketAddr, until: &AtomicU64) -> Vec<Event> {
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let begun = Instant::now();
    let (mut seen, mut place) = (Vec::new(), 0);
    while place < until.load(Ordering::SeqCst) {
        assert!(begun.elapsed() < PATIENCE, "it has come to {place} only");
        let request = Request::get("/revocations/feed")
            .basic(DEMO_SERVICE.id, secret)
            .header("last-event-id", &place.to_string());
        // Whatever goes wrong with a connection, the next one goes on where this one was.
        let _ = follow_once(address, &request, until, &mut place, &mut seen);
        thread::sleep(Duration::from_millis(20));
    }
    seen
}

fn follow_once(
    address: SocketAddr,
    request: &Request,
    until: &AtomicU64,
    place: &mut u64,
    seen: &mut Vec<Event>,
) -> std::io::Result<()> {
    let mut connection = Connection::open(address)?;
    connection.write(&request.to_bytes(address))?;
    let (mut name, mut data) = (String::new(), None);
    while *place < until.load(Ordering::SeqCst) {
        let line = connection.read_text_line()?;
        if let Some(text) = line.strip_prefix("event: ") {
            name = text.to_owned();
        } else if let Some(text) = line.strip_prefix("data: ") {
            data = Some(text.to_owned());
        } else if line.is_empty() {
            // Only a whole event counts: a cut may come in the middle of a line.
            let Some(data) = data.take() else { continue };
            match &*name {
                "revoked" => {
                    let event = event(&serde_json::from_str(&data).expect("JSON"));
                    *place = event.0;
                    seen.push(event);
                }
                "reset" => panic!("nothing was forgotten, so there is nothing to start again"),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Holds the store's write lock for a moment, again and again, so that commits come late.
fn get_in_the_way(site: &Site, over: &AtomicBool) -> usize {
    let mut chance = Chance(7);
    let store = rusqlite::Connection::open(site.data().join("countersign.db")).expect("it opens");
    store.busy_timeout(Duration::from_secs(5)).expect("a setting");
    let mut held = 0;
    while !over.load(Ordering::SeqCst) {
        thread::sleep(chance.below(80));
        if store.execute_batch("BEGIN IMMEDIATE").is_ok() {
            thread::sleep(chance.below(100));
            store.execute_batch("ROLLBACK").expect("there is nothing to lose");
            held += 1;
        }
    }
    held
}

/// Leads everybody to the other server, by a cut, again and again; gives how often.
fn switch(proxy: &Proxy, servers: [SocketAddr; 2], over: &AtomicBool) -> usize {
    let mut chance = Chance(11);
    let mut switched = 0;
    while !over.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(40) + chance.below(250));
        switched += 1;
        proxy.lead_to(servers[switched % 2]);
        proxy.tell(Relay::Cut);
        proxy.tell(Relay::Pass);
    }
    switched
}

/// Until it is done: a store that is locked for too long is no reason to give up.
fn revoke(server: &Server<'_>, client: Client, token: &str) {
    let begun = Instant::now();
    loop {
        let answer = server.send(&client.revoke(token));
        if answer.status == 200 {
            return;
        }
        let late = begun.elapsed() > PATIENCE;
        assert!(answer.status == 503 && !late, "{}: {}", answer.status, answer.text());
    }
}

fn revoke_by_command(site: &Site, grant_id: &str) {
    let begun = Instant::now();
    loop {
        let mut command = Command::new(binary::path());
        command.args(["grant", "revoke", grant_id, "--yes", "--data-dir"]).arg(site.data());
        let output = command.output().expect("the binary starts");
        if output.status.success() {
            return;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(begun.elapsed() < PATIENCE, "{said}");
    }
}

/// What is to be revoked: tokens of a service at each server, and grants by command.
struct Doomed {
    at_servers: [Vec<String>; 2],
    by_command: Vec<String>,
}

impl Doomed {
    fn new(server: &Server<'_>) -> Self {
        let mut connection = Connection::open(server.address()).expect("the server listens");
        let request = DEMO_SERVICE.client_credentials(server);
        let at_servers = [(); 2].map(|()| {
            let token = |_| Tokens::of(&connection.send(&request).expect("an answer")).access;
            (0..BY_EACH_SERVER).map(token).collect()
        });
        // The browser goes where the issuer is, and so through what stands there.
        let mut browser = Browser::new(server.site.address);
        let by_command = (0..BY_COMMAND)
            .map(|_| DEMO_WEB.log_in(server, &mut browser, "alice").access)
            .collect();
        Self { at_servers, by_command }
    }

    fn tokens(&self) -> impl Iterator<Item = &String> {
        self.at_servers.iter().flatten().chain(&self.by_command)
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let grants = self.by_command.iter().map(|token| claim(token, "grant_id"));
        self.at_servers.iter().flatten().map(|token| claim(token, "jti")).chain(grants)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_revocation_is_seen_once_and_in_order_whichever_server_is_followed() {
    let site = Site::of_serve("");
    let places = [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
    let servers = places.map(|place| site.start_at(place));
    let proxy = Proxy::start(site.address, places[0]);
    let doomed = Doomed::new(&servers[0]);
    let mut verifiers = Vec::new();
    for _ in 0..VERIFIERS {
        verifiers.push(verifier(&servers[0]).await);
    }
    for verifier in &verifiers {
        let refused = |token: &&String| verifier.verify_now(token, now()).is_err();
        assert_eq!(doomed.tokens().find(refused), None, "all are good before");
    }
    let (over, until) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
    let (seen, held, switched) = thread::scope(|scope| {
        let following = scope.spawn(|| follow(site.address, &until));
        let locking = scope.spawn(|| get_in_the_way(&site, &over));
        let switching = scope.spawn(|| switch(&proxy, places, &over));
        let mut revoking = Vec::new();
        for (server, tokens) in servers.iter().zip(&doomed.at_servers) {
            let revoke = |token: &String| revoke(server, DEMO_SERVICE, token);
            revoking.push(scope.spawn(move || tokens.iter().for_each(revoke)));
        }
        revoking.push(scope.spawn(|| {
            for token in &doomed.by_command {
                revoke_by_command(&site, &claim(token, "grant_id"));
            }
        }));
        let revoked: Vec<_> = revoking.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        until.store(snapshot(&servers[0]).0, Ordering::SeqCst);
        assert!(revoked.into_iter().all(|done| done.is_ok()), "some were not revoked");
        let seen = following.join().expect("no panic");
        let held = locking.join().expect("no panic");
        (seen, held, switching.join().expect("no panic"))
    });
    let (last, all) = snapshot(&servers[1]);
    let places: Vec<_> = seen.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(places, Vec::from_iter(1..=last), "each once, in order, without a hole");
    assert_eq!(seen.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>(), all);
    assert_eq!(doomed.names().collect::<BTreeSet<_>>(), all);
    let begun = Instant::now();
    for verifier in &verifiers {
        while verifier.metrics().revocations_applied != Some(last) {
            let metrics = verifier.metrics();
            assert!(begun.elapsed() < PATIENCE, "it has not come to {last}: {metrics:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Whoever misses one, or gets one after a gap, needs a second snapshot.
        assert_eq!(verifier.metrics().snapshots, 1);
        for token in doomed.tokens() {
            assert_eq!(verifier.verify_now(token, now()).err(), Some(Error::Revoked));
        }
    }
    let lost: Vec<u64> = verifiers.iter().map(|one| one.metrics().feed_failures).collect();
    println!("{last} events; {switched} switches, {held} delays; feeds lost: {lost:?}");
    assert!(switched >= 10 && held >= 20, "hardly anything was in the way");
    assert!(lost.iter().all(|lost| *lost >= 3), "hardly anybody had to switch");
}
