//! The modules that the Basic and the Form Post plan share, in the order of the plans.

use std::thread;
use std::time::Duration;

use countersign_tests::http::Request;
use countersign_tests::relying_party::{CHALLENGE, Tokens, VERIFIER};
use countersign_tests::shared::Shared;
use serde_json::{Value, json};

use super::flow::{Ask, Flow, Login, Mode, header, is_refused, now, part, sign};
use super::party::{CAROL, OBJECT_KEY, OBJECT_PATH, Party, SERVER, SITE, carol};

const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];
const ADDRESS: [&str; 1] = ["address"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

/// A browser in which nobody is signed in, and the client that most modules are about.
fn flow(mode: Mode) -> Flow {
    Flow::new(SERVER.server(), Party::first(), mode)
}

/// The same person, in the second of two logins of one browser.
fn is_same_person(first: &Login, second: &Login) {
    assert_eq!(first.id.subject, second.id.subject);
    assert_ne!(first.tokens.id, second.tokens.id, "an id token of its own");
}

/// Logs in again without being asked anything.
fn is_waved_through(flow: &mut Flow, first: &Login, ask: &Ask) {
    let second = flow.log_in(ask);
    assert_eq!(second.asked, [""; 0], "without a question");
    is_same_person(first, &second);
    assert_eq!(first.id.auth_time, second.id.auth_time, "the same sign-in");
}

/// Logs in, and again after this long, when the password is asked for once more.
fn is_asked_again(flow: &mut Flow, wait: Duration, ask: &Ask) {
    let first = flow.log_in(&flow.ask());
    thread::sleep(wait);
    let second = flow.log_in(ask);
    assert_eq!(second.asked.first(), Some(&"username"), "the password was asked for");
    is_same_person(&first, &second);
    assert!(second.id.auth_time > first.id.auth_time, "a later sign-in");
    let age = now().as_secs().saturating_sub(second.id.auth_time.expect("it is there"));
    assert!(age < 30, "{age} s old");
}

/// Nothing more is expected than that a parameter does no harm.
fn succeeds_with(mode: Mode, name: &str, value: &str) {
    let mut flow = flow(mode);
    let ask = flow.ask().with(name, value);
    flow.log_in(&ask);
}

pub(super) fn server(mode: Mode) {
    let mut flow = flow(mode);
    let login = flow.log_in(&flow.ask());
    assert_eq!(login.asked.first(), Some(&"username"), "nobody was signed in");
    flow.user_info(&login);
}

pub(super) fn response_type_missing(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask().without("response_type");
    let arrival = flow.arrive(&ask);
    assert_eq!(flow.error(&ask, &arrival), "invalid_request");
}

/// That the header names a published key, and that the signature is that key's, is checked for
/// each id token of these tests.
pub(super) fn idtoken_signature(mode: Mode) {
    for (party, algorithm) in [(Party::first(), "ES256"), (Party::rs256(), "RS256")] {
        let mut flow = Flow::new(SERVER.server(), party, mode);
        let login = flow.log_in(&flow.ask());
        assert_eq!(header(&login.tokens.id)["alg"], algorithm);
    }
}

/// `none` is no algorithm here: it is neither offered nor taken from a registration.
pub(super) fn idtoken_unsigned(mode: Mode) {
    let flow = flow(mode);
    let offered = &flow.metadata()["id_token_signing_alg_values_supported"];
    let offered = offered.as_array().expect("a list");
    assert!(!offered.is_empty() && !offered.contains(&json!("none")), "{offered:?}");
    let fault = super::party::fault_of("id_token_signed_response_alg = \"none\"");
    assert!(fault.contains("algorithm is not supported"), "{fault}");
}

pub(super) fn userinfo_get(mode: Mode) {
    let mut flow = flow(mode);
    let login = flow.log_in(&flow.ask());
    let request = Request::get("/userinfo").bearer(&login.tokens.access);
    flow.user_info_of(&request, &login.id);
}

pub(super) fn userinfo_post_header(mode: Mode) {
    let mut flow = flow(mode);
    let login = flow.log_in(&flow.ask());
    let request = Request::new("POST", "/userinfo").bearer(&login.tokens.access);
    flow.user_info_of(&request, &login.id);
}

pub(super) fn userinfo_post_body(mode: Mode) {
    let mut flow = flow(mode);
    let login = flow.log_in(&flow.ask());
    let request = Request::form("/userinfo", &[("access_token", &login.tokens.access)]);
    flow.user_info_of(&request, &login.id);
}

/// That the id token then has none is checked for each of them.
pub(super) fn ensure_request_without_nonce_succeeds_for_code_flow(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask().without("nonce");
    flow.log_in(&ask);
}

/// A scope releases its claims at `/userinfo`, and no others.
fn releases(mode: Mode, ask: impl FnOnce(Ask) -> Ask, claims: &[&str]) {
    let mut flow = flow(mode);
    let ask = ask(flow.ask());
    let login = flow.log_in(&ask);
    let released = flow.user_info(&login);
    let released = released.as_object().expect("an object");
    let mut found: Vec<&str> = released.keys().map(String::as_str).collect();
    let mut expected = [&["sub"], claims].concat();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for (name, value) in released {
        // OpenID Connect Core section 5.1 says of which kind each is.
        let right = match name.as_str() {
            "email_verified" | "phone_number_verified" => value.is_boolean(),
            "updated_at" => value.is_u64(),
            "address" => value.as_object().is_some_and(|parts| !parts.is_empty()),
            _ => value.as_str().is_some_and(|text| !text.is_empty()),
        };
        assert!(right, "{name}: {value}");
    }
}

pub(super) fn scope_profile(mode: Mode) {
    releases(mode, |ask| ask.with("scope", "openid profile"), &PROFILE);
}

pub(super) fn scope_email(mode: Mode) {
    releases(mode, |ask| ask.with("scope", "openid email"), &EMAIL);
}

pub(super) fn scope_address(mode: Mode) {
    releases(mode, |ask| ask.with("scope", "openid address"), &ADDRESS);
}

pub(super) fn scope_phone(mode: Mode) {
    releases(mode, |ask| ask.with("scope", "openid phone"), &PHONE);
}

pub(super) fn scope_all(mode: Mode) {
    let all = [&PROFILE[..], &EMAIL, &ADDRESS, &PHONE].concat();
    releases(mode, |ask| ask.with("scope", "openid email phone address profile"), &all);
}

/// Neither the words of a scope nor the parameters have an order.
pub(super) fn alternate_happy_flow(mode: Mode) {
    releases(mode, |ask| ask.with("scope", "email openid").reversed(), &EMAIL);
}

pub(super) fn display_page(mode: Mode) {
    succeeds_with(mode, "display", "page");
}

pub(super) fn display_popup(mode: Mode) {
    succeeds_with(mode, "display", "popup");
}

pub(super) fn prompt_login(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask().with("prompt", "login");
    is_asked_again(&mut flow, Duration::from_millis(1_100), &ask);
}

pub(super) fn prompt_none_not_logged_in(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask().with("prompt", "none");
    let arrival = flow.arrive(&ask);
    assert_eq!(flow.error(&ask, &arrival), "login_required");
    assert_eq!(arrival.asked, [""; 0], "without a question");
}

pub(super) fn prompt_none_logged_in(mode: Mode) {
    let mut flow = flow(mode);
    let first = flow.log_in(&flow.ask());
    let ask = flow.ask().with("prompt", "none");
    is_waved_through(&mut flow, &first, &ask);
}

pub(super) fn max_age_1(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask().with("max_age", "1");
    is_asked_again(&mut flow, Duration::from_millis(2_100), &ask);
}

pub(super) fn max_age_10000(mode: Mode) {
    let mut flow = flow(mode);
    let first = flow.log_in(&flow.ask());
    let ask = flow.ask().with("max_age", "10000");
    is_waved_through(&mut flow, &first, &ask);
}

pub(super) fn ensure_request_with_unknown_parameter_succeeds(mode: Mode) {
    succeeds_with(mode, "extra", "foobar");
}

pub(super) fn id_token_hint(mode: Mode) {
    let mut flow = flow(mode);
    let first = flow.log_in(&flow.ask());
    let ask = flow.ask().with("prompt", "none").with("id_token_hint", &first.tokens.id);
    is_waved_through(&mut flow, &first, &ask);
}

pub(super) fn login_hint(mode: Mode) {
    succeeds_with(mode, "login_hint", CAROL.username);
}

pub(super) fn ui_locales(mode: Mode) {
    succeeds_with(mode, "ui_locales", "se");
}

pub(super) fn claims_locales(mode: Mode) {
    succeeds_with(mode, "claims_locales", "se");
}

pub(super) fn ensure_request_with_acr_values_succeeds(mode: Mode) {
    succeeds_with(mode, "acr_values", "1 2");
}

pub(super) fn codereuse(mode: Mode) {
    let mut flow = flow(mode);
    let login = flow.log_in(&flow.ask());
    is_refused(&flow.redeem(&login.code, &[]), "invalid_grant");
}

/// Six times as fast as in the suite: codes live for 10 seconds, and 5 pass before the second use.
static QUICK: Shared = Shared::new(|| {
    "[tokens]\ncode_s = 10\n[refresh]\nretry_window_s = 1\n".to_owned()
        + &Party::first().declaration()
        + &carol()
});

pub(super) fn codereuse_30seconds(mode: Mode) {
    let mut flow = Flow::new(QUICK.server(), Party::first(), mode);
    let login = flow.log_in(&flow.ask());
    flow.user_info(&login);
    thread::sleep(Duration::from_secs(5));
    is_refused(&flow.redeem(&login.code, &[]), "invalid_grant");
    let Tokens { access, refresh, .. } = &login.tokens;
    let refused = flow.server.send(&Request::get("/userinfo").bearer(access));
    assert_eq!((refused.status, refused.error().as_deref()), (401, Some("invalid_token")));
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    is_refused(&flow.server.send(&flow.party.form("/token", &fields)), "invalid_grant");
}

/// A page that leads nowhere.
pub(super) fn ensure_registered_redirect_uri(mode: Mode) {
    let mut flow = flow(mode);
    let wrong = "https://rp.example/callback/other";
    let ask = flow.ask().with("redirect_uri", wrong);
    let path = flow.path(&ask);
    let answer = flow.browser.visit(&path);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.header("location").is_none() && !answer.text().contains(wrong));
    assert!(answer.text().contains("redirect_uri is not registered"), "{}", answer.text());
}

