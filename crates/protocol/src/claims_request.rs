//! Single claims that a client asks for with the `claims` parameter (OpenID Connect Core §5.5).
//!
//! Only what an account may have is kept; every other name is ignored, as §5.5.1 wants, and so are
//! names with a language tag (`name#de`, §5.2), since accounts have one value of each claim.
//! `sub` and `acr` say something about the sign-in, and are read apart from the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{ErrorCode, OAuthError};
use crate::release;
use crate::wire::json;

/// More members than this are not read in `userinfo` or `id_token`.
const CLAIMS_MAX: usize = 64;
/// More `values` than this are not read of one claim.
const VALUES_MAX: usize = 16;
/// The longest single value, in bytes of JSON.
const VALUE_MAX_BYTES: usize = 512;

/// The claims of an account that were asked for one by one, and the door by which they leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// At `/userinfo`.
    #[serde(default, skip_serializing_if = "WantedClaims::is_empty")]
    pub userinfo: WantedClaims,
    /// In id tokens.
    #[serde(default, skip_serializing_if = "WantedClaims::is_empty")]
    pub id_token: WantedClaims,
}

/// Claims by their name. With values: the claim is wanted only if it has one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedClaims(BTreeMap<String, Vec<Value>>);

/// What a request says about the authentication context (`acr_values`, or `acr` in `claims`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcrRequest {
    /// Any of these will do, the best first; empty: whichever it is.
    pub values: Vec<String>,
    /// Whether the request fails if it is none of them.
    pub required: bool,
}

/// A `claims` parameter, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What is asked for of the account.
    pub claims: ClaimsRequest,
    /// Who must have signed in: one of these subjects, if it matters.
    pub subjects: Option<Vec<String>>,
    /// `acr`, if it was asked for.
    pub acr: Option<AcrRequest>,
}

impl ClaimsRequest {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// The names of everything that is asked for, by whichever door, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let all = self.userinfo.names().chain(self.id_token.names());
        let mut names: Vec<_> = all.collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl WantedClaims {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the claims.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a claim is wanted with this value (§5.5.1: with a particular one, or with any).
    #[must_use]
    pub fn takes(&self, name: &str, value: &Value) -> bool {
        self.0.get(name).is_some_and(|values| values.is_empty() || values.contains(value))
    }
}

impl Asked {
    /// Reads the parameter.
    ///
    /// # Errors
    /// `invalid_request` for what is not of the form of §5.5.
    pub fn read(text: &str) -> Result<Self, OAuthError> {
        let Some(Value::Object(mut members)) = json::read(text) else {
            return Err(fault("claims has to be a JSON object, with no member named twice"));
        };
        let (userinfo, id_token) = (members.remove("userinfo"), members.remove("id_token"));
        let mut asked = Self::default();
        asked.claims.userinfo = asked.door(userinfo, false)?;
        asked.claims.id_token = asked.door(id_token, true)?;
        Ok(asked)
    }

    fn door(
        &mut self,
        member: Option<Value>,
        is_id_token: bool,
    ) -> Result<WantedClaims, OAuthError> {
        let claims = match member {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(claims)) if claims.len() <= CLAIMS_MAX => claims,
            Some(_) => {
                return Err(fault("userinfo and id_token in claims are objects of some claims"));
            }
        };
        let mut wanted = BTreeMap::new();
        for (name, wish) in claims {
            let (essential, values) = read_wish(wish)?;
            if name == "sub" {
                self.must_be(values)?;
            } else if name == "acr" && is_id_token {
                let values = values.into_iter().map(text).collect::<Result<_, _>>()?;
                self.acr = Some(AcrRequest { values, required: essential });
            } else if release::known_claims().any(|known| known == name) {
                wanted.insert(name, values);
            }
        }
        Ok(WantedClaims(wanted))
    }

    /// Both doors may say it; then both count.
    fn must_be(&mut self, values: Vec<Value>) -> Result<(), OAuthError> {
        if values.is_empty() {
            return Ok(());
        }
        let mut subjects = values.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        if let Some(known) = &self.subjects {
            subjects.retain(|subject| known.contains(subject));
        }
        self.subjects = Some(subjects);
        Ok(())
    }
}

