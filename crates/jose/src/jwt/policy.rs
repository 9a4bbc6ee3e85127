//! The judge: what a token must satisfy, and the only place where a [`Verified`] is made.

use std::{fmt, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    claims::{Claims, Dates},
    kind::Profile,
    verified::Verified,
};
use crate::{
    Algorithm, Error, KeySet, Timestamp, VerifyingKey, base64url,
    jws::{
        compact::{self, Parts},
        header,
    },
};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// What a token of kind `P` must satisfy. Issuer, audience and algorithms are needed to build one,
/// so none of them can be forgotten (RFC 8725 sections 3.1, 3.8 and 3.9).
pub struct Policy<P: Profile> {
    issuer: String,
    audience: Audience,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    max_age: Option<Duration>,
    expired_too: bool,
    expected: P::Expected,
}

/// Whom a token must be meant for.
#[derive(Clone, Debug)]
pub(crate) enum Audience {
    /// `aud` is this, or a list with it.
    Has(String),
    /// `aud` is one of these and nothing else (RFC 10070).
    Only(Vec<String>),
    /// Only for an issuer that reads its own tokens, and for kinds that have no audience.
    Unchecked,
}

impl Audience {
    fn is_empty(&self) -> bool {
        match self {
            Self::Has(one) => one.is_empty(),
            Self::Only(several) => several.is_empty() || several.iter().any(String::is_empty),
            Self::Unchecked => false,
        }
    }

    fn admits<P>(&self, claims: &Claims<'_, P>) -> bool {
        match self {
            Self::Has(expected) => claims.has_audience(expected),
            Self::Only(_) => claims.texts("aud").is_some_and(|list| self.admits_list(&list)),
            Self::Unchecked => true,
        }
    }

    fn admits_list(&self, audience: &[String]) -> bool {
        match (self, audience) {
            (Self::Has(expected), list) => list.contains(expected),
            (Self::Only(accepted), [sole]) => accepted.contains(sole),
            // Several only where several names are ours, and then no other among them.
            (Self::Only(accepted), [_, ..]) if accepted.len() > 1 => {
                audience.iter().all(|one| accepted.contains(one))
            }
            (Self::Only(_), _) => false,
            (Self::Unchecked, _) => true,
        }
    }
}

/// Memory that tokens are decoded into, to be used again for the next one. Each thread or task has
/// its own.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer; it grows to the size of the largest token that it sees.
    pub const fn new() -> Self {
        Self(Vec::new())
    }
}

/// Without the bytes: they are those of the last token, whether it was accepted or not.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").finish_non_exhaustive()
    }
}

impl<P: Profile> Policy<P> {
    /// `audience_name` is the word that an error uses for a missing audience.
    pub(crate) fn build(
        issuer: &str,
        (audience_name, audience): (&'static str, Audience),
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        for (name, empty) in [
            ("issuer", issuer.is_empty()),
            (audience_name, audience.is_empty()),
            ("algorithms", algorithms.is_empty()),
        ] {
            if empty {
                return Err(Error::InvalidPolicy(name));
            }
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            audience,
            algorithms: algorithms.to_vec(),
            leeway: DEFAULT_LEEWAY,
            max_age: None,
            expired_too: false,
            expected: P::Expected::default(),
        })
    }

    pub(crate) fn expect(mut self, change: impl FnOnce(&mut P::Expected)) -> Self {
        change(&mut self.expected);
        self
    }

    /// Accepts these too, alone or together, and nothing else.
    pub(crate) fn accept_only_also(mut self, others: &[&str]) -> Self {
        if let Audience::Only(accepted) = &mut self.audience {
            accepted.extend(others.iter().map(|&one| one.to_owned()));
        }
        self
    }

    pub(crate) fn accept_expired(self) -> Self {
        Self { expired_too: true, ..self }
    }

