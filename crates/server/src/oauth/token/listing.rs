//! The place of an access token in a status list: asked for before the step of the store, given in
//! it, written into the token after it.

use std::sync::Arc;

use countersign_jose::{AccessToken, Error, SigningKey, jwt};
use countersign_protocol::client::Client;
use countersign_protocol::grant::GrantId;
use countersign_protocol::status_list::{ListedToken, StatusIndex};
use countersign_protocol::{OAuthError, Timestamp, random};

use crate::app::App;
use crate::process::SystemRandom;
use crate::web::oauth_error::ErrorAnswer;

/// A token that is to be issued. Its name and its key are settled first, since the list knows it
/// by them.
#[derive(Debug)]
pub(super) struct Listing {
    token: ListedToken,
    key: Arc<SigningKey>,
}

/// A token that has its place.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) token_id: String,
    key: Arc<SigningKey>,
    place: StatusIndex,
}

impl Listing {
    /// The token that a grant is about to give, if its client wants it listed.
    pub(super) async fn of_grant(
        app: &App,
        client: &Client,
        grant: GrantId,
        now: Timestamp,
    ) -> Result<Option<Self>, OAuthError> {
        if !client.status_list {
            return Ok(None);
        }
        let issued_at = now.as_secs();
        let times = (issued_at, issued_at + app.lifetimes.access_token.as_secs());
        let names = (random::identifier(&SystemRandom), grant.to_string());
        Self::new(app, client, names, times).await.map(Some)
    }

    async fn new(
        app: &App,
        client: &Client,
        names: (String, String),
        times: (u64, u64),
    ) -> Result<Self, OAuthError> {
        let key = app.signing_key(client.access_token_algorithm()).await?;
        let whose = (client.client_id.clone(), key.key_id().to_owned());
        Ok(Self { token: ListedToken::new(names, whose, times, &SystemRandom), key })
    }

    /// For the step of the store.
    pub(super) fn token(&self) -> ListedToken {
        self.token.clone()
    }

    /// After the step: with the place that it gave.
    pub(super) fn at(self, place: StatusIndex) -> Listed {
        Listed { token_id: self.token.token_id, key: self.key, place }
    }
}

impl Listed {
    /// Lists a token of a client that acts for itself, in a step of its own.
    pub(super) async fn of_client(
        app: &App,
        client: &Client,
        claims: &AccessToken,
    ) -> Result<Self, ErrorAnswer> {
        let names = (claims.token_id.clone(), claims.grant_id.clone().unwrap_or_default());
        let times = (claims.issued_at, claims.expires_at);
        let listing = Listing::new(app, client, names, times).await?;
        let place = app.store().list_token(listing.token()).await?;
        Ok(listing.at(place))
    }

    /// The token, with its status in it, signed by the key that the list knows it by.
    pub(super) fn sign(&self, claims: &AccessToken, issuer: &str) -> Result<String, Error> {
        let mut claims = claims.clone();
        claims.extra.insert("status".to_owned(), self.place.claim(issuer));
        jwt::sign(&self.key, AccessToken::TYPE, &claims)
    }
}
