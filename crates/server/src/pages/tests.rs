use askama::Template;

use countersign_protocol::authorization_details::Described;

use super::account::{AccountPage, ConsentLine, GrantLine, SessionLine};
use super::consent::{ConsentPage, ScopeLine};
use super::device::{DeviceConsentPage, DeviceDonePage, DevicePage};
use super::error::ErrorPage;
use super::login::LoginPage;
use super::logout::{LogoutPage, SignedOutPage};

/// Tries to leave a text, an attribute and a script at once.
const HOSTILE: &str = r#"</title><script>alert('1')</script>" onload="x" style='y' &amp;"#;
const CSRF: &str = "csrf-token-1";

fn login() -> LoginPage<'static> {
    LoginPage {
        csrf: CSRF,
        continue_to: "/authorize?client_id=demo-spa&state=1",
        client_name: None,
        username: "",
        error: None,
        retry_after_s: None,
        hint: None,
    }
}

fn consent() -> ConsentPage<'static> {
    ConsentPage {
        csrf: CSRF,
        request: "client_id=demo-spa&scope=openid",
        client_name: "Demo",
        described_at: None,
        unchecked: false,
        logo: None,
        to_this_machine: false,
        client_host: "127.0.0.1:8080",
        username: "alice",
        scopes: vec![ScopeLine { name: "openid".into(), description: "know who you are".into() }],
        details: Vec::new(),
        resources: vec!["http://127.0.0.1:8080/sample".into()],
        policy_uri: Some("https://demo.example/privacy"),
        tos_uri: Some("http://demo.example/terms"),
    }
}

fn account() -> AccountPage<'static> {
    AccountPage {
        csrf: CSRF,
        username: "alice",
        display_name: Some("Alice Example"),
        grants: vec![GrantLine {
            id: "grant-1".into(),
            client_name: "Demo".into(),
            scope: vec!["openid".into(), "email".into()],
            created: "3 November 2026".into(),
            last_used: Some("2 minutes ago".into()),
        }],
        consents: vec![ConsentLine {
            client_id: "demo".into(),
            client_name: "Demo".into(),
            scope: vec!["openid".into()],
        }],
        sessions: vec![SessionLine {
            id: "session-1".into(),
            current: true,
            started: "today".into(),
            last_seen: "now".into(),
            device: "Firefox on Linux".into(),
        }],
        notice: Some("Done."),
    }
}

/// Every page with text of the given kind in every place that takes text.
fn all_pages(text: &'static str) -> Vec<(&'static str, String)> {
    let own = || text.to_owned();
    let login = LoginPage {
        csrf: text,
        continue_to: text,
        client_name: Some(text),
        username: text,
        error: Some(text),
        retry_after_s: Some(30),
        hint: Some(text),
    };
    let consent = ConsentPage {
        csrf: text,
        request: text,
        client_name: text,
        described_at: Some(text),
        unchecked: true,
        logo: Some("/clients/app/logo".into()),
        to_this_machine: true,
        client_host: text,
        username: text,
        scopes: vec![ScopeLine { name: own(), description: own() }],
        details: vec![Described { kind: own(), members: vec![(own(), own())] }],
        resources: vec![own()],
        policy_uri: Some("https://demo.example/\"><script>"),
        tos_uri: Some("https://demo.example/' onclick='x"),
    };
    let account = AccountPage {
        csrf: text,
        username: text,
        display_name: Some(text),
        grants: vec![GrantLine {
            id: own(),
            client_name: own(),
            scope: vec![own()],
            created: own(),
            last_used: Some(own()),
        }],
        consents: vec![ConsentLine { client_id: own(), client_name: own(), scope: vec![own()] }],
        sessions: vec![SessionLine {
            id: own(),
            current: false,
            started: own(),
            last_seen: own(),
            device: own(),
        }],
        notice: Some(text),
    };
    let logout = LogoutPage { csrf: text, client_name: Some(text), request: text };
    // The addresses are those that a client registered, with a state that it chose.
    let frames = [format!("https://demo.example/out?sid={text}")];
    let signed_out = SignedOutPage {
        client_name: Some(text),
        continue_to: Some("https://demo.example/\"><script>"),
        frames: &frames,
    };
    let error = ErrorPage { title: text, message: text, reference: text, status: 400 };
    let device = DevicePage { csrf: text, username: text, user_code: text, error: Some(text) };
    let device_consent = DeviceConsentPage {
        csrf: text,
        user_code: text,
        client_name: text,
        client_host: Some(text),
        unchecked: true,
        username: text,
        scopes: vec![ScopeLine { name: own(), description: own() }],
        resources: vec![own()],
    };
    vec![
        ("device", device.render().unwrap()),
        ("device_consent", device_consent.render().unwrap()),
        ("device_done", DeviceDonePage { allowed: true }.render().unwrap()),
        ("login", login.render().unwrap()),
        ("consent", consent.render().unwrap()),
        ("account", account.render().unwrap()),
        ("logout", logout.render().unwrap()),
        ("signed_out", signed_out.render().unwrap()),
        ("error", error.render().unwrap()),
    ]
}

