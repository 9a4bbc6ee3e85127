//! Signed authorization responses (JWT Secured Authorization Response Mode, JARM).

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

/// What an authorization endpoint answers its client, signed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorizationResponse {
    /// `iss`: the authorization server.
    pub issuer: String,
    /// `aud`: the client that asked.
    pub audience: Vec<String>,
    /// `exp`: from this second on it must not be accepted.
    pub expires_at: u64,
    /// The parameters of the answer, `code` or `error` among them.
    pub parameters: Map<String, Value>,
}

impl AuthorizationResponse {
    /// The `typ` header. JARM names none of its own, and readers from elsewhere take no other.
    pub const TYPE: &str = "JWT";
}

impl Policy<AuthorizationResponse> {
    /// For a client: answers of `issuer` to the client `client_id` itself. The caller compares
    /// `state` with the one that it sent.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn authorization_response(
        issuer: &str,
        client_id: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("client_id", Audience::Has(client_id.to_owned())), algorithms)
    }
}

impl Profile for AuthorizationResponse {}

impl Rules for AuthorizationResponse {
    const TYPE: &'static str = Self::TYPE;
    const TYPE_OPTIONAL: bool = true;
    const KEY_ID_OPTIONAL: bool = true;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("aud", Form::TextOrList),
        Rule::required("exp", Form::Date),
        Rule::optional("iat", Form::Date),
        Rule::optional("nbf", Form::Date),
        Rule::optional("code", Form::Text),
        Rule::optional("error", Form::Text),
        // What tells the other kinds that may come without a type of their own.
        Rule::forbidden("sub"),
        Rule::forbidden("response_type"),
        Rule::forbidden("events"),
        Rule::forbidden("status_list"),
        Rule::forbidden("token_introspection"),
        Rule::forbidden("htm"),
    ];
    type Expected = ();

    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        match (claims.contains("code"), claims.contains("error")) {
            (false, false) => Err(Error::MissingClaim("code")),
            (true, true) => Err(Error::ForbiddenClaim("error")),
            _ => Ok(()),
        }
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        let mut parameters = claims.extra()?;
        for name in ["code", "error"] {
            if let Some(text) = claims.optional_text(name) {
                parameters.insert(name.to_owned(), text.into());
            }
        }
        Ok(Self {
            issuer: claims.owned_text("iss"),
            audience: claims.texts("aud").unwrap_or_default(),
            expires_at: claims.expires_at().unwrap_or_default(),
            parameters,
        })
    }
}

impl Serialize for AuthorizationResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("exp", &self.expires_at)?;
        for name in ["code", "error"] {
            serialize_optional(&mut map, name, self.parameters.get(name))?;
        }
        serialize_extra(&mut map, &self.parameters, Self::CLAIMS)?;
        map.end()
    }
}