pub(super) fn ensure_post_request_succeeds(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask();
    let arrival = flow.arrive_by_post(&ask);
    flow.finish(&ask, &arrival, &[]);
}

pub(super) fn server_client_secret_post(mode: Mode) {
    let mut flow = Flow::new(SERVER.server(), Party::posting(), mode);
    let login = flow.log_in(&flow.ask());
    flow.user_info(&login);
}

/// A request object without a signature, with these claims.
fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", part(&json!({ "alg": "none" })), part(claims))
}

/// A client that may send request objects. Nobody is promised that unsigned ones are taken.
fn flow_with_objects(mode: Mode) -> Flow {
    let flow = Flow::new(SERVER.server(), Party::signing(), mode);
    let offered = &flow.metadata()["request_object_signing_alg_values_supported"];
    let offered = offered.as_array().expect("a list");
    assert!(!offered.is_empty() && !offered.contains(&json!("none")), "{offered:?}");
    flow
}

/// The claims of a request object for this request.
fn claims_of(flow: &Flow, ask: &Ask) -> Value {
    let mut claims = json!({ "iss": flow.party.id, "aud": flow.server.site.issuer() });
    for (name, value) in ask.fields() {
        claims[name] = json!(value);
    }
    claims
}

/// Rejected: what is signed by nobody could have been written by anybody.
pub(super) fn request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(mode: Mode) {
    let mut flow = flow_with_objects(mode);
    let ask = flow.ask();
    let object = unsigned(&claims_of(&flow, &ask));
    SITE.publish(OBJECT_PATH, "application/oauth-authz-req+jwt", object.as_bytes());
    let ask = ask.with("request_uri", &SITE.url(OBJECT_PATH));
    let arrival = flow.arrive(&ask);
    assert_eq!(flow.error(&ask, &arrival), "invalid_request_object");
}