/// The tags of a page, from `<` to the `>` that stands outside quotes.
fn tags(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let mut quote = None;
        let end = rest
            .char_indices()
            .find(|&(_, c)| {
                match (quote, c) {
                    (None, '"' | '\'') => quote = Some(c),
                    (Some(open), c) if c == open => quote = None,
                    _ => {}
                }
                quote.is_none() && c == '>'
            })
            .map_or(rest.len(), |(at, _)| at + 1);
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    found
}

/// Attribute names and values of a tag, values as they stand in the page.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag.trim_start_matches('<').trim_end_matches('>');
    rest = rest.split_once(char::is_whitespace).map_or("", |(_, after)| after).trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').expect("every value is closed"),
            None => ("", after),
        };
        found.push((name, value));
        rest = after.trim_start();
    }
    found
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    attributes(tag).into_iter().find(|&(key, _)| key == name).map(|(_, value)| value)
}

fn forms(html: &str) -> Vec<&str> {
    html.split("<form ").skip(1).map(|after| after.split_once("</form>").unwrap().0).collect()
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    let shape = |html: &str| -> Vec<String> {
        tags(html)
            .into_iter()
            .map(|tag| {
                let name = tag.split([' ', '>']).next().unwrap();
                let names: Vec<_> = attributes(tag).into_iter().map(|(name, _)| name).collect();
                format!("{name} {}", names.join(" "))
            })
            .collect()
    };
    for ((page, harmless), (_, hostile)) in all_pages("x").into_iter().zip(all_pages(HOSTILE)) {
        assert_eq!(shape(&harmless), shape(&hostile), "{page}");
        assert!(!hostile.contains("alert('1')"), "{page}");
    }
}

#[test]
fn hostile_text_is_shown_as_it_was_written() {
    let name = r#"<script>"O'Hara" & co</script>"#;
    let page = LoginPage { client_name: Some(name), ..login() }.render().unwrap();
    let escaped = "&#60;script&#62;&#34;O&#39;Hara&#34; &#38; co&#60;/script&#62;";
    assert!(page.contains(&format!("<bdi>{escaped}</bdi>")), "{page}");
}

#[test]
fn pages_hold_to_the_content_security_policy() {
    for (page, html) in all_pages("x") {
        for tag in tags(&html) {
            for forbidden in ["<script", "<style", "<object", "<base", "<svg"] {
                assert!(!tag.starts_with(forbidden), "{page}: {tag}");
            }
            // The one page that opens frames has a policy of its own.
            let framed = tag.starts_with("<iframe");
            assert!(!framed || page == "signed_out", "{page}: {tag}");
            for (name, value) in attributes(tag) {
                assert!(name != "style" && !name.starts_with("on"), "{page}: {tag}");
                let loads =
                    (name == "src" && !framed) || (name == "href" && tag.starts_with("<link"));
                let ours = value.starts_with("/assets/") || value.starts_with("/clients/");
                assert!(!loads || ours, "{page}: {tag}");
                let sends = name == "action" || name == "formaction";
                assert!(!sends || value.starts_with('/'), "{page}: {tag}");
            }
        }
    }
}

#[test]
fn every_form_posts_with_the_csrf_token() {
    let counts = [
        ("login", 1),
        ("consent", 1),
        ("account", 5),
        ("logout", 1),
        ("device", 1),
        ("device_consent", 1),
    ];
    for (page, html) in all_pages(CSRF) {
        let expected = counts.iter().find(|(name, _)| *name == page).map_or(0, |(_, count)| *count);
        let forms = forms(&html);
        assert_eq!(forms.len(), expected, "{page}");
        for form in forms {
            assert!(form.starts_with("method=\"post\""), "{page}: {form}");
            let field = format!("<input type=\"hidden\" name=\"csrf\" value=\"{CSRF}\">");
            assert_eq!(form.matches(&field).count(), 1, "{page}: {form}");
        }
    }
}

