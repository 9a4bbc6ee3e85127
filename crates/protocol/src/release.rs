//! Which claim about a person may leave, and by which door (OpenID Connect Core §5.4).

use serde_json::{Map, Value};

use crate::account::Account;
use crate::claims_request::{ClaimsRequest, WantedClaims};
use crate::scope::Scope;

/// A scope that has a meaning here: its name, what the consent page says, what it releases.
#[derive(Debug)]
pub struct KnownScope {
    /// The scope token.
    pub name: &'static str,
    /// What the user is told.
    pub description: &'static str,
    /// The claims that `/userinfo` answers with.
    pub claims: &'static [&'static str],
}

/// The scopes that release claims or change what is issued.
pub const KNOWN_SCOPES: &[KnownScope] = &[
    KnownScope { name: "openid", description: "know who you are", claims: &["sub"] },
    KnownScope {
        name: "profile",
        description: "see your name and public profile",
        claims: &[
            "name",
            "family_name",
            "given_name",
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
        ],
    },
    KnownScope {
        name: "email",
        description: "see your e-mail address",
        claims: &["email", "email_verified"],
    },
    KnownScope { name: "address", description: "see your postal address", claims: &["address"] },
    KnownScope {
        name: "phone",
        description: "see your phone number",
        claims: &["phone_number", "phone_number_verified"],
    },
    KnownScope { name: "roles", description: "see your roles", claims: &["roles"] },
    KnownScope {
        name: "offline_access",
        description: "keep access while you are not signed in",
        claims: &[],
    },
];

/// Whether a scope has a meaning to users of every server.
#[must_use]
pub fn is_known_scope(name: &str) -> bool {
    KNOWN_SCOPES.iter().any(|known| known.name == name)
}

/// The claims that an account may have.
pub fn known_claims() -> impl Iterator<Item = &'static str> {
    KNOWN_SCOPES.iter().flat_map(|scope| scope.claims.iter().copied()).filter(|c| *c != "sub")
}

/// What each claim of an account is, as the end of the sentence "It would be able to see …".
const WORDS: &[(&str, &str)] = &[
    ("name", "your name"),
    ("family_name", "your family name"),
    ("given_name", "your given name"),
    ("middle_name", "your middle name"),
    ("nickname", "your nickname"),
    ("preferred_username", "the name that you like to be called by"),
    ("profile", "the address of your profile page"),
    ("picture", "your picture"),
    ("website", "your web site"),
    ("gender", "your gender"),
    ("birthdate", "your date of birth"),
    ("zoneinfo", "your time zone"),
    ("locale", "your language and country"),
    ("updated_at", "when your profile was last changed"),
    ("email", "your e-mail address"),
    ("email_verified", "whether your e-mail address was checked"),
    ("address", "your postal address"),
    ("phone_number", "your phone number"),
    ("phone_number_verified", "whether your phone number was checked"),
    ("roles", "your roles"),
];

/// What a claim is, in words; `None` for one that no account has.
#[must_use]
pub fn in_words(claim: &str) -> Option<&'static str> {
    WORDS.iter().find(|(name, _)| *name == claim).map(|(_, words)| *words)
}

/// The single claims of a request that its scope does not release anyway.
#[must_use]
pub fn beside_scope<'a>(asked: &'a ClaimsRequest, scope: &Scope) -> Vec<&'a str> {
    let mut names = asked.names();
    names.retain(|name| !scope_releases(scope, name));
    names
}

fn scope_releases(scope: &Scope, claim: &str) -> bool {
    let mut known = KNOWN_SCOPES.iter().filter(|known| scope.contains(known.name));
    known.any(|known| known.claims.contains(&claim))
}

