//! Scope: an ordered set of scope tokens (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest `scope` parameter that is read, in bytes.
pub const SCOPE_MAX_BYTES: usize = 2_048;

/// A set of scope tokens, written in alphabetical order and separated by single spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(BTreeSet<String>);

/// A `scope` that RFC 6749 §3.3 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is words of printable ASCII characters, no quotation marks, no backslashes")]
pub struct InvalidScope;

impl Scope {
    /// Reads a space-separated list. The empty string is the empty scope.
    ///
    /// # Errors
    /// [`InvalidScope`] for characters outside RFC 6749 §3.3, or more than
    /// [`SCOPE_MAX_BYTES`].
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.len() > SCOPE_MAX_BYTES {
            return Err(InvalidScope);
        }
        let words = text.split(' ').filter(|word| !word.is_empty());
        words
            .map(|word| {
                let legal = word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
                legal.then(|| word.to_owned()).ok_or(InvalidScope)
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `word` is in the set.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Whether every word of this scope is also in `wider`.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        self.0.is_subset(&wider.0)
    }

    /// The words that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// Whether there is no word in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;
    fn try_from(text: String) -> Result<Self, InvalidScope> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_a_set_in_a_stable_order() {
        let scope = Scope::parse("profile openid  profile").unwrap();
        assert_eq!(scope.to_string(), "openid profile");
        assert!(scope.contains("openid") && !scope.contains("open"));
        assert!(Scope::parse("openid").unwrap().is_within(&scope));
        assert!(!Scope::parse("openid email").unwrap().is_within(&scope));
        assert!(Scope::parse("").unwrap().is_empty());
    }

    #[test]
    fn forbidden_characters_and_lengths_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "ä", "a\nb", &"x".repeat(SCOPE_MAX_BYTES + 1)] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }
}
