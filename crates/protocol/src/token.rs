//! What the tokens that this server signs say: access tokens (RFC 9068) and id tokens
//! (OpenID Connect Core §2).

use std::borrow::Cow;

use countersign_jose::{AccessToken, Algorithm, IdToken, Timestamp};
use serde_json::{Map, Value};

use crate::authorization_details::AuthorizationDetails;
use crate::grant::{Grant, GrantId};
use crate::lifetimes::Lifetimes;
use crate::random::{self, Randomness};
use crate::scope::Scope;
use crate::subject::Person;

/// The circumstances under which tokens are made.
#[derive(Clone, Copy)]
pub struct Issuing<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// How long they live.
    pub lifetimes: &'a Lifetimes,
    /// When.
    pub now: Timestamp,
    /// For `jti`.
    pub random: &'a dyn Randomness,
}

impl std::fmt::Debug for Issuing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuing").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Issuing<'_> {
    /// An access token for a user's grant, about the person as the client knows them, with the
    /// scope and resources of this request, which may be narrower than the grant's.
    #[must_use]
    pub fn access_token_for_grant(
        &self,
        grant: &Grant,
        person: &Person<'_>,
        (scope, audience): (&Scope, &[String]),
        extra: Map<String, Value>,
    ) -> AccessToken {
        AccessToken {
            subject: person.subject.clone().into_owned(),
            auth_time: Some(grant.auth_time.as_secs()),
            acr: grant.details.acr.clone(),
            amr: (!grant.amr.is_empty()).then(|| grant.amr.clone()),
            extra,
            ..self.access_token(&grant.client_id, grant.id, scope, audience)
        }
    }

    /// An access token for a client acting for itself. Its grant is this one token: nothing is
    /// stored of it, and its id lets it be revoked all the same.
    #[must_use]
    pub fn access_token_for_client(
        &self,
        client_id: &str,
        scope: &Scope,
        audience: &[String],
    ) -> AccessToken {
        let grant = GrantId::new(self.now, self.random);
        self.access_token(client_id, grant, scope, audience)
    }

    /// An id token beside an access token. Personal data stays at `/userinfo`, but for what
    /// [`crate::release::id_token_claims`] lets through.
    #[must_use]
    pub fn id_token(
        &self,
        grant: &Grant,
        person: &Person<'_>,
        nonce: Option<String>,
        algorithm: Algorithm,
        access_token: &str,
    ) -> IdToken {
        let now = self.now.as_secs();
        IdToken {
            issuer: self.issuer.to_owned(),
            subject: person.subject.clone().into_owned(),
            audience: vec![grant.client_id.clone()],
            expires_at: now + self.lifetimes.id_token.as_secs(),
            issued_at: now,
            auth_time: Some(grant.auth_time.as_secs()),
            nonce,
            acr: grant.details.acr.clone(),
            amr: (!grant.amr.is_empty()).then(|| grant.amr.clone()),
            access_token_hash: Some(IdToken::access_token_hash(algorithm, access_token)),
            session_id: person.session_id.clone().map(Cow::into_owned),
            ..IdToken::default()
        }
    }

    fn access_token(
        &self,
        client_id: &str,
        grant: GrantId,
        scope: &Scope,
        audience: &[String],
    ) -> AccessToken {
        let now = self.now.as_secs();
        AccessToken {
            issuer: self.issuer.to_owned(),
            subject: client_id.to_owned(),
            audience: audience.to_vec(),
            client_id: client_id.to_owned(),
            expires_at: now + self.lifetimes.access_token.as_secs(),
            issued_at: now,
            token_id: random::identifier(self.random),
            scope: (!scope.is_empty()).then(|| scope.to_string()),
            grant_id: Some(grant.to_string()),
            ..AccessToken::default()
        }
    }
}

/// The token, which carries these details (RFC 9396 §9.1).
#[must_use]
pub fn with_details(mut token: AccessToken, details: &AuthorizationDetails) -> AccessToken {
    if !details.is_empty() {
        token.extra.insert("authorization_details".to_owned(), details.to_json());
    }
    token
}
