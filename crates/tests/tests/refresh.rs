//! What a client sees of rotation: windows, narrower tokens, lifetimes, a restored database.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::{
    Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens, resource,
};
use countersign_tests::server::{Server, Site};

fn log_in(server: &Server<'_>, client: Client) -> Tokens {
    client.log_in(server, &mut Browser::new(server.address()), "alice")
}

fn refresh(server: &Server<'_>, client: Client, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    fields.extend_from_slice(more);
    server.send(&client.form("/token", &fields))
}

fn is_refused(answer: &Answer, error: &str) {
    assert_eq!((answer.status, answer.error().as_deref()), (400, Some(error)), "{}", answer.text());
}

/// docs/rotation.md, the table of windows.
#[test]
fn the_window_goes_by_the_kind_of_client() {
    let site = Site::of_serve("[refresh]\nretry_window_s = 1");
    let server = site.start();
    for (client, patient) in [(DEMO_SPA, false), (DEMO_WEB, true)] {
        let first = log_in(&server, client).refresh;
        let second = Tokens::of(&refresh(&server, client, &first, &[])).refresh;
        let again = Tokens::of(&refresh(&server, client, &first, &[])).refresh;
        assert_eq!(again, second, "inside the window for both");
        thread::sleep(Duration::from_millis(1_200));
        let late = refresh(&server, client, &first, &[]);
        if patient {
            assert_eq!(Tokens::of(&late).refresh, second, "a night later too");
            let third = Tokens::of(&refresh(&server, client, &second, &[])).refresh;
            is_refused(&refresh(&server, client, &first, &[]), "invalid_grant");
            is_refused(&refresh(&server, client, &third, &[]), "invalid_grant");
        } else {
            is_refused(&late, "invalid_grant");
            is_refused(&refresh(&server, client, &second, &[]), "invalid_grant");
        }
    }
    let count = |result: &str| {
        server.counted(&format!("countersign_refreshes_total{{result=\"{result}\"}}"))
    };
    assert_eq!(["rotated", "retried", "reused", "refused"].map(count), [3, 3, 2, 2]);
}

#[test]
fn without_a_window_every_second_use_is_theft() {
    let site = Site::of_serve("[refresh]\nretry_window_s = 0");
    let server = site.start();
    let first = log_in(&server, DEMO_SPA).refresh;
    let second = Tokens::of(&refresh(&server, DEMO_SPA, &first, &[])).refresh;
    is_refused(&refresh(&server, DEMO_SPA, &first, &[]), "invalid_grant");
    is_refused(&refresh(&server, DEMO_SPA, &second, &[]), "invalid_grant");
}

