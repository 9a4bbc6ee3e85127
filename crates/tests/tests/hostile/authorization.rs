//! The authorization endpoint: where it may lead a browser, and with which error.

use std::collections::BTreeMap;

use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Request, encode};
use countersign_tests::relying_party::{CHALLENGE, DEMO_SPA, REDIRECT_URI};
use countersign_tests::server::Site;

use super::{Table, shown};

/// A page that says what is wrong, and leads nowhere.
fn stays(table: &mut Table<'_>, name: &str, target: &str) {
    let answer = table.server.send(&Request::get(target));
    table.check_shape(name, &answer);
    if !(400..500).contains(&answer.status) || answer.header("location").is_some() {
        let location = answer.header("location").unwrap_or_default();
        table.blame(name, &format!("not refused in place: {} {location}", shown(&answer)));
    }
}

/// A redirect to the client with this error, the state and the issuer.
fn tells_the_client(table: &mut Table<'_>, name: &str, target: &str, errors: &[&str]) {
    let answer = table.server.send(&Request::get(target));
    table.check_shape(name, &answer);
    let query = query(&answer);
    let member = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let issuer = table.server.site.issuer();
    if !errors.contains(&member("error")) {
        let location = answer.header("location").unwrap_or_default();
        table.blame(name, &format!("no {errors:?}: {} {location}", shown(&answer)));
    } else if member("iss") != issuer || member("error_description").len() < 10 {
        table.blame(name, &format!("an incomplete answer: {query:?}"));
    } else if member("state") != "a state" && !target.contains("state=&") {
        table.blame(name, &format!("the state is gone: {query:?}"));
    }
}

fn query(answer: &Answer) -> BTreeMap<String, String> {
    let location = answer.header("location").unwrap_or_default();
    let query = location.strip_prefix(REDIRECT_URI).and_then(|rest| rest.strip_prefix('?'));
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

#[test]
fn redirects_go_to_registered_addresses_only() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    for wrong in [
        "https://evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://127.0.0.1:80@evil.example/",
        "http://evil.example#@127.0.0.1/",
        "http://127.0.0.1:49152/callback#fragment",
        "http://127.0.0.1:49152\\@evil.example/",
        "//127.0.0.1/callback",
        "/callback",
        "callback",
        "",
        "javascript:alert(1)",
        "data:text/html,a",
        "https://127.0.0.1/callback",
        "http://127.0.0.1:99999/callback",
        "http://user:password@127.0.0.1/callback",
        "http://127.0.0.1:49152/call back",
        "http://127.0.0.1:49152/\r\nlocation: https://evil.example",
        "http://192.0.2.1/callback",
        "http://0.0.0.0/callback",
        "http://127.0.0.1:49152/callback\0",
    ] {
        let target = DEMO_SPA.authorize_path(&server, &[("redirect_uri", wrong)]);
        stays(&mut table, &format!("redirect_uri `{}`", wrong.escape_debug()), &target);
    }
    let twice = [("redirect_uri", REDIRECT_URI), ("redirect_uri", "https://evil.example/")];
    stays(&mut table, "two redirect_uri", &DEMO_SPA.authorize_path(&server, &twice));
    for wrong in ["", "nobody", "demo-spa\0", "DEMO-SPA", &"a".repeat(5000)] {
        let target = DEMO_SPA.authorize_path(&server, &[("client_id", wrong)]);
        let name: String = wrong.chars().take(20).collect();
        stays(&mut table, &format!("client_id `{}`", name.escape_debug()), &target);
    }
    let twice = [("client_id", "demo-spa"), ("client_id", "demo-web")];
    stays(&mut table, "two client_id", &DEMO_SPA.authorize_path(&server, &twice));
    stays(&mut table, "nothing at all", "/authorize");
    stays(&mut table, "no UTF-8", "/authorize?client_id=%ff&redirect_uri=%fe");
    let no_redirect = format!("/authorize?{}", encode(&[("client_id", "demo-spa")]));
    stays(&mut table, "no redirect_uri", &no_redirect);
    table.finish();
    server.stop();
}

