//! Clocks that step by an hour in either direction, of the server, of a verifier, and the one that
//! both go by: no revoked token is accepted past the bound, and nobody innocent is logged out.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_jose::Timestamp;
use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::clock::{self, Clock};
use countersign_tests::proxy::{Proxy, Relay};
use countersign_tests::relying_party::{
    Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens, call_api, resource, until_refused,
};
use countersign_tests::server::{Server, Site, free_port};
use countersign_verify::{Error, Verifier};
use serde_json::Value;
use tokio::time::sleep;

const HOUR: i64 = 3_600;
const PATIENCE: Duration = Duration::from_secs(15);
/// How long it is watched that nothing is accepted: longer than a feed takes to notice anything.
const WATCH: Duration = Duration::from_secs(3);

#[expect(clippy::disallowed_methods, reason = "a test is a process of its own")]
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Timestamp::from_millis(0).plus(now)
}

fn refusal(verifier: &Verifier, token: &str) -> Option<Error> {
    verifier.verify_now(token, now()).err()
}

async fn verifier(server: &Server<'_>) -> Verifier {
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let verifier = Verifier::discover(&server.site.issuer(), &resource(server))
        .revocations(DEMO_SERVICE.id, secret)
        .start()
        .expect("well described");
    tokio::time::timeout(PATIENCE, verifier.ready()).await.expect("ready in time");
    verifier
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never came true: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn start<'a>(site: &'a Site, clock: &Clock) -> Server<'a> {
    site.start_with(site.address, clock.command(binary::path()))
}

fn log_in(server: &Server<'_>, client: Client) -> Tokens {
    client.log_in(server, &mut Browser::new(server.address()), "alice")
}

/// Goes on with a chain of refresh tokens.
fn refresh(server: &Server<'_>, client: Client, chain: &mut Tokens) {
    *chain = Tokens::of(&server.send(&client.refresh(&chain.refresh)));
}

/// Revokes and waits for every verifier; nobody is left who might accept it.
fn revoke(server: &Server<'_>, token: &str) {
    let fields = [("token", token), ("wait", "propagated"), ("wait_ms", "9000")];
    let answer = server.send(&DEMO_WEB.form("/revoke", &fields));
    let said = answer.json();
    assert_eq!(answer.status, 200, "{said}");
    let outstanding: &Value = &said["outstanding"];
    assert!(outstanding.as_array().is_some_and(Vec::is_empty), "{said}");
    assert!(said["acknowledged"].as_u64() >= Some(1), "{said}");
}

