//! `response_mode`: how an answer travels back (OAuth 2.0 Multiple Response Type Encoding
//! Practices, OAuth 2.0 Form Post Response Mode, JARM).

use crate::error::{ErrorCode, OAuthError};
use crate::wire::params::Params;

/// The modes that are offered. A code has no business in a fragment, where scripts of other people
/// find it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that the browser sends to the redirect URI.
    FormPost,
    /// As one signed token in the query.
    QueryJwt,
    /// As one signed token in a form.
    FormPostJwt,
}

impl ResponseMode {
    /// The names that are taken, for metadata.
    pub const NAMES: &[&str] = &["query", "form_post", "query.jwt", "form_post.jwt", "jwt"];

    /// Reads `response_mode`.
    ///
    /// # Errors
    /// `invalid_request` for a mode that is not offered.
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        let fault = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, why));
        match params.get("response_mode") {
            None | Some("query") => Ok(Self::Query),
            Some("form_post") => Ok(Self::FormPost),
            // JARM §2.3.4: the default mode of the response type, which is `query` for a code.
            Some("jwt" | "query.jwt") => Ok(Self::QueryJwt),
            Some("form_post.jwt") => Ok(Self::FormPostJwt),
            Some("fragment" | "fragment.jwt") => {
                fault("response_mode: a code does not belong in a fragment")
            }
            Some(_) => fault("response_mode is query, form_post, query.jwt, form_post.jwt or jwt"),
        }
    }

    /// Whether the answer is one signed token.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FormPostJwt)
    }

    /// Whether the answer is sent by a form.
    #[must_use]
    pub const fn is_posted(self) -> bool {
        matches!(self, Self::FormPost | Self::FormPostJwt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_no_other() {
        let read = |name: &str| {
            ResponseMode::read(&Params::parse(format!("response_mode={name}").as_bytes()).unwrap())
        };
        for name in ResponseMode::NAMES {
            let mode = read(name).unwrap();
            assert_eq!(mode.is_signed(), name.ends_with("jwt"), "{name}");
            assert_eq!(mode.is_posted(), name.starts_with("form_post"), "{name}");
        }
        assert_eq!(read(""), Ok(ResponseMode::Query));
        for other in ["fragment", "fragment.jwt", "web_message", "QUERY", "query+jwt", "post"] {
            assert_eq!(read(other).unwrap_err().code, ErrorCode::InvalidRequest, "{other}");
        }
    }
}
