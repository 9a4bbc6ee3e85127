//! oidcc-rp-initiated-logout-certification-test-plan.

use countersign_jose::{Algorithm, SigningKey, jwt};
use countersign_tests::browser::forms;
use countersign_tests::http::{Answer, encode};
use countersign_tests::shared::Shared;
use serde_json::Value;

use super::config::document;
use super::flow::{Flow, Login, Mode, now, random};
use super::party::{Party, SERVER, SIGNED_OUT_URI};

/// A browser with a login, which a client is about to end.
pub(super) struct Leaving {
    pub(super) flow: Flow,
    pub(super) login: Login,
    /// 128 characters and a few that a URL would mangle, as the suite has it.
    pub(super) state: String,
}

impl Leaving {
    fn new() -> Self {
        Self::of(&SERVER, Party::first())
    }

    pub(super) fn of(server: &Shared, party: Party) -> Self {
        let mut flow = Flow::new(server.server(), party, Mode::Query);
        let login = flow.log_in(&flow.ask());
        Self { flow, login, state: format!("{} &=%+~", random().repeat(6)) }
    }

    fn visit(&mut self, fields: &[(&str, &str)]) -> Answer {
        let query = encode(fields);
        let joint = if query.is_empty() { "" } else { "?" };
        self.flow.browser.visit(&format!("/logout{joint}{query}"))
    }

    /// With the three parameters of the suite.
    pub(super) fn visit_with(&mut self, hint: &str, uri: &str) -> Answer {
        let state = self.state.clone();
        self.visit(&[("id_token_hint", hint), ("post_logout_redirect_uri", uri), ("state", &state)])
    }

    /// The client's address, with the state and nothing else.
    pub(super) fn is_back(&mut self, answer: &Answer, state: Option<&str>) {
        self.is_back_at(answer.header("location").unwrap_or_default(), state);
    }

    /// The same, where another page leads there.
    pub(super) fn is_back_at(&mut self, location: &str, state: Option<&str>) {
        let rest = location.strip_prefix(SIGNED_OUT_URI).unwrap_or_else(|| panic!("{location}"));
        let query = rest.trim_start_matches('?').as_bytes();
        let fields: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
        let expected = state.map(|state| ("state".to_owned(), state.to_owned()));
        assert_eq!(fields, Vec::from_iter(expected));
        self.is_signed_out();
    }

    /// A page that asks whether to sign out. The answer is yes, and leads to another page.
    fn is_asked(&mut self, answer: &Answer) {
        assert_eq!((answer.status, answer.header("location")), (200, None), "{answer:?}");
        self.is_still_signed_in();
        let forms = forms(&answer.text());
        let form = forms.iter().find(|form| form.action == "/logout").expect("a form");
        let done = self.flow.browser.submit(form, &[]);
        self.is_told(&done);
    }

    /// A page that says that the person is signed out, which is true, and that leads nowhere.
    fn is_told(&mut self, answer: &Answer) {
        assert_eq!((answer.status, answer.header("location")), (200, None), "{answer:?}");
        assert!(answer.text().contains("You are signed out"), "{}", answer.text());
        self.is_signed_out();
    }

    fn asks_quietly(&mut self) -> Option<String> {
        let ask = self.flow.ask().with("prompt", "none");
        let arrival = self.flow.arrive(&ask);
        if arrival.fields.contains_key("code") {
            self.flow.code(&ask, &arrival);
            return None;
        }
        Some(self.flow.error(&ask, &arrival))
    }

    fn is_still_signed_in(&mut self) {
        assert_eq!(self.asks_quietly(), None);
    }

    fn is_signed_out(&mut self) {
        assert_eq!(self.asks_quietly().as_deref(), Some("login_required"));
    }
}

#[test]
fn rp_initiated_logout_discovery_endpoint_verification() {
    document(|document, _| {
        assert_eq!(document["end_session_endpoint"], "https://id.example/logout");
    });
}

#[test]
fn rp_initiated_logout() {
    let mut leaving = Leaving::new();
    leaving.is_still_signed_in();
    let (hint, state) = (leaving.login.tokens.id.clone(), leaving.state.clone());
    let answer = leaving.visit_with(&hint, SIGNED_OUT_URI);
    leaving.is_back(&answer, Some(&state));
}

#[test]
fn rp_initiated_logout_bad_post_logout_redirect_uri() {
    let mut leaving = Leaving::new();
    let hint = leaving.login.tokens.id.clone();
    let answer = leaving.visit_with(&hint, "https://rp.example/elsewhere");
    leaving.is_asked(&answer);
}

#[test]
fn rp_initiated_logout_modified_id_token_hint() {
    let mut leaving = Leaving::new();
    let payload = leaving.login.tokens.id.split('.').nth(1).expect("a payload");
    let header = base64_simd::URL_SAFE_NO_PAD.encode_to_string(br#"{"alg":"none"}"#);
    let hint = format!("{header}.{payload}.");
    let answer = leaving.visit_with(&hint, SIGNED_OUT_URI);
    leaving.is_asked(&answer);
}

#[test]
fn rp_initiated_logout_no_id_token_hint() {
    let mut leaving = Leaving::new();
    let state = leaving.state.clone();
    let answer = leaving.visit(&[("post_logout_redirect_uri", SIGNED_OUT_URI), ("state", &state)]);
    leaving.is_asked(&answer);
}

#[test]
fn rp_initiated_logout_no_params() {
    let mut leaving = Leaving::new();
    let answer = leaving.visit(&[]);
    leaving.is_asked(&answer);
}

#[test]
fn rp_initiated_logout_no_post_logout_redirect_uri() {
    let mut leaving = Leaving::new();
    let (hint, state) = (leaving.login.tokens.id.clone(), leaving.state.clone());
    let answer = leaving.visit(&[("id_token_hint", &hint), ("state", &state)]);
    leaving.is_told(&answer);
}

#[test]
fn rp_initiated_logout_no_state() {
    let mut leaving = Leaving::new();
    let hint = leaving.login.tokens.id.clone();
    let fields = [("id_token_hint", &*hint), ("post_logout_redirect_uri", SIGNED_OUT_URI)];
    let answer = leaving.visit(&fields);
    leaving.is_back(&answer, None);
}

#[test]
fn rp_initiated_logout_only_state() {
    let mut leaving = Leaving::new();
    let state = leaving.state.clone();
    let answer = leaving.visit(&[("state", &state)]);
    leaving.is_asked(&answer);
}

#[test]
fn rp_initiated_logout_query_added_to_post_logout_redirect_uri() {
    let mut leaving = Leaving::new();
    let hint = leaving.login.tokens.id.clone();
    let answer = leaving.visit_with(&hint, &format!("{SIGNED_OUT_URI}?foo=bar"));
    leaving.is_asked(&answer);
}

/// Everything in it is right but the key.
#[test]
fn rp_initiated_logout_bad_id_token_hint() {
    let mut leaving = Leaving::new();
    let good = jwt::peek(&leaving.login.tokens.id).expect("a JWT");
    let mut claims: Value = serde_json::from_str(good.payload_json()).expect("JSON");
    claims["iat"] = now().as_secs().into();
    let stranger = SigningKey::generate(Algorithm::ES256).expect("a key");
    let hint = jwt::sign(&stranger, "JWT", &claims).expect("it can be signed");
    let answer = leaving.visit_with(&hint, SIGNED_OUT_URI);
    leaving.is_asked(&answer);
}
