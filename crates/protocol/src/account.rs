//! Accounts: people who sign in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest user name, in characters.
pub const USERNAME_MAX_CHARS: usize = 128;

/// One person.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The stable, never reused name of the person in tokens: `sub`.
    pub subject: String,
    /// What the person types to sign in; unique, compared without regard to ASCII case.
    pub username: String,
    /// The password as a PHC string (Argon2id). `None`: no password sign-in.
    pub password_hash: Option<String>,
    /// A disabled account can't sign in, and its grants are ended.
    pub disabled: bool,
    /// Standard claims about the person (OpenID Connect Core §5.1) and `roles`.
    pub claims: Map<String, Value>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("subject", &self.subject)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// The form of a user name that is stored and looked up: trimmed, ASCII lower case.
/// `None` for one that is empty, too long or has control characters.
#[must_use]
pub fn canonical_username(typed: &str) -> Option<String> {
    let name = typed.trim();
    let legal = !name.is_empty()
        && name.chars().count() <= USERNAME_MAX_CHARS
        && !name.chars().any(char::is_control);
    legal.then(|| name.to_ascii_lowercase())
}
