//! The server's description of itself (RFC 8414, OpenID Connect Discovery 1.0 §3).

mod openid;

use countersign_jose::Algorithm;
use countersign_jose::jwe::{ContentEncryption, KeyManagement};
use serde::Serialize;

use crate::client_assertion;
use crate::client_secret;
use crate::jwt_grant;
use crate::keyring;
use crate::offer::Offer;
use crate::release;
use crate::wire::authorize::{ResponseMode, request_object};
use crate::wire::{token, token_exchange};
use openid::OpenIdMetadata;

/// The metadata document, served under both well-known names.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    introspection_endpoint: String,
    pushed_authorization_request_endpoint: String,
    end_session_endpoint: String,
    revocation_feed_endpoint: String,
    revocation_snapshot_endpoint: String,
    revocation_acknowledgement_endpoint: String,
    status_list_aggregation_endpoint: String,
    response_types_supported: &'static [&'static str],
    response_modes_supported: &'static [&'static str],
    grant_types_supported: Vec<&'static str>,
    scopes_supported: Vec<&'static str>,
    #[serde(flatten)]
    openid: OpenIdMetadata,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_signing_alg_values_supported: Vec<&'static str>,
    dpop_signing_alg_values_supported: Vec<&'static str>,
    tls_client_certificate_bound_access_tokens: bool,
    refresh_token_expiration_types_supported: &'static [&'static str],
    code_challenge_methods_supported: &'static [&'static str],
    prompt_values_supported: &'static [&'static str],
    authorization_response_iss_parameter_supported: bool,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
    client_id_metadata_document_supported: bool,
    require_pushed_authorization_requests: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    require_request_uri_registration: bool,
    request_object_signing_alg_values_supported: Vec<&'static str>,
    authorization_signing_alg_values_supported: Vec<&'static str>,
    authorization_encryption_alg_values_supported: Vec<&'static str>,
    authorization_encryption_enc_values_supported: Vec<&'static str>,
}

const GRANT_TYPES: &[&str] = &[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    token::DEVICE_CODE,
    token_exchange::GRANT_TYPE,
];
const CLIENT_AUTH: &[&str] =
    &["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
const CONFIDENTIAL_AUTH: &[&str] =
    &["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];

impl Metadata {
    /// The document of an issuer, whose endpoints all lie below it.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        let base = issuer.trim_end_matches('/');
        let assertions = [client_assertion::ALGORITHMS, client_secret::ALGORITHMS].concat();
        let assertions = names(&assertions);
        let at = |path: &str| format!("{base}{path}");
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            device_authorization_endpoint: at("/device_authorization"),
            jwks_uri: at("/.well-known/jwks.json"),
            userinfo_endpoint: at("/userinfo"),
            registration_endpoint: None,
            revocation_endpoint: at("/revoke"),
            introspection_endpoint: at("/introspect"),
            pushed_authorization_request_endpoint: at("/par"),
            end_session_endpoint: at("/logout"),
            revocation_feed_endpoint: at("/revocations/feed"),
            revocation_snapshot_endpoint: at("/revocations/snapshot"),
            revocation_acknowledgement_endpoint: at("/revocations/ack"),
            status_list_aggregation_endpoint: at("/status-lists"),
            response_types_supported: &["code"],
            response_modes_supported: ResponseMode::NAMES,
            grant_types_supported: GRANT_TYPES.to_vec(),
            scopes_supported: release::KNOWN_SCOPES.iter().map(|scope| scope.name).collect(),
            openid: OpenIdMetadata::new(&Offer::default()),
            token_endpoint_auth_methods_supported: CLIENT_AUTH.to_vec(),
            revocation_endpoint_auth_methods_supported: CLIENT_AUTH.to_vec(),
            introspection_endpoint_auth_methods_supported: CONFIDENTIAL_AUTH.to_vec(),
            token_endpoint_auth_signing_alg_values_supported: assertions.clone(),
            revocation_endpoint_auth_signing_alg_values_supported: assertions.clone(),
            introspection_endpoint_auth_signing_alg_values_supported: assertions,
            introspection_signing_alg_values_supported: names(keyring::ALGORITHMS),
            dpop_signing_alg_values_supported: Vec::new(),
            tls_client_certificate_bound_access_tokens: false,
            refresh_token_expiration_types_supported: &["authorization", "token_timeout"],
            code_challenge_methods_supported: &["S256"],
            prompt_values_supported: &["none", "login", "consent", "select_account"],
            authorization_response_iss_parameter_supported: true,
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            client_id_metadata_document_supported: false,
            require_pushed_authorization_requests: false,
            request_parameter_supported: true,
            request_uri_parameter_supported: true,
            require_request_uri_registration: true,
            request_object_signing_alg_values_supported: names(request_object::ALGORITHMS),
            authorization_signing_alg_values_supported: names(keyring::ALGORITHMS),
            authorization_encryption_alg_values_supported: KeyManagement::ALL
                .iter()
                .filter(|management| !management.is_symmetric())
                .map(|management| management.name())
                .collect(),
            authorization_encryption_enc_values_supported: ContentEncryption::ALL
                .iter()
                .map(|content| content.name())
                .collect(),
        }
    }

    /// Tells whether all clients have to push their authorization requests (RFC 9126 §5).
    #[must_use]
    pub fn with_pushed_requests(self, required: bool) -> Self {
        Self { require_pushed_authorization_requests: required, ..self }
    }

    /// Tells what the operator offers.
    #[must_use]
    pub fn with_offer(self, offer: &Offer) -> Self {
        Self { openid: OpenIdMetadata::new(offer), ..self }
    }

    /// Tells that the word of other issuers is taken (RFC 7523 §2.1).
    #[must_use]
    pub fn with_trusted_issuers(mut self) -> Self {
        self.grant_types_supported.push(jwt_grant::GRANT_TYPE);
        self
    }

    /// Tells the algorithms of DPoP proofs (RFC 9449 §5.1), and whether tokens can be bound to
    /// client certificates (RFC 8705 §3.3).
    #[must_use]
    pub fn with_sender_constraint(self, dpop: Vec<&'static str>, certificates: bool) -> Self {
        Self {
            dpop_signing_alg_values_supported: dpop,
            tls_client_certificate_bound_access_tokens: certificates,
            ..self
        }
    }

    /// Tells that clients can authenticate with certificates (RFC 8705 §2): with their keys in any
    /// case, and with the names in them where those are `verified`.
    #[must_use]
    pub fn with_client_certificates(mut self, verified: bool) -> Self {
        let named = verified.then_some("tls_client_auth");
        for methods in [
            &mut self.token_endpoint_auth_methods_supported,
            &mut self.revocation_endpoint_auth_methods_supported,
            &mut self.introspection_endpoint_auth_methods_supported,
        ] {
            methods.push("self_signed_tls_client_auth");
            methods.extend(named);
        }
        self
    }

    /// Tells whether clients can register themselves (RFC 7591), and whether a client may be the
    /// URL of a document that describes it (draft-ietf-oauth-client-id-metadata-document-02 §6).
    #[must_use]
    pub fn with_registration(self, endpoint: bool, documents: bool) -> Self {
        let url = endpoint.then(|| format!("{}/register", self.issuer.trim_end_matches('/')));
        Self {
            registration_endpoint: url,
            client_id_metadata_document_supported: documents,
            ..self
        }
    }
}

fn names(algorithms: &[Algorithm]) -> Vec<&'static str> {
    algorithms.iter().map(|algorithm| algorithm.name()).collect()
}
