//! The judge: what a token must satisfy, and the only place where a [`Verified`] is made.

use std::{fmt, marker::PhantomData, ops::Deref, time::Duration};

use super::{MAX_BYTES, claims::Claims};
use crate::{
    AccessToken, Algorithm, Error, IdToken, KeySet, Profile, Timestamp, base64url,
    jws::{compact, header},
    profile::Facts,
};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// What a token of kind `P` must satisfy. Issuer, audience and algorithms are needed to build one,
/// so none of them can be forgotten (RFC 8725 sections 3.1, 3.8 and 3.9).
pub struct Policy<P: Profile> {
    issuer: String,
    /// `None` only for an issuer that reads its own tokens.
    audience: Option<String>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    expired_too: bool,
    nonce: Option<String>,
    profile: PhantomData<fn() -> P>,
}

impl Policy<AccessToken> {
    /// For access tokens (RFC 9068) from `issuer` for the API `audience`. All three must be filled.
    pub fn access_token(
        issuer: &str,
        audience: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("audience", Some(audience)), algorithms)
    }

    /// For an authorization server that is shown its own access tokens, whatever API they are for:
    /// introspection, userinfo. An API uses [`Policy::access_token`].
    pub fn own_access_token(issuer: &str, algorithms: &[Algorithm]) -> Result<Self, Error> {
        Self::build(issuer, ("audience", None), algorithms)
    }
}

impl Policy<IdToken> {
    /// For ID tokens (OIDC Core 2) from `issuer` for the client `client_id`. All three must be
    /// filled.
    pub fn id_token(
        issuer: &str,
        client_id: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("client_id", Some(client_id)), algorithms)
    }

    /// For an authorization server that is handed its own ID token back as a hint. It may have
    /// expired and be for any client (OIDC RP-Initiated Logout section 2): it opens nothing.
    pub fn own_id_token_hint(issuer: &str, algorithms: &[Algorithm]) -> Result<Self, Error> {
        let policy = Self::build(issuer, ("client_id", None), algorithms)?;
        Ok(Self { expired_too: true, ..policy })
    }

    /// The token must carry this nonce, the one of the authorization request.
    #[must_use]
    pub fn nonce(self, nonce: &str) -> Self {
        Self { nonce: Some(nonce.to_owned()), ..self }
    }
}

impl<P: Profile> Policy<P> {
    fn build(
        issuer: &str,
        (audience_name, audience): (&'static str, Option<&str>),
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        for (name, empty) in [
            ("issuer", issuer.is_empty()),
            (audience_name, audience.is_some_and(str::is_empty)),
            ("algorithms", algorithms.is_empty()),
        ] {
            if empty {
                return Err(Error::InvalidPolicy(name));
            }
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: audience.map(str::to_owned),
            algorithms: algorithms.to_vec(),
            leeway: DEFAULT_LEEWAY,
            expired_too: false,
            nonce: None,
            profile: PhantomData,
        })
    }

    /// How far two clocks may disagree: 30 seconds unless set, at most 300.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway: leeway.min(MAX_LEEWAY), ..self }
    }

    /// Judges a token: form, header, key, signature, then claims, so that nothing inside the
    /// payload is read before its signature has been checked.
    pub fn verify(
        &self,
        keys: &KeySet,
        compact: &str,
        now: Timestamp,
    ) -> Result<Verified<P>, Error> {
        let parts = compact::split(compact, MAX_BYTES)?;
        let decoded_header = base64url::decode(parts.header)?;
        let header = header::parse(&decoded_header)?;
        if !P::accepts_type(header.typ.as_deref()) {
            return Err(Error::WrongType);
        }
        if !self.algorithms.contains(&header.algorithm) {
            return Err(Error::AlgorithmNotAllowed);
        }
        let key_id = header.key_id.ok_or(Error::MissingKeyId)?;
        let key = keys.get(&key_id).ok_or(Error::UnknownKey)?;
        if key.algorithm() != header.algorithm {
            return Err(Error::AlgorithmNotAllowed);
        }
        parts.verify(key)?;
        let payload = base64url::decode(parts.payload)?;
        let token = P::read(Claims::parse(&payload)?)?;
        self.check(&token, now)?;
        Ok(Verified { token, key_id: key_id.into_owned() })
    }

    fn check(&self, token: &P, now: Timestamp) -> Result<(), Error> {
        let Facts { issuer, audience, expires_at, issued_at, not_before } = token.facts();
        if issuer != self.issuer {
            return Err(Error::Issuer);
        }
        if self.audience.as_ref().is_some_and(|expected| !audience.contains(expected)) {
            return Err(Error::Audience);
        }
        if !self.expired_too && now >= Timestamp::from_secs(expires_at).plus(self.leeway) {
            return Err(Error::Expired);
        }
        let latest_start = now.plus(self.leeway);
        if not_before.is_some_and(|start| Timestamp::from_secs(start) > latest_start) {
            return Err(Error::NotYetValid);
        }
        if Timestamp::from_secs(issued_at) > latest_start {
            return Err(Error::IssuedInFuture);
        }
        token.check_own_rules(self.audience.as_deref(), self.nonce.as_deref())
    }
}

impl<P: Profile> Clone for Policy<P> {
    fn clone(&self) -> Self {
        Self {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithms: self.algorithms.clone(),
            leeway: self.leeway,
            expired_too: self.expired_too,
            nonce: self.nonce.clone(),
            profile: PhantomData,
        }
    }
}

impl<P: Profile> fmt::Debug for Policy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

/// A token that a [`Policy`] has accepted. Nothing else makes one, so a function that takes
/// `Verified<AccessToken>` cannot be handed anything unchecked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<T> {
    token: T,
    key_id: String,
}

impl<T> Verified<T> {
    /// The claims alone; from here on nothing says that they were checked.
    pub fn into_inner(self) -> T {
        self.token
    }

    /// The id of the key whose signature was checked.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.token
    }
}
