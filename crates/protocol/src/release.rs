//! Which claim about a person may leave, and by which door (OpenID Connect Core §5.4).

use serde_json::{Map, Value};

use crate::account::Account;
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

/// What `/userinfo` answers about an account under a scope.
#[must_use]
pub fn user_info(account: &Account, scope: &Scope) -> Map<String, Value> {
    let mut released = Map::new();
    released.insert("sub".to_owned(), Value::from(account.subject.as_str()));
    for known in KNOWN_SCOPES.iter().filter(|known| scope.contains(known.name)) {
        for claim in known.claims {
            if let Some(value) = account.claims.get(*claim) {
                released.insert((*claim).to_owned(), value.clone());
            }
        }
    }
    released
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
        user_info(&alice(), &scope).keys().cloned().collect()
    }

    #[test]
    fn each_scope_releases_its_own_claims_only() {
        assert_eq!(released("openid"), ["sub"]);
        assert_eq!(released("openid email"), ["email", "sub"]);
        assert_eq!(released("openid profile roles"), ["name", "roles", "sub"]);
    }

    #[test]
    fn an_access_token_never_carries_personal_data() {
        let scope = Scope::parse("openid profile email roles").unwrap();
        let claims = access_token_claims(&alice(), &scope);
        assert_eq!(claims.keys().collect::<Vec<_>>(), ["roles"]);
    }
}
