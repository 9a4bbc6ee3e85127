//! Forms that nobody filled in, and pages that others try to use.

use countersign_tests::browser::{Browser, forms};
use countersign_tests::http::Request;
use countersign_tests::relying_party::{DEMO_SPA, PASSWORD, call_api};
use countersign_tests::server::Site;

use super::{Table, shown};

const LOGIN: &[(&str, &str)] = &[("username", "alice"), ("password", PASSWORD)];

#[test]
fn a_form_from_elsewhere_is_refused() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let page = |browser: &mut Browser| {
        let mut answer = browser.visit(&DEMO_SPA.authorize_path(&server, &[]));
        while let Some(location) = answer.header("location").map(str::to_owned) {
            answer = browser.visit(&location);
        }
        forms(&answer.text()).into_iter().find(|form| form.asks("username")).expect("a login form")
    };
    let fill = |form: &countersign_tests::browser::Form| {
        let mut fields: Vec<(&str, &str)> =
            form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.extend_from_slice(LOGIN);
        Request::form(&form.action, &fields)
    };

    let mut browser = Browser::new(server.address());
    let form = page(&mut browser);
    let evil = [("cross-site", "https://evil.example"), ("same-site", "http://127.0.0.1:1")];
    for (name, answer) in [
        ("no token", browser.send(Request::form(&form.action, LOGIN))),
        ("cross-site", browser.send(from(fill(&form), evil[0]))),
        ("same-site", browser.send(from(fill(&form), evil[1]))),
        ("a null origin", browser.send(fill(&form).header("origin", "null"))),
        ("without its cookie", Browser::new(server.address()).send(fill(&form))),
    ] {
        table.check_shape(name, &answer);
        let set = answer.header("set-cookie").unwrap_or_default();
        if !(400..500).contains(&answer.status) || set.contains("session") {
            table.blame(name, &format!("signs in: {} {set}", shown(&answer)));
        }
    }
    for path in ["/account/sign-out-everywhere", "/account/grants/revoke", "/consent", "/logout"] {
        let answer = browser.send(from(Request::form(path, &[("grant_id", "a")]), evil[0]));
        table.check_shape(path, &answer);
        // Nobody is signed in here, which is what a sign-out may say.
        if !matches!(answer.status, 303 | 400..=499) && path != "/logout" {
            table.blame(path, &shown(&answer));
        }
    }
    table.finish();
    server.stop();
}

fn from(request: Request, (site, origin): (&str, &str)) -> Request {
    request.header("sec-fetch-site", site).header("origin", origin)
}

#[test]
fn a_cross_site_sign_out_everywhere_ends_nothing() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let tokens = DEMO_SPA.log_in(&server, &mut browser, "alice");
    let fields = [("id_token_hint", tokens.id.as_str()), ("everywhere", "true")];
    for request in
        [Request::form("/logout", &fields), Request::form("/account/sign-out-everywhere", &fields)]
    {
        let request = from(request, ("cross-site", "https://evil.example"));
        let answer = browser.send(request.header("accept", "application/json"));
        assert!(answer.status < 500, "{}", shown(&answer));
    }
    assert_eq!(call_api(&server, &tokens.access).status, 200);
    server.stop();
}

/// OpenID Connect RP-Initiated Logout 1.0 section 6: without an ID token the person is asked.
#[test]
fn a_cross_site_sign_out_is_asked_about() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let _ = DEMO_SPA.log_in(&server, &mut browser, "alice");
    for request in [
        Request::form("/logout", &[]),
        Request::form("/logout", &[("id_token_hint", "junk")]),
        Request::form("/logout", &[("client_id", "demo-spa")]),
        Request::get("/logout"),
        Request::get("/logout?everywhere=true"),
    ] {
        let answer = browser.send(from(request, ("cross-site", "https://evil.example")));
        assert!(answer.status < 500, "{}", shown(&answer));
        assert_eq!(browser.visit("/account").status, 200, "the session is still there");
    }
    server.stop();
}

#[test]
fn pages_lead_to_this_server_only() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    for evil in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "javascript:alert(1)",
        "/%0d%0alocation:https://evil.example",
        "\t//evil.example/",
    ] {
        let query = countersign_tests::http::encode(&[("continue", evil)]);
        let mut browser = Browser::new(server.address());
        let page = browser.visit(&format!("/login?{query}"));
        table.check_shape(evil, &page);
        let forms = forms(&page.text());
        let Some(form) = forms.iter().find(|form| form.asks("username")) else {
            if page.status >= 500 {
                table.blame(evil, &shown(&page));
            }
            continue;
        };
        // Both as the page filled it in and as somebody might change it.
        for answers in [LOGIN.to_vec(), [LOGIN, &[("continue", evil)]].concat()] {
            let answer = browser.submit(form, &answers);
            table.check_shape(evil, &answer);
            let location = answer.header("location").unwrap_or("/");
            let own = location.starts_with('/') || location.starts_with(&site.issuer());
            if !own || location.starts_with("//") || location.starts_with("/\\") {
                table.blame(evil, &format!("leads to {location}"));
            }
        }
    }
    let query = "post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F&client_id=demo-spa";
    let answer = server.send(&Request::get(&format!("/logout?{query}")));
    table.check_shape("logout", &answer);
    if answer.header("location").is_some_and(|location| location.contains("evil")) {
        table.blame("logout", "leads away");
    }
    table.finish();
    server.stop();
}

#[test]
fn pages_are_framed_by_nobody_and_run_no_scripts() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let mut page = browser.visit(&DEMO_SPA.authorize_path(&server, &[]));
    while let Some(location) = page.header("location").map(str::to_owned) {
        page = browser.visit(&location);
    }
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("referrer-policy").is_some());
    assert!(page.header("cache-control").is_some_and(|value| value.contains("no-store")));
    assert!(!page.text().contains("<script"), "the pages for people need no scripts");
    server.stop();
}

#[test]
fn guessing_a_password_slows_down() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let mut statuses = Vec::new();
    for _ in 0..30 {
        let page = browser.visit("/login");
        let forms = forms(&page.text());
        let form = forms.iter().find(|form| form.asks("username")).expect("a login form");
        let answer = browser.submit(form, &[("username", "bob"), ("password", "a guess")]);
        assert!((400..500).contains(&answer.status), "{}", shown(&answer));
        statuses.push(answer.status);
        if answer.status == 429 {
            break;
        }
    }
    assert_eq!(statuses.last(), Some(&429), "30 guesses: {statuses:?}");
    server.stop();
}
