//! Where the answer to an authorization request goes.

use super::{OPAQUE_MAX_BYTES, ResponseMode};
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
    /// How the answer travels; in the query when what was asked for is not offered.
    pub mode: ResponseMode,
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
        Ok(Self {
            redirect_uri: redirect_uri.to_owned(),
            state: state.map(str::to_owned),
            mode: ResponseMode::read(params).unwrap_or_default(),
        })
    }
}
