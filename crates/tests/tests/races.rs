//! Many requests that want the same thing at the same moment.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Connection, Request};
use countersign_tests::relying_party::{
    Client, DEMO_SPA, DEMO_WEB, Tokens, call_api, until_refused,
};
use countersign_tests::server::{Server, Site};

/// Sends the same request `times` times at once, each on a connection that is open already.
fn at_once(server: &Server<'_>, times: usize, request: &Request) -> Vec<Answer> {
    let barrier = Barrier::new(times);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..times)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(server.address()).expect("it listens");
                    barrier.wait();
                    connection.send(request).expect("an answer comes")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// design/rotation.md, property 1 and the rows of its table that HTTP can show.
fn refresh_race(client: Client) {
    let site = Site::new();
    let server = site.start();
    let first = client.log_in(&server, &mut Browser::new(server.address()), "alice");

    let answers = at_once(&server, 64, &client.refresh(&first.refresh));
    let tokens: Vec<Tokens> = answers.iter().map(Tokens::of).collect();
    let successors: BTreeSet<_> = tokens.iter().map(|tokens| &tokens.refresh).collect();
    assert_eq!(successors.len(), 1, "one branch, the same successor for all");
    let access: BTreeSet<_> = tokens.iter().map(|tokens| &tokens.access).collect();
    assert_eq!(access.len(), 64, "an access token for each");
    let second = &tokens[0];
    assert_ne!(second.refresh, first.refresh);

    // The generation moved by one: the common successor is the newest, so it rotates.
    let third = Tokens::of(&server.send(&client.refresh(&second.refresh)));
    assert!(third.refresh != second.refresh && third.refresh != first.refresh);
    for token in [&first.access, &second.access, &third.access] {
        assert_eq!(call_api(&server, token).status, 200, "a renewal ends no access token");
    }

    // Two generations behind is theft, however soon: the whole family goes.
    let reuse = server.send(&client.refresh(&first.refresh));
    assert_eq!((reuse.status, reuse.error().as_deref()), (400, Some("invalid_grant")));
    for token in [&first.access, &second.access, &third.access, &tokens[63].access] {
        until_refused(&server, token);
    }
    for token in [&first.refresh, &second.refresh, &third.refresh] {
        let dead = server.send(&client.refresh(token));
        assert_eq!((dead.status, dead.error().as_deref()), (400, Some("invalid_grant")));
    }

    // Only this family: the same person's next login works.
    let other = client.log_in(&server, &mut Browser::new(server.address()), "alice");
    assert_eq!(call_api(&server, &other.access).status, 200);
    server.stop();
}

#[test]
fn sixty_four_refreshes_of_a_public_client_have_one_successor() {
    refresh_race(DEMO_SPA);
}

#[test]
fn sixty_four_refreshes_of_a_confidential_client_have_one_successor() {
    refresh_race(DEMO_WEB);
}

#[test]
fn a_code_is_redeemed_once() {
    let site = Site::new();
    let server = site.start();
    let code = DEMO_SPA.code(&server, &mut Browser::new(server.address()), "alice");
    let answers = at_once(&server, 16, &DEMO_SPA.redeem(&code));
    assert_eq!(count(&answers, 200), 1, "one winner");
    assert_eq!(count(&answers, 400), 15);
    for answer in &answers {
        // RFC 6749 section 4.1.2: a second use ends what the first one gave.
        if answer.status == 200 {
            until_refused(&server, &Tokens::of(answer).access);
        } else {
            assert_eq!(answer.error().as_deref(), Some("invalid_grant"));
        }
    }
    server.stop();
}

#[test]
fn a_single_use_route_takes_a_token_once() {
    let site = Site::new();
    let server = site.start();
    let tokens = DEMO_SPA.log_in(&server, &mut Browser::new(server.address()), "alice");
    let transfer = Request::new("POST", "/sample/transfer").bearer(&tokens.access);
    let answers = at_once(&server, 32, &transfer);
    assert_eq!(count(&answers, 200), 1, "one winner");
    assert_eq!(count(&answers, 401), 31);
    assert_eq!(call_api(&server, &tokens.access).status, 200, "other routes still take it");
    server.stop();
}

#[test]
fn no_token_survives_a_revocation_that_races_with_refreshes() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let logins: Vec<Tokens> =
        (0..8).map(|_| DEMO_WEB.log_in(&server, &mut browser, "alice")).collect();
    thread::scope(|scope| {
        for (index, first) in (0_u64..).zip(&logins) {
            let server = &server;
            let chain = scope.spawn(move || chain(server, first));
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(20 + index * 7));
                // The token of the first login, by now some generations old, names the grant.
                assert_eq!(server.send(&DEMO_WEB.revoke(&first.refresh)).status, 200);
                let received = chain.join().expect("no panic");
                assert!(!received.is_empty(), "the race never began");
                for tokens in received.iter().rev().take(20) {
                    until_refused(server, &tokens.access);
                    assert_eq!(server.send(&DEMO_WEB.refresh(&tokens.refresh)).status, 400);
                }
            });
        }
    });
    server.stop();
}

/// Refreshes until the server refuses, and gives all tokens that came.
fn chain(server: &Server<'_>, first: &Tokens) -> Vec<Tokens> {
    let mut connection = Connection::open(server.address()).expect("it listens");
    let mut received = Vec::new();
    let mut token = first.refresh.clone();
    for _ in 0..5000 {
        let answer = connection.send(&DEMO_WEB.refresh(&token)).expect("it answers");
        if answer.status != 200 {
            assert_eq!(answer.error().as_deref(), Some("invalid_grant"));
            return received;
        }
        let tokens = Tokens::of(&answer);
        token.clone_from(&tokens.refresh);
        received.push(tokens);
    }
    panic!("the revocation never came");
}
