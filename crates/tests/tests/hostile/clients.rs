//! Who asks: client authentication, and what a client may not do.

use countersign_tests::http::Request;
use countersign_tests::relying_party::{Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB};
use countersign_tests::server::Site;

use super::Table;

const CLIENT: &str = "invalid_client";

#[test]
fn a_client_that_is_not_who_it_says() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let ask = |more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend_from_slice(more);
        Request::form("/token", &fields)
    };

    for (name, request) in [
        ("wrong secret", ask(&[]).basic("demo-service", "wrong")),
        ("empty secret", ask(&[]).basic("demo-service", "")),
        ("unknown client", ask(&[]).basic("nobody", secret)),
        ("another client's secret", ask(&[]).basic("demo-web", secret)),
        ("a name of 4000 letters", ask(&[]).basic(&"a".repeat(4000), secret)),
        ("a NUL in the name", ask(&[]).basic("demo-service\0", secret)),
    ] {
        let answer = table.case(name, &request, &[401], CLIENT);
        // RFC 6749 section 5.2: the scheme that was tried comes back.
        if answer.header("www-authenticate").is_none_or(|value| !value.starts_with("Basic")) {
            table.blame(name, "no WWW-Authenticate: Basic");
        }
    }
    for (name, header) in [
        ("not base64", "Basic %%%"),
        ("no colon", "Basic ZGVtby1zZXJ2aWNl"),
        ("no credentials", "Basic"),
        ("another scheme", "Digest username=a"),
    ] {
        let request = ask(&[]).header("authorization", header);
        let answer = server.send(&request);
        let error = answer.error().unwrap_or_default();
        table.check_shape(name, &answer);
        if !matches!((answer.status, &*error), (401, CLIENT) | (400, "invalid_request")) {
            table.blame(name, &super::shown(&answer));
        }
    }
    table.case("nobody", &ask(&[]), &[400, 401], CLIENT);
    table.case("a name only", &ask(&[("client_id", "demo-service")]), &[400, 401], CLIENT);
    let unknown = ask(&[("client_id", "nobody")]);
    table.case("an unknown name only", &unknown, &[400, 401], CLIENT);
    let two = ask(&[("client_id", "demo-service"), ("client_secret", secret)]);
    table.case("two ways at once", &two.basic("demo-service", secret), &[400], "invalid_request");
    let others = ask(&[("client_id", "demo-web")]).basic("demo-service", secret);
    table.case("two names", &others, &[400, 401], &answer_to(&server.send(&others)));
    let twice = ask(&[]).basic("demo-service", secret).basic("demo-web", "x");
    let answer = server.send(&twice);
    table.check_shape("two Authorization headers", &answer);
    if answer.status == 200 {
        table.blame("two Authorization headers", "one of them was believed");
    }
    let public =
        DEMO_SPA.form("/token", &[("grant_type", "refresh_token"), ("client_secret", "x")]);
    table.case(
        "a public client with a secret",
        &public,
        &[400, 401],
        &answer_to(&server.send(&public)),
    );
    table.finish();
    server.stop();
}

fn answer_to(answer: &countersign_tests::http::Answer) -> String {
    let error = answer.error().unwrap_or_default();
    assert!(matches!(&*error, CLIENT | "invalid_request" | "invalid_grant"), "{}", answer.text());
    error
}

#[test]
fn a_client_that_wants_more_than_it_may() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let resource = format!("{}/sample", site.issuer());
    let ask = |client: Client, more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend_from_slice(more);
        client.form("/token", &fields)
    };

    for client in [DEMO_WEB, DEMO_SPA] {
        let request = ask(client, &[("resource", &resource)]);
        let answer = table.case(client.id, &request, &[400, 401], "unauthorized_client");
        assert!(answer.json()["access_token"].is_null());
    }
    for wrong in ["https://api.example", "sample", "http://[", &format!("{resource}#a")] {
        let request = ask(DEMO_SERVICE, &[("resource", wrong)]);
        table.case(&format!("resource `{wrong}`"), &request, &[400], "invalid_target");
    }
    for wrong in ["no-such-scope", "sample admin", "a\"b", "a\\b", "ä"] {
        let request = ask(DEMO_SERVICE, &[("resource", &resource), ("scope", wrong)]);
        table.case(&format!("scope `{wrong}`"), &request, &[400], "invalid_scope");
    }
    for (path, client) in [("snapshot", DEMO_WEB), ("feed", DEMO_WEB)] {
        let path = format!("/revocations/{path}");
        let nobody = server.send(&Request::get(&path));
        if nobody.status != 401 || nobody.header("www-authenticate").is_none() {
            table.blame(&path, &format!("open to nobody: {}", super::shown(&nobody)));
        }
        let secret = client.secret.expect("it is confidential");
        let other = server.send(&Request::get(&path).basic(client.id, secret));
        table.check_shape(&path, &other);
        if !matches!(other.status, 401 | 403) {
            table.blame(&path, &format!("open to {}: {}", client.id, super::shown(&other)));
        }
        let wrong = server.send(&Request::get(&path).basic("demo-service", "wrong"));
        if wrong.status != 401 {
            table.blame(&path, &format!("open with a wrong secret: {}", super::shown(&wrong)));
        }
    }
    table.finish();
    server.stop();
}
