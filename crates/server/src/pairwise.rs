//! What leaves for clients with pairwise subjects, by every door (OpenID Connect Core §8).

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::fixture::flow::{Caller, WEB, claims};
use crate::fixture::{Fixture, body, location};
use crate::process;

const CLIENTS: &str = r#"
[[client]]
client_id = "one"
client_secret = "a secret of client one"
redirect_uris = ["https://one.example/cb"]
post_logout_redirect_uris = ["https://one.example/bye"]
subject_type = "pairwise"
[[client]]
client_id = "same"
client_secret = "a secret of client one's sister"
redirect_uris = ["https://one.example/other"]
subject_type = "pairwise"
[[client]]
client_id = "two"
client_secret = "a secret of client two"
redirect_uris = ["https://two.example/cb"]
subject_type = "pairwise"
"#;

const ONE: Caller = Caller {
    client_id: "one",
    client_secret: "a secret of client one",
    redirect_uri: "https://one.example/cb",
};
const SAME: Caller = Caller {
    client_id: "same",
    client_secret: "a secret of client one's sister",
    redirect_uri: "https://one.example/other",
};
const TWO: Caller = Caller {
    client_id: "two",
    client_secret: "a secret of client two",
    redirect_uri: "https://two.example/cb",
};

/// What a client is told by every door: all that it knows the person and the session by.
async fn told(site: &Fixture, session: &str, caller: Caller) -> (String, String) {
    let tokens = site.tokens(session, caller, &[("scope", "openid email")]).await;
    let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let request = Request::get("/userinfo").header(header::AUTHORIZATION, bearer);
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let userinfo: Value = serde_json::from_str(&body(answer).await).unwrap();
    let mut all = vec![id.clone(), access, userinfo];
    for token in ["access_token", "refresh_token"] {
        let form = [
            ("client_id", caller.client_id),
            ("client_secret", caller.client_secret),
            ("token", tokens[token].as_str().unwrap()),
        ];
        let (_, answer) = site.ask("/introspect", &form).await;
        assert_eq!(answer["active"], json!(true));
        all.push(answer);
    }
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let (_, next) = site.token_request(caller, &form).await;
    all.extend([claims(&next["id_token"]), claims(&next["access_token"])]);
    for answer in &all {
        assert_eq!(answer["sub"], id["sub"], "{answer}");
    }
    let subject = id["sub"].as_str().unwrap().to_owned();
    if caller.client_id != "web" {
        let hidden = [site.alice().await.subject, site.session(session).await.id];
        for answer in all.iter().chain([&tokens]) {
            let text = answer.to_string();
            assert!(hidden.iter().all(|own| !text.contains(own)), "{text}");
        }
    }
    (subject, id["sid"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_sector_knows_a_person_by_a_name_of_its_own() {
    let site = Fixture::open_with(CLIENTS).await;
    let session = site.sign_in("alice").await;
    let public = told(&site, &session, WEB).await;
    let one = told(&site, &session, ONE).await;
    assert_eq!(public.0, site.alice().await.subject);
    assert_eq!(told(&site, &session, SAME).await, one);
    let two = told(&site, &session, TWO).await;
    for (own, other) in [(&one, &two), (&one, &public), (&two, &public)] {
        assert_ne!(own.0, other.0);
        assert_ne!(own.1, other.1, "the session would tell what the subject hides");
    }
    // The name stays, whatever happens to the server and to other people.
    site.put(&site.account("bob")).await;
    let bob = site.sign_in("bob").await;
    let bobs = site.tokens(&bob, ONE, &[]).await;
    assert_ne!(claims(&bobs["id_token"])["sub"], one.0);
    let again = site.start_again(&[]).await;
    let client = again.client("one").await.unwrap().unwrap();
    let subject = site.alice().await.subject;
    assert_eq!(again.keys.load().subjects.subject(&client, &subject), one.0);
    let elsewhere = Fixture::open_with(CLIENTS).await;
    let client = elsewhere.app.client("one").await.unwrap().unwrap();
    assert_ne!(elsewhere.app.keys.load().subjects.subject(&client, &subject), one.0);
}

#[tokio::test]
async fn what_comes_back_is_compared_with_the_name_that_its_client_knows() {
    let site = Fixture::open_with(CLIENTS).await;
    site.put(&site.account("bob")).await;
    let (alice, bob) = (site.sign_in("alice").await, site.sign_in("bob").await);
    let tokens = site.tokens(&alice, ONE, &[]).await;
    let elsewhere = site.tokens(&alice, TWO, &[]).await;
    let sub = claims(&tokens["id_token"])["sub"].as_str().unwrap().to_owned();
    let other = claims(&elsewhere["id_token"])["sub"].as_str().unwrap().to_owned();
    let own = site.alice().await.subject;
    let answer = async |session: &str, more: (&str, &str)| {
        let back = site.agree(session, &ONE.request(&[more])).await;
        back.get("error").unwrap_or("none").to_owned()
    };
    let hints = [&tokens, &elsewhere].map(|tokens| tokens["id_token"].as_str().unwrap());
    for hint in hints {
        assert_eq!(answer(&alice, ("id_token_hint", hint)).await, "none");
        assert_eq!(answer(&bob, ("id_token_hint", hint)).await, "login_required");
    }
    for (subject, expected) in
        [(&sub, "none"), (&other, "login_required"), (&own, "login_required")]
    {
        let wanted = json!({ "id_token": { "sub": { "value": subject } } }).to_string();
        assert_eq!(answer(&alice, ("claims", &wanted)).await, expected);
    }
}

#[tokio::test]
async fn a_client_signs_out_the_session_that_it_knows() {
    let site = Fixture::open_with(CLIENTS).await;
    let (session, other) = (site.sign_in("alice").await, site.sign_in("alice").await);
    let tokens = site.tokens(&session, ONE, &[]).await;
    let query = form_urlencoded::Serializer::new("/logout?".to_owned())
        .append_pair("id_token_hint", tokens["id_token"].as_str().unwrap())
        .append_pair("post_logout_redirect_uri", "https://one.example/bye")
        .finish();
    let asked = site.get(&query, Some(&other)).await;
    assert_eq!(asked.status(), StatusCode::OK, "of another session the person is asked");
    let signed_out = site.get(&query, Some(&session)).await;
    assert_eq!(location(&signed_out), "https://one.example/bye");
    let access_token = tokens["access_token"].as_str().unwrap();
    assert!(site.app.verify_access_token(access_token, process::now()).unwrap().is_none());
}
