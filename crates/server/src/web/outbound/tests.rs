//! Against real servers on loopback addresses, with a resolver that says what a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::Redirect;
use axum::routing::{any, get};
use tokio::net::TcpListener;

use super::resolver::Addresses;
use super::*;
use crate::remote_site::{RemoteSite, certificate};

const HERE: &str = "http://127.0.0.1:8080";
const ELSEWHERE: &str = "https://id.example.com";

/// Answers the first list to the first question, and so on; the last one for ever.
#[derive(Default)]
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, _name: &'a str) -> Addresses<'a> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        Box::pin(async move { Ok(self.answers[at].clone()) })
    }
}

/// Never answers.
struct Stuck;

impl Resolve for Stuck {
    fn resolve<'a>(&'a self, _name: &'a str) -> Addresses<'a> {
        Box::pin(std::future::pending())
    }
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

fn scripted(issuer: &str, answers: &[&[&str]]) -> (Outbound, Arc<Scripted>) {
    let answers = answers.iter().map(|list| addresses(list)).collect();
    let resolver = Arc::new(Scripted { answers, ..Scripted::default() });
    let outbound = Outbound::new(&OutboundSection::default(), issuer).unwrap();
    (Outbound { resolver: Arc::clone(&resolver) as Arc<dyn Resolve>, ..outbound }, resolver)
}

fn section(allow: &[&str], ca_file: Option<&str>) -> OutboundSection {
    let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
    OutboundSection { allow, ca_file: ca_file.map(certificate) }
}

#[tokio::test]
async fn a_whole_answer_comes_back_and_the_request_tells_nothing() {
    let echo = any(|request: axum::extract::Request| async move {
        let head = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        (StatusCode::IM_A_TEAPOT, format!("{head} {}", String::from_utf8_lossy(&body)))
    });
    let site = RemoteSite::start(Router::new().route("/{*path}", echo)).await;
    let outbound = Outbound::new(&OutboundSection::default(), HERE).unwrap();
    let answer = outbound.get(&site.url("/keys?x=1#part"), 4_096).await.unwrap();
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let host = site.url("").replace("http://", "");
    let agent = USER_AGENT;
    assert_eq!(
        body,
        format!(
            "GET /keys?x=1 {{\"host\": \"{host}\", \"user-agent\": \"{agent}\", \"accept\": \
             \"*/*\", \"connection\": \"close\"}} "
        )
    );
    let (kind, form) = ("application/x-www-form-urlencoded", Bytes::from("a=b"));
    let answer = outbound.post(&site.url("/logout"), kind, form, 4_096).await.unwrap();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(body.starts_with("POST /logout "), "{body}");
    assert!(body.contains(kind) && body.ends_with(" a=b"), "{body}");
}

#[tokio::test]
async fn an_answer_is_bounded_to_the_byte() {
    let exact = get(|| async { "x".repeat(100) });
    let chunked = get(|| async {
        let chunks = std::iter::repeat_n(Ok::<_, Infallible>("x".repeat(50)), 2);
        Body::from_stream(tokio_stream::iter(chunks))
    });
    let routes = Router::new().route("/exact", exact).route("/chunked", chunked);
    let site = RemoteSite::start(routes).await;
    let outbound = Outbound::new(&OutboundSection::default(), HERE).unwrap();
    for path in ["/exact", "/chunked"] {
        let whole = outbound.get(&site.url(path), 100).await.unwrap();
        assert_eq!(whole.body.len(), 100, "{path}");
        let refused = outbound.get(&site.url(path), 99).await.unwrap_err();
        assert_eq!(refused.code(), "outbound_too_long", "{path}: {refused}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let led = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&led);
    let target = get(move || async move { count.fetch_add(1, Ordering::Relaxed).to_string() });
    let routes = Router::new()
        .route("/from", get(|| async { Redirect::temporary("/to") }))
        .route("/to", target);
    let site = RemoteSite::start(routes).await;
    let outbound = Outbound::new(&OutboundSection::default(), HERE).unwrap();
    let answer = outbound.get(&site.url("/from"), 100).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.headers[header::LOCATION], "/to");
    assert_eq!(led.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://rp.example:{port}/keys");
    for inside in [
        &["127.0.0.1"][..],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["::1"],
        &["fd00::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["0.0.0.0"],
        // One good address does not make the other one good.
        &["93.184.216.34", "127.0.0.1"],
        &["127.0.0.1", "93.184.216.34"],
    ] {
        let (outbound, _) = scripted(ELSEWHERE, &[inside]);
        let refused = outbound.get(&url, 100).await.unwrap_err();
        assert_eq!(refused.code(), "outbound_address", "{inside:?}: {refused}");
    }
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"] {
        let outbound = Outbound::new(&OutboundSection::default(), ELSEWHERE).unwrap();
        let refused = outbound.get(&format!("https://{host}:{port}/"), 100).await.unwrap_err();
        assert_eq!(refused.code(), "outbound_address", "{host}: {refused}");
    }
    for host in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "a@127.0.0.1"] {
        let (outbound, resolver) = scripted(ELSEWHERE, &[&["93.184.216.34"]]);
        let refused = outbound.get(&format!("https://{host}:{port}/"), 100).await.unwrap_err();
        assert_eq!(refused.code(), "outbound_url", "{host}: {refused}");
        assert_eq!(resolver.asked.load(Ordering::Relaxed), 0, "{host}");
    }
    let plain = scripted(ELSEWHERE, &[&["127.0.0.1"]]).0;
    let refused = plain.get(&format!("http://127.0.0.1:{port}/"), 100).await.unwrap_err();
    assert_eq!(refused.code(), "outbound_url");
    let nobody_came = timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody_came.is_err());
}

/// The rebinding of a name: the first answer is harmless, every later one is not.
#[tokio::test]
async fn a_name_is_resolved_once_and_that_address_is_connected_to() {
    let here = RemoteSite::start(Router::new().route("/", get(|| async { "here" }))).await;
    let port = here.address().port();
    let there = Router::new().route("/", get(|| async { "there" }));
    let _there = RemoteSite::start_at(SocketAddr::from(([127, 0, 0, 2], port)), there).await;
    let (outbound, resolver) = scripted(HERE, &[&["127.0.0.1"], &["127.0.0.2"]]);
    let url = format!("http://localhost:{port}/");
    assert_eq!(outbound.get(&url, 100).await.unwrap().body, "here");
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 1);
    assert_eq!(outbound.get(&url, 100).await.unwrap().body, "there");
    // And the other way round: what turns bad later is looked at anew each time.
    let (outbound, _) = scripted(HERE, &[&["127.0.0.1"], &["10.0.0.1"]]);
    assert!(outbound.get(&url, 100).await.is_ok());
    assert_eq!(outbound.get(&url, 100).await.unwrap_err().code(), "outbound_address");
    // Plain http was promised to stay on this machine, whatever is allowed.
    let allow = section(&["93.0.0.0/8"], None);
    let (scripted, _) = scripted(HERE, &[&["93.184.216.34"]]);
    let outbound = Outbound { allowed: allow.allow, ..scripted };
    assert_eq!(outbound.get(&url, 100).await.unwrap_err().code(), "outbound_address");
}

