//! A real server and real verifiers, with a connection between them that misbehaves: no revoked
//! token is accepted past the bound.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_jose::Timestamp;
use countersign_tests::browser::Browser;
use countersign_tests::proxy::{Proxy, Relay};
use countersign_tests::relying_party::{DEMO_SERVICE, DEMO_WEB, Tokens, resource};
use countersign_tests::server::{Server, Site, free_port};
use countersign_verify::{Error, Verifier};
use tokio::time::sleep;

/// The verifiers' `max_staleness`.
const BOUND: Duration = Duration::from_secs(3);
/// What a busy machine may take to notice; without the bound it would be minutes.
const SLACK: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(15);

#[expect(clippy::disallowed_methods, reason = "a test is a process of its own")]
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Timestamp::from_millis(0).plus(now)
}

fn refusal(verifier: &Verifier, token: &str) -> Option<Error> {
    verifier.verify_now(token, now()).err()
}

async fn verifier(server: &Server<'_>) -> Verifier {
    verifier_within(server, BOUND).await
}

async fn verifier_within(server: &Server<'_>, bound: Duration) -> Verifier {
    let secret = DEMO_SERVICE.secret.expect("it is confidential");
    let verifier = Verifier::discover(&server.site.issuer(), &resource(server))
        .revocations(DEMO_SERVICE.id, secret)
        .max_staleness(bound)
        .start()
        .expect("well described");
    tokio::time::timeout(PATIENCE, verifier.ready()).await.expect("ready in time");
    verifier
}

/// Waits until something holds.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never came true: {what}");
        sleep(Duration::from_millis(1)).await;
    }
}

fn log_in(server: &Server<'_>, count: usize) -> Vec<Tokens> {
    // The browser goes where the issuer is, and so through what stands there.
    let mut browser = Browser::new(server.site.address);
    (0..count).map(|_| DEMO_WEB.log_in(server, &mut browser, "alice")).collect()
}

fn revoke(server: &Server<'_>, tokens: &Tokens) -> Instant {
    let answer = server.send(&DEMO_WEB.revoke(&tokens.refresh));
    assert_eq!(answer.status, 200, "{}", answer.text());
    Instant::now()
}