#[test]
fn every_visible_input_has_a_label_and_every_reference_a_target() {
    for (page, html) in all_pages("x") {
        let tags = tags(&html);
        let ids: Vec<_> = tags.iter().filter_map(|tag| attribute(tag, "id")).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{page}: id {id} twice");
        }
        for tag in &tags {
            if tag.starts_with("<input") && attribute(tag, "type") != Some("hidden") {
                let id = attribute(tag, "id").unwrap_or_else(|| panic!("{page}: no id: {tag}"));
                assert!(html.contains(&format!("<label for=\"{id}\">")), "{page}: {tag}");
            }
            for name in ["for", "aria-describedby", "aria-labelledby"] {
                let target = attribute(tag, name);
                assert!(target.is_none_or(|id| ids.contains(&id)), "{page}: {tag}");
            }
        }
    }
}

#[test]
fn every_page_has_a_language_a_title_a_viewport_and_one_heading() {
    for (page, html) in all_pages("x") {
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
        assert!(html.contains("width=device-width, initial-scale=1"), "{page}");
        assert!(!html.contains("<title> "), "{page}");
        assert_eq!(html.matches("<h1").count(), 1, "{page}");
        assert_eq!(html.matches("<main>").count(), 1, "{page}");
    }
}

#[test]
fn login_starts_at_the_first_empty_field() {
    let field = |page: &LoginPage<'_>, name: &str| {
        let html = page.render().unwrap();
        let start = format!("<input id=\"{name}\"");
        tags(&html).into_iter().find(|tag| tag.starts_with(&start)).unwrap().to_owned()
    };
    let fresh = login();
    assert_eq!(attribute(&field(&fresh, "username"), "autofocus"), Some(""));
    assert_eq!(attribute(&field(&fresh, "password"), "autofocus"), None);
    assert_eq!(attribute(&field(&fresh, "username"), "autocomplete"), Some("username"));
    assert_eq!(attribute(&field(&fresh, "password"), "autocomplete"), Some("current-password"));
    assert_eq!(attribute(&field(&fresh, "password"), "aria-invalid"), None);

    let again = LoginPage { username: "alice", error: Some("Wrong."), ..login() };
    assert_eq!(attribute(&field(&again, "username"), "value"), Some("alice"));
    assert_eq!(attribute(&field(&again, "username"), "autofocus"), None);
    assert_eq!(attribute(&field(&again, "password"), "autofocus"), Some(""));
    assert_eq!(attribute(&field(&again, "password"), "aria-describedby"), Some("login-error"));
    assert_eq!(attribute(&field(&again, "password"), "value"), None);
}

#[test]
fn login_announces_a_failure_and_only_a_failure() {
    let fresh = login().render().unwrap();
    assert!(!fresh.contains("role=\"alert\""));
    assert!(fresh.contains("<title>Sign in · Countersign</title>"));
    let failed = LoginPage { error: Some("Name or password is wrong."), ..login() };
    let failed = failed.render().unwrap();
    assert!(failed.contains("role=\"alert\" id=\"login-error\">\n<p>Name or password is wrong."));
    assert!(failed.contains("<title>Error: Sign in · Countersign</title>"));
}

#[test]
fn login_names_the_waiting_time_rounded_up() {
    let cases = [
        (0, "1 second."),
        (1, "1 second."),
        (30, "30 seconds."),
        (90, "90 seconds."),
        (91, "2 minutes."),
        (120, "2 minutes."),
        (121, "3 minutes."),
        (5_400, "90 minutes."),
        (5_401, "2 hours."),
        (u64::MAX, "5124095576030432 hours."),
    ];
    for (seconds, expected) in cases {
        let html = LoginPage { retry_after_s: Some(seconds), ..login() }.render().unwrap();
        assert!(html.contains(&format!("You can try again in {expected}")), "{seconds}: {html}");
    }
    assert!(!login().render().unwrap().contains("try again"));
}