#[tokio::test]
async fn https_goes_to_whom_the_certificate_names_and_the_bundle_trusts() {
    let echo = any(|request: axum::extract::Request| async move {
        format!("{} {:?}", request.uri(), request.headers()[header::HOST])
    });
    let server = RemoteSite::start_https(Router::new().route("/keys", echo)).await;
    let port = server.address().port();
    let site = |host: &str| format!("https://{host}:{port}/keys");
    let trusting = |section: OutboundSection| {
        let resolver = Scripted { answers: vec![addresses(&["127.0.0.1"])], ..Default::default() };
        let outbound = Outbound::new(&section, ELSEWHERE).unwrap();
        Outbound { resolver: Arc::new(resolver), ..outbound }
    };
    let outbound = trusting(section(&["127.0.0.0/8"], Some("authority.pem")));
    let answer = outbound.get(&site("rp.example"), 1_024).await.unwrap();
    assert_eq!(answer.body, format!("/keys \"rp.example:{port}\""));
    assert!(outbound.get(&site("127.0.0.1"), 1_024).await.is_ok());
    let misnamed = outbound.get(&site("other.example"), 1_024).await.unwrap_err();
    assert_eq!(misnamed.code(), "outbound_transport", "{misnamed}");
    let unlisted = trusting(section(&["10.0.0.0/8"], Some("authority.pem")));
    let refused = unlisted.get(&site("rp.example"), 1_024).await.unwrap_err();
    assert_eq!(refused.code(), "outbound_address", "{refused}");
    let other = trusting(section(&["127.0.0.0/8"], None));
    assert!(other.get(&site("rp.example"), 1_024).await.is_err(), "the system does not know it");
}

#[test]
fn a_bundle_that_trusts_nobody_is_told_at_the_start() {
    for (file, word) in [("nowhere.pem", "not found"), ("README.md", "no certificate")] {
        let error = Outbound::new(&section(&[], Some(file)), ELSEWHERE).unwrap_err();
        assert!(error.reason.contains(word), "{}", error.reason);
    }
}

#[tokio::test]
async fn nobody_is_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let drip = get(|| async {
        use tokio_stream::StreamExt as _;
        let pause = tokio_stream::pending::<Result<&str, Infallible>>();
        Body::from_stream(tokio_stream::once(Ok("a")).chain(pause))
    });
    let site = RemoteSite::start(Router::new().route("/drip", drip)).await;
    let within = Duration::from_millis(100);
    let quick = || {
        let outbound = Outbound::new(&OutboundSection::default(), HERE).unwrap();
        Outbound { within, ..outbound }
    };
    let silent = format!("http://{}/", silent.local_addr().unwrap());
    let started = Instant::now();
    for (outbound, url) in [
        (quick(), &*silent),
        (quick(), &*site.url("/drip")),
        (Outbound { resolver: Arc::new(Stuck), ..quick() }, "https://rp.example/"),
        (Outbound { turns: Semaphore::new(0), ..quick() }, &*silent),
    ] {
        let late = outbound.get(url, 100).await.unwrap_err();
        assert_eq!(late.code(), "outbound_timed_out", "{url}: {late}");
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn exchanges_at_a_time_are_bounded() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counted, seen) = (Arc::clone(&now), Arc::clone(&most));
    let slow = get(move || async move {
        seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        counted.fetch_sub(1, Ordering::SeqCst);
    });
    let site = RemoteSite::start(Router::new().route("/", slow)).await;
    let outbound = Outbound::new(&OutboundSection::default(), HERE).unwrap();
    let outbound = Arc::new(Outbound { turns: Semaphore::new(2), ..outbound });
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (outbound, url) = (Arc::clone(&outbound), site.url("/"));
        asking.spawn(async move { outbound.get(&url, 100).await.unwrap() });
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}
