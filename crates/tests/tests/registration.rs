//! Clients that register themselves at the real binary, and operators who let them.

use std::process::{Command, Output};

use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::{Client, REDIRECT_URI, Tokens};
use countersign_tests::server::{Server, Site};
use serde_json::{Value, json};

/// A site at which clients register themselves for tokens of its sample API.
fn registering(mode: &str) -> Site {
    let mut site = Site::of_serve("");
    let resource = format!("{}/sample", site.issuer());
    site.configure(&format!("[registration]\nmode = \"{mode}\"\nresources = [\"{resource}\"]"));
    site
}

fn command(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary::path());
    command.args(arguments).arg("--data-dir").arg(site.data()).arg("--json");
    command.output().expect("the binary starts")
}

/// Runs a command that must go well.
fn operate(site: &Site, arguments: &[&str]) -> Value {
    let output = command(site, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn ask(server: &Server<'_>, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    let request = Request::new(method, path).header("content-type", "application/json");
    server.send(&request.bearer(token).body(body.to_string().as_bytes()))
}

fn agent() -> Value {
    json!({
        "client_name": "An agent",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
}

#[test]
fn a_client_that_was_let_in_gets_tokens_and_is_there_after_a_crash() {
    let site = registering("initial-access-token");
    let server = site.start();
    let made = operate(&site, &["registration", "token", "partner", "--uses", "1"]);
    let permit = made["token"].as_str().expect("a token");
    assert_eq!(ask(&server, "POST", "/register", "csi_x", &agent()).status, 401);
    let told = ask(&server, "POST", "/register", permit, &agent());
    assert_eq!(told.status, 201, "{}", told.text());
    assert_eq!(ask(&server, "POST", "/register", permit, &agent()).status, 401, "it is used up");
    assert_eq!(operate(&site, &["registration", "list"]), json!([]));
    let id: &'static str = told.member("client_id").leak();
    let client = Client { id, secret: None };
    let tokens = client.log_in(&server, &mut Browser::new(server.address()), "alice");
    let foreign = client.authorize_path(&server, &[("resource", "https://victim.example")]);
    let answer = Browser::new(server.address()).visit(&foreign);
    let location = answer.header("location").unwrap_or_default();
    assert!(location.contains("error=invalid_target"), "{location}");
    server.kill();

    let server = site.start();
    let rotated = Tokens::of(&server.send(&client.refresh(&tokens.refresh)));
    assert_ne!(rotated.refresh, tokens.refresh);
    let path = format!("/register/{id}");
    let management = told.member("registration_access_token");
    let found = ask(&server, "GET", &path, &management, &Value::Null);
    assert_eq!((found.status, found.member("client_name").as_str()), (200, "An agent"));
    assert_eq!(ask(&server, "DELETE", &path, &management, &Value::Null).status, 204);
    let refused = server.send(&client.refresh(&rotated.refresh));
    assert_eq!(refused.error().as_deref(), Some("invalid_client"));
}

#[test]
fn an_operator_closes_a_client_and_takes_permissions_back() {
    let site = registering("initial-access-token");
    let server = site.start();
    let made = operate(&site, &["registration", "token", "partner", "--uses", "9"]);
    let permit = made["token"].as_str().expect("a token");
    assert!(!command(&site, &["registration", "token", "partner"]).status.success());
    let told = ask(&server, "POST", "/register", permit, &agent());
    let (id, token) = (told.member("client_id"), told.member("registration_access_token"));
    let shown = operate(&site, &["client", "show", &id]);
    assert_eq!(shown["self_registered"], true);
    operate(&site, &["client", "disable", &id, "--yes"]);
    let mut new = agent();
    new["client_id"] = id.as_str().into();
    for method in ["GET", "PUT", "DELETE"] {
        let answer = ask(&server, method, &format!("/register/{id}"), &token, &new);
        assert_eq!(answer.error().as_deref(), Some("invalid_token"), "{method}");
    }
    assert_eq!(operate(&site, &["client", "show", &id])["disabled"], true);
    assert_eq!(operate(&site, &["registration", "list"])[0]["uses_left"], 8);
    operate(&site, &["registration", "revoke", "partner", "--yes"]);
    assert_eq!(ask(&server, "POST", "/register", permit, &agent()).status, 401);
    // One that a document would describe is closed before it ever came.
    operate(&site, &["client", "disable", "https://app.example/client.json", "--yes"]);
    let closed = operate(&site, &["client", "show", "https://app.example/client.json"]);
    assert_eq!(closed["disabled"], true);
}