#[test]
fn consent_links_only_to_web_addresses() {
    let cases = [
        ("https://demo.example/p", true),
        ("HTTPS://demo.example/p", true),
        ("http://demo.example/p", true),
        ("javascript:alert(1)", false),
        ("JaVaScRiPt:alert(1)//https://", false),
        (" https://demo.example", false),
        ("data:text/html,x", false),
        ("//demo.example", false),
        ("/account", false),
        ("httpé", false),
        ("", false),
    ];
    for (uri, shown) in cases {
        let page = ConsentPage { policy_uri: Some(uri), tos_uri: None, ..consent() };
        let html = page.render().unwrap();
        assert_eq!(html.contains("privacy policy"), shown, "{uri}");
        let page = ConsentPage { policy_uri: None, tos_uri: Some(uri), ..consent() };
        let html = page.render().unwrap();
        assert_eq!(html.contains("terms of service"), shown, "{uri}");
    }
}

#[test]
fn consent_says_what_is_not_known_of_an_application() {
    let plain = consent().render().unwrap();
    for (page, word) in [
        (ConsentPage { described_at: Some("app.example"), ..consent() }, "app.example"),
        (ConsentPage { unchecked: true, ..consent() }, "nobody here has checked"),
        (ConsentPage { to_this_machine: true, ..consent() }, "a program on this machine"),
        (ConsentPage { logo: Some("/clients/a/logo".into()), ..consent() }, "/clients/a/logo"),
    ] {
        assert!(page.render().unwrap().contains(word), "{word}");
        assert!(!plain.contains(word), "{word}");
    }
    let native = ConsentPage { to_this_machine: true, ..consent() }.render().unwrap();
    assert!(native.contains("127.0.0.1:8080"), "the address is shown all the same");
}

#[test]
fn consent_shows_who_asks_for_what_and_sends_the_request_back() {
    let html = consent().render().unwrap();
    for part in ["Demo", "127.0.0.1:8080", "alice", "know who you are", "openid"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("name=\"request\" value=\"client_id=demo-spa&#38;scope=openid\""));
    assert!(html.contains("<code>http://127.0.0.1:8080/sample</code>"));
    assert!(html.contains("name=\"decision\" value=\"allow\""));
    assert!(html.contains("name=\"decision\" value=\"deny\""));
}

#[test]
fn account_lists_grants_and_sessions_or_says_that_there_are_none() {
    let html = account().render().unwrap();
    assert!(html.contains("<input type=\"hidden\" name=\"grant_id\" value=\"grant-1\">"));
    assert!(html.contains("Allowed 3 November 2026 · last used 2 minutes ago"));
    assert!(html.contains("Firefox on Linux</strong> <span class=\"chip\">this device</span>"));
    assert!(html.contains("<h1><bdi>Alice Example</bdi></h1>"));
    assert!(html.contains("role=\"status\">Done."));
    for action in ["/account/grants/revoke", "/account/sign-out-everywhere", "/logout"] {
        assert!(html.contains(&format!("action=\"{action}\"")), "{action}");
    }

    let empty = AccountPage {
        display_name: None,
        grants: Vec::new(),
        sessions: Vec::new(),
        notice: None,
        ..account()
    };
    let html = empty.render().unwrap();
    assert!(html.contains("No application has access to your account."));
    assert!(html.contains("<h1><bdi>alice</bdi></h1>"));
    assert!(!html.contains("role=\"status\""));
    assert!(!html.contains("grant_id"));
}

#[test]
fn logout_asks_first_and_offers_everywhere() {
    let page = LogoutPage { csrf: CSRF, client_name: None, request: "state=a&b" };
    let html = page.render().unwrap();
    assert!(html.contains("name=\"request\" value=\"state=a&#38;b\""));
    let plain = html.find("<button class=\"button primary\" type=\"submit\">").unwrap();
    let everywhere = html.find("name=\"everywhere\" value=\"true\"").unwrap();
    assert!(plain < everywhere, "the first button is the one that Enter presses");
    assert!(!html.contains("asks to sign you out"));
}

#[test]
fn error_page_gives_a_reference() {
    let page = ErrorPage { title: "Not valid", message: "Go back.", reference: "E-7", status: 400 };
    let html = page.render().unwrap();
    assert!(html.contains("Status 400 · Reference <code>E-7</code>"));
    assert!(html.contains("<h1>Not valid</h1>\n<p>Go back.</p>"));
    assert!(!html.contains("<form"));
}
