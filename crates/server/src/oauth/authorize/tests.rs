use countersign_jose::{IdToken, jwt};
use countersign_protocol::keyring::DEFAULT_ALGORITHM;

use super::*;
use crate::fixture::{Fixture, PASSWORD, body, location, session_of};

/// Signs alice in and gives the session's secret and where she is led to.
async fn sign_in(site: &Fixture, session: &str, target: &str) -> (String, String) {
    let form = [("username", "alice"), ("password", PASSWORD), ("continue", target)];
    let answer = site.submit("/login", session, &form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", body(answer).await);
    (session_of(&answer), location(&answer).to_owned())
}

/// The place that the sign-in page goes on to.
fn continued(login: &str) -> String {
    let query = login.strip_prefix("/login?").expect("the sign-in page");
    let params = Params::parse(query.as_bytes()).unwrap();
    params.get("continue").expect("a place to go on to").to_owned()
}

#[tokio::test]
async fn a_max_age_of_nothing_asks_for_the_password_once() {
    let site = Fixture::open().await;
    let (session, _) = sign_in(&site, "a visit", "").await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let asked = site.get(&site.authorize(&[("max_age", "0")]), Some(&session)).await;
    let target = continued(location(&asked));
    let (session, next) = sign_in(&site, &session, &target).await;
    assert_eq!(next, target);
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let answer = site.get(&next, Some(&session)).await;
    assert!(location(&answer).starts_with("/consent?"), "{}", location(&answer));
}

#[tokio::test]
async fn a_sign_in_that_ends_meanwhile_gets_no_code() {
    let site = Fixture::open().await;
    let app = &*site.app;
    let (secret, _) = sign_in(&site, "a visit", "").await;
    let request = site.authorize(&[]);
    let query = request.strip_prefix("/authorize?").unwrap();
    let (asked, _) = Asked::read(app, query.as_bytes()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("cookie", format!("countersign={secret}").parse().unwrap());
    let signed_in = sign_in::current(app, &headers).await.unwrap().unwrap();

    let unasked = asked.allow(app, &signed_in, false).await.unwrap();
    assert!(location(&unasked).contains("error=access_denied"), "{}", location(&unasked));
    let agreed = asked.allow(app, &signed_in, true).await.unwrap();
    assert!(location(&agreed).contains("code=csc_"), "{}", location(&agreed));
    app.store().sign_out(signed_in.session.secret_hash, app.moment()).await.unwrap();
    let late = asked.allow(app, &signed_in, true).await.unwrap();
    assert!(location(&late).contains("error=access_denied"), "{}", location(&late));
}

#[tokio::test]
async fn a_hint_at_another_person_gets_no_answer_about_this_one() {
    let site = Fixture::open().await;
    let app = &*site.app;
    let (secret, _) = sign_in(&site, "a visit", "").await;
    let key = app.signing_key(DEFAULT_ALGORITHM).await.unwrap();
    let hint_at = |subject: &str| {
        let issuing = app.issuing(process::now());
        let claims = issuing.id_token(&site.grant(subject), None, DEFAULT_ALGORITHM, "a token");
        jwt::sign(&key, IdToken::TYPE, &claims).unwrap()
    };
    let (own, other) = (hint_at(&site.alice().await.subject), hint_at("somebody else"));
    for (hint, expected) in [(&own, "/consent?"), (&other, "error=login_required")] {
        let answer = site.get(&site.authorize(&[("id_token_hint", hint)]), Some(&secret)).await;
        assert!(location(&answer).contains(expected), "{}", location(&answer));
    }
}