/// Rejected, as above.
pub(super) fn unsigned_request_object_supported_correctly_or_rejected_as_unsupported(mode: Mode) {
    let mut flow = flow_with_objects(mode);
    let ask = flow.ask();
    let ask = ask.clone().with("request", &unsigned(&claims_of(&flow, &ask)));
    let arrival = flow.arrive(&ask);
    assert_eq!(flow.error(&ask, &arrival), "invalid_request_object");
}

pub(super) fn claims_essential(mode: Mode) {
    let mut flow = flow(mode);
    let claims = json!({"userinfo": {"name": {"essential": true}}}).to_string();
    let ask = flow.ask().with("claims", &claims);
    let login = flow.log_in(&ask);
    assert_eq!(flow.user_info(&login)["name"], "Carol Example");
    assert!(!login.id.extra.contains_key("name"), "it was not asked for there: {:?}", login.id);
}

/// The module's request object is unsigned, and refused. In a signed one the address counts, and
/// the one outside, which is not registered, does not.
pub(super) fn ensure_request_object_with_redirect_uri(mode: Mode) {
    let mut flow = flow_with_objects(mode);
    let ask = flow.ask();
    let mut claims = claims_of(&flow, &ask);
    if mode == Mode::FormPost {
        claims["response_mode"] = json!("form_post");
    }
    let with = |object: &str| {
        let ask = ask.clone().with("redirect_uri", "https://rp.example/other");
        ask.with("request", object)
    };
    let path = flow.path(&with(&unsigned(&claims)));
    let answer = flow.browser.visit(&path);
    assert_eq!((answer.status, answer.header("location")), (400, None), "{}", answer.text());

    let key = &*OBJECT_KEY;
    let typ = "oauth-authz-req+jwt";
    let header = json!({ "alg": "ES256", "typ": typ, "kid": key.key_id() });
    let signed = with(&sign(key, &header, &claims));
    let arrival = flow.arrive(&signed);
    flow.finish(&ask, &arrival, &[]);
}

