use countersign_jose::{IdToken, jwt};
use countersign_protocol::keyring::DEFAULT_ALGORITHM;
use countersign_protocol::subject::Person;
use serde_json::{Value, json};

use super::*;
use crate::fixture::flow::{Caller, WEB, claims, returned};
use crate::fixture::{Fixture, PASSWORD, body, location, session_of};

/// Clients that ask for more than usual.
const MORE: &str = r#"
[authentication]
acr = ["1", "urn:example:password"]
[authorization]
details_types = ["payment", "account"]
[[client]]
client_id = "bank"
client_secret = "a secret of the bank's client"
redirect_uris = ["https://bank.example/cb"]
grant_types = ["authorization_code", "refresh_token", "client_credentials"]
resources = ["https://a.example", "https://b.example"]
authorization_details_types = ["payment"]
[[client]]
client_id = "strict"
client_secret = "a secret of the strict one"
redirect_uris = ["https://strict.example/cb"]
default_max_age = 0
default_acr_values = ["urn:example:password"]
require_auth_time = true
"#;

const BANK: Caller = Caller {
    client_id: "bank",
    client_secret: "a secret of the bank's client",
    redirect_uri: "https://bank.example/cb",
};

const STRICT: Caller = Caller {
    client_id: "strict",
    client_secret: "a secret of the strict one",
    redirect_uri: "https://strict.example/cb",
};

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
    assert!(next.starts_with(&target), "{next}");
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
    let asked = Asked::read(app, query.as_bytes()).await.unwrap();
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
        let person = Person { subject: subject.into(), session_id: None };
        let grant = site.grant(subject);
        let claims = issuing.id_token(&grant, &person, None, DEFAULT_ALGORITHM, "a token");
        jwt::sign(&key, IdToken::TYPE, &claims).unwrap()
    };
    let (own, other) = (hint_at(&site.alice().await.subject), hint_at("somebody else"));
    for (hint, expected) in [(&own, "/consent?"), (&other, "error=login_required")] {
        let answer = site.get(&site.authorize(&[("id_token_hint", hint)]), Some(&secret)).await;
        assert!(location(&answer).contains(expected), "{}", location(&answer));
    }
}

#[tokio::test]
async fn the_authentication_context_is_told_where_it_was_asked_for() {
    let site = Fixture::open_with(MORE).await;
    let session = site.sign_in("alice").await;
    let acr = |value: &str| json!({ "id_token": { "acr": { "essential": true, "value": value } } });
    let (met, unmet) = (acr("urn:example:password").to_string(), acr("2").to_string());
    let liked = json!({ "id_token": { "acr": { "values": ["2"] } } }).to_string();
    for (more, expected) in [
        (&[][..], Ok(Value::Null)),
        (&[("acr_values", "2 urn:example:password 1")], Ok(json!("urn:example:password"))),
        (&[("acr_values", "2")], Err("unmet_authentication_requirements")),
        (&[("acr_values", "2"), ("prompt", "none")], Err("unmet_authentication_requirements")),
        (&[("claims", &*met)], Ok(json!("urn:example:password"))),
        (&[("claims", &*unmet)], Err("unmet_authentication_requirements")),
        (&[("claims", &*liked)], Ok(json!("1"))),
    ] {
        let back = site.agree(&session, &WEB.request(more)).await;
        let got = match back.get("code") {
            None => Err(back.get("error").unwrap()),
            Some(code) => {
                let (_, tokens) = site.redeem(WEB, code, &[]).await;
                let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
                assert_eq!(id["acr"], access["acr"], "RFC 9068 §2.2.1");
                for token in [&id, &access] {
                    assert_eq!(token["amr"], json!(["pwd"]));
                    assert!(token["auth_time"].is_u64(), "{token}");
                }
                Ok(id["acr"].clone())
            }
        };
        assert_eq!(got, expected, "{more:?}");
    }
}

#[tokio::test]
async fn what_a_client_has_registered_holds_for_requests_that_say_nothing() {
    let site = Fixture::open_with(MORE).await;
    let (session, _) = sign_in(&site, "a visit", "").await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let asked = site.get(&STRICT.request(&[]), Some(&session)).await;
    let target = continued(location(&asked));
    let (session, next) = sign_in(&site, &session, &target).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let back = site.agree(&session, &next).await;
    let (_, tokens) = site.redeem(STRICT, back.get("code").unwrap(), &[]).await;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token["acr"], "urn:example:password");
    assert!(id_token["auth_time"].is_u64());
}

