//! Signing keys that change under load: real verifiers, each with a set of keys of its own, fail no
//! request.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_jose::Timestamp;
use countersign_tests::binary;
use countersign_tests::proxy::{Proxy, Relay};
use countersign_tests::relying_party::{DEMO_SERVICE, Tokens, resource};
use countersign_tests::server::{Server, Site, free_port};
use countersign_verify::Verifier;

const PATIENCE: Duration = Duration::from_secs(15);

#[expect(clippy::disallowed_methods, reason = "a test is a process of its own")]
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Timestamp::from_millis(0).plus(now)
}

async fn verifier(server: &Server<'_>) -> Verifier {
    let verifier = Verifier::discover(&server.site.issuer(), &resource(server)).no_revocations();
    let verifier = verifier.start().expect("well described");
    tokio::time::timeout(PATIENCE, verifier.ready()).await.expect("ready in time");
    verifier
}

fn new_token(server: &Server<'_>) -> String {
    Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(server))).access
}

fn key_of(token: &str) -> String {
    let header = token.split('.').next().unwrap_or_default();
    let header = countersign_jose::base64url::decode(header.as_bytes()).expect("base64url");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a key id").to_owned()
}

/// Lets the next key of the access tokens sign, known to every verifier or not.
fn rotate(server: &Server<'_>) {
    let config = server.site.data().with_file_name(format!("{}.toml", server.address().port()));
    let start = Instant::now();
    loop {
        let mut command = Command::new(binary::path());
        command.args(["key", "rotate", "--alg", "ES256", "--now", "--config"]).arg(&config);
        let output = command.output().expect("the binary starts");
        if output.status.success() {
            return;
        }
        // The key after the next one is still being made.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(start.elapsed() < PATIENCE, "{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_under_load_fails_no_request() {
    let site = Site::of_serve("");
    let server = site.start();
    let old = new_token(&server);
    let mut verifiers = Vec::new();
    for _ in 0..4 {
        verifiers.push(verifier(&server).await);
    }
    let (over, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async |verifier: &Verifier| {
        while !over.load(Ordering::SeqCst) {
            for token in [&old, &new_token(&server)] {
                let outcome = verifier.verify(token, now()).await;
                assert_eq!(outcome.map(drop), Ok(()), "a request failed");
                requests.fetch_add(1, Ordering::SeqCst);
            }
            tokio::task::yield_now().await;
        }
    };
    let change = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        rotate(&server);
        let rotated = Instant::now();
        while key_of(&new_token(&server)) == key_of(&old) {
            assert!(rotated.elapsed() < PATIENCE, "the new key does not sign");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        over.store(true, Ordering::SeqCst);
    };
    let [a, b, c, d] = &verifiers[..] else { panic!("four") };
    tokio::join!(load(a), load(b), load(c), load(d), change);
    let loads: u64 = verifiers.iter().map(|verifier| verifier.metrics().unknown_key_loads).sum();
    println!("{} requests, {loads} loads for a new key", requests.load(Ordering::SeqCst));
    assert!(requests.into_inner() > 40);
    assert!(loads <= 4, "one load for each verifier at the most: {loads}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_reach_the_keys_the_known_ones_serve() {
    let site = Site::of_serve("");
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let server = site.start_at(inside);
    let proxy = Proxy::start(site.address, inside);
    let verifier = verifier(&server).await;
    let good = new_token(&server);
    for relay in [Relay::Cut, Relay::Stall] {
        proxy.tell(relay);
        let since = Instant::now();
        let mut requests = 0;
        while since.elapsed() < Duration::from_millis(1_500) {
            let asked = Instant::now();
            let outcome = verifier.verify(&good, now()).await;
            assert_eq!(outcome.map(drop), Ok(()), "{relay:?}");
            assert!(asked.elapsed() < Duration::from_millis(500), "it waited for the network");
            requests += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(requests > 20);
    }
    assert!(verifier.is_ready());
}
