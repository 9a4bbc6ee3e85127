//! The token endpoint, and its neighbours for introspection and revocation.

use countersign_tests::browser::Browser;
use countersign_tests::http::Request;
use countersign_tests::relying_party::{
    DEMO_SERVICE, DEMO_SPA, DEMO_WEB, REDIRECT_URI, Tokens, VERIFIER, call_api,
};
use countersign_tests::server::{Server, Site};

use super::Table;

const REQUEST: &str = "invalid_request";
const GRANT: &str = "invalid_grant";

#[test]
fn what_is_no_token_request() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let spa = |fields: &[(&str, &str)]| DEMO_SPA.form("/token", fields);
    let raw = |body: &str| Request::raw_form("/token", body.as_bytes());
    let credentials = "grant_type=client_credentials";

    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let name = format!("{method} /token");
        let answer = table.case(&name, &Request::new(method, "/token"), &[405], REQUEST);
        if answer.header("allow").is_none_or(|allow| !allow.contains("POST")) {
            table.blame(&name, "no Allow header with POST");
        }
    }
    table.case("no body", &raw(""), &[400, 401], &any_error(&server, &raw("")));
    table.case("a NUL", &spa(&[("grant_type", "\0")]), &[400], REQUEST);
    let json = Request::new("POST", "/token").header("content-type", "application/json");
    table.case("JSON", &json.body(br#"{"grant_type":"x"}"#), &[400, 415], REQUEST);
    let untyped = Request::new("POST", "/token").body(credentials.as_bytes());
    table.case("no content type", &untyped, &[400, 415], REQUEST);
    let multipart = Request::new("POST", "/token").header("content-type", "multipart/form-data");
    table.case("multipart", &multipart.body(b"--"), &[400, 415], REQUEST);
    table.case("no grant_type", &spa(&[("scope", "a")]), &[400], REQUEST);
    table.case("empty grant_type", &spa(&[("grant_type", "")]), &[400], REQUEST);
    for unknown in ["password", "implicit", "refresh-token", "REFRESH_TOKEN", "ä"] {
        let request = spa(&[("grant_type", unknown)]);
        table.case(unknown, &request, &[400], "unsupported_grant_type");
    }
    for name in ["grant_type", "refresh_token", "client_id", "scope"] {
        let twice = [(name, "a"), (name, "a"), ("grant_type", "refresh_token")];
        table.case(&format!("{name} twice"), &spa(&twice), &[400], REQUEST);
    }
    for (name, body) in [
        ("broken escape", "grant_type=%zz"),
        ("cut escape", "grant_type=refresh_token&refresh_token=%f"),
        ("no UTF-8", "grant_type=%ff%fe"),
    ] {
        let request = raw(&format!("{body}&client_id=demo-spa"));
        let answer = table.case(name, &request, &[400], &any_error(&server, &request));
        if !matches!(answer.error().as_deref(), Some(REQUEST | GRANT | "unsupported_grant_type")) {
            table.blame(name, "an unexpected error");
        }
    }
    // Secrets in addresses end up in logs, so only the body counts.
    let query = format!("/token?{credentials}&client_id=demo-service&client_secret=x");
    table.case("all in the query", &Request::raw_form(&query, b""), &[400, 401], REQUEST);
    let long = "a".repeat(2 << 20);
    let request = spa(&[("grant_type", "refresh_token"), ("refresh_token", &long)]);
    table.case("2 MiB", &request, &[400, 413], REQUEST);
    let many = format!("{credentials}{}", "&a=b".repeat(20_000));
    table.case("20000 parameters", &raw(&many), &[400, 413], REQUEST);
    // RFC 6749 section 3.2: unrecognised parameters are ignored.
    let request = DEMO_SERVICE.form(
        "/token",
        &[
            ("grant_type", "client_credentials"),
            ("colour", "green"),
            ("resource", &format!("{}/sample", site.issuer())),
        ],
    );
    table.case("an unknown parameter", &request, &[200], "");
    table.finish();
    server.stop();
}

/// For cases in which more than one error is right: whatever the server says.
fn any_error(server: &Server<'_>, request: &Request) -> String {
    server.send(request).error().unwrap_or_default()
}

#[test]
fn codes_and_refresh_tokens_of_every_wrong_kind() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let tokens = DEMO_SPA.log_in(&server, &mut browser, "alice");
    let mut table = Table::new(&server);
    let refresh = |token: &str| DEMO_SPA.refresh(token);

    let mut wrong = vec![
        ("junk".to_owned(), "junk".to_owned()),
        ("only the prefix".to_owned(), "csr_".to_owned()),
        ("an access token".to_owned(), tokens.access.clone()),
        ("an id token".to_owned(), tokens.id.clone()),
        ("white space".to_owned(), format!(" {}", tokens.refresh)),
        ("padding".to_owned(), format!("{}=", tokens.refresh)),
        ("without its prefix".to_owned(), tokens.refresh.replace("csr_", "")),
        ("cut".to_owned(), tokens.refresh[..tokens.refresh.len() - 1].to_owned()),
        ("longer".to_owned(), format!("{}A", tokens.refresh)),
        ("upper case".to_owned(), tokens.refresh.to_uppercase()),
    ];
    wrong.extend((4..tokens.refresh.len()).step_by(7).map(|at| {
        let other = if tokens.refresh.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut changed = tokens.refresh.clone();
        changed.replace_range(at..=at, other);
        (format!("changed at {at}"), changed)
    }));
    for (name, token) in &wrong {
        table.case(name, &refresh(token), &[400], GRANT);
    }
    table.case("empty", &refresh(""), &[400], REQUEST);
    table.case("a NUL", &refresh(&format!("{}\0", tokens.refresh)), &[400], REQUEST);
    let none = DEMO_SPA.form("/token", &[("grant_type", "refresh_token")]);
    table.case("no refresh_token", &none, &[400], REQUEST);

    // Junk trips nothing, and neither does another client's attempt.
    table.case("another client's", &DEMO_WEB.refresh(&tokens.refresh), &[400], GRANT);
    let wider = DEMO_SPA.form(
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
            ("scope", "openid admin"),
        ],
    );
    table.case("a wider scope", &wider, &[400], "invalid_scope");
    let elsewhere = DEMO_SPA.form(
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
            ("resource", "https://api.example/other"),
        ],
    );
    table.case("another resource", &elsewhere, &[400], "invalid_target");
    let after = table.case("still good", &refresh(&tokens.refresh), &[200], "");
    let after = Tokens::of(&after);
    if call_api(&server, &after.access).status != 200 {
        table.blame("still good", "the API refuses the access token");
    }

    for (name, code) in [("junk", "junk"), ("a refresh token", &after.refresh), ("long", &long())] {
        table.case(&format!("code: {name}"), &DEMO_SPA.redeem(code), &[400, 413], GRANT);
    }
    table.finish();
    server.stop();
}