pub(super) fn refresh_token(mode: Mode) {
    let refresh = |flow: &Flow, token: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        flow.server.send(&flow.party.form("/token", &fields))
    };
    let mut flow = flow(mode);
    let login = flow.log_in(&flow.ask());
    let offered = &flow.metadata()["grant_types_supported"];
    assert!(offered.as_array().is_some_and(|names| names.contains(&json!("refresh_token"))));
    // `iat` counts seconds.
    thread::sleep(Duration::from_millis(1_100));
    let tokens = flow.tokens(&refresh(&flow, &login.tokens.refresh));
    assert_ne!(tokens.access, login.tokens.access);
    // OpenID Connect Core section 12.2.
    let id = flow.id_token(&tokens, None);
    assert!(id.issued_at > login.id.issued_at, "a new one");
    assert_eq!(
        (&id.issuer, &id.subject, &id.audience, id.auth_time),
        (&login.id.issuer, &login.id.subject, &login.id.audience, login.id.auth_time)
    );
    flow.user_info_of(&Request::get("/userinfo").bearer(&tokens.access), &id);

    let other = Flow::new(SERVER.server(), Party::second(), mode);
    is_refused(&refresh(&other, &tokens.refresh), "invalid_grant");
    flow.tokens(&refresh(&flow, &tokens.refresh));
}

pub(super) fn ensure_request_with_valid_pkce_succeeds(mode: Mode) {
    let mut flow = flow(mode);
    let ask = flow.ask().with("code_challenge", CHALLENGE).with("code_challenge_method", "S256");
    let arrival = flow.arrive(&ask);
    flow.finish(&ask, &arrival, &[("code_verifier", VERIFIER)]);
}
