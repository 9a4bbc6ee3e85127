//! Token introspection (RFC 7662): who may ask about which token, and what the answer says.

use countersign_jose::{AccessToken, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::grant::{Grant, token_type};

/// What is answered about a token. Everything but an active token that the caller may ask
/// about looks the same: `{"active":false}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Introspection(Map<String, Value>);

impl Introspection {
    /// The answer for every token that is not active, or none of the caller's business.
    #[must_use]
    pub fn inactive() -> Self {
        Self(Map::from_iter([("active".to_owned(), Value::Bool(false))]))
    }

    /// The answer for an access token that is signed, in time and not revoked. Its own client is
    /// told all of it; the API of one of its resources is not told where else it is good for
    /// (RFC 7662 §4). `scope` stays whole: nothing says which resource a scope belongs to.
    #[must_use]
    pub fn of_access_token(token: &AccessToken, caller: &Client) -> Self {
        let own = caller.is_confidential() && token.client_id == caller.client_id;
        let told =
            token.audience.iter().filter(|audience| own || caller.protects.contains(audience));
        let told: Vec<_> = told.map(String::as_str).collect();
        if !own && told.is_empty() {
            return Self::inactive();
        }
        let Ok(Value::Object(mut claims)) = serde_json::to_value(token) else {
            return Self::inactive();
        };
        if told.len() < token.audience.len() {
            let told = if let [one] = told[..] { one.into() } else { told.into() };
            claims.insert("aud".to_owned(), told);
        }
        claims.insert("active".to_owned(), Value::Bool(true));
        let token_type = token_type(token.confirmation.as_ref());
        claims.insert("token_type".to_owned(), Value::from(token_type));
        Self(claims)
    }

    /// The answer for a refresh token, which only its own client may ask about: about the person
    /// as the client knows them, with how long it has left, as in the token answer
    /// (draft-ietf-oauth-refresh-token-expiration-03 §7).
    #[must_use]
    pub fn of_refresh_token(
        grant: &Grant,
        caller: &Client,
        (issuer, subject): (&str, &str),
        now: Timestamp,
    ) -> Self {
        if grant.client_id != caller.client_id || !caller.is_confidential() {
            return Self::inactive();
        }
        let expires_at = grant.idle_expires_at.min(grant.expires_at).as_secs();
        let seconds = |until: Timestamp| Value::from(until.since(now).as_secs());
        let mut answer = Map::from_iter([
            ("active".to_owned(), Value::Bool(true)),
            ("iss".to_owned(), Value::from(issuer)),
            ("sub".to_owned(), Value::from(subject)),
            ("client_id".to_owned(), Value::from(grant.client_id.as_str())),
            ("scope".to_owned(), Value::from(grant.scope.to_string())),
            ("aud".to_owned(), Value::from(grant.audience.clone())),
            ("exp".to_owned(), Value::from(expires_at)),
            ("iat".to_owned(), Value::from(grant.rotated_at.as_secs())),
            ("grant_id".to_owned(), Value::from(grant.id.to_string())),
            ("refresh_token_timeout".to_owned(), seconds(grant.idle_expires_at)),
            ("authorization_expires_in".to_owned(), seconds(grant.expires_at)),
        ]);
        let details = &grant.details.authorization_details;
        if !details.is_empty() {
            answer.insert("authorization_details".to_owned(), details.to_json());
        }
        Self(answer)
    }

    /// The members, as they stand in the answer.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// Whether it says that the token is active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.get("active") == Some(&Value::Bool(true))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::grant::{GrantId, Sender};
    use crate::scope::Scope;

    fn caller(json: &str) -> Client {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_the_api_of_the_token_and_its_client_learn_anything() {
        let token = AccessToken {
            client_id: "web".into(),
            audience: vec!["https://api.example".into()],
            ..AccessToken::default()
        };
        let api = caller(r#"{"client_id":"api","protects":["https://api.example"]}"#);
        let other = caller(r#"{"client_id":"other","protects":["https://other.example"]}"#);
        let web = caller(r#"{"client_id":"web"}"#);
        let public = caller(r#"{"client_id":"web","token_endpoint_auth_method":"none"}"#);
        let about = |caller: &Client| Introspection::of_access_token(&token, caller);
        assert!(about(&api).is_active() && about(&web).is_active());
        assert_eq!(about(&other), Introspection::inactive());
        assert_eq!(about(&public), Introspection::inactive());
    }

    #[test]
    fn an_api_is_not_told_which_other_apis_a_token_is_good_for() {
        let [a, b, c] = ["https://a.example", "https://b.example", "https://c.example"];
        let token = AccessToken {
            client_id: "web".into(),
            audience: [a, b, c].map(str::to_owned).to_vec(),
            scope: Some("a:read b:read".into()),
            ..AccessToken::default()
        };
        let protects = |id: &str, resources: &[&str]| {
            let resources = serde_json::to_string(resources).unwrap();
            caller(&format!(r#"{{"client_id":"{id}","protects":{resources}}}"#))
        };
        for (caller, told) in [
            (protects("api", &[a]), Value::from(a)),
            (protects("api", &[c, a, "https://d.example"]), Value::from(vec![a, c])),
            (protects("api", &[c, b, a]), Value::from(vec![a, b, c])),
            (protects("web", &[]), Value::from(vec![a, b, c])),
            (protects("web", &[a]), Value::from(vec![a, b, c])),
        ] {
            let told_to = Introspection::of_access_token(&token, &caller).into_members();
            assert_eq!(told_to["aud"], told, "{caller:?}");
            assert_eq!(told_to["scope"], "a:read b:read");
            assert_eq!(told_to["active"], true);
        }
        let other = protects("api", &["https://d.example"]);
        assert_eq!(Introspection::of_access_token(&token, &other), Introspection::inactive());
    }

    #[test]
    fn a_refresh_token_is_its_own_clients_business_alone() {
        let now = Timestamp::from_secs(1_800_000_000);
        let grant = Grant {
            id: GrantId::from_bytes([1; 16]),
            subject: "ada".into(),
            client_id: "web".into(),
            scope: Scope::parse("openid").unwrap(),
            audience: vec!["https://api.example".into()],
            auth_time: now,
            amr: vec![],
            session_id: None,
            sender: Sender::Bearer,
            generation: 3,
            rotated_at: now,
            created_at: now,
            idle_expires_at: now.plus(Duration::from_secs(1_000)),
            expires_at: now.plus(Duration::from_secs(5_000)),
            ended: None,
            pending: None,
            details: crate::grant_details::GrantDetails::default(),
        };
        let about = |json: &str| {
            let about = ("https://id.example", "alice");
            Introspection::of_refresh_token(&grant, &caller(json), about, now)
        };
        let told = about(r#"{"client_id":"web"}"#);
        assert!(told.is_active());
        assert_eq!(told.into_members()["refresh_token_timeout"], 1_000);
        for stranger in [
            r#"{"client_id":"other"}"#,
            r#"{"client_id":"api","protects":["https://api.example"]}"#,
            r#"{"client_id":"web","token_endpoint_auth_method":"none"}"#,
        ] {
            assert_eq!(about(stranger), Introspection::inactive(), "{stranger}");
        }
    }
}
