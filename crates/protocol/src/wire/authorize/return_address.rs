//! Where the answer to an authorization request goes, and the answer itself (OAuth 2.1 §4.1.2).

use super::OPAQUE_MAX_BYTES;
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::wire::params::Params;

/// Where an answer goes, known before the rest of the request is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnAddress {
    /// A registered redirect URI of the client.
    pub redirect_uri: String,
    /// Returned unchanged.
    pub state: Option<String>,
}

impl ReturnAddress {
    /// Finds where the answer goes. A failure here is shown to the user and never redirected,
    /// since the address can't be trusted (RFC 6749 §4.1.2.1).
    ///
    /// # Errors
    /// `invalid_request` when `redirect_uri` is missing or not registered.
    pub fn find(params: &Params, client: &Client) -> Result<Self, OAuthError> {
        let redirect_uri = params.require("redirect_uri")?;
        if !client.takes_answers_at(redirect_uri) {
            return Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                "redirect_uri is not registered for this client; it is compared exactly",
            ));
        }
        let state = params.get("state").filter(|state| state.len() <= OPAQUE_MAX_BYTES);
        Ok(Self { redirect_uri: redirect_uri.to_owned(), state: state.map(str::to_owned) })
    }

    /// The URL that carries a code back, with the issuer (RFC 9207).
    #[must_use]
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    /// The URL that carries an error back, with the issuer (RFC 9207).
    #[must_use]
    pub fn with_error(&self, error: &OAuthError, issuer: &str) -> String {
        let code = ("error", error.code.as_str());
        self.with(&[code, ("error_description", &error.description)], issuer)
    }

    fn with(&self, answer: &[(&str, &str)], issuer: &str) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let pairs = answer.iter().copied().chain(state).chain([("iss", issuer)]);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{joint}{query}", self.redirect_uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_back_with_state_and_issuer() {
        let address = ReturnAddress {
            redirect_uri: "https://a.example/cb?t=1".into(),
            state: Some("a&b".into()),
        };
        assert_eq!(
            address.with_code("c", "https://id.example"),
            "https://a.example/cb?t=1&code=c&state=a%26b&iss=https%3A%2F%2Fid.example"
        );
    }
}
