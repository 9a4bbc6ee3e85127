//! The operator's commands work on the store of a running server, and the server and the API see
//! it at once.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::http::Request;
use countersign_tests::relying_party::{
    Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens, call_api, resource, until_refused,
};
use countersign_tests::server::{Server, Site, free_port};
use serde_json::Value;

/// Runs a command with this on its standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(binary::path());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // A command that does not read may be gone by now.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// Runs a command on the store of a site; it must go well.
fn operate(server: &Server<'_>, arguments: &[&str], input: &str) -> Value {
    let data = server.site.data();
    let data = data.to_str().expect("a path of ours");
    let output = run(&[arguments, &["--data-dir", data, "--json"]].concat(), input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_grant_that_is_revoked_by_command_is_refused_by_the_api() {
    let site = Site::new();
    let server = site.start();
    let tokens = DEMO_WEB.log_in(&server, &mut Browser::new(server.address()), "alice");
    assert_eq!(call_api(&server, &tokens.access).status, 200);
    let grants = operate(&server, &["grant", "list"], "");
    let [grant] = grants.as_array().expect("a list").as_slice() else { panic!("{grants}") };
    let id = grant["grant_id"].as_str().expect("an id");
    assert_eq!(operate(&server, &["grant", "revoke", id, "--yes"], "")["ended_grants"], 1);
    println!("refused after {:?}", until_refused(&server, &tokens.access));
    let refreshed = server.send(&DEMO_WEB.refresh(&tokens.refresh));
    assert_eq!(refreshed.error().as_deref(), Some("invalid_grant"));
    assert_eq!(operate(&server, &["grant", "revoke", id, "--yes"], "")["ended_grants"], 0);
    assert_eq!(operate(&server, &["grant", "show", id], "")["ended_reason"], "operator_revoked");
}

#[test]
fn a_reuse_is_there_to_be_read_up() {
    let site = Site::new();
    let server = site.start();
    let first = DEMO_SPA.log_in(&server, &mut Browser::new(server.address()), "alice");
    let second = Tokens::of(&server.send(&DEMO_SPA.refresh(&first.refresh)));
    let third = Tokens::of(&server.send(&DEMO_SPA.refresh(&second.refresh)));
    let reused = server.send(&DEMO_SPA.refresh(&first.refresh));
    assert_eq!(reused.error().as_deref(), Some("invalid_grant"));
    until_refused(&server, &third.access);
    let incidents = operate(&server, &["grant", "incidents"], "");
    let [incident] = incidents.as_array().expect("a list").as_slice() else {
        panic!("{incidents}")
    };
    assert_eq!(
        (&incident["event"], &incident["client_id"]),
        (&"refresh_reuse".into(), &"demo-spa".into())
    );
}

#[test]
fn a_changed_password_ends_everything_of_one_person_only() {
    let site = Site::new();
    let server = site.start();
    let log_in = |name| DEMO_SPA.log_in(&server, &mut Browser::new(server.address()), name);
    let (alice, bob) = (log_in("alice"), log_in("bob"));
    let changed = operate(&server, &["user", "passwd", "alice"], "another password\n");
    assert_eq!(changed["ended_grants"], 1);
    until_refused(&server, &alice.access);
    assert_eq!(call_api(&server, &bob.access).status, 200);
}

#[test]
fn a_disabled_client_gets_nothing_more_until_it_is_enabled() {
    let site = Site::new();
    let server = site.start();
    let ask = || server.send(&DEMO_SERVICE.client_credentials(&server));
    assert_eq!(ask().status, 200);
    operate(&server, &["client", "disable", "demo-service", "--yes"], "");
    let eventually = |status| (0..200).any(|_| ask().status == status);
    assert!(eventually(401), "the running server takes notice");
    operate(&server, &["client", "enable", "demo-service"], "");
    assert!(eventually(200));
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let site = Site::new();
    let data = site.data();
    let output = run(&["grant", "list", "--data-dir", data.to_str().expect("a path")], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no store"));
    assert!(!data.exists());
}

#[test]
fn token_verify_tells_by_its_exit_code() {
    let site = Site::new();
    let server = site.start();
    let answer = server.send(&DEMO_SERVICE.client_credentials(&server));
    let Tokens { access, .. } = Tokens::of(&answer);
    let (issuer, audience) = (site.issuer(), resource(&server));
    let verify = |token: &str, issuer: &str, audience: &str| {
        let known = ["token", "verify", "--issuer", issuer, "--audience", audience];
        run(&known, token).status.code()
    };
    let answer_of_curl = answer.text();
    assert_eq!(verify(&access, &issuer, &audience), Some(0));
    assert_eq!(verify(&answer_of_curl, &issuer, &audience), Some(0), "found in an answer");
    let other = if access.ends_with('A') { "Q" } else { "A" };
    let altered = format!("{}{other}", &access[..access.len() - 1]);
    assert_eq!(verify(&altered, &issuer, &audience), Some(1));
    assert_eq!(verify(&access, &issuer, "https://elsewhere.example"), Some(1));
    assert_eq!(verify("no token", &issuer, &audience), Some(1));
    assert_eq!(verify(&access, "http://id.example", &audience), Some(2), "plain http");
    assert_eq!(run(&["token", "verify", "--no-such-flag"], "").status.code(), Some(2));
    let nobody = format!("http://127.0.0.1:{}", free_port());
    assert_eq!(verify(&access, &nobody, &audience), Some(3));
    let decoded = run(&["token", "decode", &access], "");
    let shown = String::from_utf8_lossy(&decoded.stdout).into_owned();
    assert!(decoded.status.success() && shown.starts_with("NOT VERIFIED"), "{shown}");
}

/// The names of the keys of a use in a state.
fn keys(server: &Server<'_>, usage: &str, state: &str) -> Vec<String> {
    let keys = operate(server, &["key", "list"], "");
    let keys = keys.as_array().expect("a list").iter();
    let wanted = keys.filter(|key| key["use"] == usage && key["state"] == state);
    wanted.map(|key| key["kid"].as_str().expect("a name").to_owned()).collect()
}

fn published(server: &Server<'_>) -> String {
    server.send(&Request::get("/.well-known/jwks.json")).text()
}

#[test]
fn a_revoked_key_is_refused_and_its_successor_is_known() {
    let site = Site::new();
    let server = site.start();
    let first = DEMO_WEB.log_in(&server, &mut Browser::new(server.address()), "alice");
    assert_eq!(call_api(&server, &first.access).status, 200);
    until(|| keys(&server, "ES256", "announced").len() == 1, "there is a successor");
    let active = keys(&server, "ES256", "active");
    let announced = keys(&server, "ES256", "announced");
    let revoked = operate(&server, &["key", "revoke", &active[0], "--yes", "--wait"], "");
    assert_eq!(revoked["outstanding"], Value::Array(vec![]), "{revoked}");
    assert_eq!(revoked["acknowledged"], 1, "the sample API: {revoked}");
    assert_eq!(call_api(&server, &first.access).status, 401, "it has confirmed");
    assert!(!published(&server).contains(&active[0]));
    assert_eq!(keys(&server, "ES256", "active"), announced, "known to all verifiers already");
    // The grant lives, and every further token is good at once.
    let mut tokens = first;
    for _ in 0..20 {
        tokens = Tokens::of(&server.send(&DEMO_WEB.refresh(&tokens.refresh)));
        assert_eq!(call_api(&server, &tokens.access).status, 200);
    }
    // Both at once, as after a theft of the whole store: nobody knows the next key beforehand.
    until(|| keys(&server, "ES256", "announced").len() == 1, "there is a successor");
    let both = [announced, keys(&server, "ES256", "announced")].concat();
    operate(&server, &["key", "revoke", &both[0], &both[1], "--yes"], "");
    until_refused(&server, &tokens.access);
    let active = keys(&server, "ES256", "active");
    assert!(!both.contains(&active[0]));
    for _ in 0..20 {
        tokens = Tokens::of(&server.send(&DEMO_WEB.refresh(&tokens.refresh)));
        let answer = call_api(&server, &tokens.access);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let unknown = [&["key", "revoke", "nobody", "--yes", "--data-dir"][..], &[&data(&site)]];
    let refused = run(&unknown.concat(), "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no key nobody"));
}

#[test]
fn keys_rotate_by_command_and_what_they_made_lives_on() {
    let site = Site::new();
    let server = site.start();
    let first = DEMO_SPA.log_in(&server, &mut Browser::new(server.address()), "alice");
    until(|| keys(&server, "RS256", "announced").len() == 1, "all keys are made");
    let early = run(&["key", "rotate", "--data-dir", &data(&site)], "");
    assert!(String::from_utf8_lossy(&early.stderr).contains("--now"), "not known to all yet");
    let before = ["ES256", "Ed25519", "RS256"].map(|usage| keys(&server, usage, "active"));
    operate(&server, &["key", "rotate", "--now"], "");
    for (usage, before) in ["ES256", "Ed25519", "RS256"].iter().zip(before) {
        assert_eq!(keys(&server, usage, "retiring"), before);
        assert!(published(&server).contains(&before[0]), "{usage}");
    }
    assert_eq!(call_api(&server, &first.access).status, 200, "it lives on");
    let grant_tokens = keys(&server, "grant tokens", "active");
    operate(&server, &["key", "rotate", "--secrets", "--now"], "");
    assert_ne!(keys(&server, "grant tokens", "active"), grant_tokens);
    let second = Tokens::of(&server.send(&DEMO_SPA.refresh(&first.refresh)));
    assert_eq!(call_api(&server, &second.access).status, 200);
    let again = Tokens::of(&server.send(&DEMO_SPA.refresh(&first.refresh)));
    assert_eq!(again.refresh, second.refresh, "a retry gets the very same token");
    let third = Tokens::of(&server.send(&DEMO_SPA.refresh(&second.refresh)));
    server.stop();
    let server = site.start();
    let fourth = Tokens::of(&server.send(&DEMO_SPA.refresh(&third.refresh)));
    // Revoked, it opens nothing any more.
    let active = keys(&server, "grant tokens", "active");
    operate(&server, &["key", "revoke", &active[0], "--yes"], "");
    let mut newest = fourth.refresh;
    until(
        || {
            let answer = server.send(&DEMO_SPA.refresh(&newest));
            // Always the newest one: an older one would be refused for its age.
            if answer.status == 200 {
                newest = Tokens::of(&answer).refresh;
            }
            answer.error().as_deref() == Some("invalid_grant")
        },
        "the server has heard of it",
    );
}

fn data(site: &Site) -> String {
    site.data().to_str().expect("a path of ours").to_owned()
}

fn until(mut holds: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Refreshes and calls the API without a pause, and every request succeeds; gives the newest token
/// and how often it was refreshed.
fn refresh_until(
    over: &AtomicBool,
    server: &Server<'_>,
    client: Client,
    mut token: String,
) -> (String, usize) {
    let mut count = 0;
    while !over.load(Ordering::SeqCst) {
        let tokens = Tokens::of(&server.send(&client.refresh(&token)));
        assert_eq!(call_api(server, &tokens.access).status, 200);
        token = tokens.refresh;
        count += 1;
    }
    (token, count)
}

#[test]
fn the_master_key_is_replaced_under_load_and_by_a_command_that_is_killed() {
    const ROUNDS: u32 = 12;
    let site = Site::new();
    let server = site.start();
    until(|| keys(&server, "RS256", "announced").len() == 1, "all keys are made");
    let file = site.data().join("master.key");
    let read = || std::fs::read_to_string(&file).expect("the master key can be read");
    let first = read();
    let mut browser = Browser::new(server.address());
    let over = AtomicBool::new(false);
    let chains = [DEMO_WEB, DEMO_SPA].map(|client| {
        let token = client.log_in(&server, &mut browser, "alice").refresh;
        (client, token)
    });
    let chains = thread::scope(|scope| {
        let (over, server) = (&over, &server);
        let running = chains.map(|(client, token)| {
            (client, scope.spawn(move || refresh_until(over, server, client, token)))
        });
        let resealing = scope.spawn(|| {
            for round in 0..ROUNDS {
                let mut command = Command::new(binary::path());
                command.args(["key", "reseal", "--data-dir", &data(&site)]);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                let mut reseal = command.spawn().expect("the binary starts");
                thread::sleep(round * Duration::from_millis(5));
                // It may be through by now.
                let _ = reseal.kill();
                reseal.wait().expect("it ends");
                // New keys are sealed so that the file opens them, whatever the server had read.
                operate(server, &["key", "rotate", "--secrets", "--now"], "");
            }
        });
        let resealed = resealing.join();
        over.store(true, Ordering::SeqCst);
        let chains = running.map(|(client, chain)| {
            let (token, count) = chain.join().expect("every request succeeds");
            println!("{count} refreshes of {} meanwhile", client.id);
            assert!(count > 20, "hardly any load");
            (client, token)
        });
        resealed.expect("it goes well");
        chains
    });
    let done = operate(&server, &["key", "reseal"], "");
    assert_eq!((&done["ok"], &done["by_hand"]), (&true.into(), &false.into()));
    let last = read();
    assert_eq!(last.lines().count(), 1, "the old keys are gone");
    assert!(!first.contains(last.trim()));
    // The running server makes keys under the new one: the successor of the successor.
    let active = keys(&server, "ES256", "active");
    let before = keys(&server, "ES256", "announced");
    operate(&server, &["key", "revoke", &active[0], &before[0], "--yes"], "");
    until(|| keys(&server, "ES256", "announced").len() == 1, "the server makes one");
    server.kill();
    let server = site.start();
    for (client, token) in chains {
        let again = Tokens::of(&server.send(&client.refresh(&token)));
        assert_eq!(call_api(&server, &again.access).status, 200);
    }
    server.stop();
    // The old key opens nothing.
    std::fs::write(&file, first).expect("it can be written");
    let refused = site.command().output().expect("it ends");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("master key"), "{said}");
    std::fs::write(&file, last).expect("it can be written");
    site.start().stop();
}
