//! Pushed authorization requests on the real binary: a crash loses none, and each has one answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Barrier;
use std::thread;

use countersign_tests::browser::{Browser, Form, forms};
use countersign_tests::http::{Answer, encode};
use countersign_tests::relying_party::{
    CHALLENGE, Client, DEMO_SPA, DEMO_WEB, PASSWORD, REDIRECT_URI, Tokens,
};
use countersign_tests::server::{Server, Site, free_port};

/// What a browser brings after a client has pushed a request.
fn push(server: &Server<'_>, client: Client) -> String {
    let fields = [
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid offline_access"),
        ("state", "a state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let answer = server.send(&client.form("/par", &fields));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["expires_in"], 60);
    let brought = [("client_id", client.id), ("request_uri", &*answer.member("request_uri"))];
    format!("/authorize?{}", encode(&brought))
}

/// Signs in, up to the question whether the client may have access.
fn asked(browser: &mut Browser, target: &str) -> Form {
    let mut answer = browser.visit(target);
    loop {
        if let Some(location) = answer.header("location").map(str::to_owned) {
            answer = browser.visit(&location);
            continue;
        }
        let page = answer.text();
        let mut forms = forms(&page);
        if forms.iter().any(|form| form.asks("decision")) {
            return forms.remove(0);
        }
        let form = forms.iter().find(|form| form.asks("username"));
        let form = form.unwrap_or_else(|| panic!("no form to go on with: {page}"));
        answer = browser.submit(form, &[("username", "alice"), ("password", PASSWORD)]);
    }
}

fn has_code(answer: &Answer) -> bool {
    let location = answer.header("location").unwrap_or_default();
    location.starts_with(REDIRECT_URI) && location.contains("code=")
}

#[test]
fn a_crash_between_the_push_and_the_browser_loses_nothing() {
    let site = Site::new();
    for client in [DEMO_SPA, DEMO_WEB] {
        let server = site.start();
        let target = push(&server, client);
        server.kill();
        let server = site.start();
        let mut browser = Browser::new(server.address());
        let mut answer = browser.authorize(&target, REDIRECT_URI, "alice", PASSWORD);
        assert_eq!(answer["state"], "a state");
        assert_eq!(answer["iss"], site.issuer());
        let code = answer.remove("code").expect("a code");
        let tokens = Tokens::of(&server.send(&client.redeem(&code)));
        assert!(!tokens.id.is_empty() && !tokens.refresh.is_empty());
        let again = browser.visit(&target);
        assert_eq!((again.status, again.header("location")), (400, None), "{}", again.text());
        server.stop();
    }
}

#[test]
fn of_sixteen_that_agree_at_once_over_two_servers_one_gets_a_code() {
    let site = Site::of_serve("");
    let (first, second) =
        (site.start(), site.start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))));
    let target = push(&first, DEMO_WEB);
    let mut browsers: Vec<(Browser, Form)> = (0..16)
        .map(|place| {
            let node = if place % 2 == 0 { &first } else { &second };
            let mut browser = Browser::new(node.address());
            let form = asked(&mut browser, &target);
            (browser, form)
        })
        .collect();
    let barrier = Barrier::new(browsers.len());
    let answers: Vec<Answer> = thread::scope(|scope| {
        let threads: Vec<_> = browsers
            .iter_mut()
            .map(|(browser, form)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    browser.submit(form, &[("decision", "allow")])
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let (codes, others): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| has_code(answer));
    assert_eq!((codes.len(), others.len()), (1, 15));
    for other in others {
        assert_eq!((other.status, other.header("location")), (400, None), "{}", other.text());
    }
    second.stop();
    first.stop();
}
