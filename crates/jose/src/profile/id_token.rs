//! ID tokens (OpenID Connect Core 1.0 section 2).

use aws_lc_rs::digest;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{serialize_audience, serialize_extra, serialize_optional};
use crate::{
    Algorithm, Error, Policy, base64url,
    jwt::{
        claims::{Claims, Form, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

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

impl Policy<IdToken> {
    /// For ID tokens (OIDC Core 2) from `issuer` for the client `client_id`. All three must be
    /// filled.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn id_token(
        issuer: &str,
        client_id: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        let audience = Audience::Has(client_id.to_owned());
        let policy = Self::build(issuer, ("client_id", audience), algorithms)?;
        Ok(policy.expect(|expected| expected.client_id = client_id.to_owned()))
    }

    /// The token must carry this nonce, the one of the authorization request.
    #[must_use]
    pub fn nonce(self, nonce: &str) -> Self {
        self.expect(|expected| expected.nonce = Some(nonce.to_owned()))
    }
}

/// Refuses what other kinds of token look like where an issuer sets no `typ` for them. These rules
/// leave alone what issuers put into ID tokens beyond the specification, `client_id` among it.
pub(super) fn refuse_other_kinds<P>(claims: &Claims<'_, P>) -> Result<(), Error> {
    let has = |name: &&str| claims.contains(name);
    // An access token requires `client_id` and `jti` (RFC 9068 section 2.2), and has none of the
    // claims that OIDC Core defines for ID tokens alone.
    let only_here = ["nonce", "azp", "at_hash", "c_hash"];
    let is_access_token = has(&"scope") || (has(&"jti") && !only_here.iter().any(has));
    if has(&"client_id") && is_access_token {
        return Err(Error::ForbiddenClaim("client_id"));
    }
    // A client assertion is about its issuer and has no nonce (RFC 7523 section 3); an ID token
    // that is about its issuer is self-issued and always has one.
    if claims.subject() == claims.issuer() && !has(&"nonce") {
        return Err(Error::InvalidClaim("sub"));
    }
    Ok(())
}

/// What a client knows of the ID token that it waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    client_id: String,
    nonce: Option<String>,
}

impl Profile for IdToken {}

impl Rules for IdToken {
    const TYPE: &'static str = Self::TYPE;
    const TYPE_OPTIONAL: bool = true;
    // OIDC Core section 10.1: an issuer with one key may leave its name out.
    const KEY_ID_OPTIONAL: bool = true;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("sub", Form::Subject),
        Rule::required("aud", Form::TextOrList),
        Rule::required("exp", Form::Date),
        Rule::required("iat", Form::Date),
        Rule::optional("nbf", Form::Date),
        Rule::optional("auth_time", Form::Date),
        Rule::optional("nonce", Form::Text),
        Rule::optional("acr", Form::Text),
        Rule::optional("amr", Form::TextList),
        Rule::optional("azp", Form::Text),
        Rule::optional("at_hash", Form::Text),
        Rule::optional("sid", Form::Text),
        // A logout token from an issuer that sets no typ (OIDC Back-Channel Logout section 2.4).
        Rule::forbidden("events"),
        // The content of a status list token; an ID token points at one with `status`.
        Rule::forbidden("status_list"),
    ];
    type Expected = Expected;

    /// OIDC Core section 3.1.3.7, steps 4, 5 and 11.
    fn check(claims: &Claims<'_, Self>, expected: &Expected) -> Result<(), Error> {
        refuse_other_kinds(claims)?;
        match claims.text("azp") {
            Some(party) if party != expected.client_id => return Err(Error::AuthorizedParty),
            None if claims.texts("aud").is_some_and(|audience| audience.len() > 1) => {
                return Err(Error::AuthorizedParty);
            }
            _ => {}
        }
        if expected.nonce.is_some() && claims.text("nonce") != expected.nonce.as_deref() {
            return Err(Error::Nonce);
        }
        Ok(())
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            issuer: claims.owned_text("iss"),
            subject: claims.owned_text("sub"),
            audience: claims.texts("aud").unwrap_or_default(),
            expires_at: claims.expires_at().unwrap_or_default(),
            issued_at: claims.issued_at().unwrap_or_default(),
            auth_time: claims.date("auth_time"),
            nonce: claims.optional_text("nonce"),
            acr: claims.optional_text("acr"),
            amr: claims.texts("amr"),
            authorized_party: claims.optional_text("azp"),
            access_token_hash: claims.optional_text("at_hash"),
            session_id: claims.optional_text("sid"),
            extra: claims.extra()?,
        })
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
        serialize_extra(&mut map, &self.extra, Self::CLAIMS)?;
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
        assert_eq!(IdToken::read(&Claims::parse(&json, IdToken::CLAIMS).unwrap()), Ok(token));
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
