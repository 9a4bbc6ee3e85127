use countersign_jose::Confirmation;
use serde_json::Map;

use super::*;

const ISSUER: &str = "https://id.example";
const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example";

/// The API of the orders, which calls that of the stock.
fn caller() -> Client {
    serde_json::from_value(json!({
        "client_id": "orders", "protects": [ORDERS], "resources": [STOCK],
        "scope": "stock:read stock:write email",
        "grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"],
    }))
    .unwrap()
}

fn shown() -> AccessToken {
    AccessToken {
        subject: "alice".into(),
        client_id: "shop".into(),
        audience: vec![ORDERS.into()],
        scope: Some("offline_access orders stock:read".into()),
        expires_at: 100,
        ..AccessToken::default()
    }
}

fn bound(to: &str) -> Option<Confirmation> {
    Sender::Dpop(to.into()).confirmation()
}

struct Case {
    caller: Client,
    subject: AccessToken,
    actor: Option<AccessToken>,
    sender: Sender,
    scope: Option<&'static str>,
    targets: &'static [&'static str],
}

impl Default for Case {
    fn default() -> Self {
        let (caller, subject, sender) = (caller(), shown(), Sender::Bearer);
        Self { caller, subject, actor: None, sender, scope: None, targets: &[] }
    }
}

impl Case {
    fn judge(&self) -> Result<Exchanged, ErrorCode> {
        let scope = self.scope.map(|scope| Scope::parse(scope).unwrap());
        let targets: Vec<_> = self.targets.iter().map(|&one| one.to_owned()).collect();
        let exchange = Exchange {
            caller: &self.caller,
            subject: &self.subject,
            actor: self.actor.as_ref(),
            sender: &self.sender,
            scope: scope.as_ref(),
            targets: &targets,
        };
        judge(&exchange, ISSUER).map_err(|error| error.code)
    }

    fn with_claim(name: &str, value: Value) -> Self {
        let extra = Map::from_iter([(name.to_owned(), value)]);
        Self { subject: AccessToken { extra, ..shown() }, ..Self::default() }
    }
}

#[test]
fn an_api_gets_what_both_the_token_and_its_registration_allow() {
    let exchanged = Case::default().judge().unwrap();
    assert_eq!(exchanged.scope.to_string(), "stock:read");
    assert_eq!((exchanged.audience, exchanged.expires_at), (vec![STOCK.to_owned()], 100));
    assert_eq!(exchanged.actor, Some(json!({ "sub": "orders" })));
    for (asked, expected) in [
        ("stock:read", Ok("stock:read")),
        ("", Ok("")),
        ("stock:write", Err(ErrorCode::InvalidScope)),
        ("stock:read email", Err(ErrorCode::InvalidScope)),
        ("orders", Err(ErrorCode::InvalidScope)),
        ("offline_access", Err(ErrorCode::InvalidScope)),
    ] {
        let got = Case { scope: Some(asked), ..Case::default() }.judge();
        let got = got.map(|exchanged| exchanged.scope.to_string());
        assert_eq!(got.as_deref().map_err(|code| *code), expected, "{asked}");
    }
    // Who has registered no scope gets what every user understands.
    let caller = Client { scope: None, ..caller() };
    let subject = AccessToken { scope: Some("email orders".into()), ..shown() };
    let exchanged = Case { caller, subject, ..Case::default() }.judge().unwrap();
    assert_eq!(exchanged.scope.to_string(), "email");
}

#[test]
fn only_registered_resources_are_reached() {
    for targets in [&[STOCK][..], &[]] {
        assert!(Case { targets, ..Case::default() }.judge().is_ok());
    }
    for targets in [&[ORDERS][..], &["https://bank.example"], &[STOCK, ORDERS], &[ISSUER]] {
        let judged = Case { targets, ..Case::default() }.judge();
        assert_eq!(judged, Err(ErrorCode::InvalidTarget), "{targets:?}");
    }
    let none = Client { resources: vec![], ..caller() };
    assert_eq!(
        Case { caller: none, ..Case::default() }.judge(),
        Err(ErrorCode::InvalidTarget),
        "and above all not the issuer itself"
    );
}