    /// How far two clocks may disagree: 30 seconds unless set, at most 300.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway: leeway.min(MAX_LEEWAY), ..self }
    }

    /// How long ago, by its `iat`, a token may have been made, whatever its `exp` says. A token
    /// without `iat` is then refused.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..self }
    }

    /// Judges a token: form, header, key, signature, then claims, so that nothing inside the
    /// payload is read before its signature has been checked. The claims are copied out.
    ///
    /// # Errors
    /// The first rule that the token breaks.
    pub fn verify(
        &self,
        keys: &KeySet,
        compact: &str,
        now: Timestamp,
    ) -> Result<Verified<P>, Error> {
        self.verify_in(keys, compact, now, &mut Buffer::new())?.into_owned()
    }

    /// Like [`Policy::verify`], with the claims in a type of the caller's.
    ///
    /// # Errors
    /// The first rule that the token breaks, or [`Error::UnfitClaims`].
    pub fn verify_as<T: DeserializeOwned>(
        &self,
        keys: &KeySet,
        compact: &str,
        now: Timestamp,
    ) -> Result<Verified<T>, Error> {
        self.verify_in(keys, compact, now, &mut Buffer::new())?.read()
    }

    /// Like [`Policy::verify`], with the claims borrowed from `buffer`: nothing is copied.
    ///
    /// # Errors
    /// The first rule that the token breaks.
    pub fn verify_in<'b>(
        &self,
        keys: &KeySet,
        compact: &str,
        now: Timestamp,
        buffer: &'b mut Buffer,
    ) -> Result<Verified<Claims<'b, P>>, Error> {
        let parts = compact::split(compact, P::MAX_BYTES)?;
        let (key, payload) = match keys.known_headers().find(parts.header) {
            Some(known) => {
                self.check_header(known.typ.as_deref(), known.key.algorithm())?;
                (known.key.clone(), parts.open(&known.key, &mut buffer.0)?)
            }
            None => self.open_new(keys, &parts, &mut buffer.0)?,
        };
        let claims = Claims::parse(payload, P::CLAIMS)?;
        self.check(&claims, now)?;
        Ok(Verified::new(claims, key))
    }

    /// Opens a token whose header has not been seen before.
    fn open_new<'b>(
        &self,
        keys: &KeySet,
        parts: &Parts<'_>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<(VerifyingKey, &'b [u8]), Error> {
        let decoded_header = base64url::decode(parts.header)?;
        let header = header::parse(&decoded_header)?;
        self.check_header(header.typ.as_deref(), header.algorithm)?;
        let key = match header.key_id.as_deref() {
            Some(key_id) => keys.get(key_id).ok_or(Error::UnknownKey)?,
            None if P::KEY_ID_OPTIONAL => keys.only(header.algorithm).ok_or(Error::MissingKeyId)?,
            None => return Err(Error::MissingKeyId),
        };
        if key.algorithm() != header.algorithm {
            return Err(Error::AlgorithmNotAllowed);
        }
        let payload = parts.open(key, buffer)?;
        if header.key_id.is_some() {
            keys.known_headers().remember(parts.header, key, header.typ.as_deref());
        }
        Ok((key.clone(), payload))
    }

    fn check_header(&self, typ: Option<&str>, algorithm: Algorithm) -> Result<(), Error> {
        if !P::accepts_type(typ) {
            return Err(Error::WrongType);
        }
        self.check_algorithm(algorithm)
    }

    pub(crate) fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), Error> {
        if self.algorithms.contains(&algorithm) { Ok(()) } else { Err(Error::AlgorithmNotAllowed) }
    }

    /// What holds for every kind, and then what the kind itself asks for.
    pub(crate) fn check(&self, claims: &Claims<'_, P>, now: Timestamp) -> Result<(), Error> {
        // Where a kind must have it, its table has seen to that.
        if claims.issuer().is_some_and(|issuer| issuer != self.issuer) {
            return Err(Error::Issuer);
        }
        if !self.audience.admits(claims) {
            return Err(Error::Audience);
        }
        self.check_dates(claims.dates(), now)?;
        P::check(claims, &self.expected)
    }

    /// What may have changed since a token was verified, or may be asked for by another policy.
    pub(crate) fn check_again(
        &self,
        (issuer, audience): (&str, &[String]),
        dates: &Dates,
        now: Timestamp,
    ) -> Result<(), Error> {
        if issuer != self.issuer {
            return Err(Error::Issuer);
        }
        if !self.audience.admits_list(audience) {
            return Err(Error::Audience);
        }
        self.check_dates(dates, now)
    }

    fn check_dates(&self, dates: &Dates, now: Timestamp) -> Result<(), Error> {
        let expired = |exp: u64| now >= Timestamp::from_secs(exp).plus(self.leeway);
        if !self.expired_too && dates.expires_at.is_some_and(|exp| expired(exp.floor())) {
            return Err(Error::Expired);
        }
        let latest_start = now.plus(self.leeway);
        if dates.not_before.is_some_and(|nbf| Timestamp::from_secs(nbf.ceil()) > latest_start) {
            return Err(Error::NotYetValid);
        }
        let issued_at = dates.issued_at.map(|iat| Timestamp::from_secs(iat.floor()));
        if issued_at.is_some_and(|issued_at| issued_at > latest_start) {
            return Err(Error::IssuedInFuture);
        }
        match (self.max_age, issued_at) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Error::MissingClaim("iat")),
            (Some(max), Some(at)) if now > at.plus(max).plus(self.leeway) => Err(Error::TooOld),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

impl<P: Profile> Clone for Policy<P> {
    fn clone(&self) -> Self {
        Self {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithms: self.algorithms.clone(),
            leeway: self.leeway,
            max_age: self.max_age,
            expired_too: self.expired_too,
            expected: self.expected.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessToken, SigningKey, jwt};

    /// Otherwise strangers could fill the room for the few headers that are remembered.
    #[test]
    fn a_header_is_remembered_only_after_a_right_signature() {
        let key = SigningKey::generate(Algorithm::HS256).unwrap();
        let keys = KeySet::new([key.verifying_key()]);
        let policy: Policy<AccessToken> =
            Policy::access_token("i", "a", &[Algorithm::HS256]).unwrap();
        let token = jwt::sign(&key, AccessToken::TYPE, &serde_json::json!({})).unwrap();
        let (input, _) = token.rsplit_once('.').unwrap();
        let header = input.split('.').next().unwrap().as_bytes();
        let verdict = |token: &str| policy.verify(&keys, token, Timestamp::default()).err();
        assert_eq!(verdict(&format!("{input}.AAAA")), Some(Error::BadSignature));
        assert!(keys.known_headers().find(header).is_none());
        // What the claims say is another matter.
        assert_eq!(verdict(&token), Some(Error::MissingClaim("iss")));
        assert!(keys.known_headers().find(header).is_some());
    }
}