/// A server behind a relay, and a verifier that knows it only through the relay.
async fn bounded(misbehave: impl AsyncFnOnce(&Proxy)) {
    let site = Site::of_serve("");
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let server = site.start_at(inside);
    let proxy = Proxy::start(site.address, inside);
    let verifier = verifier(&server).await;
    let [revoked, good] = log_in(&server, 2).try_into().expect("two");
    for token in [&revoked.access, &good.access] {
        eventually("it is accepted", || refusal(&verifier, token).is_none()).await;
    }
    misbehave(&proxy).await;
    let answered = revoke(&server, &revoked);
    let mut accepted = answered;
    while answered.elapsed() < BOUND + Duration::from_secs(3) {
        if refusal(&verifier, &revoked.access).is_none() {
            accepted = Instant::now();
        }
        sleep(Duration::from_millis(2)).await;
    }
    let after = accepted - answered;
    println!("accepted for {after:?} after the answer to the revocation");
    assert!(after <= BOUND + SLACK, "accepted {after:?} after the answer to the revocation");
    proxy.tell(Relay::Pass);
    eventually("it is current again", || refusal(&verifier, &good.access).is_none()).await;
    assert_eq!(refusal(&verifier, &revoked.access), Some(Error::Revoked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_feed() {
    bounded(async |proxy| proxy.tell(Relay::Cut)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection() {
    bounded(async |proxy| proxy.tell(Relay::Stall)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_few_bytes_a_second() {
    bounded(async |proxy| proxy.tell(Relay::Slow(30))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_comes_late() {
    bounded(async |proxy| proxy.tell(Relay::Late(Duration::from_millis(1_500)))).await;
}

/// Later and later, but never silent: what someone on the way could do who fears a revocation.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_held_back_more_and_more() {
    bounded(async |proxy| {
        for step in 1..=60 {
            proxy.tell(Relay::Late(Duration::from_millis(100) * step));
            sleep(Duration::from_millis(170)).await;
        }
    })
    .await;
}

/// design/revocation.md, property 1: everyone who is connected refuses what was revoked; and with
/// the barrier no later than the answer comes. How many milliseconds it takes is measured by the
/// benchmark, on a machine that has nothing else to do.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_verifiers_each_refuses_what_was_revoked() {
    const VERIFIERS: usize = 100;
    let site = Site::of_serve("");
    let server = site.start();
    // So patient that none refuses a token for any other reason.
    let patient = Duration::from_secs(300);
    let mut verifiers = Vec::new();
    for _ in 0..VERIFIERS {
        verifiers.push(verifier_within(&server, patient).await);
    }
    let (mut took, mut settled) = (Vec::new(), 0);
    for (round, tokens) in log_in(&server, 6).iter().enumerate() {
        for verifier in &verifiers {
            assert_eq!(refusal(verifier, &tokens.access), None, "it is accepted before");
        }
        if round % 2 == 0 {
            let answered = revoke(&server, tokens);
            for verifier in &verifiers {
                let refused = || refusal(verifier, &tokens.access) == Some(Error::Revoked);
                eventually("it is refused", refused).await;
                took.push(answered.elapsed());
            }
            continue;
        }
        let fields = [("token", &*tokens.refresh), ("wait", "propagated"), ("wait_ms", "10000")];
        let answer = server.send(&DEMO_WEB.form("/revoke", &fields));
        let after: Vec<_> =
            verifiers.iter().map(|verifier| refusal(verifier, &tokens.access)).collect();
        let said = answer.json();
        let confirmed = said["acknowledged"].as_u64().expect("a number");
        let refused = after.iter().filter(|refusal| **refusal == Some(Error::Revoked)).count();
        assert!(refused as u64 >= confirmed, "{said}, and {refused} refused it");
        if said["outstanding"].as_array().is_some_and(Vec::is_empty) {
            assert_eq!((confirmed, refused), (VERIFIERS as u64, VERIFIERS), "{said}");
            settled += 1;
        }
    }
    took.sort_unstable();
    let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{} refusals: median {median:?}, at most {most:?}", took.len());
    assert!(settled > 0, "nobody confirmed anything within ten seconds");
}

/// design/revocation.md, "A revocation barrier": when the answer says that nobody is outstanding,
/// nobody accepts, from that moment on, however its connection behaves. The verifiers follow one
/// server, and the revocations come through another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_nobody_is_outstanding_nobody_accepts() {
    const ROUNDS: usize = 16;
    let site = Site::of_serve("");
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let server = site.start_at(inside);
    let other = site.start_at((Ipv4Addr::LOCALHOST, free_port()).into());
    let proxy = Proxy::start(site.address, inside);
    let mut verifiers = Vec::new();
    for _ in 0..5 {
        verifiers.push(verifier_within(&server, Duration::from_secs(1)).await);
    }
    let logins = log_in(&server, ROUNDS);
    let (mut accepted, mut settled, mut open) = (0, 0, 0);
    for (round, tokens) in logins.iter().enumerate() {
        let says = || verifiers.iter().map(|verifier| refusal(verifier, &tokens.access));
        accepted += says().filter(Option::is_none).count();
        proxy.tell(match round % 8 {
            0 => Relay::Cut,
            2 => Relay::Stall,
            4 => Relay::Late(Duration::from_millis(300)),
            6 => Relay::Slow(400),
            _ => Relay::Pass,
        });
        let fields = [("token", &*tokens.refresh), ("wait", "propagated"), ("wait_ms", "700")];
        let answer = other.send(&DEMO_WEB.form("/revoke", &fields));
        let after: Vec<_> = says().collect();
        let said = answer.json();
        assert_eq!(answer.status, 200, "{said}");
        if said["outstanding"].as_array().is_some_and(Vec::is_empty) {
            settled += 1;
            assert!(after.iter().all(Option::is_some), "round {round}: {said}, but {after:?}");
        } else {
            open += 1;
        }
        if round % 8 == 7 {
            let everyone = || verifiers.iter().all(Verifier::is_ready);
            eventually("all are current again", everyone).await;
        }
    }
    println!(
        "accepted {accepted} times before; {settled} settled, {open} with someone outstanding"
    );
    assert!(accepted >= 2 * ROUNDS && settled >= ROUNDS / 4, "hardly anything was tried");
}
