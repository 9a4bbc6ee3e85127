//! Each way in which an answer goes back, for good news and bad.

use std::collections::BTreeMap;

use axum::http::header;
use countersign_jose::jwe::{ContentEncryption, KeyManagement};
use countersign_jose::{
    Algorithm, AuthorizationResponse, DecryptionKey, Policy, PrivateJwk, Recipient, jwt,
};
use countersign_protocol::keyring;

use crate::fixture::{Fixture, REDIRECT_URI, answered, body, hidden, location};
use crate::process;

const ISSUER: &str = "http://127.0.0.1:8080";

/// The answer to a request in this mode that the person allows or denies.
async fn answer(site: &Fixture, client_id: &str, mode: &str, decision: &str) -> super::Response {
    let session = site.sign_in("alice").await;
    let query = site.authorize(&[("response_mode", mode), ("state", "a&b"), ("prompt", "consent")]);
    let query = query.replace("client_id=web", &format!("client_id={client_id}"));
    let asked = site.get(&query, Some(&session)).await;
    let page = body(site.get(location(&asked), Some(&session)).await).await;
    let carried = hidden(&page, "request");
    site.submit("/consent", &session, &[("request", &carried), ("decision", decision)]).await
}

/// The fields of the form that the answer is sent by.
async fn form(response: super::Response) -> BTreeMap<String, String> {
    assert_eq!((response.status().as_u16(), location(&response)), (200, ""));
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action https://web.example;"), "{policy}");
    let page = body(response).await;
    assert!(page.contains(&format!("action=\"{REDIRECT_URI}\"")), "{page}");
    let names = page.split("<input type=\"hidden\" name=\"").skip(1);
    let names: Vec<_> = names.map(|rest| rest.split('"').next().unwrap()).collect();
    names.iter().map(|&name| (name.to_owned(), hidden(&page, name))).collect()
}

/// The parameters inside a signed answer.
fn opened(site: &Fixture, client_id: &str, token: &str) -> BTreeMap<String, String> {
    let policy = Policy::<AuthorizationResponse>::authorization_response(
        ISSUER,
        client_id,
        keyring::ALGORITHMS,
    );
    let keys = site.app.keys.load();
    let verified = policy.unwrap().verify(keys.keyring.verification(), token, process::now());
    let verified = verified.unwrap().into_inner();
    assert!(verified.expires_at <= process::now().as_secs() + 60);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    verified.parameters.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn check(decision: &str, answer: &BTreeMap<String, String>) {
    assert_eq!(answer["state"], "a&b");
    match decision {
        "allow" => assert!(answer["code"].starts_with("csc_"), "{answer:?}"),
        _ => assert_eq!(answer["error"], "access_denied"),
    }
    assert_eq!(answer.contains_key("code"), decision == "allow");
}

#[tokio::test]
async fn good_news_and_bad_go_back_in_the_mode_that_was_asked_for() {
    let site = Fixture::open().await;
    for decision in ["allow", "deny"] {
        let plain = answered(&answer(&site, "web", "query", decision).await, REDIRECT_URI);
        check(decision, &plain);
        assert_eq!(plain["iss"], ISSUER);
        let plain = form(answer(&site, "web", "form_post", decision).await).await;
        check(decision, &plain);
        assert_eq!(plain["iss"], ISSUER);
        for mode in ["jwt", "query.jwt", "form_post.jwt"] {
            let answer = answer(&site, "web", mode, decision).await;
            let signed = if mode == "form_post.jwt" {
                form(answer).await
            } else {
                answered(&answer, REDIRECT_URI)
            };
            // The issuer is in the token, and nothing is beside it.
            assert_eq!(signed.keys().collect::<Vec<_>>(), ["response"], "{mode}");
            check(decision, &opened(&site, "web", &signed["response"]));
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_goes_back_in_its_mode_too() {
    let site = Fixture::open().await;
    let wrong = async |mode: &str| {
        site.get(
            &site.authorize(&[("response_mode", mode), ("scope", "x"), ("max_age", "x")]),
            None,
        )
        .await
    };
    let error = "invalid_request";
    assert_eq!(form(wrong("form_post").await).await["error"], error);
    let token = answered(&wrong("jwt").await, REDIRECT_URI);
    assert_eq!(opened(&site, "web", &token["response"])["error"], error);
    // A mode that is not offered can't be answered in.
    for mode in ["fragment", "fragment.jwt", "web_message", "cookie"] {
        let refused = answered(&wrong(mode).await, REDIRECT_URI);
        assert_eq!((&*refused["error"], &*refused["iss"]), (error, ISSUER), "{mode}");
    }
}

#[tokio::test]
async fn answers_are_signed_and_encrypted_as_the_client_registered() {
    let private = PrivateJwk::generate(KeyManagement::EcdhEsA256KW).unwrap();
    let public = serde_json::to_value(private.public().unwrap()).unwrap();
    let members = public.as_object().unwrap().iter();
    let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    let site = Fixture::open_with(&format!(
        "[[client]]\nclient_id = \"sealed\"\nclient_secret = \"0123456789abcdef\"\n\
         redirect_uris = [\"{REDIRECT_URI}\"]\nauthorization_signed_response_alg = \"Ed25519\"\n\
         authorization_encrypted_response_alg = \"ECDH-ES+A256KW\"\n\
         authorization_encrypted_response_enc = \"A256GCM\"\n\
         jwks = {{ keys = [{{ {} }}] }}",
        members.join(", ")
    ))
    .await;
    let token = answered(&answer(&site, "sealed", "jwt", "allow").await, REDIRECT_URI);
    let private = DecryptionKey::from_jwk(&private).unwrap();
    let recipient = Recipient::new([private], &[ContentEncryption::A256GCM]).unwrap();
    let policy = Policy::<AuthorizationResponse>::authorization_response(
        ISSUER,
        "sealed",
        &[Algorithm::Ed25519],
    );
    let keys = site.app.keys.load();
    let keys = keys.keyring.verification();
    let opened =
        policy.unwrap().verify_nested(&recipient, keys, &token["response"], process::now());
    assert!(opened.unwrap().parameters.contains_key("code"));
    // Only where it is asked for.
    let plain = answered(&answer(&site, "sealed", "query", "allow").await, REDIRECT_URI);
    assert!(plain.contains_key("code"));
    let default = answered(&answer(&site, "web", "jwt", "allow").await, REDIRECT_URI);
    let header = jwt::peek(&default["response"]).unwrap();
    assert!(header.header_json().contains("\"ES256\""), "{}", header.header_json());
}