#[test]
fn what_is_wrong_with_a_request_is_told_to_the_client() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let request: &[&str] = &["invalid_request"];
    let long = "a".repeat(129);
    for (name, change, errors) in [
        ("no response_type", ("response_type", ""), request),
        ("token", ("response_type", "token"), &["unsupported_response_type"]),
        ("code token", ("response_type", "code token"), &["unsupported_response_type"]),
        ("unknown type", ("response_type", "colour"), &["unsupported_response_type"]),
        ("no challenge", ("code_challenge", ""), request),
        ("short challenge", ("code_challenge", "abc"), request),
        ("long challenge", ("code_challenge", &*long), request),
        ("odd challenge", ("code_challenge", "ä"), request),
        ("plain", ("code_challenge_method", "plain"), request),
        // RFC 7636 section 4.3: without a method it would be `plain`.
        ("no method", ("code_challenge_method", ""), request),
        ("unknown method", ("code_challenge_method", "S512"), request),
        ("none and login", ("prompt", "none login"), request),
        ("prompt=none", ("prompt", "none"), &["login_required"]),
        ("max_age", ("max_age", "-1"), request),
        ("no number", ("max_age", "soon"), request),
        ("response_mode", ("response_mode", "colour"), request),
        ("fragment", ("response_mode", "fragment"), request),
        ("request", ("request", "a.b.c"), &["invalid_request_object"]),
        ("request_uri", ("request_uri", "https://a.example"), &["invalid_request_uri"]),
        ("resource", ("resource", "https://api.example/other"), &["invalid_target"]),
        ("no resource", ("resource", "no uri"), &["invalid_target"]),
        ("control in scope", ("scope", "openid\u{1}"), &["invalid_scope", "invalid_request"]),
    ] {
        let target = DEMO_SPA.authorize_path(&server, &[change]);
        tells_the_client(&mut table, name, &target, errors);
    }
    for name in ["response_type", "scope", "nonce", "code_challenge", "prompt"] {
        let target = DEMO_SPA.authorize_path(&server, &[]) + &format!("&{name}=a&{name}=b");
        tells_the_client(&mut table, &format!("{name} twice"), &target, request);
    }
    let large = "s".repeat(200_000);
    let answer =
        server.send(&Request::get(&DEMO_SPA.authorize_path(&server, &[("state", &large)])));
    if !matches!(answer.status, 400 | 413 | 414 | 431) {
        table.blame("a state of 200 kB", &shown(&answer));
    }
    table.finish();
    server.stop();
}

#[test]
fn markup_in_parameters_stays_text() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let markup = "\"><script>alert(1)</script>";
    for name in ["client_id", "redirect_uri", "state", "login_hint", "scope", "ui_locales"] {
        let target = DEMO_SPA.authorize_path(&server, &[(name, markup)]);
        let mut browser = Browser::new(server.address());
        let mut answer = browser.visit(&target);
        for _ in 0..3 {
            let Some(location) = answer.header("location").map(str::to_owned) else { break };
            if location.starts_with(REDIRECT_URI) {
                break;
            }
            answer = browser.visit(&location);
        }
        table.check_shape(name, &answer);
        if answer.text().contains("<script>alert") {
            table.blame(name, "became markup");
        }
    }
    table.finish();
    server.stop();
}

#[test]
fn methods() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = server.send(&Request::new(method, &DEMO_SPA.authorize_path(&server, &[])));
        table.check_shape(method, &answer);
        if answer.status != 405 || answer.header("allow").is_none() {
            table.blame(method, &shown(&answer));
        }
    }
    // OpenID Connect Core 3.1.2.1: POST with the parameters as a form works as well.
    let target = DEMO_SPA.authorize_path(&server, &[]);
    let body = target.split_once('?').expect("there is a query").1;
    let answer = server.send(&Request::raw_form("/authorize", body.as_bytes()));
    let onward = matches!(answer.status, 200 | 302 | 303);
    if !onward || answer.header("location").is_some_and(|to| to.contains("error=")) {
        table.blame("POST", &shown(&answer));
    }
    assert!(body.contains(CHALLENGE));
    table.finish();
    server.stop();
}