/// RFC 6749 section 6, RFC 8707 section 2.2.
#[test]
fn a_refresh_may_ask_for_less_and_never_for_more() {
    let site = Site::of_serve("");
    let server = site.start();
    let mut token = log_in(&server, DEMO_WEB).refresh;
    let everything = "openid profile email offline_access";
    for (asked, given, with_id) in [
        (&[][..], everything, true),
        (&[("scope", "email profile")][..], "email profile", false),
        (&[("scope", "openid")][..], "openid", true),
        // What was not asked for once is not lost: the grant keeps what was agreed to.
        (&[][..], everything, true),
    ] {
        let answer = refresh(&server, DEMO_WEB, &token, asked);
        let tokens = Tokens::of(&answer);
        let words = |text: &str| {
            let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        assert_eq!(words(&answer.member("scope")), words(given), "{asked:?}");
        assert_eq!(!tokens.id.is_empty(), with_id, "{asked:?}");
        let asked_about = DEMO_SERVICE.form("/introspect", &[("token", &tokens.access)]);
        let told = server.send(&asked_about);
        assert_eq!(words(&told.member("scope")), words(given), "the token says the same");
        token = tokens.refresh;
    }
    let own = resource(&server);
    let narrowed = refresh(&server, DEMO_WEB, &token, &[("resource", &own)]);
    token = Tokens::of(&narrowed).refresh;
    for (asked, error) in [
        (vec![("scope", "openid admin")], "invalid_scope"),
        (vec![("scope", "roles")], "invalid_scope"),
        (vec![("resource", "https://other.example")], "invalid_target"),
        (vec![("resource", own.as_str()), ("resource", "https://other.example")], "invalid_target"),
    ] {
        is_refused(&refresh(&server, DEMO_WEB, &token, &asked), error);
    }
    let next = Tokens::of(&refresh(&server, DEMO_WEB, &token, &[])).refresh;
    assert_ne!(next, token, "what was refused for its wishes had not been spent");
    assert_eq!(server.counted("countersign_refreshes_total{result=\"retried\"}"), 0);
}

/// draft-ietf-oauth-refresh-token-expiration-03.
#[test]
fn the_client_is_told_how_long_its_token_lives() {
    const IDLE: u64 = 100;
    const ABSOLUTE: u64 = 102;
    let site = Site::of_serve(&format!("[refresh]\nidle_s = {IDLE}\nabsolute_s = {ABSOLUTE}"));
    let server = site.start();
    let metadata = server.send(&Request::get("/.well-known/oauth-authorization-server")).json();
    let types = &metadata["refresh_token_expiration_types_supported"];
    assert_eq!(*types, serde_json::json!(["authorization", "token_timeout"]));
    let seconds = |answer: &Answer| {
        let json = answer.json();
        let member = |name: &str| json[name].as_u64().unwrap_or_else(|| panic!("{name}: {json}"));
        (member("refresh_token_timeout"), member("authorization_expires_in"))
    };
    let token = log_in(&server, DEMO_WEB).refresh;
    thread::sleep(Duration::from_millis(3_100));
    let asked = server.send(&DEMO_WEB.form("/introspect", &[("token", &token)]));
    let others = server.send(&DEMO_SERVICE.form("/introspect", &[("token", &token)]));
    assert_eq!(others.json(), serde_json::json!({ "active": false }), "not even its API's");
    let (idle, left) = seconds(&asked);
    assert!((90..=IDLE - 3).contains(&idle), "asking does not count as use: {idle}");
    assert!((90..=ABSOLUTE - 3).contains(&left), "{left}");
    let (idle, left) = seconds(&refresh(&server, DEMO_WEB, &token, &[]));
    assert!(left < IDLE, "{left}");
    assert_eq!(idle, left, "use moves the idle end, and never beyond the absolute one");
    let service = server.send(&DEMO_SERVICE.client_credentials(&server)).json();
    assert!(service.get("refresh_token_timeout").is_none(), "{service}");
}

/// design/rotation.md, property 5.
#[test]
fn junk_is_counted_and_costs_the_store_nothing() {
    const COUNT: u64 = 50;
    let site = Site::of_serve("");
    let server = site.start();
    server.wait_for_keys();
    let good = log_in(&server, DEMO_WEB).refresh;
    let counted = |name: &str| server.counted(&format!("countersign_{name}_total"));
    let accesses = || (counted("store_reads"), counted("store_commits"));
    let ask = |token: &str| server.send(&DEMO_WEB.form("/introspect", &[("token", token)])).json();
    // A start leaves something for later: each of three algorithms has a key and the next one.
    let keys = || server.send(&Request::get("/.well-known/jwks.json")).json()["keys"].clone();
    let start = Instant::now();
    while keys().as_array().map(Vec::len) != Some(6) {
        assert!(start.elapsed() < Duration::from_secs(60), "the keys are not made");
        thread::sleep(Duration::from_millis(100));
    }
    // And the client is known, when nothing moves any more.
    let mut before = (0, 0);
    while before != accesses() {
        ask("nothing");
        before = accesses();
        thread::sleep(Duration::from_secs(1));
    }
    let junk_before = counted("junk_tokens");
    for number in 0..COUNT {
        // A character of the grant's id, of the generation, or of the MAC: none of it can be had
        // without the key.
        let at = 12 + usize::try_from(number).expect("small");
        let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
        let junk = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        is_refused(&refresh(&server, DEMO_WEB, &junk, &[]), "invalid_grant");
        assert_eq!(ask(&junk), serde_json::json!({ "active": false }));
        assert_eq!(server.send(&DEMO_WEB.revoke(&junk)).status, 200);
    }
    assert_eq!(accesses(), before, "neither a read nor a commit");
    assert_eq!(counted("junk_tokens") - junk_before, 3 * COUNT, "wherever it is shown");
    assert_eq!(ask(&good)["active"], true);
    assert_eq!(accesses(), (before.0 + 1, before.1), "what is no junk is looked up");
    assert_ne!(Tokens::of(&refresh(&server, DEMO_WEB, &good, &[])).refresh, good);
    assert!(counted("store_commits") > before.1, "and a rotation is stored");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("an entry can be read");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("it can be copied");
    }
}

/// docs/rotation.md, "After a restore".
#[test]
fn a_restored_database_takes_newer_tokens_only_when_told_to() {
    let mut site = Site::of_serve("");
    let backup = countersign_tests::folder::Folder::new();
    let server = site.start();
    let old: Vec<(Client, Tokens)> =
        [DEMO_SPA, DEMO_WEB].map(|client| (client, log_in(&server, client))).into();
    server.stop();
    copy(&site.data(), backup.path());

    let server = site.start();
    let newest: Vec<(Client, String)> = old
        .into_iter()
        .map(|(client, Tokens { mut refresh, .. })| {
            for _ in 0..3 {
                refresh = Tokens::of(&self::refresh(&server, client, &refresh, &[])).refresh;
            }
            (client, refresh)
        })
        .collect();
    server.stop();
    fs::remove_dir_all(site.data()).expect("it is ours");
    copy(backup.path(), &site.data());

    let server = site.start();
    for (client, token) in &newest {
        // More than once: it is refused, and nothing ends.
        for _ in 0..2 {
            is_refused(&refresh(&server, *client, token, &[]), "invalid_grant");
        }
    }
    server.stop();

    // A number that stays ahead of every clock for a while.
    site.configure("[refresh]\nafter_restore = \"fast-forward\"\nafter_restore_until = 4102444800");
    let server = site.start();
    for (client, token) in &newest {
        let next = Tokens::of(&refresh(&server, *client, token, &[])).refresh;
        assert_eq!(Tokens::of(&refresh(&server, *client, token, &[])).refresh, next, "a retry");
        let _ = Tokens::of(&refresh(&server, *client, &next, &[]));
    }
    server.stop();

    site.configure("[refresh]\nafter_restore = \"fast-forward\"\nafter_restore_until = 1");
    fs::remove_dir_all(site.data()).expect("it is ours");
    copy(backup.path(), &site.data());
    let server = site.start();
    for (client, token) in &newest {
        is_refused(&refresh(&server, *client, token, &[]), "invalid_grant");
    }
}