fn long() -> String {
    "c".repeat(3000)
}

#[test]
fn a_code_is_bound_to_its_request() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let mut table = Table::new(&server);
    let good = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    for (name, member, value) in [
        ("another verifier", "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
        ("the challenge as verifier", "code_verifier", countersign_tests::relying_party::CHALLENGE),
        ("another redirect_uri", "redirect_uri", "http://127.0.0.1:49152/other"),
        ("another port", "redirect_uri", "http://127.0.0.1:49153/callback"),
    ] {
        let code = DEMO_SPA.code(&server, &mut browser, "alice");
        let mut fields = good.to_vec();
        fields.retain(|(own, _)| *own != member);
        fields.extend([(member, value), ("code", code.as_str())]);
        table.case(name, &DEMO_SPA.form("/token", &fields), &[400], GRANT);
    }
    for (name, missing) in [("no verifier", "code_verifier"), ("no code", "code")] {
        let code = DEMO_SPA.code(&server, &mut browser, "alice");
        let mut fields = good.to_vec();
        fields.push(("code", &code));
        fields.retain(|(own, _)| *own != missing);
        let request = DEMO_SPA.form("/token", &fields);
        let answer = server.send(&request);
        let error = answer.error().unwrap_or_default();
        if answer.status != 400 || (error != REQUEST && error != GRANT) {
            table.blame(name, &super::shown(&answer));
        }
    }
    let code = DEMO_SPA.code(&server, &mut browser, "alice");
    table.case("another client's code", &DEMO_WEB.redeem(&code), &[400], GRANT);
    table.finish();
    server.stop();
}

#[test]
fn tokens_of_every_kind_at_introspection_and_revocation() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let tokens = DEMO_SPA.log_in(&server, &mut browser, "alice");
    let mut table = Table::new(&server);
    let introspect = |token: &str| DEMO_SERVICE.form("/introspect", &[("token", token)]);

    for (name, token) in [("junk", "junk"), ("an id token", &*tokens.id), ("csr_ junk", "csr_a")] {
        let answer = table.case(name, &introspect(token), &[200], "");
        if answer.json() != serde_json::json!({ "active": false }) {
            table.blame(name, &format!("says more than inactive: {}", answer.text()));
        }
    }
    let answer = table.case("a good one", &introspect(&tokens.access), &[200], "");
    if answer.json()["active"] != true {
        table.blame("a good one", &answer.text());
    }
    table.case("no token", &DEMO_SERVICE.form("/introspect", &[]), &[400], REQUEST);
    let twice = DEMO_SERVICE.form("/introspect", &[("token", "a"), ("token", "b")]);
    table.case("two tokens", &twice, &[400], REQUEST);
    let nobody = Request::form("/introspect", &[("token", &tokens.access)]);
    table.case("nobody asks", &nobody, &[401], "invalid_client");
    let public = DEMO_SPA.form("/introspect", &[("token", &tokens.access)]);
    table.case("a public client asks", &public, &[401, 403], &any_error(&server, &public));

    // RFC 7009 section 2.2: an unknown token is as good as revoked.
    for (name, token) in [("junk", "junk"), ("csr_ junk", "csr_a"), ("a code", "a.b.c")] {
        table.case(&format!("revoke {name}"), &DEMO_SPA.revoke(token), &[200], "");
    }
    let hinted = DEMO_SPA.form("/revoke", &[("token", "junk"), ("token_type_hint", "colour")]);
    let answer = server.send(&hinted);
    if answer.status != 200 && answer.error().as_deref() != Some("unsupported_token_type") {
        table.blame("an unknown hint", &super::shown(&answer));
    }
    table.case("revoke nothing", &DEMO_SPA.form("/revoke", &[]), &[400], REQUEST);
    let nobody = Request::form("/revoke", &[("token", &tokens.access)]);
    table.case("nobody revokes", &nobody, &[401], "invalid_client");
    // Another client's token: whatever the answer, nothing is revoked.
    for token in [&tokens.refresh, &tokens.access] {
        let answer = server.send(&DEMO_WEB.revoke(token));
        table.check_shape("another client revokes", &answer);
    }
    if call_api(&server, &tokens.access).status != 200 {
        table.blame("another client revokes", "and it worked");
    }
    table.case("still good", &DEMO_SPA.refresh(&tokens.refresh), &[200], "");
    table.finish();
    server.stop();
}
