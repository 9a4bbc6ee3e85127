//! The device grant from end to end: what the device asks for, what its person sees, what an
//! attacker tries.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use countersign_protocol::device_code::DeviceState;
use countersign_protocol::grant_token::Kind;
use serde_json::Value;

use super::*;
use crate::fixture::{Fixture, body, location};

const CLIENTS: &str = r#"
[[client]]
client_id = "tv"
client_name = "The TV"
client_uri = "https://tv.example/start"
token_endpoint_auth_method = "none"
grant_types = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
resources = ["https://api.example"]
[[client]]
client_id = "box"
client_secret = "a secret of the box"
grant_types = ["urn:ietf:params:oauth:grant-type:device_code"]
"#;
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SECRET: (&str, &str) = ("client_secret", "a secret of the box");

/// A device that has just asked.
struct Device {
    code: String,
    user_code: String,
}

impl Device {
    async fn begin(site: &Fixture) -> Self {
        let form = [("client_id", "tv"), ("scope", "openid profile")];
        let (status, answer) = site.ask("/device_authorization", &form).await;
        assert_eq!(status, 200, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let device = Self { code: text("device_code"), user_code: text("user_code") };
        let page = "http://127.0.0.1:8080/device";
        assert_eq!(text("verification_uri"), page);
        let complete = format!("{page}?user_code={}", device.user_code);
        assert_eq!(text("verification_uri_complete"), complete);
        assert_eq!((&answer["expires_in"], &answer["interval"]), (&600.into(), &5.into()));
        device
    }

    async fn poll(&self, site: &Fixture) -> (u16, Value) {
        let form = [("grant_type", GRANT), ("client_id", "tv"), ("device_code", &self.code)];
        site.ask("/token", &form).await
    }

    async fn error(&self, site: &Fixture) -> String {
        let (status, answer) = self.poll(site).await;
        assert_eq!(status, 400, "{answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    async fn answer(&self, site: &Fixture, session: &str, decision: &str) -> Response {
        let form = [("user_code", &*self.user_code), ("decision", decision)];
        site.submit("/device", session, &form).await
    }
}

#[tokio::test]
async fn a_device_gets_a_grant_like_any_other() {
    let site = Fixture::open_with(CLIENTS).await;
    let device = Device::begin(&site).await;
    assert_eq!(device.error(&site).await, "authorization_pending");
    assert_eq!(device.error(&site).await, "slow_down");
    // The person signs in first, and the link's code is not lost on the way.
    let link = format!("/device?user_code={}", device.user_code);
    let answer = site.get(&link, None).await;
    let back = format!("/login?continue=%2Fdevice%3Fuser_code%3D{}", device.user_code);
    assert_eq!(location(&answer), back);
    let session = site.session_of_alice().await;
    let page = body(site.get(&link, Some(&session)).await).await;
    assert!(page.contains(&format!("value=\"{}\"", device.user_code)));
    // However it is typed.
    let typed = device.user_code.to_lowercase().replace('-', " ");
    let answer = site.submit("/device", &session, &[("user_code", &typed)]).await;
    let page = body(answer).await;
    for part in ["The TV", "tv.example", "know who you are", "https://api.example", "deny"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains(&format!("<code>{}</code>", device.user_code)));
    assert_eq!(device.error(&site).await, "slow_down", "a look at the page allows nothing");

    let done = device.answer(&site, &session, "allow").await;
    assert!(body(done).await.contains("The device is connected"));
    let (status, tokens) = device.poll(&site).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["scope"], "openid profile");
    assert!(tokens["id_token"].is_string());
    let access = tokens["access_token"].as_str().unwrap();
    let claims = site.app.verify_access_token(access, process::now()).unwrap().unwrap();
    assert_eq!(claims.subject, site.alice().await.subject);
    assert_eq!(claims.audience, ["https://api.example"]);
    assert_eq!(device.error(&site).await, "invalid_grant", "once");

    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("client_id", "tv"), ("refresh_token", refresh)];
    assert_eq!(site.ask("/token", &form).await.0, 200);
    assert_eq!(site.ask("/revoke", &[("client_id", "tv"), ("token", refresh)]).await.0, 200);
    assert!(site.app.verify_access_token(access, process::now()).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_polls_at_once_one_gets_the_tokens() {
    let site = Arc::new(Fixture::open_with(CLIENTS).await);
    let (device, session) = (Device::begin(&site).await, site.session_of_alice().await);
    device.answer(&site, &session, "allow").await;
    let device = Arc::new(device);
    let mut polls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (site, device) = (Arc::clone(&site), Arc::clone(&device));
        polls.spawn(async move { device.poll(&site).await });
    }
    let answers = polls.join_all().await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == 200);
    assert_eq!((good.len(), bad.len()), (1, 19));
    assert!(bad.iter().all(|(_, answer)| answer["error"] == "invalid_grant"), "{bad:?}");
}

