//! Security profiles: one word in a registration, and everything that is weaker is refused
//! (FAPI 2.0 Security Profile, FAPI 2.0 Message Signing).
//!
//! | rule | section | where it is held |
//! |---|---|---|
//! | clients authenticate by a key or certificate | Security Profile §5.3.2.1 | [`faults`] |
//! | tokens are bound to a key or certificate | §5.3.2.1 | [`faults`] |
//! | ES256, PS256 and Ed25519 alone | §5.4.1 | [`faults`], [`SecurityProfile::algorithms`] |
//! | refresh tokens stay as they are | §5.3.2.1 | [`crate::refresh_family`] |
//! | codes live for a minute | §5.3.2.1 | [`SecurityProfile::CODE_LIFETIME_MAX`] |
//! | requests are pushed, with PKCE | §5.3.2.2 | [`Client::requires_pushed_requests`] |
//! | requests are signed, for an hour at most | Message Signing §5.3.1 | [`Client::requires_signed_requests`] |
//! | answers are signed | Message Signing §5.4.1 | [`Client::requires_signed_answers`] |

use std::time::Duration;

use countersign_jose::Algorithm;
use serde::{Deserialize, Serialize};

use crate::client::{AuthMethod, Client, GrantType};

/// A profile that a client, or all of them, are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityProfile {
    /// FAPI 2.0 Security Profile.
    Fapi2Security,
    /// The same, and FAPI 2.0 Message Signing: signed requests and signed answers.
    Fapi2MessageSigning,
}

impl SecurityProfile {
    /// The algorithms of signatures, ours and the client's (Security Profile §5.4.1).
    pub const ALGORITHMS: &[Algorithm] = &[Algorithm::ES256, Algorithm::PS256, Algorithm::Ed25519];
    /// The longest life of an authorization code (Security Profile §5.3.2.1).
    pub const CODE_LIFETIME_MAX: Duration = Duration::from_secs(60);
    /// How long a request object may live, and how old it may be (Message Signing §5.3.1).
    pub const REQUEST_OBJECT_LIFETIME_MAX: Duration = Duration::from_secs(3_600);

    /// Those of `offered` that the profile allows.
    #[must_use]
    pub fn algorithms(offered: &[Algorithm]) -> Vec<Algorithm> {
        offered.iter().copied().filter(|one| Self::ALGORITHMS.contains(one)).collect()
    }
}

impl Client {
    /// Whether its authorization requests have to be pushed (RFC 9126 §6).
    #[must_use]
    pub fn requires_pushed_requests(&self) -> bool {
        self.require_pushed_authorization_requests || self.profile.is_some()
    }

    /// Whether its authorization requests have to be signed (RFC 9101 §10.5).
    #[must_use]
    pub fn requires_signed_requests(&self) -> bool {
        self.require_signed_request_object
            || self.profile == Some(SecurityProfile::Fapi2MessageSigning)
    }

    /// Whether the answers to its authorization requests have to be signed (JARM).
    #[must_use]
    pub fn requires_signed_answers(&self) -> bool {
        self.profile == Some(SecurityProfile::Fapi2MessageSigning)
    }

    /// The algorithms of `offered` that it may sign with.
    #[must_use]
    pub fn may_sign_with(&self, offered: &[Algorithm]) -> Vec<Algorithm> {
        match self.profile {
            Some(_) => SecurityProfile::algorithms(offered),
            None => offered.to_vec(),
        }
    }
}

/// What keeps a client from its profile, a sentence each; empty for one without a profile.
#[must_use]
pub fn faults(client: &Client) -> Vec<String> {
    if client.profile.is_none() {
        return Vec::new();
    }
    let by_key = matches!(
        client.token_endpoint_auth_method,
        AuthMethod::PrivateKeyJwt | AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth
    );
    let bound = client.dpop_bound_access_tokens || client.tls_client_certificate_bound_access_tokens;
    let fapi_grants = [
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::ClientCredentials,
    ];
    let rules = [
        (
            !by_key,
            "token_endpoint_auth_method has to be private_key_jwt, tls_client_auth or \
             self_signed_tls_client_auth",
        ),
        (
            !bound,
            "set dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens",
        ),
        (!client.require_pkce, "require_pkce can't be turned off"),
        (
            client.danger_token_endpoint_as_audience,
            "danger_token_endpoint_as_audience can't be turned on",
        ),
        (
            !client.grant_types.iter().all(|grant| fapi_grants.contains(grant)),
            "grant_types may be authorization_code, refresh_token and client_credentials",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    let mut faults: Vec<String> = broken.map(|(_, why)| format!("profile: {why}")).collect();
    for (name, algorithm) in signatures(client) {
        if algorithm.is_some_and(|one| !SecurityProfile::ALGORITHMS.contains(&one)) {
            faults.push(format!("profile: {name} has to be ES256, PS256 or Ed25519"));
        }
    }
    faults
}

/// Every algorithm that a registration names.
fn signatures(client: &Client) -> [(&'static str, Option<Algorithm>); 7] {
    [
        ("token_endpoint_auth_signing_alg", client.token_endpoint_auth_signing_alg),
        ("request_object_signing_alg", client.request_object_signing_alg),
        ("authorization_signed_response_alg", client.authorization_signed_response_alg),
        ("id_token_signed_response_alg", client.id_token_signed_response_alg),
        ("userinfo_signed_response_alg", client.userinfo_signed_response_alg),
        ("access_token_signed_response_alg", client.access_token_signed_response_alg),
        ("introspection_signed_response_alg", client.introspection_signed_response_alg),
    ]
}
