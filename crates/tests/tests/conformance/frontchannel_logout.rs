//! oidcc-frontchannel-rp-initiated-logout-certification-test-plan.

use countersign_tests::browser::attributes;
use countersign_tests::shared::Shared;
use serde_json::json;

use super::config::document;
use super::party::{Party, SIGNED_OUT_URI, carol};
use super::rp_initiated_logout::Leaving;

const FRAME: &str = "https://rp.example/frontchannel_logout";

fn framed() -> Party {
    let more =
        format!("frontchannel_logout_uri = {FRAME:?}\nfrontchannel_logout_session_required = true");
    Party::new("framed", &more)
}

static SERVER: Shared = Shared::new(|| framed().declaration() + &carol());

#[test]
fn frontchannel_logout_discovery_endpoint_verification() {
    document(|document, _| {
        assert_eq!(document["end_session_endpoint"], "https://id.example/logout");
        assert_eq!(document["frontchannel_logout_supported"], json!(true));
        assert_eq!(document["frontchannel_logout_session_supported"], json!(true));
    });
}

/// The page after signing out opens the client's address in a frame, and leads on to where the
/// client wanted the browser.
#[test]
fn frontchannel_rp_initiated_logout() {
    let mut leaving = Leaving::of(&SERVER, framed());
    let (hint, state) = (leaving.login.tokens.id.clone(), leaving.state.clone());
    let answer = leaving.visit_with(&hint, SIGNED_OUT_URI);
    assert_eq!(answer.status, 200);
    let page = answer.text();
    let frames = attributes(&page, "iframe", "src");
    let [frame] = frames.as_slice() else { panic!("{frames:?}") };
    let query = frame.strip_prefix(FRAME).and_then(|rest| rest.strip_prefix('?'));
    let fields = form_urlencoded::parse(query.expect("a query").as_bytes()).into_owned();
    let session = leaving.login.id.session_id.clone().expect("the id token names it");
    let expected = [("iss", leaving.flow.server.site.issuer()), ("sid", session)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(Vec::from_iter(fields), expected);
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let framing = policy.split(';').find(|part| part.trim().starts_with("frame-src"));
    assert!(framing.is_some_and(|part| part.contains("https://rp.example")), "{policy}");
    let onward = attributes(&page, "meta", "content");
    let onward = onward.iter().find_map(|content| content.split_once("url=")).expect("onward");
    leaving.is_back_at(onward.1, Some(&state));
}