#[tokio::test]
async fn hints_fill_the_form_in_and_looks_are_taken_as_they_come() {
    let site = Fixture::open().await;
    let hints = [
        ("login_hint", " Alice "),
        ("ui_locales", "de-AT xx"),
        ("display", "popup"),
        ("max_age", "600"),
    ];
    let asked = site.get(&WEB.request(&hints), None).await;
    let login = location(&asked).to_owned();
    let page = body(site.get(&login, None).await).await;
    assert!(page.contains("name=\"username\" type=\"text\" value=\"alice\""), "{page}");
    let wrong = [("username", "bob"), ("password", "x"), ("continue", &*continued(&login))];
    let page = body(site.submit("/login", "a visit", &wrong).await).await;
    assert!(page.contains("value=\"bob\""), "what was typed goes before what was hinted");
}

#[tokio::test]
async fn who_may_not_be_shown_anything_gets_the_error_that_says_why() {
    let site = Fixture::open().await;
    let quiet = WEB.request(&[("prompt", "none")]);
    let error = |answer: &Response| returned(location(answer)).get("error").map(str::to_owned);
    assert_eq!(error(&site.get(&quiet, None).await).as_deref(), Some("login_required"));
    let session = site.sign_in("alice").await;
    let asked = site.get(&quiet, Some(&session)).await;
    assert_eq!(error(&asked).as_deref(), Some("consent_required"));
    site.agree(&session, &WEB.request(&[])).await;
    let asked = site.get(&quiet, Some(&session)).await;
    assert!(returned(location(&asked)).get("code").is_some(), "{}", location(&asked));
    for (prompt, expected) in [
        ("none login", "error=invalid_request"),
        ("none consent", "error=invalid_request"),
        ("none select_account", "error=invalid_request"),
        ("dance", "error=invalid_request"),
        ("login", "/login?"),
        ("select_account", "/login?"),
        ("login consent", "/login?"),
        ("consent", "/consent?"),
    ] {
        let asked = site.get(&WEB.request(&[("prompt", prompt)]), Some(&session)).await;
        assert!(location(&asked).contains(expected), "{prompt}: {}", location(&asked));
    }
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let aged = WEB.request(&[("prompt", "none"), ("max_age", "0")]);
    assert_eq!(error(&site.get(&aged, Some(&session)).await).as_deref(), Some("login_required"));
}