#[tokio::test]
async fn a_no_is_told_and_stays_no() {
    let site = Fixture::open_with(CLIENTS).await;
    let (device, session) = (Device::begin(&site).await, site.session_of_alice().await);
    let done = device.answer(&site, &session, "deny").await;
    assert!(body(done).await.contains("Access was denied"));
    let late = device.answer(&site, &session, "allow").await;
    assert_eq!(late.status(), StatusCode::BAD_REQUEST);
    assert_eq!(device.error(&site).await, "access_denied");
}

#[tokio::test]
async fn what_the_person_takes_back_before_the_device_comes_is_gone() {
    let site = Fixture::open_with(CLIENTS).await;
    let session = site.session_of_alice().await;
    let device = Device::begin(&site).await;
    device.answer(&site, &session, "allow").await;
    let everywhere = site.submit("/account/sign-out-everywhere", &session, &[]).await;
    assert_eq!(location(&everywhere), "/login");
    assert_eq!(device.error(&site).await, "access_denied");

    // The session ended while the answer was on its way.
    let (device, session) = (Device::begin(&site).await, site.session_of_alice().await);
    let mut headers = HeaderMap::new();
    headers.insert("cookie", format!("countersign={session}").parse().unwrap());
    let signed_in = sign_in::current(&site.app, &headers).await.unwrap().unwrap();
    site.submit("/account/sign-out-everywhere", &session, &[]).await;
    let code = UserCode::parse(&device.user_code).unwrap();
    let request = site.app.store().device(&code).await.unwrap().unwrap();
    let answer = allow(&site.app, &request, &signed_in).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert_eq!(device.error(&site).await, "access_denied");
}

