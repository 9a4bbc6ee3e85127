//! Exchanges as an API makes them, and as an attacker tries them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use countersign_jose::{Confirmation, IdToken, jwt};
use countersign_protocol::grant::EndReason;
use countersign_protocol::keyring::DEFAULT_ALGORITHM;
use countersign_protocol::scope::Scope;
use countersign_protocol::subject::Person;
use countersign_store::{GrantSelector, NewGrant};
use serde_json::{Value, json};

use super::*;
use crate::fixture::{Fixture, body};

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

const CLIENTS: &str = r#"
[[client]]
client_id = "orders"
client_secret = "a secret of the orders"
grant_types = ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"]
protects = ["https://orders.example"]
resources = ["https://stock.example"]
scope = "orders stock email"
[[client]]
client_id = "stock"
client_secret = "a secret of the stock"
grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
protects = ["https://stock.example"]
resources = ["https://orders.example"]
scope = "orders stock"
status_list = true
[[client]]
client_id = "stranger"
client_secret = "a secret of a stranger"
grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
protects = ["https://stranger.example"]
resources = ["https://stock.example"]
scope = "orders stock"
"#;

struct World {
    site: Fixture,
    grant: Grant,
}

impl World {
    /// Alice has let the shop order for her.
    async fn new() -> Self {
        let site = Fixture::open_with(CLIENTS).await;
        let alice = site.alice().await;
        let grant = Grant {
            scope: Scope::parse("openid orders stock").unwrap(),
            audience: vec![ORDERS.to_owned()],
            amr: vec!["pwd".to_owned()],
            ..site.grant(&alice.subject)
        };
        let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
        site.app.store().begin_grant(new).await.unwrap();
        Self { site, grant }
    }

    /// The shop's access token, as it shows it to the API of the orders.
    async fn shown(&self, change: impl FnOnce(&mut AccessToken)) -> String {
        self.sign(AccessToken::TYPE, self.claims(), change).await
    }

    /// What the shop's access token says.
    fn claims(&self) -> AccessToken {
        let Grant { scope, audience, subject, .. } = &self.grant;
        let person = Person { subject: subject.into(), session_id: None };
        let issuing = self.site.app.issuing(process::now());
        let extra = serde_json::Map::new();
        issuing.access_token_for_grant(&self.grant, &person, (scope, audience), extra)
    }

    async fn sign<T: serde::Serialize>(
        &self,
        typ: &str,
        mut claims: T,
        change: impl FnOnce(&mut T),
    ) -> String {
        change(&mut claims);
        let key = self.site.app.signing_key(DEFAULT_ALGORITHM).await.unwrap();
        jwt::sign(&key, typ, &claims).unwrap()
    }

    async fn ask(&self, who: &str, subject: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let secret = format!("a secret of {}", if who == "stranger" { "a" } else { "the" });
        let secret = format!("{secret} {who}");
        let mut form = vec![
            ("grant_type", GRANT),
            ("client_id", who),
            ("client_secret", &secret),
            ("subject_token", subject),
        ];
        if !more.iter().any(|(name, _)| *name == "subject_token_type") {
            form.push(("subject_token_type", ACCESS_TOKEN));
        }
        form.extend(more);
        self.site.ask("/token", &form).await
    }

