//! Request objects: an authorization request as a token (RFC 9101).

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{serialize_audience, serialize_extra, serialize_optional};
use crate::{
    Algorithm, Error, Policy,
    jwt::{
        claims::{Claims, Form, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// An authorization request that its client signed. Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestObject {
    /// `client_id`, and `iss` as well: the client.
    pub client_id: String,
    /// `aud`: the authorization server.
    pub audience: Vec<String>,
    /// `exp`: from this second on it must not be accepted.
    pub expires_at: Option<u64>,
    /// `iat`: when it was made.
    pub issued_at: Option<u64>,
    /// `nbf`: before this second it is not valid.
    pub not_before: Option<u64>,
    /// `jti`: its own name.
    pub token_id: Option<String>,
    /// The parameters of the authorization request, `client_id` not among them.
    pub parameters: Map<String, Value>,
}

impl RequestObject {
    /// The `typ` header of a request object (RFC 9101 section 10.8).
    pub const TYPE: &str = "oauth-authz-req+jwt";
}

impl Policy<RequestObject> {
    /// For an authorization server: requests of the client `client_id` made for `issuer`, the
    /// server itself. A deployment that follows FAPI sets [`Policy::max_age`] too.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn request_object(
        client_id: &str,
        issuer: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        let policy =
            Self::build(client_id, ("audience", Audience::Has(issuer.to_owned())), algorithms)?;
        Ok(policy.expect(|expected| client_id.clone_into(expected)))
    }
}

impl Profile for RequestObject {}

impl Rules for RequestObject {
    const TYPE: &'static str = Self::TYPE;
    // Clients from before RFC 9101 send plain JWTs, with this type or with none.
    const OLDER_TYPE: Option<&'static str> = Some("JWT");
    const TYPE_OPTIONAL: bool = true;
    const KEY_ID_OPTIONAL: bool = true;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("aud", Form::TextOrList),
        Rule::required("client_id", Form::Text),
        // Without it, it is no authorization request but another token of the same client.
        Rule::required("response_type", Form::Text),
        Rule::optional("exp", Form::Date),
        Rule::optional("iat", Form::Date),
        Rule::optional("nbf", Form::Date),
        Rule::optional("jti", Form::Text),
        // RFC 9101 section 4: a request object does not point at another one.
        Rule::forbidden("request"),
        Rule::forbidden("request_uri"),
        // RFC 9101 section 10.8: with the client as its subject it could pass for a client
        // assertion.
        Rule::forbidden("sub"),
        Rule::forbidden("events"),
    ];
    /// The client.
    type Expected = String;

    fn check(claims: &Claims<'_, Self>, client_id: &String) -> Result<(), Error> {
        if claims.text("client_id") == Some(client_id) {
            Ok(())
        } else {
            Err(Error::InvalidClaim("client_id"))
        }
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        let mut parameters = claims.extra()?;
        let response_type = claims.owned_text("response_type");
        parameters.insert("response_type".to_owned(), response_type.into());
        Ok(Self {
            client_id: claims.owned_text("client_id"),
            audience: claims.texts("aud").unwrap_or_default(),
            expires_at: claims.expires_at(),
            issued_at: claims.issued_at(),
            not_before: claims.not_before(),
            token_id: claims.optional_text("jti"),
            parameters,
        })
    }
}

impl Serialize for RequestObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.client_id)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("client_id", &self.client_id)?;
        serialize_optional(&mut map, "exp", self.expires_at.as_ref())?;
        serialize_optional(&mut map, "iat", self.issued_at.as_ref())?;
        serialize_optional(&mut map, "nbf", self.not_before.as_ref())?;
        serialize_optional(&mut map, "jti", self.token_id.as_ref())?;
        serialize_optional(&mut map, "response_type", self.parameters.get("response_type"))?;
        serialize_extra(&mut map, &self.parameters, Self::CLAIMS)?;
        map.end()
    }
}
