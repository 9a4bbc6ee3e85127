//! Revocation through the real binary: what is confirmed is refused, and who has not confirmed is
//! named.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::relying_party::{
    Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens, call_api, resource,
};
use countersign_tests::server::{Server, Site};
use countersign_verify::{Error, Timestamp, Verifier};
use serde_json::Value;

/// Far above what it takes, far below what a person would wait.
const SOON: Duration = Duration::from_secs(10);

fn operate(server: &Server<'_>, arguments: &[&str]) -> Output {
    let data = server.site.data();
    let mut command = Command::new(binary::path());
    command.args(arguments).arg("--data-dir").arg(data);
    command.output().expect("the binary starts")
}

/// Runs a command that answers JSON; with the code that it ends with.
fn answer(server: &Server<'_>, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = operate(server, &[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|_| panic!("{arguments:?}: {said}")))
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "never came true: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    Timestamp::from_millis(u64::try_from(since.as_millis()).expect("before the far future"))
}

/// Verifiers of the sample API, each with a feed of its own, ready.
struct Apis {
    runtime: tokio::runtime::Runtime,
    verifiers: Vec<Verifier>,
}

impl Apis {
    fn start(server: &Server<'_>, count: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (id, secret) = (DEMO_SERVICE.id, DEMO_SERVICE.secret.expect("a secret"));
        let verifiers: Vec<_> = (0..count)
            .map(|number| {
                let _inside = runtime.enter();
                Verifier::discover(&server.site.issuer(), &resource(server))
                    .revocations(id, secret)
                    .instance(&format!("orders {number}"))
                    .start()
                    .expect("well described")
            })
            .collect();
        runtime.block_on(async {
            for verifier in &verifiers {
                verifier.ready().await;
            }
        });
        Self { runtime, verifiers }
    }

    fn say(&self, token: &str) -> Vec<Result<(), Error>> {
        let _inside = self.runtime.enter();
        let ask = |verifier: &Verifier| verifier.verify_now(token, now()).map(drop);
        self.verifiers.iter().map(ask).collect()
    }
}

/// A feed by hand, of a verifier that never acknowledges anything by itself.
struct RawFeed {
    reader: BufReader<TcpStream>,
    follower: String,
}

impl RawFeed {
    fn open(server: &Server<'_>) -> Self {
        let mut stream = TcpStream::connect(server.address()).expect("the server listens");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        let plain = format!("{}:{}", DEMO_SERVICE.id, DEMO_SERVICE.secret.expect("a secret"));
        let encoded = base64_simd::STANDARD.encode_to_string(plain.as_bytes());
        let head = format!(
            "GET /revocations/feed HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {encoded}\r\n\r\n",
            server.address()
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut feed = Self { reader: BufReader::new(stream), follower: String::new() };
        let hello: Value = serde_json::from_str(&feed.data_of("hello")).expect("JSON");
        feed.follower = hello["follower"].as_str().expect("an id").to_owned();
        feed
    }

    /// Reads up to an event of this name.
    fn data_of(&mut self, event: &str) -> String {
        let mut named = false;
        loop {
            let mut line = String::new();
            let length = self.reader.read_line(&mut line).expect("the feed goes on");
            assert!(length > 0, "the feed ended");
            let line = line.trim_end();
            if let Some(data) = line.strip_prefix("data: ").filter(|_| named) {
                return data.to_owned();
            }
            named = line == format!("event: {event}") || (named && line.starts_with("data"));
        }
    }

    fn acknowledge(&self, server: &Server<'_>, client: Client, seq: u64, name: &str) -> u16 {
        let seq = seq.to_string();
        let fields = [
            ("follower", &*self.follower),
            ("seq", &seq),
            ("name", name),
            ("max_staleness_ms", "1000"),
        ];
        server.send(&client.form("/revocations/ack", &fields)).status
    }
}

fn log_in(server: &Server<'_>) -> (Tokens, String) {
    let tokens = DEMO_WEB.log_in(server, &mut Browser::new(server.address()), "alice");
    let (_, grants) = answer(server, &["grant", "list"]);
    let grant = grants[0]["grant_id"].as_str().expect("an id").to_owned();
    (tokens, grant)
}

fn names(outstanding: &Value) -> Vec<&str> {
    let all = outstanding.as_array().expect("a list").iter();
    all.map(|one| one.as_str().or_else(|| one["name"].as_str()).expect("a name")).collect()
}

#[test]
fn a_command_that_waits_ends_when_the_api_refuses() {
    let site = Site::new();
    let server = site.start();
    let (tokens, grant) = log_in(&server);
    assert_eq!(call_api(&server, &tokens.access).status, 200);
    let (code, said) = answer(&server, &["grant", "revoke", &grant, "--yes", "--wait"]);
    // At once, without a second look.
    assert_eq!(call_api(&server, &tokens.access).status, 401);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&said["ended_grants"], &said["acknowledged"]), (&1.into(), &1.into()), "{said}");
    assert_eq!(names(&said["outstanding"]), [""; 0]);
    // In words, and for what has ended before.
    let output = operate(&server, &["grant", "revoke", &grant, "--yes", "--wait", "3"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Confirmed by 1 of 1 verifier in "), "{text}");

    for arguments in [
        ["user", "revoke", "alice", "--yes", "--wait"],
        ["client", "revoke", "demo-web", "--yes", "--wait"],
        ["user", "disable", "alice", "--yes", "--wait"],
        ["client", "disable", "demo-web", "--yes", "--wait"],
    ] {
        let (code, said) = answer(&server, &arguments);
        assert_eq!((code, &said["acknowledged"]), (Some(0), &1.into()), "{arguments:?}: {said}");
    }
}

#[test]
fn a_key_that_is_revoked_ends_what_it_signed_and_its_successor_is_known_at_once() {
    let site = Site::new();
    let server = site.start();
    let old = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server)));
    assert_eq!(call_api(&server, &old.access).status, 200);
    let mut keys = Value::Null;
    eventually("the slow key of the first start is there", || {
        keys = answer(&server, &["key", "list"]).1;
        keys.as_array().expect("a list").iter().any(|key| key["alg"] == "RS256")
    });
    let mut keys = keys.as_array().expect("a list").iter();
    let active = keys.find(|key| key["alg"] == "ES256" && key["state"] == "active");
    let kid = active.and_then(|key| key["kid"].as_str()).expect("an active key");
    let (code, said) = answer(&server, &["key", "revoke", kid, "--yes", "--wait"]);
    assert_eq!(call_api(&server, &old.access).status, 401);
    assert_eq!((code, &said["acknowledged"]), (Some(0), &1.into()), "{said}");
    let new = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server)));
    assert_eq!(call_api(&server, &new.access).status, 200);
}