#[tokio::test]
async fn nothing_is_allowed_without_the_persons_own_form() {
    let site = Fixture::open_with(CLIENTS).await;
    let (device, session) = (Device::begin(&site).await, site.session_of_alice().await);
    let link = format!("/device?user_code={}&decision=allow", device.user_code);
    let page = body(site.get(&link, Some(&session)).await).await;
    assert!(page.contains("Go on"), "a link asks for the code and no more");
    let forged = Request::post("/device")
        .header(header::COOKIE, format!("countersign={session}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("user_code={}&decision=allow&csrf=AAAA", device.user_code).into());
    assert_eq!(site.send(forged.unwrap()).await.status(), StatusCode::FORBIDDEN);
    let answer = device.answer(&site, "a visit", "allow").await;
    assert!(location(&answer).starts_with("/login?continue=%2Fdevice"), "{}", location(&answer));
    let code = UserCode::parse(&device.user_code).unwrap();
    let request = site.app.store().device(&code).await.unwrap().unwrap();
    assert_eq!(request.state, DeviceState::Waiting);
}

/// A guesser would have to type billions of codes, and gets five in a row.
#[tokio::test]
async fn who_guesses_codes_has_to_wait() {
    let site = Fixture::open_with(CLIENTS).await;
    let (device, session) = (Device::begin(&site).await, site.session_of_alice().await);
    let look = async |code: &str| site.submit("/device", &session, &[("user_code", code)]).await;
    for junk in ["", "hello", "WDJB-MJH1"].repeat(4) {
        assert_eq!(look(junk).await.status(), StatusCode::BAD_REQUEST, "a slip costs nothing");
    }
    for _ in 0..4 {
        assert_eq!(look("BBBB-BBBB").await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(look(&device.user_code).await.status(), StatusCode::OK);
    }
    assert_eq!(look("BBBB-BBBB").await.status(), StatusCode::BAD_REQUEST);
    for code in ["BBBB-BBBB", &device.user_code] {
        let answer = look(code).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "good ones forgive nothing");
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
    }
}

#[tokio::test]
async fn each_client_has_its_own_codes() {
    let site = Fixture::open_with(CLIENTS).await;
    let (device, session) = (Device::begin(&site).await, site.session_of_alice().await);
    device.answer(&site, &session, "allow").await;
    let ask = async |more: &[(&str, &str)], code: &str| {
        let mut form = vec![("grant_type", GRANT), ("device_code", code)];
        form.extend(more);
        let (status, answer) = site.ask("/token", &form).await;
        (status, answer["error"].as_str().unwrap_or_default().to_owned())
    };
    let of_box = [("client_id", "box"), SECRET];
    let error = |status: u16, word: &str| (status, word.to_owned());
    assert_eq!(ask(&of_box, &device.code).await, error(400, "invalid_grant"));
    assert_eq!(ask(&of_box[..1], &device.code).await, error(401, "invalid_client"));
    let web = [("client_id", "web"), ("client_secret", "a secret of the web client")];
    assert_eq!(ask(&web, &device.code).await, error(400, "unauthorized_client"));
    let tv = [("client_id", "tv")];
    for junk in ["csd_AAAA", &device.code.replacen("csd_", "csc_", 1), &device.code[..40]] {
        assert_eq!(ask(&tv, junk).await, error(400, "invalid_grant"), "{junk}");
    }
    assert_eq!(ask(&tv, "").await, error(400, "invalid_request"));
    // Made by this server, but of a request that nobody remembers.
    let id = countersign_protocol::grant::GrantId::new(process::now(), &process::SystemRandom);
    let forgotten = site.app.keys.load().grant_tokens.issue(Kind::Device, id, 0, process::now());
    assert_eq!(ask(&tv, &forgotten).await, error(400, "expired_token"));
    assert_eq!(ask(&tv, &device.code).await.0, 200, "none of that has spoiled it");
}

#[tokio::test]
async fn only_registered_clients_begin_and_only_within_their_registration() {
    let site = Fixture::open_with(CLIENTS).await;
    let begin = async |form: &[(&str, &str)]| {
        let (status, answer) = site.ask("/device_authorization", form).await;
        (status, answer["error"].as_str().unwrap_or_default().to_owned())
    };
    let error = |status: u16, word: &str| (status, word.to_owned());
    assert_eq!(begin(&[("client_id", "spa")]).await, error(400, "unauthorized_client"));
    assert_eq!(begin(&[("client_id", "nobody")]).await, error(401, "invalid_client"));
    assert_eq!(begin(&[("client_id", "box")]).await, error(401, "invalid_client"));
    let tv = |more| [("client_id", "tv"), more];
    assert_eq!(begin(&tv(("scope", "admin"))).await, error(400, "invalid_scope"));
    let elsewhere = tv(("resource", "https://other.example"));
    assert_eq!(begin(&elsewhere).await, error(400, "invalid_target"));
    // Strangers can pose as the TV, but not without end.
    for _ in 0..100 {
        assert_eq!(begin(&[("client_id", "tv")]).await.0, 200);
    }
    assert_eq!(begin(&[("client_id", "tv")]).await, error(503, "temporarily_unavailable"));
    assert_eq!(begin(&[("client_id", "box"), SECRET]).await.0, 200, "and only as the TV");
    let later = process::now().plus(Duration::from_secs(601));
    site.app.store().sweep(site.app.lifetimes.clone(), later).await.unwrap();
    assert_eq!(begin(&[("client_id", "tv")]).await.0, 200);
}

/// What is not shown to the person is refused, not forgotten.
#[tokio::test]
async fn a_device_that_asks_for_details_is_told_that_it_gets_none() {
    let site = Fixture::open_with(CLIENTS).await;
    let details = ("authorization_details", r#"[{"type":"payment"}]"#);
    let form = [("client_id", "tv"), ("scope", "openid"), details];
    let (status, answer) = site.ask("/device_authorization", &form).await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_authorization_details".into()));
    let device = Device::begin(&site).await;
    let form =
        [("grant_type", GRANT), ("client_id", "tv"), ("device_code", &*device.code), details];
    let (status, answer) = site.ask("/token", &form).await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_authorization_details".into()));
    assert_eq!(device.error(&site).await, "authorization_pending", "nothing was changed");
}

/// A name and a home page are what a client says of itself: only an operator's word, or where its
/// document lies, tells whose it is.
#[test]
fn a_home_page_that_a_client_claims_is_not_shown_as_its_own() {
    let mut client = Client::new("tv");
    client.client_uri = Some("https://bank.example/".to_owned());
    assert_eq!(host_of(&client).as_deref(), Some("bank.example"));
    client.self_registered = true;
    assert_eq!(host_of(&client), None);
    client.client_id = "https://app.example/client.json".to_owned();
    assert_eq!(host_of(&client).as_deref(), Some("app.example"));
}
