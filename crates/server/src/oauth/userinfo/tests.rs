//! What `/userinfo` tells to whom.

use axum::body::Body;
use countersign_jose::jwe::{self, ContentEncryption, KeyManagement};
use countersign_jose::{Algorithm, DecryptionKey, IdToken, Policy, PrivateJwk, Recipient, jws};
use countersign_protocol::client::Client;
use serde_json::{Value, json};

use super::*;
use crate::fixture::flow::{Caller, WEB, claims, returned};
use crate::fixture::{Fixture, body, location};

/// Everything that an account may have.
fn everything() -> Value {
    json!({
        "name": "Alice Example", "given_name": "Alice", "family_name": "Example",
        "middle_name": "B", "nickname": "Al", "preferred_username": "alice",
        "profile": "https://alice.example", "picture": "https://alice.example/a.png",
        "website": "https://alice.example/blog", "gender": "female", "birthdate": "1990-01-01",
        "zoneinfo": "Europe/Vienna", "locale": "de-AT", "updated_at": 1_800_000_000,
        "email": "alice@example.com", "email_verified": true,
        "address": { "country": "Austria", "locality": "Vienna" },
        "phone_number": "+43 1 234", "phone_number_verified": false, "roles": ["buyer"],
    })
}

/// A server whose alice has every claim, and a browser in which she has signed in.
async fn site() -> (Fixture, String) {
    let site = Fixture::open().await;
    let Value::Object(claims) = everything() else { unreachable!() };
    site.put(&countersign_protocol::account::Account { claims, ..site.alice().await }).await;
    let session = site.sign_in("alice").await;
    (site, session)
}

async fn ask(site: &Fixture, token: &Value) -> Value {
    let authorization = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let request = Request::get("/userinfo").header("authorization", authorization);
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    serde_json::from_str(&body(answer).await).unwrap()
}

#[tokio::test]
async fn each_scope_tells_its_claims_and_no_others() {
    let (site, session) = site().await;
    let subject = site.alice().await.subject;
    let profile = [
        "name",
        "given_name",
        "family_name",
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
    for (scope, told) in [
        ("openid", &[][..]),
        ("openid profile", &profile),
        ("openid email", &["email", "email_verified"]),
        ("openid address", &["address"]),
        ("openid phone", &["phone_number", "phone_number_verified"]),
        ("openid roles", &["roles"]),
    ] {
        let tokens = site.tokens(&session, WEB, &[("scope", scope)]).await;
        let mut expected = json!({ "sub": subject });
        for name in told {
            expected[name] = everything()[name].clone();
        }
        assert_eq!(ask(&site, &tokens).await, expected, "{scope}");
        assert_eq!(claims(&tokens["id_token"])["name"], Value::Null, "{scope}");
    }
}

#[tokio::test]
async fn single_claims_leave_by_the_door_that_was_asked_for() {
    let (site, session) = site().await;
    let wanted = json!({
        "userinfo": { "email": { "essential": true }, "name#de": null, "unknown": null,
            "nickname": { "value": "Bob" } },
        "id_token": { "given_name": null, "phone_number": { "values": ["+43 1 234", "x"] } },
    });
    let more = [("claims", &*wanted.to_string()), ("claims_locales", "de en")];
    let tokens = site.tokens(&session, WEB, &more).await;
    let told = ask(&site, &tokens).await;
    let subject = site.alice().await.subject;
    assert_eq!(told, json!({ "sub": subject, "email": "alice@example.com" }));
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token["given_name"], "Alice");
    assert_eq!(id_token["phone_number"], "+43 1 234");
    assert_eq!(id_token["email"], Value::Null);
    let access_token = claims(&tokens["access_token"]);
    assert_eq!(access_token["given_name"], Value::Null, "never in an access token");

    // The next tokens of the same grant say the same.
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    let (status, next) = site.token_request(WEB, &form).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ask(&site, &next).await, told);
    let again = claims(&next["id_token"]);
    assert_eq!(again["given_name"], "Alice");
    // Core §12.2.
    for name in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(again[name], id_token[name], "{name}");
    }
    assert_eq!(again["nonce"], Value::Null);
}

