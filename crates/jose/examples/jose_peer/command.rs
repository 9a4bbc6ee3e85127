//! One command, and what may be wrong with it.

use countersign_jose::{Error, base64url};
use serde_json::Value;

/// A JSON object, read member by member.
pub(crate) struct Command(Value);

/// Why there is no answer.
pub(crate) enum Failure {
    /// The library said no.
    Refused(Error),
    /// The command is not understood: a mistake of the test.
    Fault(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Command {
    pub(crate) fn read(line: &str) -> Result<Self, Failure> {
        serde_json::from_str(line).map(Self).map_err(|error| Failure::Fault(error.to_string()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| missing(name))
    }

    /// Whether the member is there and true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        base64url::decode(self.text(name)?.as_bytes())
            .map_err(|_| Failure::Fault(format!("`{name}` is not base64url")))
    }

    /// The objects of the array of this name.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Self>, Failure> {
        let items = self.get(name).and_then(Value::as_array).ok_or_else(|| missing(name))?;
        Ok(items.iter().cloned().map(Self).collect())
    }

    pub(crate) fn object(&self, name: &str) -> Result<Self, Failure> {
        self.get(name).cloned().map(Self).ok_or_else(|| missing(name))
    }
}

pub(crate) fn missing(name: &str) -> Failure {
    Failure::Fault(format!("`{name}` is missing or of the wrong type"))
}
