//! What the operator offers clients to ask for, and how.

use std::time::Duration;

use countersign_protocol::authorization_details;
use countersign_protocol::offer::Offer;
use countersign_protocol::security_profile::SecurityProfile;
use serde::{Deserialize, Serialize};

use super::Config;

/// `[authentication]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthenticationSection {
    /// What a sign-in with a password is called in `acr`; the first is the usual name.
    pub acr: Vec<String>,
}

impl Default for AuthenticationSection {
    fn default() -> Self {
        Self { acr: vec!["1".to_owned()] }
    }
}

/// `[authorization]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizationSection {
    /// The types of `authorization_details` that the APIs understand (RFC 9396).
    pub details_types: Vec<String>,
    /// How long a pushed request waits for its user's browser, in seconds.
    pub pushed_request_s: u64,
    /// Whether every client has to push its requests (RFC 9126 §5).
    pub require_pushed: bool,
    /// The security profile that every client is held to.
    pub profile: Option<SecurityProfile>,
}

impl Default for AuthorizationSection {
    fn default() -> Self {
        Self {
            details_types: Vec::new(),
            pushed_request_s: 60,
            require_pushed: false,
            profile: None,
        }
    }
}

impl AuthorizationSection {
    /// How long a pushed request waits for its user's browser.
    pub(crate) const fn pushed_request(&self) -> Duration {
        Duration::from_secs(self.pushed_request_s)
    }
}

impl Config {
    /// What is offered beside what every server of this kind does.
    #[must_use]
    pub fn offer(&self) -> Offer {
        Offer {
            acr: self.authentication.acr.clone(),
            details_types: self.authorization.details_types.clone(),
        }
    }

    /// Names that clients ask for have to be names.
    pub(super) fn offer_faults(&self) -> Vec<String> {
        let is_word = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        let mut faults = Vec::new();
        if !self.authentication.acr.iter().all(|name| is_word(name) && name.len() <= 255) {
            faults.push("authentication.acr holds names without spaces".to_owned());
        }
        if !self.authorization.details_types.iter().all(|name| authorization_details::is_type(name))
        {
            faults.push("authorization.details_types holds names of at most 255 bytes".to_owned());
        }
        for client in &self.clients {
            let known = |name: &&String| !self.authorization.details_types.contains(name);
            if let Some(name) = client.authorization_details_types.iter().find(known) {
                let id = &client.client_id;
                faults.push(format!(
                    "client {id}: {name:?} in authorization_details_types is not one of \
                     authorization.details_types"
                ));
            }
        }
        faults
    }
}