#[tokio::test]
async fn details_are_shown_and_go_into_the_tokens_they_concern() {
    let site = Fixture::open_with(MORE).await;
    let session = site.sign_in("alice").await;
    let pay = |actions: &[&str]| {
        json!({ "type": "payment", "locations": ["https://a.example"], "actions": actions,
            "amount": { "currency": "EUR", "value": "12.50" } })
    };
    let all = json!([pay(&["initiate", "status"])]).to_string();
    let more = [
        ("authorization_details", &*all),
        ("resource", "https://a.example"),
        ("resource", "https://b.example"),
    ];
    let request = BANK.request(&more);
    let page =
        body(site.get(&request.replace("/authorize", "/consent"), Some(&session)).await).await;
    for words in ["in detail, <bdi>payment", "currency: EUR; value: 12.50", "initiate, status"] {
        assert!(page.contains(words), "{page}");
    }
    for _ in 0..2 {
        // Each time anew.
        let asked = site.get(&request, Some(&session)).await;
        assert!(location(&asked).starts_with("/consent?"));
        site.agree(&session, &request).await;
    }
    let code = async || site.agree(&session, &request).await.get("code").unwrap().to_owned();

    let (_, tokens) = site.redeem(BANK, &code().await, &[]).await;
    assert_eq!(tokens["authorization_details"].to_string(), all);
    assert_eq!(claims(&tokens["access_token"])["authorization_details"].to_string(), all);
    let less = json!([pay(&["status"])]).to_string();
    let more = json!([pay(&["cancel"])]).to_string();
    let (_, narrow) = site.redeem(BANK, &code().await, &[("authorization_details", &*less)]).await;
    assert_eq!(claims(&narrow["access_token"])["authorization_details"].to_string(), less);
    let (status, wide) =
        site.redeem(BANK, &code().await, &[("authorization_details", &*more)]).await;
    assert_eq!(
        (status, &wide["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_authorization_details"))
    );

    let refresh = async |token: &Value, more: &[(&str, &str)]| {
        let token = token["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        site.token_request(BANK, &[&form[..], more].concat()).await.1
    };
    let wide = refresh(&tokens, &[("authorization_details", &*more)]).await;
    assert_eq!(wide["error"], "invalid_authorization_details");
    // The other API has no business with it.
    let tokens = refresh(&tokens, &[("resource", "https://b.example")]).await;
    assert_eq!(tokens["authorization_details"], Value::Null);
    assert_eq!(claims(&tokens["access_token"])["authorization_details"], Value::Null);
    let tokens = refresh(&tokens, &[]).await;
    assert_eq!(claims(&tokens["access_token"])["authorization_details"].to_string(), all);
}

#[tokio::test]
async fn details_that_are_not_offered_to_a_client_are_refused() {
    let site = Fixture::open_with(MORE).await;
    let session = site.sign_in("alice").await;
    let details = |kind: &str| json!([{ "type": kind }]).to_string();
    for (caller, kind) in [(BANK, "account"), (BANK, "unknown"), (WEB, "payment")] {
        let request = caller.request(&[("authorization_details", &details(kind))]);
        let back = site.agree(&session, &request).await;
        assert_eq!(back.get("error"), Some("invalid_authorization_details"), "{kind}");
    }
    let own = async |kind: &str| {
        let details = details(kind);
        let form = [("grant_type", "client_credentials"), ("authorization_details", &*details)];
        site.token_request(BANK, &form).await
    };
    let (status, refused) = own("account").await;
    assert_eq!(
        (status, &refused["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_authorization_details"))
    );
    let (_, tokens) = own("payment").await;
    assert_eq!(
        claims(&tokens["access_token"])["authorization_details"],
        json!([{ "type": "payment" }])
    );
}

/// What is offered beside algorithms: each value is taken, and has its effect.
#[tokio::test]
async fn every_value_that_the_metadata_tells_of_is_taken() {
    let site = Fixture::open_with(MORE).await;
    let metadata = site.get("/.well-known/openid-configuration", None).await;
    let metadata: Value = serde_json::from_str(&body(metadata).await).unwrap();
    let values = |list: &str| -> Vec<String> {
        let values = metadata[list].as_array().unwrap().iter();
        values.map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let session = site.sign_in("alice").await;
    assert_eq!(metadata["claims_parameter_supported"], true);
    assert_eq!(values("acr_values_supported").len(), 2);
    for acr in values("acr_values_supported") {
        let tokens = site.tokens(&session, WEB, &[("acr_values", &acr)]).await;
        assert_eq!(claims(&tokens["id_token"])["acr"], acr.as_str());
    }
    for (parameter, list) in
        [("display", "display_values_supported"), ("ui_locales", "ui_locales_supported")]
    {
        for value in values(list) {
            let asked = site.get(&WEB.request(&[(parameter, &value)]), None).await;
            let page = site.get(location(&asked), None).await;
            assert_eq!(page.status(), StatusCode::OK, "{value}");
            assert!(body(page).await.contains("<html lang=\"en\">"), "{value}");
        }
    }
    assert_eq!(values("authorization_details_types_supported"), ["payment", "account"]);
    let bank = (*site.app.client("bank").await.unwrap().unwrap()).clone();
    let types = values("authorization_details_types_supported");
    site.put_client(Client { authorization_details_types: types.clone(), ..bank }).await;
    for kind in types {
        let details = json!([{ "type": kind }]).to_string();
        let tokens = site.tokens(&session, BANK, &[("authorization_details", &details)]).await;
        assert_eq!(tokens["authorization_details"].to_string(), details);
    }
    let before = (*site.app.client("web").await.unwrap().unwrap()).clone();
    for (kind, own) in [("public", true), ("pairwise", false)] {
        assert!(values("subject_types_supported").contains(&kind.to_owned()));
        let subject_type = serde_json::from_value(kind.into()).unwrap();
        let client_name = Some(kind.to_owned());
        site.put_client(Client { subject_type, client_name, ..before.clone() }).await;
        let tokens = site.tokens(&session, WEB, &[]).await;
        let subject = site.alice().await.subject;
        assert_eq!(claims(&tokens["id_token"])["sub"] == subject.as_str(), own, "{kind}");
    }
    let told = claims(&site.tokens(&session, WEB, &[("nonce", "n")]).await["id_token"]);
    let offered = values("claims_supported");
    for name in told.as_object().unwrap().keys() {
        assert!(offered.contains(name), "{name} is told and not offered");
    }
}