#[test]
fn a_client_that_is_revoked_loses_the_tokens_that_belong_to_no_grant() {
    let site = Site::new();
    let server = site.start();
    let own = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server)));
    assert_eq!(call_api(&server, &own.access).status, 200);
    let revoke = ["client", "revoke", "demo-service", "--yes", "--wait"];
    let (code, said) = answer(&server, &revoke);
    assert_eq!((code, &said["ended_grants"]), (Some(0), &0.into()), "{said}");
    assert_eq!(call_api(&server, &own.access).status, 401);
    // It was not disabled: what it gets from now on outlives the revocation.
    let new = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server)));
    assert_eq!(call_api(&server, &new.access).status, 200);
    assert_eq!(call_api(&server, &own.access).status, 401);
}

#[test]
fn when_the_answer_comes_every_verifier_refuses() {
    const COUNT: usize = 20;
    let site = Site::new();
    let server = site.start();
    let apis = Apis::start(&server, COUNT);
    for round in 0..5 {
        let tokens = DEMO_WEB.log_in(&server, &mut Browser::new(server.address()), "alice");
        assert_eq!(apis.say(&tokens.access), vec![Ok(()); COUNT]);
        let fields = [("token", &*tokens.refresh), ("wait", "propagated")];
        let answer = server.send(&DEMO_WEB.form("/revoke", &fields));
        let refused = apis.say(&tokens.access);
        assert_eq!(refused, vec![Err(Error::Revoked); COUNT], "round {round}");
        let said = answer.json();
        assert_eq!(answer.status, 200, "{said}");
        // The sample API of `dev` is one more.
        assert_eq!(said["acknowledged"], COUNT + 1, "{said}");
        assert_eq!(names(&said["outstanding"]), [""; 0], "{said}");
        assert!(said["seq"].as_u64() > Some(round), "{said}");
        println!("confirmed after {} ms", said["elapsed_ms"]);
    }
    let (_, list) = answer(&server, &["verifier", "list"]);
    let verifiers = list["verifiers"].as_array().expect("a list");
    assert_eq!(verifiers.len(), COUNT + 1);
    eventually("the list has what was acknowledged", || {
        let (_, list) = answer(&server, &["verifier", "list"]);
        let newest = list["newest_seq"].clone();
        let verifiers = list["verifiers"].as_array().expect("a list");
        verifiers.iter().all(|one| one["acknowledged"] == newest && one["state"] == "connected")
    });
}

