//! Access that is spelled out in objects instead of scope words (RFC 9396).
//!
//! What the members of a type mean is known to the API alone. This server knows the common ones
//! (§2.2), shows all of them to the person, carries them unchanged, and lets a token request
//! narrow what was granted, never widen it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{ErrorCode, OAuthError};
use crate::wire::json;

/// The longest value of the parameter, in bytes. It travels in each access token, and servers read
/// headers of some 8 KiB.
const MAX_BYTES: usize = 4_096;
/// More objects than this are not read.
const DETAILS_MAX: usize = 16;
/// The longest `type`, in bytes.
const TYPE_MAX_BYTES: usize = 255;
/// The common members that are lists of text (§2.2): fewer of them is less access.
const LISTS: &[&str] = &["locations", "actions", "datatypes", "privileges"];

/// The objects of `authorization_details`, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuthorizationDetails(Vec<Map<String, Value>>);

/// One object as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its `type`.
    pub kind: String,
    /// Its other members and what they hold.
    pub members: Vec<(String, String)>,
}

impl AuthorizationDetails {
    /// Reads the parameter.
    ///
    /// # Errors
    /// `invalid_authorization_details` (§5) for what is not of the form of §2.
    pub fn read(text: &str) -> Result<Self, OAuthError> {
        if text.len() > MAX_BYTES {
            return Err(refused("authorization_details is too long"));
        }
        let Some(Value::Array(items)) = json::read(text) else {
            let why = "authorization_details has to be a JSON array, with no member named twice";
            return Err(refused(why));
        };
        if items.is_empty() || items.len() > DETAILS_MAX {
            return Err(refused("authorization_details has no object, or too many"));
        }
        items.into_iter().map(read_one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `type` of each object.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(kind)
    }

    /// Refuses types that are not offered, or that the client has not registered (§5).
    ///
    /// # Errors
    /// `invalid_authorization_details`.
    pub fn check_types(&self, registered: &[String], offered: &[String]) -> Result<(), OAuthError> {
        let known = |list: &[String], kind: &str| list.iter().any(|one| one == kind);
        if self.types().all(|kind| known(registered, kind) && known(offered, kind)) {
            return Ok(());
        }
        Err(refused("a type in authorization_details is not offered to this client"))
    }

    /// Whether each object asks for no more than one that was granted: the same type and the same
    /// members, of which only the common lists may be shorter. Of anything else only the API knows
    /// whether it is less.
    #[must_use]
    pub fn is_within(&self, granted: &Self) -> bool {
        self.0.iter().all(|one| granted.0.iter().any(|whole| is_part(one, whole)))
    }

    /// What of it concerns these resources, some of all the resources of the grant (§6.1, §9.1). An
    /// object that names its locations among the resources is told to no others.
    #[must_use]
    pub fn for_audience(&self, audience: &[String], granted: &[String]) -> Self {
        let concerns = |one: &&Map<String, Value>| {
            let locations: Vec<_> = texts(one.get("locations")).collect();
            let among =
                |list: &[String], location: &str| list.iter().any(|known| known == location);
            locations.is_empty()
                || locations.iter().any(|location| among(audience, location))
                || !locations.iter().all(|location| among(granted, location))
        };
        Self(self.0.iter().filter(concerns).cloned().collect())
    }

    /// The objects as people read them.
    #[must_use]
    pub fn describe(&self) -> Vec<Described> {
        let describe = |one: &Map<String, Value>| Described {
            kind: plain(kind(one)),
            members: one
                .iter()
                .filter(|(name, _)| *name != "type")
                .map(|(name, value)| (plain(name), in_words(value)))
                .collect(),
        };
        self.0.iter().map(describe).collect()
    }

    /// The JSON array, as it stands in tokens and answers.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0.iter().cloned().map(Value::Object).collect()
    }
}

/// What is wrong with a `type`, if anything: it is text of at most 255 bytes.
#[must_use]
pub fn is_type(name: &str) -> bool {
    !name.is_empty() && name.len() <= TYPE_MAX_BYTES && !name.chars().any(char::is_control)
}

fn read_one(item: Value) -> Result<Map<String, Value>, OAuthError> {
    let Value::Object(one) = item else {
        return Err(refused("authorization_details holds objects"));
    };
    if !one.get("type").and_then(Value::as_str).is_some_and(is_type) {
        return Err(refused("an object in authorization_details has no type"));
    }
    let is_list = |value: &Value| match value {
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_string),
        _ => false,
    };
    if LISTS.iter().filter_map(|name| one.get(*name)).any(|value| !is_list(value)) {
        let why = "locations, actions, datatypes and privileges in authorization_details are lists \
                   of text";
        return Err(refused(why));
    }
    if one.get("identifier").is_some_and(|value| !value.is_string()) {
        return Err(refused("identifier in authorization_details is text"));
    }
    Ok(one)
}