#[test]
fn only_the_api_of_the_token_and_those_that_are_listed_exchange_it() {
    let stranger = Client { protects: vec!["https://other.example".into()], ..caller() };
    let own = Client { client_id: "shop".into(), ..stranger.clone() };
    let listed = Client { exchange_audiences: vec![ORDERS.into()], ..stranger.clone() };
    for (caller, good) in [(&stranger, false), (&own, false), (&listed, true)] {
        let case = Case { caller: caller.clone(), ..Case::default() };
        assert_eq!(case.judge().err(), (!good).then_some(ErrorCode::InvalidRequest));
    }
    // A token that is bound to a key: its API has seen the proof; others have to bring it.
    let subject = AccessToken { confirmation: bound("k1"), ..shown() };
    for (caller, sender, good) in [
        (caller(), Sender::Bearer, true),
        (caller(), Sender::Dpop("k2".into()), true),
        (listed.clone(), Sender::Bearer, false),
        (listed.clone(), Sender::Dpop("k2".into()), false),
        (listed.clone(), Sender::Certificate("k1".into()), false),
        (listed, Sender::Dpop("k1".into()), true),
        (stranger, Sender::Dpop("k1".into()), false),
    ] {
        let case = Case { caller, subject: subject.clone(), sender, ..Case::default() };
        assert_eq!(case.judge().is_ok(), good, "{} {:?}", case.caller.client_id, case.sender);
    }
}

#[test]
fn who_acts_stands_in_the_token_and_before_them_who_acted_before() {
    let actor = AccessToken {
        subject: "robot".into(),
        client_id: "orders".into(),
        ..AccessToken::default()
    };
    let acting = |actor: AccessToken| Case { actor: Some(actor), ..Case::default() };
    let act = acting(actor.clone()).judge().unwrap().actor;
    assert_eq!(act, Some(json!({ "sub": "robot" })));
    let foreign = AccessToken { client_id: "shop".into(), ..actor.clone() };
    let mut deputy = actor.clone();
    deputy.extra.insert("act".into(), json!({ "sub": "x" }));
    let elsewhere = AccessToken { confirmation: bound("k1"), ..actor.clone() };
    for bad in [foreign, deputy, elsewhere.clone()] {
        assert_eq!(acting(bad).judge(), Err(ErrorCode::InvalidRequest));
    }
    let proved = Case { sender: Sender::Dpop("k1".into()), ..acting(elsewhere) };
    assert!(proved.judge().is_ok());

    let mut before = json!({ "sub": "first" });
    for depth in 2..=ACTORS_MAX {
        let exchanged = Case::with_claim("act", before.clone()).judge().unwrap();
        before = json!({ "sub": "orders", "act": before });
        assert_eq!(exchanged.actor.as_ref(), Some(&before), "{depth}");
    }
    let judged = Case::with_claim("act", before.clone()).judge();
    assert_eq!(judged, Err(ErrorCode::InvalidRequest), "one after the other, but not without end");

    let caller = Client { danger_impersonation: true, ..caller() };
    let impersonated = Case { caller: caller.clone(), ..Case::default() }.judge().unwrap();
    assert_eq!(impersonated.actor, None);
    let delegated = Case { caller: caller.clone(), ..Case::with_claim("act", before.clone()) };
    assert_eq!(delegated.judge().unwrap().actor, Some(before), "what is known is not hidden");
    let named = Case { caller, ..acting(actor) };
    assert_eq!(named.judge().unwrap().actor, Some(json!({ "sub": "robot" })));
}

#[test]
fn a_token_may_name_who_acts() {
    for (may_act, good) in [
        (json!({ "sub": "orders" }), true),
        (json!({ "sub": "orders", "iss": ISSUER, "client_id": "orders" }), true),
        (json!({ "sub": "stock" }), false),
        (json!({ "sub": "orders", "iss": "https://other.example" }), false),
        (json!({ "sub": "orders", "email": "a@b.example" }), false),
        (json!({}), false),
        (json!("orders"), false),
        (Value::Null, false),
    ] {
        let judged = Case::with_claim("may_act", may_act.clone()).judge();
        assert_eq!(judged.is_ok(), good, "{may_act}");
        let caller = Client { danger_impersonation: true, ..caller() };
        let judged = Case { caller, ..Case::with_claim("may_act", may_act.clone()) }.judge();
        assert_eq!(judged.is_ok(), good, "{may_act}");
    }
}