#[tokio::test]
async fn single_claims_are_shown_and_agreed_to_like_scopes() {
    let (site, session) = site().await;
    let request = |claims: &str| WEB.request(&[("claims", claims)]);
    let asks = async |claims: &str| {
        location(&site.get(&request(claims), Some(&session)).await).starts_with("/consent?")
    };
    assert!(asks("{}").await);
    site.agree(&session, &request("{}")).await;
    assert!(!asks("{}").await);
    let email = r#"{"userinfo":{"email":null}}"#;
    assert!(asks(email).await, "it was not asked for before");
    let page = site.get(&request(email).replace("/authorize", "/consent"), Some(&session)).await;
    let page = body(page).await;
    assert!(page.contains("see your e-mail address <code class=\"muted\">email</code>"), "{page}");
    site.agree(&session, &request(email)).await;
    assert!(!asks(email).await, "it is remembered");
    assert!(!asks(r#"{"id_token":{"email":{"essential":true}}}"#).await);
    assert!(asks(r#"{"userinfo":{"email":null,"name":null}}"#).await);
    // Nothing but asking again tells a client without a person what it was not given.
    let quiet = WEB.request(&[("claims", r#"{"userinfo":{"name":null}}"#), ("prompt", "none")]);
    let back = returned(location(&site.get(&quiet, Some(&session)).await));
    assert_eq!(back.get("error"), Some("consent_required"));
}

#[tokio::test]
async fn a_subject_that_was_asked_for_has_to_be_the_one_who_signed_in() {
    let (site, session) = site().await;
    let subject = site.alice().await.subject;
    for door in ["userinfo", "id_token"] {
        for (wanted, error) in [(&*subject, None), ("somebody else", Some("login_required"))] {
            let claims = json!({ door: { "sub": { "value": wanted } } }).to_string();
            let request = WEB.request(&[("claims", &claims)]);
            let back = site.agree(&session, &request).await;
            assert_eq!(back.get("error"), error, "{door}");
            assert_eq!(back.get("code").is_some(), error.is_none(), "{door}");
        }
    }
    let junk = site.agree(&session, &WEB.request(&[("claims", "{")])).await;
    assert_eq!(junk.get("error"), Some("invalid_request"));
}

#[tokio::test]
async fn a_header_that_can_not_be_read_is_answered_in_the_words_of_rfc_6750() {
    let site = Fixture::open().await;
    let request = Request::get("/userinfo").header("authorization", &b"Bearer \xff"[..]);
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_request\""), "{challenge}");
}

/// A client that registered this beside a key of its own, and the private half of that key.
fn registered(management: KeyManagement, more: &str) -> (String, PrivateJwk) {
    let key = PrivateJwk::generate(management).unwrap();
    let jwk = serde_json::to_value(key.public().unwrap()).unwrap();
    let members = jwk.as_object().unwrap().iter();
    let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    let client = format!(
        "[[client]]\nclient_id = \"form\"\nclient_secret = \"a secret of another client\"\n\
         redirect_uris = [\"https://form.example/cb\"]\n\
         jwks = {{ keys = [{{ {} }}] }}\n{more}",
        members.join(", ")
    );
    (client, key)
}

const FORM: Caller = Caller {
    client_id: "form",
    client_secret: "a secret of another client",
    redirect_uri: "https://form.example/cb",
};

/// What `/userinfo` answers, as it is, with its content type.
async fn raw(site: &Fixture, tokens: &Value) -> (String, String) {
    let authorization = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let request = Request::get("/userinfo").header("authorization", authorization);
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    (kind, body(answer).await)
}

#[tokio::test]
async fn a_signed_answer_says_the_same_for_its_client_alone() {
    let (client, _) =
        registered(KeyManagement::EcdhEs, "userinfo_signed_response_alg = \"Ed25519\"");
    let site = Fixture::open_with(&client).await;
    let session = site.sign_in("alice").await;
    let tokens = site.tokens(&session, FORM, &[]).await;
    let (kind, text) = raw(&site, &tokens).await;
    assert_eq!(kind, "application/jwt");
    let key = site.app.signing_key(Algorithm::Ed25519).await.unwrap();
    let opened = jws::compact::verify(&key.verifying_key(), &text).unwrap();
    let told: Value = serde_json::from_slice(&opened).unwrap();
    let subject = site.alice().await.subject;
    assert_eq!(told, json!({ "iss": site.app.issuer, "aud": "form", "sub": subject }));
    assert!(site.app.own_id_token_hint(&text, process::now()).is_none(), "it is no id token");
    assert!(site.app.verify_access_token(&text, process::now()).unwrap().is_none());
}

#[tokio::test]
async fn what_is_encrypted_is_read_by_its_client_alone() {
    for (management, alg, content, enc) in [
        (KeyManagement::EcdhEsA256KW, "ECDH-ES+A256KW", ContentEncryption::A256GCM, "A256GCM"),
        (KeyManagement::RsaOaep256, "RSA-OAEP-256", ContentEncryption::A128CbcHs256, ""),
    ] {
        let forms = |name: &str| {
            let enc =
                if enc.is_empty() { String::new() } else { format!("{name}_enc = {enc:?}\n") };
            format!("{name}_alg = {alg:?}\n{enc}")
        };
        let more = forms("id_token_encrypted_response")
            + &forms("userinfo_encrypted_response")
            + "userinfo_signed_response_alg = \"ES256\"";
        let (client, key) = registered(management, &more);
        let site = Fixture::open_with(&client).await;
        let session = site.sign_in("alice").await;
        let tokens = site.tokens(&session, FORM, &[("nonce", "n")]).await;
        let opening = || DecryptionKey::from_jwk(&key).unwrap();
        let open = |text: &str| jwe::compact::decrypt(&opening(), &[content], text).unwrap();
        let keys = site.app.keys.load();
        let keys = keys.keyring.verification();

        let recipient = Recipient::new([opening()], &[content]).unwrap();
        let policy = Policy::id_token(&site.app.issuer, "form", &[Algorithm::ES256]).unwrap();
        let id_token = tokens["id_token"].as_str().unwrap();
        let verified = policy.nonce("n").verify_nested(&recipient, keys, id_token, process::now());
        let verified = verified.unwrap();
        assert_eq!(verified.subject, site.alice().await.subject);
        let access_token = tokens["access_token"].as_str().unwrap();
        let hash = IdToken::access_token_hash(Algorithm::ES256, access_token);
        assert_eq!(verified.access_token_hash, Some(hash));

        let (kind, text) = raw(&site, &tokens).await;
        assert_eq!(kind, "application/jwt");
        let nested = open(&text);
        assert_eq!(nested.cty(), Some("JWT"));
        let signed = std::str::from_utf8(nested.plaintext()).unwrap();
        let key = site.app.signing_key(Algorithm::ES256).await.unwrap();
        let told = jws::compact::verify(&key.verifying_key(), signed).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!((&told["aud"], &told["sub"]), (&json!("form"), &json!(verified.subject)));
    }
}

#[tokio::test]
async fn an_answer_may_be_encrypted_and_not_signed() {
    let more = "userinfo_encrypted_response_alg = \"ECDH-ES\"";
    let (client, key) = registered(KeyManagement::EcdhEs, more);
    let site = Fixture::open_with(&client).await;
    let session = site.sign_in("alice").await;
    let tokens = site.tokens(&session, FORM, &[]).await;
    assert!(tokens["id_token"].as_str().unwrap().starts_with("ey"));
    let (_, text) = raw(&site, &tokens).await;
    let key = DecryptionKey::from_jwk(&key).unwrap();
    let opened = jwe::compact::decrypt(&key, &[ContentEncryption::A128CbcHs256], &text).unwrap();
    let told: Value = serde_json::from_slice(opened.plaintext()).unwrap();
    assert_eq!(told["sub"], json!(site.alice().await.subject));
    assert_eq!(opened.cty(), None);
}

#[tokio::test]
async fn a_code_is_not_spent_on_an_id_token_that_nobody_could_read() {
    let (client, _) =
        registered(KeyManagement::EcdhEs, "id_token_encrypted_response_alg = \"ECDH-ES\"");
    let site = Fixture::open_with(&client).await;
    let session = site.sign_in("alice").await;
    let good = (*site.app.client("form").await.unwrap().unwrap()).clone();
    let back = site.agree(&session, &FORM.request(&[])).await;
    let code = back.get("code").unwrap();
    // Its key is gone when the code comes.
    site.put_client(Client { jwks: None, ..good.clone() }).await;
    let (status, refused) = site.redeem(FORM, code, &[]).await;
    assert_eq!((status, &refused["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
    site.put_client(good).await;
    let (status, tokens) = site.redeem(FORM, code, &[]).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
}

/// Every pair of what the metadata tells of, for id tokens and for this answer.
#[tokio::test]
async fn every_encryption_that_is_offered_is_done() {
    let (client, _) = registered(KeyManagement::EcdhEs, "");
    let site = Fixture::open_with(&client).await;
    let metadata = site.get("/.well-known/openid-configuration", None).await;
    let metadata: Value = serde_json::from_str(&body(metadata).await).unwrap();
    let names = |list: &str| -> Vec<String> {
        let names = metadata[list].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let (keys, contents) = (
        names("id_token_encryption_alg_values_supported"),
        names("id_token_encryption_enc_values_supported"),
    );
    assert_eq!(keys, names("userinfo_encryption_alg_values_supported"));
    assert_eq!(contents, names("userinfo_encryption_enc_values_supported"));
    assert_eq!((keys.len(), contents.len()), (8, 6));
    let session = site.sign_in("alice").await;
    let before = (*site.app.client("form").await.unwrap().unwrap()).clone();
    for alg in &keys {
        let management = KeyManagement::from_name(alg).unwrap();
        let key = PrivateJwk::generate(management).unwrap();
        let opening = DecryptionKey::from_jwk(&key).unwrap();
        for enc in &contents {
            let content = ContentEncryption::from_name(enc);
            let client = Client {
                jwks: Some(json!({ "keys": [key.public().unwrap()] })),
                id_token_encrypted_response_alg: Some(management),
                id_token_encrypted_response_enc: content,
                userinfo_encrypted_response_alg: Some(management),
                userinfo_encrypted_response_enc: content,
                ..before.clone()
            };
            assert_eq!(client.faults(), [""; 0]);
            site.put_client(client).await;
            let tokens = site.tokens(&session, FORM, &[]).await;
            let accepted = [content.unwrap()];
            let open = |text: &str| jwe::compact::decrypt(&opening, &accepted, text).unwrap();
            assert_eq!(open(tokens["id_token"].as_str().unwrap()).cty(), Some("JWT"));
            let (_, text) = raw(&site, &tokens).await;
            let told: Value = serde_json::from_slice(open(&text).plaintext()).unwrap();
            assert_eq!(told["aud"], "form", "{alg} {enc}");
        }
    }
}
