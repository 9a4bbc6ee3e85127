//! Signed introspection responses (RFC 9701).

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::serialize_audience;
use crate::{
    Algorithm, Error, Policy,
    jwt::{
        claims::{Claims, Form, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// What an authorization server says about a token, signed for the API that asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntrospectionResponse {
    /// `iss`: the authorization server.
    pub issuer: String,
    /// `aud`: the API that asked.
    pub audience: Vec<String>,
    /// `iat`: when the answer was given, in seconds since the epoch.
    pub issued_at: u64,
    /// `token_introspection`: the members of the plain answer (RFC 7662 section 2.2). What it says
    /// of the token holds for the moment of `issued_at`.
    pub token_introspection: Map<String, Value>,
}

impl IntrospectionResponse {
    /// The `typ` header of a signed introspection response (RFC 9701 section 5).
    pub const TYPE: &str = "token-introspection+jwt";

    /// Whether the token was active: `true` and nothing like it.
    pub fn is_active(&self) -> bool {
        self.token_introspection.get("active") == Some(&Value::Bool(true))
    }
}

impl Policy<IntrospectionResponse> {
    /// For answers of `issuer` to the API `audience`. [`Policy::max_age`] bounds how old an answer
    /// may be.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn introspection_response(
        issuer: &str,
        audience: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("audience", Audience::Has(audience.to_owned())), algorithms)
    }
}

impl Profile for IntrospectionResponse {}

impl Rules for IntrospectionResponse {
    const TYPE: &'static str = Self::TYPE;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("aud", Form::TextOrList),
        Rule::required("iat", Form::Date),
        Rule::required("token_introspection", Form::Object),
        Rule::optional("nbf", Form::Date),
        // RFC 9701 section 5: so that the answer never passes for an access token.
        Rule::forbidden("sub"),
        Rule::forbidden("exp"),
    ];
    type Expected = ();

    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        let answer = claims.object("token_introspection").unwrap_or_default();
        if answer.get("active").is_some_and(|active| active.as_bool().is_some()) {
            Ok(())
        } else {
            Err(Error::InvalidClaim("token_introspection"))
        }
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            issuer: claims.owned_text("iss"),
            audience: claims.texts("aud").unwrap_or_default(),
            issued_at: claims.issued_at().unwrap_or_default(),
            token_introspection: claims.owned_object("token_introspection")?,
        })
    }
}

impl Serialize for IntrospectionResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("iat", &self.issued_at)?;
        map.serialize_entry("token_introspection", &self.token_introspection)?;
        map.end()
    }
}
