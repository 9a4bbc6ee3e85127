//! How clients prove who they are (RFC 6749 §2.3).

use aws_lc_rs::digest::{SHA256, digest};
use countersign_jose::base64url;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Client;
use crate::client_certificate::{CertificateName, DistinguishedName};
use crate::error::{ErrorCode, OAuthError};

/// How a client proves who it is at the token endpoint (RFC 7591 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A secret in the `Authorization` header. The form body is taken as well.
    #[default]
    ClientSecretBasic,
    /// A secret in the form body. The `Authorization` header is taken as well.
    ClientSecretPost,
    /// An assertion with a MAC by its secret (OpenID Connect Core §9).
    ClientSecretJwt,
    /// A signature by one of its registered keys (RFC 7523).
    PrivateKeyJwt,
    /// A TLS certificate that names it, by an issuer that the proxy in front trusts (RFC 8705
    /// §2.1).
    TlsClientAuth,
    /// A TLS certificate, whoever issued it, that holds one of its registered keys (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
    /// Not at all: a public client.
    None,
}
/// What a request carries to authenticate its client.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `client_id` alone.
    Public {
        /// The client that the request says it comes from.
        client_id: String,
    },
    /// A secret, from the header or the form.
    Secret {
        /// The client that the request says it comes from.
        client_id: String,
        /// What should be its secret.
        secret: String,
    },
    /// A signed assertion, see [`crate::client_assertion`].
    Assertion {
        /// The client that the request says it comes from.
        client_id: String,
        /// The assertion.
        assertion: String,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Credentials").field(&self.client_id()).finish()
    }
}

impl Credentials {
    /// The client that the request says it comes from.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match self {
            Self::Public { client_id }
            | Self::Secret { client_id, .. }
            | Self::Assertion { client_id, .. } => client_id,
        }
    }
}
impl AuthMethod {
    /// Whether the client proves that it holds a key, which nobody learns by that.
    #[must_use]
    pub const fn is_by_key(self) -> bool {
        matches!(self, Self::PrivateKeyJwt) || self.is_by_certificate()
    }

    /// Whether the client shows a certificate of the connection.
    #[must_use]
    pub const fn is_by_certificate(self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTlsClientAuth)
    }
}

impl Client {
    /// Whether it can keep a secret (OAuth 2.1 §2.1).
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.token_endpoint_auth_method != AuthMethod::None
    }

    /// Whether it sends its secret.
    fn sends_secret(&self) -> bool {
        matches!(
            self.token_endpoint_auth_method,
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
        )
    }

    /// Whether it has to have a secret, sent or not.
    pub(crate) fn has_secret(&self) -> bool {
        self.sends_secret() || self.needs_readable_secret()
    }

    /// Whether it proves who it is with an assertion (RFC 7523 §2.2).
    #[must_use]
    pub fn asserts_itself(&self) -> bool {
        matches!(
            self.token_endpoint_auth_method,
            AuthMethod::PrivateKeyJwt | AuthMethod::ClientSecretJwt
        )
    }

    /// The name that its certificates have to have, if it goes by one.
    #[must_use]
    pub fn certificate_name(&self) -> Option<CertificateName> {
        if let Some(subject) = &self.tls_client_auth_subject_dn {
            return DistinguishedName::parse(subject).map(CertificateName::Subject);
        }
        if let Some(address) = &self.tls_client_auth_san_ip {
            return address.parse().ok().map(CertificateName::Ip);
        }
        let dns = self.tls_client_auth_san_dns.clone().map(CertificateName::Dns);
        let uri = || self.tls_client_auth_san_uri.clone().map(CertificateName::Uri);
        let email = || self.tls_client_auth_san_email.clone().map(CertificateName::Email);
        dns.or_else(uri).or_else(email)
    }

    /// The names that it registered for `tls_client_auth`.
    pub(super) fn certificate_names(&self) -> impl Iterator<Item = &String> {
        [
            &self.tls_client_auth_subject_dn,
            &self.tls_client_auth_san_dns,
            &self.tls_client_auth_san_uri,
            &self.tls_client_auth_san_ip,
            &self.tls_client_auth_san_email,
        ]
        .into_iter()
        .flatten()
    }

    /// Checks the proof of identity (RFC 6749 §2.3), but for assertions and certificates, which
    /// this never takes: [`crate::client_assertion`] and [`crate::client_certificate`] are about
    /// them.
    ///
    /// # Errors
    /// `invalid_client`, worded the same for a wrong secret and for a missing one.
    pub fn authenticate(&self, credentials: &Credentials) -> Result<(), OAuthError> {
        let good = match (credentials, &self.client_secret_sha256) {
            (Credentials::Public { .. }, _) => !self.is_confidential(),
            (Credentials::Secret { secret, .. }, Some(hash)) => {
                self.sends_secret()
                    && bool::from(hash_secret(secret).as_bytes().ct_eq(hash.as_bytes()))
            }
            (Credentials::Secret { .. }, None) | (Credentials::Assertion { .. }, _) => false,
        };
        if good && !self.disabled { Ok(()) } else { Err(unauthenticated()) }
    }
}

/// What is stored of a client secret.
#[must_use]
pub fn hash_secret(secret: &str) -> String {
    base64url::encode(digest(&SHA256, secret.as_bytes()).as_ref())
}

/// The error for a client that is unknown or did not prove who it is.
#[must_use]
pub fn unauthenticated() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, "client authentication failed")
}
