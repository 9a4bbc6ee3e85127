//! Which client a request comes from, and how it proves that.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use countersign_jose::KeySet;
use countersign_protocol::client::{self, AuthMethod, Client, Credentials};
use countersign_protocol::client_assertion;
use countersign_protocol::client_certificate::ClientCertificate;
use countersign_protocol::wire::{self, params::Params};
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_verify::ReplayError;

use crate::app::{App, authorization};
use crate::client_keys::ClientKeyError;
use crate::process;
use crate::web::oauth_error::ErrorAnswer;

impl App {
    /// The client that a request comes from, once it has proved it, by the `Authorization` header,
    /// a secret in the form (RFC 6749 §2.3), an assertion (RFC 7523 §2.2), or the certificate of
    /// its connection (RFC 8705 §2).
    pub(crate) async fn authenticate(
        &self,
        (peer, headers): (SocketAddr, &HeaderMap),
        form: &Params,
    ) -> Result<Arc<Client>, ErrorAnswer> {
        let credentials = wire::token::credentials(authorization(headers)?, form)?;
        let client = self.client(credentials.client_id()).await?;
        let client = client.ok_or_else(client::unauthenticated)?;
        match &credentials {
            Credentials::Assertion { assertion, .. } => {
                self.check_assertion(&client, assertion).await?;
            }
            Credentials::Public { .. } if client.token_endpoint_auth_method.is_by_certificate() => {
                self.check_certificate(&client, peer, headers).await?;
            }
            _ => client.authenticate(&credentials)?,
        }
        Ok(client)
    }

    /// A certificate counts only as a listed proxy reports it. That its client holds the key was
    /// proved to that proxy; who vouches for the names in it is for the proxy to know.
    async fn check_certificate(
        &self,
        client: &Client,
        peer: SocketAddr,
        headers: &HeaderMap,
    ) -> Result<(), OAuthError> {
        let (client_id, constraint) = (&client.client_id, &self.sender_constraint);
        let refused = |why: &str| {
            tracing::info!(client_id, why, "a certificate was refused");
            client::unauthenticated()
        };
        let der = constraint.certificate_der(peer, headers, &self.trusted_proxies);
        let der = der.ok_or_else(|| refused("there is none, or only a hash of it"))?;
        let certificate = ClientCertificate::read(&der).map_err(|e| refused(&e.to_string()))?;
        if client.token_endpoint_auth_method == AuthMethod::SelfSignedTlsClientAuth {
            let checked = self.check_self_signed(client, &certificate).await;
            return checked.map_err(|error| refused(&error.to_string()));
        }
        if !constraint.certificates_verified {
            return Err(refused("its names prove nothing: server.client_certificates is \"any\""));
        }
        let named = client.certificate_name().is_some_and(|name| certificate.names(&name));
        if named { Ok(()) } else { Err(refused("it does not name the client")) }
    }

    /// An assertion is taken once, by its client and its `jti` (RFC 7523 §3).
    async fn check_assertion(&self, client: &Client, assertion: &str) -> Result<(), OAuthError> {
        let (client_id, now) = (&client.client_id, process::now());
        let judge =
            |keys: &KeySet| client_assertion::verify(client, keys, assertion, &self.issuer, now);
        let accepted = match client.token_endpoint_auth_method {
            AuthMethod::ClientSecretJwt => {
                let secret = self.client_secret(client)?;
                let judged = client_assertion::secret_key(&secret, assertion);
                judged.and_then(|keys| judge(&keys)).map_err(ClientKeyError::from)
            }
            _ => self.judge_with_keys(client, judge).await,
        };
        let accepted = accepted.map_err(|error| {
            tracing::info!(client_id, code = error.code(), %error, "an assertion was refused");
            client::unauthenticated()
        })?;
        if accepted.older_audience {
            tracing::warn!(
                client_id,
                "an assertion names the token endpoint as its audience: its client is excused by \
                 danger_token_endpoint_as_audience"
            );
        }
        let noting =
            self.used_tokens.use_once(&client.client_id, &accepted.token_id, accepted.until, now);
        noting.await.map_err(|error| match error {
            ReplayError::Replayed => {
                tracing::warn!(client_id = client.client_id, "an assertion was used twice");
                client::unauthenticated()
            }
            _ => {
                let why = "the server can't tell whether the assertion was used before; try again";
                OAuthError::new(ErrorCode::TemporarilyUnavailable, why)
            }
        })
    }
}

#[cfg(test)]
mod tests;
