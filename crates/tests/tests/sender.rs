//! Tokens that are bound to a key, from the sign-in to the API, and what a thief can do with them.

use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_jose::{Algorithm, DpopProof, SigningKey, jwt};
use countersign_tests::browser::Browser;
use countersign_tests::http::{Answer, Connection, Request};
use countersign_tests::relying_party::{
    DEMO_SPA, DEMO_WEB, PASSWORD, REDIRECT_URI, Tokens, call_api, until_refused,
};
use countersign_tests::server::{Server, Site, free_port};

/// A client's key and the nonce that it was given.
struct Key {
    key: SigningKey,
    nonce: Option<String>,
}

impl Key {
    fn new() -> Self {
        Self { key: SigningKey::generate(Algorithm::ES256).expect("a key"), nonce: None }
    }

    fn thumbprint(&self) -> String {
        self.key.public_jwk().expect("a public half").thumbprint()
    }

    fn proof(&self, method: &str, url: &str, access_token: Option<&str>) -> String {
        let mut name = [0; 16];
        aws_lc_rs::rand::fill(&mut name).expect("randomness");
        let proof = DpopProof {
            token_id: format!("{name:02x?}"),
            method: method.to_owned(),
            url: url.to_owned(),
            issued_at: now(),
            access_token_hash: access_token.map(DpopProof::access_token_hash),
            nonce: self.nonce.clone(),
        };
        proof.sign(&self.key).expect("a proof")
    }

    /// Sends a token request with a proof, once more if the server hands out a nonce.
    fn token(&mut self, server: &Server<'_>, request: &Request) -> Answer {
        let url = format!("{}/token", server.site.issuer());
        for _ in 0..2 {
            let proof = self.proof("POST", &url, None);
            let answer = server.send(&request.clone().header("DPoP", &proof));
            if answer.error().as_deref() != Some("use_dpop_nonce") {
                return answer;
            }
            self.nonce = Some(answer.header("dpop-nonce").expect("a nonce").to_owned());
        }
        panic!("the server does not take its own nonce")
    }

    /// A request to the sample API.
    fn api(&self, server: &Server<'_>, access_token: &str) -> Request {
        let url = format!("{}/sample/me", server.site.issuer());
        let proof = self.proof("GET", &url, Some(access_token));
        Request::get("/sample/me?query=1")
            .header("authorization", &format!("DPoP {access_token}"))
            .header("DPoP", &proof)
    }
}

#[expect(clippy::disallowed_methods, reason = "a client reads its own clock")]
fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.expect("a clock after 1970").as_secs()
}

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status, answer.error().unwrap_or_default())
}

#[test]
fn a_stolen_token_is_worth_nothing_without_its_key() {
    let site = Site::new();
    let server = site.start();
    let (mut owner, mut thief) = (Key::new(), Key::new());
    let path = DEMO_SPA.authorize_path(&server, &[("dpop_jkt", &owner.thumbprint())]);
    let mut browser = Browser::new(server.address());
    let code = browser.authorize(&path, REDIRECT_URI, "alice", PASSWORD);
    let redeem = DEMO_SPA.redeem(&code["code"]);
    // The code was taken on its way.
    let taken = thief.token(&server, &redeem);
    assert_eq!(outcome(&taken), (400, "invalid_grant".to_owned()));
    assert_eq!(outcome(&server.send(&redeem)), (400, "invalid_grant".to_owned()));
    let answer = owner.token(&server, &redeem);
    assert_eq!(answer.member("token_type"), "DPoP");
    let tokens = Tokens::of(&answer);
    let claims = jwt::peek(&tokens.access).expect("a JWT").payload_json().to_owned();
    assert!(claims.contains(&owner.thumbprint()), "{claims}");

    let request = owner.api(&server, &tokens.access);
    assert_eq!(server.send(&request).status, 200);
    for (what, request, error) in [
        ("the same request again", request, "invalid_dpop_proof"),
        ("another key", thief.api(&server, &tokens.access), "invalid_token"),
    ] {
        let refused = server.send(&request);
        assert_eq!(outcome(&refused), (401, error.to_owned()), "{what}");
    }
    let as_bearer = call_api(&server, &tokens.access);
    assert_eq!(outcome(&as_bearer), (401, "invalid_token".to_owned()));
    assert_eq!(server.send(&owner.api(&server, &tokens.access)).status, 200);

    // Neither renews nor ends it.
    let refresh = DEMO_SPA.refresh(&tokens.refresh);
    for _ in 0..3 {
        assert_eq!(outcome(&thief.token(&server, &refresh)), (400, "invalid_grant".to_owned()));
        assert_eq!(outcome(&server.send(&refresh)), (400, "invalid_grant".to_owned()));
    }
    let renewed = Tokens::of(&owner.token(&server, &refresh));
    let again = Tokens::of(&owner.token(&server, &refresh));
    assert_eq!(renewed.refresh, again.refresh, "a lost answer is given again");
    assert_eq!(server.send(&owner.api(&server, &renewed.access)).status, 200);
    // Who has the key can end it, and bound tokens end as others do.
    assert_eq!(server.send(&DEMO_SPA.revoke(&renewed.refresh)).status, 200);
    until_refused(&server, &renewed.access);
}

/// One proof, many times at once, to two processes with one store.
#[test]
fn of_many_requests_with_one_proof_over_two_servers_one_is_answered() {
    let site = Site::of_serve("[dpop]\nnonces = \"off\"\n");
    let first = site.start();
    let second = site.start_at((Ipv4Addr::LOCALHOST, free_port()).into());
    let mut browser = Browser::new(first.address());
    let key = Key::new();
    let mut token = DEMO_WEB.log_in(&first, &mut browser, "alice").refresh;
    let url = format!("{}/token", site.issuer());
    for _ in 0..5 {
        let proof = key.proof("POST", &url, None);
        let request = DEMO_WEB.refresh(&token).header("DPoP", &proof);
        let barrier = Barrier::new(16);
        let answers: Vec<Answer> = thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|place| {
                    let node = [&first, &second][place % 2].address();
                    let (request, barrier) = (&request, &barrier);
                    scope.spawn(move || {
                        let mut connection = Connection::open(node).expect("it listens");
                        barrier.wait();
                        connection.send(request).expect("an answer comes")
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let (good, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1, "one winner");
        for answer in refused {
            assert_eq!(outcome(answer), (400, "invalid_dpop_proof".to_owned()));
        }
        token = Tokens::of(good[0]).refresh;
    }
    first.stop();
    second.stop();
}
