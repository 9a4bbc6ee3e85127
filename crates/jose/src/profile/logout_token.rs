//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4).

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::json;

use super::{serialize_audience, serialize_optional};
use crate::{
    Algorithm, Error, Policy,
    jwt::{
        claims::{Claims, Form, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token: tells a client that a session or a user has been signed out. Times are in
/// seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogoutToken {
    /// `iss`: who issued it.
    pub issuer: String,
    /// `aud`: the clients it is meant for; never empty.
    pub audience: Vec<String>,
    /// `iat`: when it was issued.
    pub issued_at: u64,
    /// `exp`: from this second on it must not be accepted; two minutes after `iat` is usual.
    pub expires_at: u64,
    /// `jti`: its own name; each is used once.
    pub token_id: String,
    /// `sub`: who was signed out. This or `session_id` is there, perhaps both.
    pub subject: Option<String>,
    /// `sid`: the session that ended; without it, all sessions of the subject.
    pub session_id: Option<String>,
}

impl LogoutToken {
    /// The `typ` header of a logout token.
    pub const TYPE: &str = "logout+jwt";
}

impl Policy<LogoutToken> {
    /// For logout tokens from `issuer` for the client `client_id`. The caller sees to it that each
    /// `jti` is taken once.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn logout_token(
        issuer: &str,
        client_id: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("client_id", Audience::Has(client_id.to_owned())), algorithms)
    }
}

impl Profile for LogoutToken {}

impl Rules for LogoutToken {
    const TYPE: &'static str = Self::TYPE;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("aud", Form::TextOrList),
        Rule::required("iat", Form::Date),
        Rule::required("exp", Form::Date),
        Rule::required("jti", Form::Text),
        Rule::required("events", Form::Object),
        Rule::optional("nbf", Form::Date),
        Rule::optional("sub", Form::Subject),
        Rule::optional("sid", Form::Text),
        // An ID token could otherwise be made of a logout token.
        Rule::forbidden("nonce"),
    ];
    type Expected = ();

    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        let events = claims.object("events").unwrap_or_default();
        if events.get(EVENT).is_none_or(|event| event.as_object().is_none()) {
            return Err(Error::InvalidClaim("events"));
        }
        if !claims.contains("sub") && !claims.contains("sid") {
            return Err(Error::MissingClaim("sub"));
        }
        Ok(())
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            issuer: claims.owned_text("iss"),
            audience: claims.texts("aud").unwrap_or_default(),
            issued_at: claims.issued_at().unwrap_or_default(),
            expires_at: claims.expires_at().unwrap_or_default(),
            token_id: claims.owned_text("jti"),
            subject: claims.optional_text("sub"),
            session_id: claims.optional_text("sid"),
        })
    }
}

impl Serialize for LogoutToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("iat", &self.issued_at)?;
        map.serialize_entry("exp", &self.expires_at)?;
        map.serialize_entry("jti", &self.token_id)?;
        map.serialize_entry("events", &json!({ EVENT: {} }))?;
        serialize_optional(&mut map, "sub", self.subject.as_ref())?;
        serialize_optional(&mut map, "sid", self.session_id.as_ref())?;
        map.end()
    }
}
