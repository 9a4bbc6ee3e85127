//! ID tokens (OpenID Connect Core 1.0 section 2).

use aws_lc_rs::digest;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{Facts, Profile, Rules, serialize_audience, serialize_extra, serialize_optional};
use crate::{Algorithm, Error, base64url, jws::header, jwt::claims::Claims};

/// An ID token: tells a client who logged in. It opens no API. Times are in seconds since the
/// epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdToken {
    /// `iss`: who issued it.
    pub issuer: String,
    /// `sub`: who logged in; unique and never reused at this issuer.
    pub subject: String,
    /// `aud`: the clients it is meant for; never empty.
    pub audience: Vec<String>,
    /// `exp`: from this second on it must not be accepted.
    pub expires_at: u64,
    /// `iat`: when it was issued.
    pub issued_at: u64,
    /// `auth_time`: when the user last proved who they are.
    pub auth_time: Option<u64>,
    /// `nonce`: the value of the authorization request.
    pub nonce: Option<String>,
    /// `acr`: how strong the proof was.
    pub acr: Option<String>,
    /// `amr`: by which methods (RFC 8176).
    pub amr: Option<Vec<String>>,
    /// `azp`: the client that it was issued to.
    pub authorized_party: Option<String>,
    /// `at_hash`: see [`IdToken::access_token_hash`].
    pub access_token_hash: Option<String>,
    /// `sid`: the session at the issuer, for logout.
    pub session_id: Option<String>,
    /// Every other claim. A name from the list above is ignored here when the token is written.
    pub extra: Map<String, Value>,
}

const REGISTERED: [&str; 12] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "sid",
];

impl IdToken {
    /// The `typ` header of an ID token.
    pub const TYPE: &str = "JWT";

    /// `at_hash` for an ID token signed with `algorithm`: the left half of the access token's hash
    /// (OIDC Core section 3.1.3.6). The hash is the algorithm's own: SHA-512 for Ed25519.
    pub fn access_token_hash(algorithm: Algorithm, access_token: &str) -> String {
        let hash = digest::digest(algorithm.hash(), access_token.as_bytes());
        let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        base64url::encode(left)
    }
}

impl Profile for IdToken {}

impl Rules for IdToken {
    fn accepts_type(typ: Option<&str>) -> bool {
        typ.is_none_or(|typ| header::same_type(typ, Self::TYPE))
    }

    fn read(mut claims: Claims<'_>) -> Result<Self, Error> {
        Ok(Self {
            issuer: claims.required_text("iss")?,
            subject: claims.subject()?,
            audience: claims.audience()?,
            expires_at: claims.required_date("exp")?,
            issued_at: claims.required_date("iat")?,
            auth_time: claims.date("auth_time")?,
            nonce: claims.text("nonce")?,
            acr: claims.text("acr")?,
            amr: claims.text_list("amr")?,
            authorized_party: claims.text("azp")?,
            access_token_hash: claims.text("at_hash")?,
            session_id: claims.text("sid")?,
            extra: claims.into_extra()?,
        })
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            issuer: &self.issuer,
            audience: &self.audience,
            expires_at: self.expires_at,
            issued_at: self.issued_at,
            not_before: None,
        }
    }

    /// OIDC Core section 3.1.3.7, steps 4, 5 and 11.
    fn check_own_rules(&self, audience: Option<&str>, nonce: Option<&str>) -> Result<(), Error> {
        match self.authorized_party.as_deref() {
            Some(party) if audience.is_some_and(|client| party != client) => {
                return Err(Error::AuthorizedParty);
            }
            None if self.audience.len() > 1 => return Err(Error::AuthorizedParty),
            _ => {}
        }
        if nonce.is_some() && self.nonce.as_deref() != nonce {
            return Err(Error::Nonce);
        }
        Ok(())
    }
}

impl Serialize for IdToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        map.serialize_entry("sub", &self.subject)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("exp", &self.expires_at)?;
        map.serialize_entry("iat", &self.issued_at)?;
        serialize_optional(&mut map, "auth_time", self.auth_time.as_ref())?;
        serialize_optional(&mut map, "nonce", self.nonce.as_ref())?;
        serialize_optional(&mut map, "acr", self.acr.as_ref())?;
        serialize_optional(&mut map, "amr", self.amr.as_ref())?;
        serialize_optional(&mut map, "azp", self.authorized_party.as_ref())?;
        serialize_optional(&mut map, "at_hash", self.access_token_hash.as_ref())?;
        serialize_optional(&mut map, "sid", self.session_id.as_ref())?;
        serialize_extra(&mut map, &self.extra, &REGISTERED)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_it_was_written() {
        let text = |value: &str| Some(value.to_owned());
        let token = IdToken {
            issuer: "https://id.example".to_owned(),
            subject: "ada".to_owned(),
            audience: vec!["web".to_owned(), "app".to_owned()],
            expires_at: 200,
            issued_at: 100,
            auth_time: Some(90),
            nonce: text("n"),
            acr: text("2"),
            amr: Some(vec!["pwd".to_owned()]),
            authorized_party: text("web"),
            access_token_hash: text("h"),
            session_id: text("s"),
            extra: [("email".to_owned(), "ada@example.com".into())].into_iter().collect(),
        };
        let json = serde_json::to_vec(&token).unwrap();
        assert_eq!(IdToken::read(Claims::parse(&json).unwrap()), Ok(token));
    }

    #[test]
    fn the_access_token_hash_is_the_left_half_of_the_algorithms_hash() {
        // OIDC Core appendix A.4.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        let hash = IdToken::access_token_hash(Algorithm::RS256, token);
        assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
        let longer = IdToken::access_token_hash(Algorithm::Ed25519, token);
        assert_eq!(base64url::decode(longer.as_bytes()).unwrap().len(), 32);
    }
}
