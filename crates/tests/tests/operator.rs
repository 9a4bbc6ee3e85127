//! The operator's commands work on the store of a running server, and the server and the API see
//! it at once.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::relying_party::{
    DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens, call_api, resource, until_refused,
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
