//! What few grants have beside their scope: kept in one column, which is empty for all others.

use serde::{Deserialize, Serialize};

use crate::authorization_details::AuthorizationDetails;
use crate::claims_request::ClaimsRequest;

/// What was asked for and agreed to beside scope and resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantDetails {
    /// The authentication context of the sign-in, where the client asked for it (`acr`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Single claims (OpenID Connect Core §5.5).
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// Access that is spelled out (RFC 9396).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
}

impl GrantDetails {
    /// Whether there are none, as for most grants.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
