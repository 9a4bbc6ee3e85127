//! Form and query parameters, read strictly: none twice, none without end.

use crate::error::{ErrorCode, OAuthError};

/// More parameters than this are not read.
const PARAMS_MAX: usize = 64;
/// Longer values than this are not read, in bytes.
const VALUE_MAX_BYTES: usize = 8_192;
/// A whole request may stand in one value, as a signed token.
const OBJECT_MAX_BYTES: usize = countersign_jose::jwt::MAX_BYTES;

/// The parameters that may stand several times (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: &[&str] = &["resource", "audience"];

/// Decoded parameters in the order in which they came.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Params {
    /// Reads `application/x-www-form-urlencoded` text. A parameter without a value counts as
    /// absent (RFC 6749 §3.1).
    ///
    /// # Errors
    /// `invalid_request` for a repeated parameter, too many or too long ones, and bytes that
    /// are not text.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        match Self::parse_sound(encoded) {
            (params, None) => Ok(params),
            (_, Some(fault)) => Err(fault),
        }
    }

    /// Reads what is sound, and tells the first fault beside it: for an endpoint that has to
    /// find in the parameters where its error answer goes. A faulty parameter counts as absent.
    #[must_use]
    pub fn parse_sound(encoded: &[u8]) -> (Self, Option<OAuthError>) {
        let mut params: Vec<(String, String)> = Vec::new();
        let mut faulty: Vec<String> = Vec::new();
        let mut first_fault = None;
        for (count, (name, value)) in form_urlencoded::parse(encoded).enumerate() {
            if count == PARAMS_MAX {
                first_fault.get_or_insert("there are too many parameters");
                break;
            }
            let most = if name == "request" { OBJECT_MAX_BYTES } else { VALUE_MAX_BYTES };
            let fault = if value.len() > most || name.len() > VALUE_MAX_BYTES {
                "a parameter is too long"
            } else if value.chars().any(|c| c == char::REPLACEMENT_CHARACTER || c.is_control()) {
                // The decoder replaces what is not UTF-8 by U+FFFD.
                "a parameter has characters that are not allowed"
            } else if !REPEATABLE.contains(&&*name)
                && params.iter().any(|(known, _)| *known == *name)
            {
                "a parameter stands more than once"
            } else {
                params.push((name.into_owned(), value.into_owned()));
                continue;
            };
            first_fault.get_or_insert(fault);
            faulty.push(name.into_owned());
        }
        params.retain(|(name, value)| !value.is_empty() && !faulty.contains(name));
        let fault = first_fault.map(|why| OAuthError::new(ErrorCode::InvalidRequest, why));
        (Self(params), fault)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that has to be there.
    ///
    /// # Errors
    /// `invalid_request` that names the parameter.
    pub fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| {
            OAuthError::new(ErrorCode::InvalidRequest, format!("the parameter {name} is missing"))
        })
    }

    /// Takes a parameter out and gives its value.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Adds a parameter that is not there yet.
    pub(in crate::wire) fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// All values of a parameter that may stand several times.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// The parameters as a query string, without those in `leave_out`.
    #[must_use]
    pub fn to_query(&self, leave_out: &[&str]) -> String {
        let kept = self.0.iter().filter(|(name, _)| !leave_out.contains(&name.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let params = Params::parse(b"a=1+2%2F&b=&resource=x&resource=y&flag").unwrap();
        assert_eq!(params.get("a"), Some("1 2/"));
        assert_eq!((params.get("b"), params.get("flag")), (None, None));
        assert_eq!(params.all("resource"), ["x", "y"]);
        assert_eq!(params.to_query(&["resource"]), "a=1+2%2F");
        let mut params = params;
        assert_eq!((params.take("a").as_deref(), params.take("a")), (Some("1 2/"), None));
        assert_eq!(params.to_query(&[]), "resource=x&resource=y");
    }

    #[test]
    fn repeated_oversized_and_unreadable_parameters_are_refused() {
        for bad in ["a=1&a=2", "a=1&a=", "a=%00", "a=%FF", "a=%0D%0Ab", &"x".repeat(9_000)] {
            let error = Params::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{bad:.20}");
        }
        let object = |length| Params::parse(format!("request={}", "x".repeat(length)).as_bytes());
        assert!(object(OBJECT_MAX_BYTES).is_ok() && object(OBJECT_MAX_BYTES + 1).is_err());
        let (sound, fault) = Params::parse_sound(b"a=1&b=1&b=2&c=%00");
        assert!(fault.is_some());
        assert_eq!((sound.get("a"), sound.get("b"), sound.get("c")), (Some("1"), None, None));
        let many: Vec<_> = (0..65).map(|n| format!("p{n}=1")).collect();
        assert!(Params::parse(many.join("&").as_bytes()).is_err());
    }
}