/// What is said of one claim: whether it is essential, and which values it may have. Members that
/// are not defined are ignored (§5.5.1).
fn read_wish(wish: Value) -> Result<(bool, Vec<Value>), OAuthError> {
    let mut members = match wish {
        Value::Null => return Ok((false, Vec::new())),
        Value::Object(members) => members,
        _ => return Err(fault("a claim in claims is null or an object")),
    };
    let essential = match members.remove("essential") {
        None => false,
        Some(Value::Bool(essential)) => essential,
        Some(_) => return Err(fault("essential in claims is true or false")),
    };
    let values = match (members.remove("value"), members.remove("values")) {
        (None, None) => Vec::new(),
        (Some(value), None) => vec![value],
        (None, Some(Value::Array(values))) if !values.is_empty() => values,
        _ => return Err(fault("a claim in claims has one value, or a list of values")),
    };
    let too_long = |value: &Value| value.to_string().len() > VALUE_MAX_BYTES;
    if values.len() > VALUES_MAX || values.iter().any(too_long) {
        return Err(fault("a claim in claims has too many values or too long ones"));
    }
    Ok((essential, values))
}

fn text(value: Value) -> Result<String, OAuthError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(fault("the values of sub and acr in claims are text")),
    }
}

fn fault(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Asked {
        Asked::read(&value.to_string()).unwrap()
    }

    #[test]
    fn known_claims_are_kept_and_all_others_are_ignored() {
        let asked = read(&json!({
            "userinfo": { "email": { "essential": true }, "name": null, "name#de": null,
                "http://example.info/claims/groups": null, "picture": { "purpose": "why" } },
            "id_token": { "email_verified": { "value": true }, "auth_time": { "essential": true } },
            "other": 7
        }));
        assert_eq!(asked.claims.names(), ["email", "email_verified", "name", "picture"]);
        assert!(asked.claims.userinfo.takes("email", &json!("a@b.example")));
        assert!(!asked.claims.id_token.takes("email", &json!("a@b.example")));
        assert!(asked.claims.id_token.takes("email_verified", &json!(true)));
        assert!(!asked.claims.id_token.takes("email_verified", &json!(false)));
        assert_eq!((asked.subjects, asked.acr), (None, None));
        assert_eq!(read(&json!({ "userinfo": null })), Asked::default());
    }

    #[test]
    fn what_is_said_of_the_sign_in_is_read_apart() {
        let asked = read(&json!({
            "userinfo": { "sub": { "values": ["a", "b"] }, "acr": { "value": "no matter" } },
            "id_token": { "sub": { "value": "b" },
                "acr": { "essential": true, "values": ["2", "1"] } }
        }));
        assert_eq!(asked.subjects, Some(vec!["b".to_owned()]));
        let values = vec!["2".to_owned(), "1".to_owned()];
        assert_eq!(asked.acr, Some(AcrRequest { values, required: true }));
        assert!(asked.claims.is_empty());
        let nobody = read(&json!({
            "userinfo": { "sub": { "value": "a" } }, "id_token": { "sub": { "value": "b" } }
        }));
        assert_eq!(nobody.subjects, Some(Vec::new()), "no person is both");
    }

    #[test]
    fn other_forms_are_refused() {
        let many: Map<_, _> = (0..65).map(|n| (format!("c{n}"), Value::Null)).collect();
        for bad in [
            json!([]),
            json!({ "userinfo": [] }),
            json!({ "userinfo": many }),
            json!({ "userinfo": { "email": true } }),
            json!({ "userinfo": { "email": { "essential": "true" } } }),
            json!({ "userinfo": { "email": { "value": 1, "values": [1] } } }),
            json!({ "userinfo": { "email": { "values": [] } } }),
            json!({ "userinfo": { "email": { "values": "a" } } }),
            json!({ "userinfo": { "email": { "values": vec![1; 17] } } }),
            json!({ "userinfo": { "email": { "value": "a".repeat(600) } } }),
            json!({ "id_token": { "sub": { "value": 1 } } }),
            json!({ "id_token": { "acr": { "values": [1] } } }),
        ] {
            let error = Asked::read(&bad.to_string()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{bad}");
        }
        for bad in ["", "{", r#"{"userinfo":{},"userinfo":{}}"#] {
            assert!(Asked::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_comes_back_as_it_was_kept() {
        let claims =
            read(&json!({ "userinfo": { "email": null, "zoneinfo": { "value": "x" } } })).claims;
        let kept = serde_json::to_string(&claims).unwrap();
        assert_eq!(kept, r#"{"userinfo":{"email":[],"zoneinfo":["x"]}}"#);
        assert_eq!(serde_json::from_str::<ClaimsRequest>(&kept).unwrap(), claims);
    }
}
