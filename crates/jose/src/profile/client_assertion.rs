//! Client assertions: a client proves who it is with a signature (RFC 7523, RFC 10070).

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{serialize_audience, serialize_optional};
use crate::{
    Algorithm, Error, Policy,
    jwt::{
        claims::{Claims, Form, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// A client assertion, for `private_key_jwt` and `client_secret_jwt`. Issuer and subject are both
/// the client. Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAssertion {
    /// `iss` and `sub`: the client.
    pub client_id: String,
    /// `aud`: the issuer identifier of the authorization server, alone (RFC 10070).
    pub audience: Vec<String>,
    /// `exp`: from this second on it must not be accepted.
    pub expires_at: u64,
    /// `iat`: when it was made.
    pub issued_at: Option<u64>,
    /// `nbf`: before this second it is not valid.
    pub not_before: Option<u64>,
    /// `jti`: its own name; each is used once.
    pub token_id: String,
}

impl ClientAssertion {
    /// The `typ` header of a client assertion (RFC 10070).
    pub const TYPE: &str = "client-authentication+jwt";
}

impl Policy<ClientAssertion> {
    /// For an authorization server: assertions of the client `client_id`, whose sole audience must
    /// be `issuer`, the server's own identifier. The caller sees to it that each `jti` is taken
    /// once. [`Policy::max_age`] bounds how long an assertion may have been kept.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn client_assertion(
        client_id: &str,
        issuer: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        let audience = Audience::Only(vec![issuer.to_owned()]);
        Self::build(client_id, ("audience", audience), algorithms)
    }

    /// Also accepts these as audience, alone or beside the issuer, such as the URL of the token
    /// endpoint: what clients send that were built before RFC 10070. An assertion made for another
    /// server that knows this URL can then be replayed here.
    #[must_use]
    pub fn danger_older_audiences(self, older: &[&str]) -> Self {
        self.accept_only_also(older)
    }
}

impl Profile for ClientAssertion {}

impl Rules for ClientAssertion {
    const TYPE: &'static str = Self::TYPE;
    // Plain JWTs are what clients sent before RFC 10070; the claims tell them from other kinds.
    const OLDER_TYPE: Option<&'static str> = Some("JWT");
    const TYPE_OPTIONAL: bool = true;
    const KEY_ID_OPTIONAL: bool = true;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("sub", Form::Subject),
        Rule::required("aud", Form::TextOrList),
        Rule::required("exp", Form::Date),
        Rule::required("jti", Form::Text),
        Rule::optional("iat", Form::Date),
        Rule::optional("nbf", Form::Date),
        // Each belongs to another kind of token that a client or a server signs.
        Rule::forbidden("events"),
        Rule::forbidden("nonce"),
        Rule::forbidden("htm"),
        Rule::forbidden("response_type"),
        Rule::forbidden("scope"),
        Rule::forbidden("client_id"),
        Rule::forbidden("status_list"),
        Rule::forbidden("token_introspection"),
    ];
    type Expected = ();

    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        // RFC 7523 section 3: for client authentication both name the client.
        if claims.subject() == claims.issuer() { Ok(()) } else { Err(Error::InvalidClaim("sub")) }
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            client_id: claims.owned_text("sub"),
            audience: claims.texts("aud").unwrap_or_default(),
            expires_at: claims.expires_at().unwrap_or_default(),
            issued_at: claims.issued_at(),
            not_before: claims.not_before(),
            token_id: claims.owned_text("jti"),
        })
    }
}

impl Serialize for ClientAssertion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.client_id)?;
        map.serialize_entry("sub", &self.client_id)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("exp", &self.expires_at)?;
        serialize_optional(&mut map, "iat", self.issued_at.as_ref())?;
        serialize_optional(&mut map, "nbf", self.not_before.as_ref())?;
        map.serialize_entry("jti", &self.token_id)?;
        map.end()
    }
}