fn is_part(one: &Map<String, Value>, whole: &Map<String, Value>) -> bool {
    one.len() == whole.len()
        && one.iter().all(|(name, value)| match whole.get(name) {
            Some(all) if LISTS.contains(&name.as_str()) => {
                texts(Some(value)).all(|item| texts(Some(all)).any(|known| known == item))
            }
            all => all == Some(value),
        })
}

fn kind(one: &Map<String, Value>) -> &str {
    one.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| format!("{}: {}", plain(name), in_words(value)));
            members.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// Text that can't leave its place on a page.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn refused(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidAuthorizationDetails, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> AuthorizationDetails {
        AuthorizationDetails::read(&value.to_string()).unwrap()
    }

    fn payment() -> Value {
        json!({ "type": "payment", "locations": ["https://a.example", "https://b.example"],
            "actions": ["initiate", "status"], "amount": { "currency": "EUR", "value": "12.50" } })
    }

    #[test]
    fn other_forms_are_refused() {
        let many = vec![json!({ "type": "t" }); 17];
        for bad in [
            json!([]),
            json!({}),
            json!([1]),
            json!([{}]),
            json!([{ "type": 1 }]),
            json!([{ "type": "" }]),
            json!([{ "type": "a\nb" }]),
            json!([{ "type": "t", "actions": "read" }]),
            json!([{ "type": "t", "actions": [] }]),
            json!([{ "type": "t", "locations": [1] }]),
            json!([{ "type": "t", "identifier": 1 }]),
            json!([{ "type": "t", "more": "x".repeat(5_000) }]),
            json!(many),
        ] {
            let error = AuthorizationDetails::read(&bad.to_string()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidAuthorizationDetails, "{bad:.40}");
        }
        assert!(AuthorizationDetails::read(r#"[{"type":"a","type":"b"}]"#).is_err());
    }

    #[test]
    fn less_is_within_and_anything_else_is_not() {
        let granted = read(&json!([payment(), { "type": "account", "identifier": "1" }]));
        assert!(granted.is_within(&granted));
        let with = |change: &dyn Fn(&mut Value)| {
            let mut one = payment();
            change(&mut one);
            read(&json!([one])).is_within(&granted)
        };
        assert!(with(&|_| {}));
        assert!(with(&|one| one["actions"] = json!(["status"])));
        assert!(with(&|one| one["locations"] = json!(["https://b.example"])));
        assert!(!with(&|one| one["actions"] = json!(["status", "cancel"])));
        assert!(!with(&|one| one["amount"]["value"] = json!("1.00")), "who knows what is less");
        assert!(!with(&|one| one["privileges"] = json!(["admin"])));
        assert!(!with(&|one| drop(one.as_object_mut().unwrap().remove("amount"))));
        assert!(!with(&|one| drop(one.as_object_mut().unwrap().remove("actions"))));
        assert!(!with(&|one| one["type"] = json!("account")));
        assert!(!read(&json!([payment()])).is_within(&AuthorizationDetails::default()));
    }

    #[test]
    fn types_have_to_be_registered_and_offered() {
        let details = read(&json!([{ "type": "a" }, { "type": "b" }]));
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (both, one) = (list(&["a", "b"]), list(&["a"]));
        assert!(details.check_types(&both, &both).is_ok());
        assert!(details.check_types(&one, &both).is_err());
        assert!(details.check_types(&both, &one).is_err());
    }

    #[test]
    fn what_is_meant_for_one_resource_is_not_told_to_another() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (granted, a) =
            (list(&["https://a.example", "https://b.example"]), list(&["https://a.example"]));
        for (location, told) in [
            (json!(["https://a.example"]), true),
            (json!(["https://b.example"]), false),
            (json!(["https://b.example", "https://a.example"]), true),
            (json!(["a place that is no resource"]), true),
        ] {
            let details = read(&json!([{ "type": "t", "locations": location }]));
            assert_eq!(!details.for_audience(&a, &granted).is_empty(), told, "{location}");
            assert_eq!(details.for_audience(&granted, &granted), details);
        }
    }

    #[test]
    fn people_read_every_member() {
        let described = read(&json!([payment()])).describe().remove(0);
        assert_eq!(described.kind, "payment");
        let text: Vec<_> =
            described.members.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            text,
            [
                "actions=initiate, status",
                "amount=currency: EUR; value: 12.50",
                "locations=https://a.example, https://b.example"
            ]
        );
        let odd = read(&json!([{ "type": "t", "x": "a\u{7}b", "y": [true, null] }])).describe();
        assert_eq!(odd[0].members[0].1, "a\u{fffd}b");
        assert_eq!(odd[0].members[1].1, "true, null");
    }
}
