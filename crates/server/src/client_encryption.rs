//! What only its client can read: encrypted to one of the client's public keys.

use countersign_jose::EncryptionKey;
use countersign_jose::jwe::{MediaTypes, compact};
use countersign_protocol::client::{Client, Encryption};
use countersign_protocol::{ErrorCode, OAuthError};

use crate::app::App;

impl App {
    /// The key of a client that takes what is encrypted in this way.
    ///
    /// # Errors
    /// `invalid_request`: the client has no such key, or its keys can't be had.
    pub(crate) async fn client_encryption_key(
        &self,
        client: &Client,
        encryption: Encryption,
    ) -> Result<EncryptionKey, OAuthError> {
        let fault = |why: &'static str| OAuthError::new(ErrorCode::InvalidRequest, why);
        let keys = self.client_keys(client).await.map_err(|error| {
            tracing::warn!(code = error.code(), client_id = client.client_id, %error, "no keys");
            fault("the client's keys, which the answer has to be encrypted with, can't be had")
        })?;
        let key = keys.encryption(encryption.management);
        key.ok_or_else(|| fault("none of the client's keys takes what has to be encrypted to it"))
    }

    /// Encrypts an answer to its client.
    ///
    /// # Errors
    /// Those of [`Self::client_encryption_key`]; `server_error` when it is too long.
    pub(crate) async fn encrypt_to_client(
        &self,
        client: &Client,
        encryption: Encryption,
        types: MediaTypes<'_>,
        content: &[u8],
    ) -> Result<String, OAuthError> {
        let key = self.client_encryption_key(client, encryption).await?;
        compact::encrypt(&key, encryption.content, types, content).map_err(|error| {
            tracing::error!(code = error.code(), %error, "an answer could not be encrypted");
            OAuthError::new(ErrorCode::ServerError, "the answer could not be encrypted")
        })
    }
}