    async fn exchanged(&self, who: &str, subject: &str, more: &[(&str, &str)]) -> String {
        let (status, answer) = self.ask(who, subject, more).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn refused(&self, who: &str, subject: &str, more: &[(&str, &str)]) -> String {
        let (status, answer) = self.ask(who, subject, more).await;
        assert_eq!(status, 400, "{answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    fn holds(&self, token: &str) -> bool {
        self.site.app.verify_access_token(token, process::now()).unwrap().is_some()
    }
}

fn claims(token: &str) -> Value {
    serde_json::from_str(jwt::peek(token).unwrap().payload_json()).unwrap()
}

#[tokio::test]
async fn the_next_api_gets_a_token_that_says_for_whom_and_through_whom() {
    let world = World::new().await;
    let shown = world.shown(|token| token.expires_at -= 100).await;
    let (status, answer) = world.ask("orders", &shown, &[("resource", STOCK)]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(
        (&answer["token_type"], &answer["scope"]),
        (&"Bearer".into(), &"orders stock".into())
    );
    assert!(answer["expires_in"].as_u64().unwrap() <= 200, "{answer}");
    for absent in ["refresh_token", "id_token", "refresh_token_timeout"] {
        assert_eq!(answer.get(absent), None);
    }
    let first = answer["access_token"].as_str().unwrap();
    let said = claims(first);
    assert_eq!(said["sub"], world.grant.subject.as_str());
    assert_eq!((&said["client_id"], &said["aud"]), (&"orders".into(), &STOCK.into()));
    assert_eq!((&said["exp"], &said["amr"]), (&claims(&shown)["exp"], &json!(["pwd"])));
    assert_eq!(said["grant_id"], world.grant.id.to_string());
    assert_eq!(said["act"], json!({ "sub": "orders" }));
    assert_ne!(said["jti"], claims(&shown)["jti"]);

    // And on to the one after it, with less.
    let more = [("audience", ORDERS), ("scope", "orders"), ("requested_token_type", JWT)];
    let second = world.exchanged("stock", first, &more).await;
    let said = claims(&second);
    assert_eq!(said["act"], json!({ "sub": "stock", "act": { "sub": "orders" } }));
    assert_eq!((&said["scope"], &said["exp"]), (&"orders".into(), &claims(first)["exp"]));
    assert!(said["status"]["status_list"].is_object());
    let form = [("client_id", "orders"), ("client_secret", "a secret of the orders")];
    let form: Vec<_> = form.into_iter().chain([("token", second.as_str())]).collect();
    let (_, told) = world.site.ask("/introspect", &form).await;
    assert_eq!((&told["active"], &told["act"]), (&true.into(), &said["act"]));
}

#[tokio::test]
async fn what_ends_the_grant_ends_what_came_of_it() {
    for selector in ["grant", "person", "client", "caller"] {
        let world = World::new().await;
        let app = &world.site.app;
        let first = world.exchanged("orders", &world.shown(|_| {}).await, &[]).await;
        let second = world.exchanged("stock", &first, &[]).await;
        let shown = world.shown(|_| {}).await;
        assert!(world.holds(&first) && world.holds(&second));
        let selector = match selector {
            "grant" => GrantSelector::One(world.grant.id),
            "person" => GrantSelector::Subject(world.grant.subject.clone()),
            "client" => GrantSelector::Client("web".into()),
            _ => GrantSelector::Client("orders".into()),
        };
        let caller = selector == GrantSelector::Client("orders".into());
        let ending = app.store().end_grants(selector, EndReason::OperatorRevoked, app.moment());
        let ended = ending.await.unwrap();
        app.deny(&ended);
        assert!(!world.holds(&first));
        if caller {
            continue;
        }
        assert!(!world.holds(&second));
        // Those who follow the feed know it as well.
        let events = app.store().revocations_after(0, 10).await.unwrap().unwrap();
        let id = world.grant.id.to_string();
        assert_eq!(events.iter().filter(|event| event.id == id).count(), 1, "{events:?}");
        assert_eq!(world.refused("orders", &shown, &[]).await, "invalid_request");
        let list = app.store().status_list(0).await.unwrap().unwrap();
        assert_eq!(list.revoked.len(), 1, "and those who go by the list");
    }
}

#[tokio::test]
async fn nobody_gets_more_than_they_brought() {
    let world = World::new().await;
    let shown = world.shown(|_| {}).await;
    let details = r#"[{"type":"payment"}]"#;
    for (more, expected) in [
        (("authorization_details", details), "invalid_authorization_details"),
        (("scope", "email"), "invalid_scope"),
        (("scope", "orders stock email"), "invalid_scope"),
        (("scope", "openid"), "invalid_scope"),
        (("resource", ORDERS), "invalid_target"),
        (("audience", "https://bank.example"), "invalid_target"),
        (("audience", "http://127.0.0.1:8080"), "invalid_target"),
        (("resource", "not a uri"), "invalid_target"),
    ] {
        assert_eq!(world.refused("orders", &shown, &[more]).await, expected, "{more:?}");
    }
    let two = [("resource", STOCK), ("audience", "https://bank.example")];
    assert_eq!(world.refused("orders", &shown, &two).await, "invalid_target");
    assert_eq!(world.refused("stranger", &shown, &[]).await, "invalid_request");
    let form = [
        ("grant_type", GRANT),
        ("client_id", "web"),
        ("client_secret", "a secret of the web client"),
        ("subject_token", &shown),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let (status, answer) = world.site.ask("/token", &form).await;
    assert_eq!((status, &answer["error"]), (400, &"unauthorized_client".into()));
}

#[tokio::test]
async fn only_living_access_tokens_of_this_server_are_taken() {
    let world = World::new().await;
    let app = &world.site.app;
    let shown = world.shown(|_| {}).await;
    let expired = world.shown(|token| token.expires_at = token.issued_at - 1).await;
    let foreign = world.shown(|token| token.issuer = "https://other.example".into()).await;
    let now = process::now().as_secs();
    let id_token = IdToken {
        issuer: app.issuer.clone(),
        subject: world.grant.subject.clone(),
        audience: vec![ORDERS.to_owned()],
        issued_at: now,
        expires_at: now + 100,
        ..IdToken::default()
    };
    let id_token = world.sign(IdToken::TYPE, id_token, |_| {}).await;
    let unsigned = format!("{}AAAA", &shown[..shown.len() - 4]);
    let lost = world.shown(|token| token.grant_id = None).await;
    let unknown = "00000000-0000-7000-8000-000000000000";
    let unknown = world.shown(|token| token.grant_id = Some(unknown.into())).await;
    let gone = world.shown(|_| {}).await;
    let jti = claims(&gone)["jti"].as_str().unwrap().to_owned();
    let until = process::now().plus(Duration::from_secs(600));
    app.denied.insert(countersign_verify::Revoked::Token(&jti), until);
    for (what, token) in [
        ("expired", &*expired),
        ("of another server", &foreign),
        ("an id token", &id_token),
        ("not signed", &unsigned),
        ("without a grant", &lost),
        ("of no known grant", &unknown),
        ("revoked", &gone),
        ("junk", "junk"),
    ] {
        for kind in [ACCESS_TOKEN, JWT] {
            let more = [("subject_token_type", kind)];
            assert_eq!(world.refused("orders", token, &more).await, "invalid_request", "{what}");
        }
        let actor = [("actor_token", token), ("actor_token_type", ACCESS_TOKEN)];
        if !["without a grant", "of no known grant"].contains(&what) {
            assert_eq!(world.refused("orders", &shown, &actor).await, "invalid_request", "{what}");
        }
    }
    // A client's own token is nobody's consent.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "orders"),
        ("client_secret", "a secret of the orders"),
    ];
    let (_, own) = world.site.ask("/token", &form).await;
    let own = own["access_token"].as_str().unwrap();
    assert_eq!(world.refused("stock", own, &[]).await, "invalid_request");
    // But it tells who acts.
    let actor = [("actor_token", own), ("actor_token_type", JWT)];
    let named = world.exchanged("orders", &shown, &actor).await;
    assert_eq!(claims(&named)["act"], json!({ "sub": "orders" }));
    assert_eq!(world.refused("stranger", &shown, &actor).await, "invalid_request");
}

/// RFC 9449: what the caller proves is what its token is bound to, whatever the other one was.
#[tokio::test]
async fn the_new_token_is_bound_to_what_the_caller_proves() {
    let world = World::new().await;
    let bound = |to: &str| {
        let key_thumbprint = Some(to.to_owned());
        Some(Confirmation { key_thumbprint, ..Confirmation::default() })
    };
    let shown = world.shown(|token| token.confirmation = bound("the shop's key")).await;
    let plain = world.exchanged("orders", &shown, &[]).await;
    assert_eq!(claims(&plain).get("cnf"), None);
    let key = countersign_jose::SigningKey::generate(DEFAULT_ALGORITHM).unwrap();
    let proof = countersign_jose::DpopProof {
        token_id: countersign_protocol::random::identifier(&process::SystemRandom),
        method: "POST".to_owned(),
        url: format!("{}/token", world.site.app.issuer),
        issued_at: process::now().as_secs(),
        access_token_hash: None,
        nonce: None,
    };
    let form = [
        ("grant_type", GRANT),
        ("client_id", "orders"),
        ("client_secret", "a secret of the orders"),
        ("subject_token", &shown),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post("/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("DPoP", proof.sign(&key).unwrap())
        .body(Body::from(form));
    let answer = body(world.site.send(request.unwrap()).await).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["token_type"], "DPoP", "{answer}");
    let thumbprint = key.public_jwk().unwrap().thumbprint();
    let said = claims(answer["access_token"].as_str().unwrap());
    assert_eq!(said["cnf"], json!({ "jkt": thumbprint }));
}

#[tokio::test]
async fn opaque_tokens_are_exchanged_and_come_out() {
    let world = World::new().await;
    let app = &world.site.app;
    let token = world.claims();
    let keys = app.keys.load();
    let opaque = keys.opaque_tokens.seal(&token, &process::SystemRandom).unwrap();
    let said = claims(&world.exchanged("orders", &opaque, &[]).await);
    assert_eq!(said["act"], json!({ "sub": "orders" }));

    let stock = (*app.client("stock").await.unwrap().unwrap()).clone();
    let wish = Some(TokenFormat::Opaque);
    let stock = Client { protected_access_token_format: wish, ..stock };
    let catalogue = app.position.borrow().catalogue;
    app.store().put_client(stock, app.moment()).await.unwrap();
    app.position.clone().wait_for(|now| now.catalogue > catalogue).await.unwrap();
    let sealed = world.exchanged("orders", &opaque, &[]).await;
    let opened = app.verify_access_token(&sealed, process::now()).unwrap().unwrap();
    assert_eq!(opened.extra["act"], json!({ "sub": "orders" }));
    let more = [("requested_token_type", JWT)];
    assert_eq!(world.refused("orders", &opaque, &more).await, "invalid_request");
}

#[tokio::test]
async fn the_name_that_a_client_knows_a_person_by_goes_on() {
    let world = World::new().await;
    let shown = world.shown(|claims| claims.subject = "a pairwise name".to_owned()).await;
    let said = claims(&world.exchanged("orders", &shown, &[]).await);
    assert_eq!(said["sub"], "a pairwise name");
}
