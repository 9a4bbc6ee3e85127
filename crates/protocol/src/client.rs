//! Clients: what they registered (RFC 7591 and OpenID registration names), what they may ask
//! for, and how they authenticate.

mod application;
mod authentication;
mod faults;
mod member;
mod openid;
mod permission;

use countersign_jose::Algorithm;
use countersign_jose::jwe::{ContentEncryption, KeyManagement};
use serde::{Deserialize, Serialize};

use crate::keyring;
use crate::scope::Scope;
use crate::security_profile::SecurityProfile;
use crate::token_format::TokenFormat;
use member::{algorithm_name, default_grant_types, default_response_types, is_false, yes};

pub use application::ApplicationType;
pub use authentication::{AuthMethod, Credentials, hash_secret, unauthenticated};
pub use openid::{Encryption, KEY_MANAGEMENT, SubjectType};
pub use permission::{GrantType, is_resource};

/// A registered client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its public name.
    pub client_id: String,
    /// The name that people read on the consent page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// SHA-256 of the secret, base64url. Secrets are random, so a fast hash is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_sha256: Option<String>,
    /// Where answers may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after signing out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told that a sign-in session has ended (OpenID Connect Back-Channel Logout 1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it needs `sid` to know which session ended. It gets it in any case.
    #[serde(default, skip_serializing_if = "is_false")]
    pub backchannel_logout_session_required: bool,
    /// What the browser opens in a frame when it signs out (OpenID Connect Front-Channel Logout
    /// 1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether that address gets `iss` and `sid`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub frontchannel_logout_session_required: bool,
    /// Its authorization requests have to be pushed (RFC 9126 §6).
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_pushed_authorization_requests: bool,
    /// Its authorization requests have to be signed (RFC 9101 §10.5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_signed_request_object: bool,
    /// The URLs at which its request objects may be, compared exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// The only algorithm of its request objects; any that fits its keys when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub request_object_signing_alg: Option<Algorithm>,
    /// The signature of the answers that it asks for as tokens (JARM §3); ES256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub authorization_signed_response_alg: Option<Algorithm>,
    /// How such answers are encrypted to one of its keys; they are not when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub authorization_encrypted_response_alg: Option<KeyManagement>,
    /// What their content is encrypted with; A128CBC-HS256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub authorization_encrypted_response_enc: Option<ContentEncryption>,
    /// What it may do at the token endpoint.
    #[serde(default = "default_grant_types")]
    pub grant_types: Vec<GrantType>,
    /// Only `code` is offered.
    #[serde(default = "default_response_types")]
    pub response_types: Vec<String>,
    /// How it authenticates.
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    /// Its public keys: of its assertions and request objects, and for what is encrypted to it; or
    /// it publishes them, see [`Client::jwks_uri`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// The only algorithm of its assertions; any that fits its keys when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub token_endpoint_auth_signing_alg: Option<Algorithm>,
    /// Its secret, sealed under the master key, where a hash is not enough
    /// ([`Client::needs_readable_secret`]). For the store alone: it is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_sealed: Option<String>,
    /// The subject of its certificate, as RFC 4514 writes it. This or one of the next four is what
    /// `tls_client_auth` goes by (RFC 8705 §2.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// A host name in its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// A URI in its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    /// An IP address in its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<String>,
    /// A mail address in its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    /// Resources whose access tokens it may exchange (RFC 8693), beside those that it protects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchange_audiences: Vec<String>,
    /// What it exchanges tokens for does not say that it acts for somebody: it passes for them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger_impersonation: bool,
    /// Its assertions may name the URL of the token endpoint as their audience, as was usual before
    /// RFC 10070: another server that knows this URL could then use them here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger_token_endpoint_as_audience: bool,
    /// The widest scope that it may ask for. See [`Client::grantable_scope`] for when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The signature of its id tokens; ES256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// How its id tokens are encrypted to one of its keys; they are not when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub id_token_encrypted_response_alg: Option<KeyManagement>,
    /// What their content is encrypted with; A128CBC-HS256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub id_token_encrypted_response_enc: Option<ContentEncryption>,
    /// The signature of the answers of `/userinfo`; they are plain JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// How the answers of `/userinfo` are encrypted to one of its keys; they are not when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub userinfo_encrypted_response_alg: Option<KeyManagement>,
    /// What their content is encrypted with; A128CBC-HS256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub userinfo_encrypted_response_enc: Option<ContentEncryption>,
    /// What it knows people by (OpenID Connect Core §8).
    #[serde(default, skip_serializing_if = "SubjectType::is_public")]
    pub subject_type: SubjectType,
    /// `max_age` of requests that have none, in seconds (OpenID Connect Registration §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Its id tokens must say when the user signed in. They always do.
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_auth_time: bool,
    /// The authentication contexts that it likes, if a request names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// The types of `authorization_details` that it may ask for (RFC 9396 §10).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<String>,
    /// The form of its access tokens, where the owner of the resource does not decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<TokenFormat>,
    /// The form of the access tokens for the resources that it protects, whoever asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_access_token_format: Option<TokenFormat>,
    /// The signature of introspection answers, where it asks for signed ones (RFC 9701 §6); ES256
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub introspection_signed_response_alg: Option<Algorithm>,
    /// The signature of its access tokens, which is for the APIs that it calls to like; ES256 when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub access_token_signed_response_alg: Option<Algorithm>,
    /// Whether its access tokens have an entry in a Token Status List, for verifiers that do not
    /// follow our revocations.
    #[serde(default, skip_serializing_if = "is_false")]
    pub status_list: bool,
    /// Whether authorization requests must carry a code challenge. Always for public clients.
    #[serde(default = "yes")]
    pub require_pkce: bool,
    /// The resources (RFC 8707) that it may ask tokens for. The first is the default.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The resources that it is the API of: it may introspect their tokens and read the
    /// revocation feed.
    #[serde(default)]
    pub protects: Vec<String>,
    /// Pages that the consent page links to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its privacy policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Whether it runs on a web server or on the machine of its user; unknown when absent
    /// (OpenID Connect Registration §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<ApplicationType>,
    /// How to reach the people who run it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Its logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Where it publishes its public keys, instead of `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// A list of redirect URIs of all the clients that share pairwise subjects with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// Where others may send a user to sign in at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// The software that it is an instance of (RFC 7591 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// The version of that software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Each of its token requests must carry a DPoP proof (RFC 9449 §5.2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub dpop_bound_access_tokens: bool,
    /// Its tokens are bound to the certificate of the connection (RFC 8705 §3.4).
    #[serde(default, skip_serializing_if = "is_false")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// The security profile that it is held to: everything weaker is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<SecurityProfile>,
    /// Development only: any redirect URI on a loopback address is taken.
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger_any_loopback_redirect: bool,
    /// It registered itself: nobody here has looked at what it says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub self_registered: bool,
    /// A disabled client is refused everywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

