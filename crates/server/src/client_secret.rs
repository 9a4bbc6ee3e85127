//! Client secrets that the server reads again: sealed before they are stored, opened to compute
//! with.

use countersign_protocol::client::{Client, hash_secret};
use countersign_protocol::client_secret;
use countersign_protocol::registration::FreshSecret;
use countersign_protocol::{ErrorCode, OAuthError, random};
use countersign_store::{Ended, Moment, Store, StoreError};
use zeroize::Zeroizing;

use crate::app::App;
use crate::master_key::Master;
use crate::process::SystemRandom;
use crate::web::oauth_error::ErrorAnswer;

/// A secret that nobody knows yet, for a client that has none.
pub(crate) struct NewSecret {
    plain: String,
    sealed: String,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecret").finish_non_exhaustive()
    }
}

impl NewSecret {
    /// For [`countersign_protocol::registration`].
    pub(crate) fn fresh(&self) -> FreshSecret<'_> {
        FreshSecret { plain: &self.plain, sealed: &self.sealed }
    }
}

impl App {
    /// A secret for a client that registers itself.
    pub(crate) fn new_client_secret(&self, client_id: &str) -> NewSecret {
        // As long as the longest MAC needs it (RFC 7518 §3.2), whatever the client registers later.
        let plain = [random::secret(&SystemRandom), random::secret(&SystemRandom)].concat();
        let sealed = client_secret::seal(client_id, &plain, &self.master.load(), &SystemRandom);
        NewSecret { plain, sealed }
    }

    /// What a client that registers itself hears when it could not be stored. The next try has the
    /// new master key, if that was the reason.
    pub(crate) fn not_registered(&self, error: StoreError) -> ErrorAnswer {
        if error == StoreError::SealedWithAnOldKey {
            self.master.read_again();
        }
        error.into()
    }

    /// The secret of a client that registered something for which it has to be read.
    ///
    /// # Errors
    /// `server_error` when there is none or it can't be opened; the log says which.
    pub(crate) fn client_secret(&self, client: &Client) -> Result<Zeroizing<Vec<u8>>, OAuthError> {
        let opened = client_secret::open(client, &self.master.load()).or_else(|_| {
            // The master key may have been changed.
            self.master.read_again();
            client_secret::open(client, &self.master.load())
        });
        opened.ok().flatten().ok_or_else(|| {
            let client_id = &client.client_id;
            tracing::error!(client_id, "the secret of a client is not there or can't be opened");
            OAuthError::new(ErrorCode::ServerError, "the client's secret can't be read")
        })
    }
}

/// Stores a client whose secret has just been told, sealed if the server has to read it again. One
/// that has not changed stays as it is, so that a start with an unchanged configuration changes
/// nothing.
pub(crate) async fn put_with_secret(
    store: &dyn Store,
    master: &Master,
    client: Client,
    secret: &str,
    moment: Moment,
) -> Result<Ended, StoreError> {
    if !client.needs_readable_secret() {
        return store.put_client(client, moment).await;
    }
    let known = store.client(&client.client_id).await?;
    let known = known.filter(|known| is_sealed_now(known, secret, master));
    let put = |sealed: Option<String>| {
        let key = master.load();
        let fresh = || client_secret::seal(&client.client_id, secret, &key, &SystemRandom);
        let client_secret_sealed = Some(sealed.unwrap_or_else(fresh));
        let client_secret_sha256 = Some(hash_secret(secret));
        store.put_client(
            Client { client_secret_sealed, client_secret_sha256, ..client.clone() },
            moment,
        )
    };
    match put(known.and_then(|known| known.client_secret_sealed)).await {
        // The master key was replaced since it was read.
        Err(StoreError::SealedWithAnOldKey) => {
            master.read_again();
            put(None).await
        }
        stored => stored,
    }
}

/// Whether a stored client has this secret, sealed by the key that seals now.
fn is_sealed_now(known: &Client, secret: &str, master: &Master) -> bool {
    let key = master.load();
    client_secret::sealed_by(known) == Some(key.id())
        && client_secret::open(known, &key)
            .is_ok_and(|opened| opened.is_some_and(|it| it.as_slice() == secret.as_bytes()))
}
