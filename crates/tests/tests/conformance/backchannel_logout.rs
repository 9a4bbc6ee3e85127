//! oidcc-backchannel-rp-initiated-logout-certification-test-plan.

use std::sync::LazyLock;

use countersign_jose::{Algorithm, LogoutToken, Policy};
use countersign_tests::client_site::ClientSite;
use countersign_tests::shared::Shared;
use serde_json::json;

use super::config::document;
use super::flow::{now, published_keys};
use super::party::{Party, SIGNED_OUT_URI, carol};
use super::rp_initiated_logout::Leaving;

static SITE: LazyLock<ClientSite> = LazyLock::new(ClientSite::open);

fn told() -> Party {
    let uri = SITE.url("/backchannel_logout");
    Party::new("told", &format!("backchannel_logout_uri = {uri:?}"))
}

static SERVER: Shared = Shared::new(|| told().declaration() + &carol());

#[test]
fn backchannel_logout_discovery_endpoint_verification() {
    document(|document, _| {
        assert_eq!(document["end_session_endpoint"], "https://id.example/logout");
        assert_eq!(document["backchannel_logout_supported"], json!(true));
        assert_eq!(document["backchannel_logout_session_supported"], json!(true));
    });
}

#[test]
fn backchannel_rp_initiated_logout() {
    let mut leaving = Leaving::of(&SERVER, told());
    let (hint, state) = (leaving.login.tokens.id.clone(), leaving.state.clone());
    let answer = leaving.visit_with(&hint, SIGNED_OUT_URI);
    leaving.is_back(&answer, Some(&state));

    let notice = SITE.wait_for(|visit| visit.target == "/backchannel_logout");
    let content_type = notice.headers.iter().find(|(name, _)| name == "content-type");
    let content_type = content_type.map(|(_, value)| value.as_str()).unwrap_or_default();
    assert_eq!(
        (notice.method.as_str(), content_type),
        ("POST", "application/x-www-form-urlencoded")
    );
    let fields: Vec<(String, String)> = form_urlencoded::parse(&notice.body).into_owned().collect();
    let [(name, token)] = fields.as_slice() else { panic!("{fields:?}") };
    assert_eq!(name, "logout_token");
    // OpenID Connect Back-Channel Logout 1.0 section 2.6; a nonce would be refused.
    let issuer = leaving.flow.server.site.issuer();
    let policy = Policy::<LogoutToken>::logout_token(&issuer, "told", &[Algorithm::ES256]);
    let token =
        policy.expect("a policy").verify(&published_keys(&leaving.flow.server), token, now());
    let token = token.expect("a good logout token").into_inner();
    assert_eq!(token.subject.as_ref(), Some(&leaving.login.id.subject));
    assert!(token.session_id.is_some() && token.session_id == leaving.login.id.session_id);
}