/// By the server's own clock.
fn revoke_client(server: &Server<'_>, clock: &Clock, client: Client) {
    let mut command = clock.command(binary::path());
    command.args(["client", "revoke", client.id, "--yes", "--data-dir"]).arg(server.site.data());
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the server itself says of a token.
fn is_active(server: &Server<'_>, token: &str) -> bool {
    let answer = server.send(&DEMO_SERVICE.form("/introspect", &[("token", token)]));
    answer.json()["active"].as_bool().expect("an answer")
}

/// The server's clock is set, and right again in the end; the verifier's is right all the time.
async fn servers_clock_steps(step: i64) {
    let (site, clock) = (Site::of_serve(""), Clock::new());
    let server = start(&site, &clock);
    let first = verifier(&server).await;
    let [grants, single] = [(); 2].map(|()| log_in(&server, DEMO_WEB));
    let mut innocent =
        [(DEMO_WEB, log_in(&server, DEMO_WEB)), (DEMO_SPA, log_in(&server, DEMO_SPA))];
    let own = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server)));
    let good = innocent.each_ref().map(|(_, tokens)| tokens.access.clone());
    let doomed = [&grants.access, &single.access, &own.access];
    for token in doomed.into_iter().chain(&good) {
        eventually("it is accepted", || refusal(&first, token).is_none()).await;
    }

    clock.set(step);
    // As soon as the server has noticed, which takes it a tenth of a second.
    sleep(Duration::from_millis(500)).await;
    for (client, chain) in &mut innocent {
        refresh(&server, *client, chain);
    }
    revoke(&server, &grants.refresh);
    assert_eq!(refusal(&first, &grants.access), Some(Error::Revoked));
    revoke(&server, &single.access);
    assert_eq!(refusal(&first, &single.access), Some(Error::Revoked));
    revoke_client(&server, &clock, DEMO_SERVICE);
    let revoked = || refusal(&first, &own.access) == Some(Error::Revoked);
    eventually("it is refused", revoked).await;
    for token in &good {
        assert_eq!(refusal(&first, token), None, "nobody revoked it");
    }

    // Who loads a snapshot learns the same, from a server that has started with this clock.
    server.kill();
    let server = start(&site, &clock);
    let second = verifier(&server).await;
    for (client, chain) in &mut innocent {
        refresh(&server, *client, chain);
    }
    clock.set(0);
    let watched = Instant::now();
    while watched.elapsed() < WATCH {
        for verifier in [&first, &second] {
            for token in doomed {
                assert!(refusal(verifier, token).is_some());
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    for verifier in [&first, &second] {
        for token in doomed {
            assert_eq!(refusal(verifier, token), Some(Error::Revoked));
        }
        for token in &good {
            eventually("it is accepted", || refusal(verifier, token).is_none()).await;
        }
    }
    for (client, chain) in &mut innocent {
        refresh(&server, *client, chain);
        let new = || refusal(&second, &chain.access).is_none();
        eventually("a new token is good at once", new).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_set_back_an_hour() {
    servers_clock_steps(-HOUR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_jumps_an_hour_ahead() {
    servers_clock_steps(HOUR).await;
}

/// Of an hour and two minutes ago: a token that was revoked, and another one. Both are alive to a
/// clock that is an hour behind.
fn issued_an_hour_ago(site: &Site, clock: &Clock) -> (Tokens, Tokens) {
    clock.set(-HOUR - 120);
    let server = start(site, clock);
    let [revoked, good] = [(); 2].map(|()| log_in(&server, DEMO_WEB));
    assert_eq!(server.send(&DEMO_WEB.revoke(&revoked.refresh)).status, 200);
    server.kill();
    clock.set(0);
    (revoked, good)
}

#[test]
fn what_a_server_revoked_an_hour_ago_stays_so_when_its_clock_is_set_back() {
    let (site, clock) = (Site::of_serve(""), Clock::new());
    let (revoked, good) = issued_an_hour_ago(&site, &clock);
    let server = start(&site, &clock);
    assert!(!is_active(&server, &good.access), "it has expired");
    clock.set(-HOUR);
    assert!(is_active(&server, &good.access), "by this clock it has not");
    assert!(!is_active(&server, &revoked.access));
}

/// Runs a test whose own clock is set, so in a process of its own.
fn alone(name: &str, body: impl Future<Output = ()>) {
    if clock::is_own() {
        return tokio::runtime::Runtime::new().expect("a runtime").block_on(body);
    }
    let own = Clock::new();
    let mut command = own.command(&std::env::current_exe().expect("this test"));
    let name = format!("clock::{name}");
    let output = command.args(["--exact", &name, "--nocapture"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_verifier_whose_clock_steps_an_hour_in_either_direction() {
    let name = "a_verifier_whose_clock_steps_an_hour_in_either_direction";
    alone(name, verifiers_clock_steps());
}

/// To a machine that goes on after it was suspended no time has passed but on the wall.
#[test]
fn a_verifier_that_was_suspended_accepts_nothing_before_it_has_heard_again() {
    let name = "a_verifier_that_was_suspended_accepts_nothing_before_it_has_heard_again";
    alone(name, verifier_is_suspended());
}

async fn verifier_is_suspended() {
    let (site, clock) = (Site::of_serve(""), Clock::new());
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let server = site.start_with(inside, clock.command(binary::path()));
    let proxy = Proxy::start(site.address, inside);
    let verifier = verifier(&server).await;
    let good = log_in(&server, DEMO_WEB);
    eventually("it is accepted", || refusal(&verifier, &good.access).is_none()).await;
    proxy.tell(Relay::Stall);
    assert_eq!(refusal(&verifier, &good.access), None, "for ten seconds");
    clock::set_own(30);
    assert_eq!(refusal(&verifier, &good.access), Some(Error::Stale));
    assert!(!verifier.is_ready());
    proxy.tell(Relay::Pass);
    eventually("it is accepted", || refusal(&verifier, &good.access).is_none()).await;
    // A jump alone costs a new connection.
    clock::set_own(60);
    eventually("it is accepted", || refusal(&verifier, &good.access).is_none()).await;
    assert!(verifier.metrics().revocations_age < Some(Duration::from_secs(5)));
}

async fn verifiers_clock_steps() {
    let (site, clock) = (Site::of_serve(""), Clock::new());
    let (revoked, good) = issued_an_hour_ago(&site, &clock);
    let server = start(&site, &clock);
    let verifier = verifier(&server).await;
    clock::set_own(-HOUR);
    let watched = Instant::now();
    let mut accepted = 0;
    while watched.elapsed() < WATCH {
        assert_ne!(refusal(&verifier, &revoked.access), None);
        accepted += usize::from(refusal(&verifier, &good.access).is_none());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(accepted > 10, "the other one is alive by this clock: {accepted}");
    assert_eq!(refusal(&verifier, &revoked.access), Some(Error::Revoked));

    clock::set_own(0);
    let [revoked, mut good] = [(); 2].map(|()| log_in(&server, DEMO_WEB));
    for token in [&revoked.access, &good.access] {
        eventually("it is accepted", || refusal(&verifier, token).is_none()).await;
    }
    clock::set_own(HOUR);
    revoke(&server, &revoked.refresh);
    assert!(refusal(&verifier, &revoked.access).is_some());
    clock::set_own(0);
    let watched = Instant::now();
    while watched.elapsed() < WATCH {
        assert_eq!(refusal(&verifier, &revoked.access), Some(Error::Revoked));
        sleep(Duration::from_millis(20)).await;
    }
    eventually("it is accepted", || refusal(&verifier, &good.access).is_none()).await;
    refresh(&server, DEMO_WEB, &mut good);
    eventually("it is accepted", || refusal(&verifier, &good.access).is_none()).await;
}

/// An API on the server's own machine.
#[test]
fn a_clock_that_both_go_by() {
    for step in [-HOUR, HOUR] {
        let (site, clock) = (Site::new(), Clock::new());
        let server = start(&site, &clock);
        let revoked = log_in(&server, DEMO_WEB);
        let mut innocent = log_in(&server, DEMO_SPA);
        for tokens in [&revoked, &innocent] {
            assert_eq!(call_api(&server, &tokens.access).status, 200);
        }
        clock.set(step);
        refresh(&server, DEMO_SPA, &mut innocent);
        // A jump ahead looks like a machine that was suspended: the API answers 503 until it has
        // heard from the server again.
        let start = Instant::now();
        while call_api(&server, &innocent.access).status == 503 {
            assert!(start.elapsed() < PATIENCE, "the API does not come back");
        }
        assert_eq!(call_api(&server, &innocent.access).status, 200, "{step}");
        revoke(&server, &revoked.refresh);
        until_refused(&server, &revoked.access);
        clock.set(0);
        let watched = Instant::now();
        while watched.elapsed() < WATCH {
            assert_eq!(call_api(&server, &revoked.access).status, 401, "{step}");
        }
        refresh(&server, DEMO_SPA, &mut innocent);
        assert_eq!(call_api(&server, &innocent.access).status, 200, "{step}");
    }
}