#[test]
fn who_does_not_confirm_is_named() {
    let site = Site::new();
    let server = site.start();
    let (tokens, grant) = log_in(&server);
    // One that confirmed once and stops to, as behind a connection that leads nowhere.
    let stuck = RawFeed::open(&server);
    assert_eq!(stuck.acknowledge(&server, DEMO_SERVICE, 0, "stuck"), 204);
    let fields = [("token", &*tokens.access), ("wait", "propagated"), ("wait_ms", "200")];
    let said = server.send(&DEMO_WEB.form("/revoke", &fields)).json();
    assert_eq!((&said["acknowledged"], names(&said["outstanding"])), (&1.into(), vec!["stuck"]));
    assert!(said["elapsed_ms"].as_u64() >= Some(200), "{said}");

    // It may not speak for others, and others not for it.
    assert_eq!(stuck.acknowledge(&server, DEMO_WEB, 99, "not its client"), 403);
    let unknown = RawFeed { follower: "AAAAAAAAAAAAAAAAAAAAAA".into(), ..RawFeed::open(&server) };
    assert_eq!(unknown.acknowledge(&server, DEMO_SERVICE, 99, "no such feed"), 400);
    // Nor for what it was not sent.
    assert_eq!(stuck.acknowledge(&server, DEMO_SERVICE, u64::MAX, "stuck"), 204);
    drop(unknown);

    // One of an older make: not waited for, once that is clear.
    let silent = RawFeed::open(&server);
    let mut reply = (None, Value::Null);
    eventually("it is known not to acknowledge", || {
        reply = answer(&server, &["grant", "revoke", &grant, "--yes", "--wait", "1"]);
        let outstanding = reply.1["outstanding"].as_array().expect("a list").iter();
        let states: Vec<_> = outstanding.map(|one| one["state"].as_str()).collect();
        states.contains(&Some("does_not_acknowledge"))
    });
    assert_eq!(reply.0, Some(3), "{}", reply.1);
    let output = operate(&server, &["grant", "revoke", &grant, "--yes", "--wait", "1"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("does not acknowledge"), "{text}");
    assert!(text.contains("stuck (127.0.0.1:"), "{text}");
    drop(silent);

    // Once it is cut off it is waited for, until it refuses everything by itself.
    drop(stuck);
    eventually("nobody is left who could accept it", || {
        let arguments = ["grant", "revoke", &grant, "--yes", "--wait", "1"];
        let (_, said) = answer(&server, &arguments);
        let outstanding = said["outstanding"].as_array().expect("a list").iter();
        outstanding.filter(|one| one["name"] == "stuck").count() == 0
    });
}

#[test]
fn waiting_is_for_confidential_clients_that_ask_for_it_in_order() {
    let site = Site::new();
    let server = site.start();
    let (tokens, _) = log_in(&server);
    for (fields, error) in [
        (vec![("wait", "forever")], "invalid_request"),
        (vec![("wait", "propagated"), ("wait_ms", "0")], "invalid_request"),
        (vec![("wait", "propagated"), ("wait_ms", "10001")], "invalid_request"),
        (vec![("wait_ms", "10")], "invalid_request"),
    ] {
        let fields = [vec![("token", &*tokens.access)], fields].concat();
        let answer = server.send(&DEMO_WEB.form("/revoke", &fields));
        assert_eq!(answer.error().as_deref(), Some(error), "{fields:?}");
    }
    let public = server.send(&DEMO_SPA.form("/revoke", &[("token", "x"), ("wait", "propagated")]));
    assert_eq!(public.error().as_deref(), Some("unauthorized_client"));
    assert_eq!(call_api(&server, &tokens.access).status, 200, "nothing was revoked");
    // A token that nobody knows is answered as one that is gone already (RFC 7009 §2.2).
    let unknown = server.send(&DEMO_WEB.form("/revoke", &[("token", "x"), ("wait", "propagated")]));
    assert_eq!((unknown.status, &unknown.json()["acknowledged"]), (200, &1.into()));
    // Without it the answer is empty, as it always was.
    let plain = server.send(&DEMO_WEB.revoke(&tokens.access));
    assert_eq!((plain.status, &*plain.body), (200, &b""[..]));
}

#[test]
fn after_a_restart_each_verifier_is_there_once_and_has_missed_nothing() {
    let site = Site::new();
    let server = site.start();
    let apis = Apis::start(&server, 3);
    let (tokens, grant) = log_in(&server);
    assert_eq!(apis.say(&tokens.access), vec![Ok(()); 3]);
    server.kill();
    // While no server runs: the verifiers are lost, and refuse by themselves before long.
    let data = site.data();
    let revoke = ["grant", "revoke", &*grant, "--yes", "--json", "--data-dir"];
    let output = Command::new(binary::path()).args(revoke).arg(&data).output();
    assert!(output.expect("the binary starts").status.success());
    let server = site.start();
    let (code, said) = answer(&server, &["grant", "revoke", &grant, "--yes", "--wait", "20"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(apis.say(&tokens.access), vec![Err(Error::Revoked); 3]);
    let connected = || {
        let (_, list) = answer(&server, &["verifier", "list"]);
        let verifiers = list["verifiers"].as_array().expect("a list").clone();
        let connected = verifiers.iter().filter(|one| one["state"] == "connected").count();
        let orders = verifiers
            .iter()
            .filter(|one| one["name"].as_str().is_some_and(|name| name.starts_with("orders")));
        (connected, orders.count())
    };
    eventually("each is there once", || connected() == (4, 3));
}
