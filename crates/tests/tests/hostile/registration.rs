//! What no honest client registers, and what it does to the registrations of others.

use countersign_tests::http::Request;
use countersign_tests::server::Site;
use serde_json::json;

use super::Table;

const METADATA: &str = "invalid_client_metadata";
const TOKEN: &str = "invalid_token";

fn json(method: &str, path: &str, body: &str) -> Request {
    Request::new(method, path).header("content-type", "application/json").body(body.as_bytes())
}

#[test]
fn registrations_that_are_none() {
    let site = Site::of_serve("[registration]\nmode = \"open\"");
    let server = site.start();
    let mut table = Table::new(&server);
    let post = |body: &str| json("POST", "/register", body);
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for (name, body) in [
        ("nothing", ""),
        ("half of it", "{\"redirect_uris\":"),
        ("a list", "[]"),
        ("a text", "\"x\""),
        ("not UTF-8 once escaped", "{\"client_name\":\"\\ud800\"}"),
        ("ten thousand levels", &deep),
    ] {
        table.case(name, &post(body), &[400], METADATA);
    }
    let raw = post("").body(b"{\"client_name\":\"\xff\xfe\"}");
    table.case("not UTF-8", &raw, &[400], METADATA);
    let form = Request::form("/register", &[("redirect_uris", "https://rp.example/cb")]);
    table.case("a form", &form, &[400], "invalid_request");
    table.case("too long", &post(&"x".repeat(70_000)), &[413], "invalid_request");
    for method in ["GET", "PUT", "DELETE"] {
        table.case(method, &json(method, "/register", "{}"), &[405], "invalid_request");
    }
    for (name, value) in [
        ("redirect_uris", json!(["https://rp.example/cb", "javascript:alert(1)"])),
        ("redirect_uris", json!([{ "uri": "https://rp.example/cb" }])),
        ("redirect_uris", json!("https://rp.example/cb\r\nLocation: https://evil.example")),
    ] {
        let body = json!({ name: value }).to_string();
        table.case(&body, &post(&body), &[400], "invalid_redirect_uri");
    }
    for url in [
        "http://rp.example/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://rp.example@169.254.169.254/x",
        "https://169.254.169.254./x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/x",
    ] {
        for name in ["jwks_uri", "logo_uri", "sector_identifier_uri", "backchannel_logout_uri"] {
            let body = json!({ "redirect_uris": ["https://rp.example/cb"], name: url });
            let answer = table.case(name, &post(&body.to_string()), &[400], METADATA);
            if answer.text().contains(url) {
                table.blame(name, "the answer repeats what was sent");
            }
        }
    }
    table.finish();
}

#[test]
fn registrations_of_others() {
    let site = Site::of_serve("[registration]\nmode = \"open\"");
    let server = site.start();
    let mut table = Table::new(&server);
    let good = json!({ "redirect_uris": ["https://rp.example/cb"] }).to_string();
    let mine = table.case("mine", &json("POST", "/register", &good), &[201], "");
    let token = mine.member("registration_access_token");
    let secret = mine.member("client_secret");
    for path in [
        "/register/demo-web",
        "/register/nobody",
        "/register/..%2f..%2fdemo-web",
        "/register/%00",
        "/register/' OR 1=1 --".replace(' ', "%20").as_str(),
        &format!("/register/{}", "a".repeat(4_000)),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            table.case(path, &json(method, path, &good).bearer(&token), &[401], TOKEN);
        }
    }
    let path = format!("/register/{}", mine.member("client_id"));
    for (name, token) in [
        ("the secret", secret.as_str()),
        ("half of it", &token[..30]),
        ("upper case", &token.to_uppercase()),
        ("an access token's form", "csa_AAAA"),
    ] {
        table.case(name, &json("GET", &path, "").bearer(token), &[401], TOKEN);
    }
    let basic = json("GET", &path, "").basic(&mine.member("client_id"), &secret);
    table.case("the client's secret", &basic, &[401], TOKEN);
    let twice = json("GET", &path, "").bearer(&token).bearer(&token);
    table.case("two tokens", &twice, &[401], TOKEN);
    table.finish();
}