/// What `/userinfo` answers about an account: what the scope releases, and what was asked for with
/// `claims`. `subject` is what the client knows the person by.
#[must_use]
pub fn user_info(
    account: &Account,
    subject: &str,
    scope: &Scope,
    asked: &ClaimsRequest,
) -> Map<String, Value> {
    let mut released = wanted(account, &asked.userinfo);
    released.insert("sub".to_owned(), Value::from(subject));
    for known in KNOWN_SCOPES.iter().filter(|known| scope.contains(known.name)) {
        for claim in known.claims {
            if let Some(value) = account.claims.get(*claim) {
                released.insert((*claim).to_owned(), value.clone());
            }
        }
    }
    released
}

/// What an id token says about an account beside its subject: what was asked for with `claims` to
/// be there, and nothing else.
#[must_use]
pub fn id_token_claims(account: &Account, asked: &ClaimsRequest) -> Map<String, Value> {
    wanted(account, &asked.id_token)
}

fn wanted(account: &Account, asked: &WantedClaims) -> Map<String, Value> {
    let known = known_claims().filter_map(|name| account.claims.get_key_value(name));
    let released = known.filter(|(name, value)| asked.takes(name, value));
    released.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What an access token says about a person beside their subject: roles, when they were asked
/// for (RFC 9068 §2.2.3.1), and nothing else. Names and addresses stay at `/userinfo`.
#[must_use]
pub fn access_token_claims(account: &Account, scope: &Scope) -> Map<String, Value> {
    let mut released = Map::new();
    if scope.contains("roles")
        && let Some(roles) = account.claims.get("roles")
    {
        released.insert("roles".to_owned(), roles.clone());
    }
    released
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Account {
        let Value::Object(claims) = serde_json::json!({
            "name": "Alice", "email": "alice@example.com", "roles": ["buyer"], "secret": "x"
        }) else {
            unreachable!()
        };
        Account {
            subject: "u1".into(),
            username: "alice".into(),
            password_hash: None,
            disabled: false,
            claims,
        }
    }

    fn released(scope: &str) -> Vec<String> {
        let scope = Scope::parse(scope).unwrap();
        let asked = ClaimsRequest::default();
        user_info(&alice(), "u1", &scope, &asked).keys().cloned().collect()
    }

    #[test]
    fn each_scope_releases_its_own_claims_only() {
        assert_eq!(released("openid"), ["sub"]);
        assert_eq!(released("openid email"), ["email", "sub"]);
        assert_eq!(released("openid profile roles"), ["name", "roles", "sub"]);
    }

    #[test]
    fn a_claim_that_was_asked_for_leaves_by_its_own_door() {
        let asked = |text: &str| crate::claims_request::Asked::read(text).unwrap().claims;
        let claims = asked(
            r#"{"userinfo":{"email":null,"secret":null,"phone_number":null},
                "id_token":{"name":{"value":"Alice"},"email":{"value":"other@example.com"}}}"#,
        );
        let scope = Scope::parse("openid").unwrap();
        let told = user_info(&alice(), "pairwise", &scope, &claims);
        assert_eq!(
            Value::from(told),
            serde_json::json!({
                "sub": "pairwise", "email": "alice@example.com"
            })
        );
        let told = id_token_claims(&alice(), &claims);
        assert_eq!(Value::from(told), serde_json::json!({ "name": "Alice" }));
        assert_eq!(beside_scope(&claims, &scope), ["email", "name", "phone_number"]);
        let wider = Scope::parse("openid email phone").unwrap();
        assert_eq!(beside_scope(&claims, &wider), ["name"]);
    }

    #[test]
    fn every_claim_has_words_for_people() {
        for claim in known_claims() {
            assert!(in_words(claim).is_some(), "{claim}");
        }
        assert_eq!(WORDS.len(), known_claims().count());
    }

    #[test]
    fn an_access_token_never_carries_personal_data() {
        let scope = Scope::parse("openid profile email roles").unwrap();
        let claims = access_token_claims(&alice(), &scope);
        assert_eq!(claims.keys().collect::<Vec<_>>(), ["roles"]);
    }
}
