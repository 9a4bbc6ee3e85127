//! What a client may ask for: grants, scopes, resources, and where answers may go.

use serde::{Deserialize, Serialize};

use super::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::metadata_document;
use crate::redirect_uri;
use crate::release;
use crate::scope::Scope;

/// The grants that a client may use at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// OAuth 2.1 §4.1.
    AuthorizationCode,
    /// OAuth 2.1 §4.3.
    RefreshToken,
    /// OAuth 2.1 §4.2.
    ClientCredentials,
    /// RFC 8628.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 8693.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// RFC 7523 §2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
}

impl Client {
    /// Whether it may use a grant.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Refuses a grant that it may not use.
    ///
    /// # Errors
    /// `unauthorized_client`.
    pub fn require(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.may_use(grant) {
            return Ok(());
        }
        let why = "the client is not registered for this grant type";
        Err(OAuthError::new(ErrorCode::UnauthorizedClient, why))
    }

    /// Whether an answer may go to `uri`.
    #[must_use]
    pub fn takes_answers_at(&self, uri: &str) -> bool {
        redirect_uri::is_registered(uri, &self.redirect_uris)
            || (self.danger_any_loopback_redirect
                && redirect_uri::check(uri).is_ok()
                && redirect_uri::is_loopback(uri))
    }

    /// Whether what a user agreed to once may be another client by now: it has no secret and its
    /// answers go to an address that any program on the user's machine can listen on, or it is
    /// described by a document that may say something else tomorrow.
    #[must_use]
    pub fn can_be_impersonated(&self, redirect_uri: &str) -> bool {
        let https = redirect_uri.starts_with("https://");
        (!self.is_confidential() && !https) || metadata_document::is_document_id(&self.client_id)
    }

    /// The scope to grant for what was asked, all of it registered. A client that registered
    /// none may ask a user for what every user understands ([`release::KNOWN_SCOPES`]), and for
    /// itself for nothing.
    ///
    /// # Errors
    /// `invalid_scope` when the client may not ask for some of it (RFC 6749 §5.2).
    pub fn grantable_scope(
        &self,
        asked: Option<&Scope>,
        grant: GrantType,
    ) -> Result<Scope, OAuthError> {
        let Some(asked) = asked else { return Ok(Scope::default()) };
        let allowed = match &self.scope {
            Some(registered) => asked.is_within(registered),
            None if grant == GrantType::ClientCredentials => asked.is_empty(),
            None => asked.iter().all(release::is_known_scope),
        };
        if allowed {
            return Ok(asked.clone());
        }
        let why = "the client is not registered for all of the requested scope";
        Err(OAuthError::new(ErrorCode::InvalidScope, why))
    }

    /// The audience of a token: the resources that were asked for, or the client's first one,
    /// or the issuer itself when it has none.
    ///
    /// # Errors
    /// `invalid_target` for a resource that is not registered for this client (RFC 8707 §2).
    pub fn audience(&self, asked: &[String], issuer: &str) -> Result<Vec<String>, OAuthError> {
        if asked.is_empty() {
            let default = self.resources.first().map_or(issuer, String::as_str);
            return Ok(vec![default.to_owned()]);
        }
        let mut audience: Vec<String> = Vec::new();
        for resource in asked {
            if !self.resources.contains(resource) {
                return Err(OAuthError::new(
                    ErrorCode::InvalidTarget,
                    "the client is not registered for this resource",
                ));
            }
            if !audience.contains(resource) {
                audience.push(resource.clone());
            }
        }
        Ok(audience)
    }
}

/// Whether text can name a resource (RFC 8707 §2).
#[must_use]
pub fn is_resource(text: &str) -> bool {
    text.len() <= 2_048
        && !text.contains('#')
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                && !rest.is_empty()
        })
}
