//! Opaque tokens and status lists with the real binary: at the API, across a restart, by command.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::http::Request;
use countersign_tests::relying_party::{
    Client, DEMO_SERVICE, Tokens, call_api, resource, until_refused,
};
use countersign_tests::server::{Server, Site};
use countersign_verify::{Error, Timestamp, Verifier};

const CLOSED: Client = Client { id: "closed", secret: Some("closed-secret-0123456789abcdef") };
const LISTED: Client = Client { id: "listed", secret: Some("listed-secret-0123456789abcdef") };

/// `countersign dev` with a client whose tokens are opaque and one whose tokens are listed.
fn start(site: &Site) -> Server<'_> {
    let resource = format!("{}/sample", site.issuer());
    let client = |client: Client, more: &str| {
        let (id, secret) = (client.id, client.secret.unwrap_or_default());
        format!(
            "[[client]]\nclient_id = \"{id}\"\nclient_secret = \"{secret}\"\n\
             redirect_uris = [\"http://127.0.0.1:49152/callback\"]\n\
             grant_types = [\"authorization_code\", \"refresh_token\", \"client_credentials\"]\n\
             scope = \"openid profile email offline_access\"\n\
             resources = [\"{resource}\"]\n{more}\n"
        )
    };
    let config =
        client(CLOSED, "access_token_format = \"opaque\"") + &client(LISTED, "status_list = true");
    fs::create_dir_all(site.data()).expect("it is ours");
    let path = site.data().join("clients.toml");
    fs::write(&path, config).expect("it is ours");
    let mut command = Command::new("sh");
    let script = "binary=$1; config=$2; shift 2; exec \"$binary\" \"$@\" --config \"$config\"";
    command.args(["-c", script, "sh"]).arg(binary::path()).arg(path);
    site.start_with(site.address, command)
}

#[test]
fn an_opaque_token_serves_at_the_api_outlives_a_restart_and_falls_with_its_grant() {
    let site = Site::new();
    let server = start(&site);
    let first = CLOSED.log_in(&server, &mut Browser::new(server.address()), "alice");
    assert!(first.access.starts_with("csa_"), "{}", first.access);
    let told = call_api(&server, &first.access);
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.json()["client_id"], "closed");
    let userinfo = server.send(&Request::get("/userinfo").bearer(&first.access));
    assert_eq!(userinfo.status, 200);
    // Its secret is in the store, not in the process.
    server.kill();
    let server = start(&site);
    assert_eq!(call_api(&server, &first.access).status, 200);
    let second = Tokens::of(&server.send(&CLOSED.refresh(&first.refresh)));
    assert!(second.access.starts_with("csa_") && second.access != first.access);
    assert_eq!(call_api(&server, &second.access).status, 200);
    // The API has its answers in memory: the feed ends them.
    assert_eq!(server.send(&CLOSED.revoke(&second.refresh)).status, 200);
    println!("refused after {:?}", until_refused(&server, &second.access));
    let _ = until_refused(&server, &first.access);
    let form = [("token", second.access.as_str())];
    let told = server.send(&DEMO_SERVICE.form("/introspect", &form));
    assert_eq!(told.json(), serde_json::json!({ "active": false }));
}

#[test]
fn one_opaque_token_is_revoked_alone_and_signed_answers_say_so() {
    let site = Site::new();
    let server = start(&site);
    let ask = |token: &str| {
        let request = DEMO_SERVICE.form("/introspect", &[("token", token)]);
        server.send(&request.header("accept", "application/token-introspection+jwt"))
    };
    let one = Tokens::of(&server.send(&CLOSED.client_credentials(&server))).access;
    let two = Tokens::of(&server.send(&CLOSED.client_credentials(&server))).access;
    let answer = ask(&one);
    assert_eq!(answer.header("content-type"), Some("application/token-introspection+jwt"));
    assert_eq!(answer.text().split('.').count(), 3);
    assert_eq!((call_api(&server, &one).status, call_api(&server, &two).status), (200, 200));
    assert_eq!(server.send(&CLOSED.revoke(&one)).status, 200);
    let _ = until_refused(&server, &one);
    assert_eq!(call_api(&server, &two).status, 200);
    // Nobody but the issuer can look into one.
    let output = Command::new(binary::path()).args(["token", "decode", &two, "--json"]).output();
    let said: serde_json::Value =
        serde_json::from_slice(&output.expect("it starts").stdout).expect("JSON");
    assert_eq!((&said["opaque"], &said["kind"]), (&true.into(), &"opaque access token".into()));
    let output = Command::new(binary::path())
        .args(["token", "verify", &two, "--issuer", &site.issuer()])
        .args(["--audience", &resource(&server)])
        .output();
    assert_eq!(output.expect("it starts").status.code(), Some(1));
}

#[test]
fn listed_tokens_keep_their_places_across_a_restart() {
    let site = Site::new();
    let server = start(&site);
    let tokens = LISTED.log_in(&server, &mut Browser::new(server.address()), "alice");
    assert_eq!(call_api(&server, &tokens.access).status, 200);
    let list = server.send(&Request::get("/status-lists/0"));
    assert_eq!(list.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(server.send(&LISTED.revoke(&tokens.refresh)).status, 200);
    server.kill();
    let server = start(&site);
    let all = server.send(&Request::get("/status-lists")).json();
    let uri = format!("{}/status-lists/0", site.issuer());
    assert_eq!(all, serde_json::json!({ "status_lists": [uri] }));
    let after = server.send(&Request::get("/status-lists/0"));
    assert_eq!(after.status, 200);
    // One bit is set: the list is no longer the empty one.
    let length = |answer: &countersign_tests::http::Answer| answer.text().len();
    assert!(length(&after) > length(&list), "{} and {}", length(&list), length(&after));
}

/// Our verifier as one that follows no feed: it knows the server by its keys and lists alone.
#[tokio::test]
async fn a_verifier_without_the_feed_goes_by_the_list() {
    let site = Site::new();
    let server = start(&site);
    let verifier = async || {
        let verifier = Verifier::discover(&site.issuer(), &resource(&server)).status_lists();
        let verifier = verifier.start().expect("well described");
        verifier.ready().await;
        verifier
    };
    let issue = || Tokens::of(&server.send(&LISTED.client_credentials(&server))).access;
    let (one, two) = (issue(), issue());
    let first = verifier().await;
    for token in [&one, &two] {
        assert_eq!(first.verify(token, now()).await.map(|caller| caller.has_scope("x")), Ok(false));
    }
    let unlisted = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server))).access;
    assert_eq!(first.verify(&unlisted, now()).await, Err(Error::NoStatus));
    assert_eq!(server.send(&LISTED.revoke(&one)).status, 200);
    // Who has a copy may keep it for a minute; who comes now gets a new one, a second later.
    let since = Instant::now();
    while verifier().await.verify(&one, now()).await != Err(Error::Revoked) {
        assert!(since.elapsed() < Duration::from_secs(5), "its bit turns");
    }
    assert!(verifier().await.verify(&two, now()).await.is_ok());
}

fn now() -> Timestamp {
    let since_epoch = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970");
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).expect("not that late"))
}