impl Client {
    /// A client that has registered nothing but its name: every other member is what its absence
    /// means.
    #[must_use]
    pub fn new(client_id: &str) -> Self {
        let members = serde_json::json!({ "client_id": client_id });
        serde_json::from_value(members).expect("no other member is required")
    }

    /// What its access tokens are signed with.
    #[must_use]
    pub fn access_token_algorithm(&self) -> Algorithm {
        self.access_token_signed_response_alg.unwrap_or(keyring::DEFAULT_ALGORITHM)
    }

    /// Whether it wants to hear of the end of a sign-in session.
    #[must_use]
    pub fn follows_sessions(&self) -> bool {
        self.backchannel_logout_uri.is_some() || self.frontchannel_logout_uri.is_some()
    }

    /// What the answers to its authorization requests are signed with, if it asks for that.
    #[must_use]
    pub fn authorization_response_algorithm(&self) -> Algorithm {
        self.authorization_signed_response_alg.unwrap_or(keyring::DEFAULT_ALGORITHM)
    }

    /// Everything that it wants something to be signed with by a key of the server.
    pub fn signature_algorithms(&self) -> impl Iterator<Item = Algorithm> + use<> {
        let wanted = [
            self.id_token_signed_response_alg,
            self.userinfo_signed_response_alg,
            self.access_token_signed_response_alg,
            self.introspection_signed_response_alg,
            self.authorization_signed_response_alg,
        ];
        wanted.into_iter().flatten().filter(|wanted| !wanted.is_symmetric())
    }

    /// What its id tokens are signed with.
    #[must_use]
    pub fn id_token_algorithm(&self) -> Algorithm {
        self.id_token_signed_response_alg.unwrap_or(keyring::DEFAULT_ALGORITHM)
    }
}

#[cfg(test)]
mod tests;
