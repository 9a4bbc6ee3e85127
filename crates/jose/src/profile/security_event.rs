//! Security event tokens (RFC 8417, Shared Signals Framework 1.0).

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

/// A security event token: something happened to a subject. Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecurityEvent {
    /// `iss`: who tells of it.
    pub issuer: String,
    /// `aud`: the receivers; never empty.
    pub audience: Vec<String>,
    /// `iat`: when the token was made.
    pub issued_at: u64,
    /// `jti`: its own name; each is taken once.
    pub token_id: String,
    /// `events`: URIs of event types, each with what belongs to it; never empty.
    pub events: Map<String, Value>,
    /// `sub_id`: whom it happened to (RFC 9493).
    pub subject_id: Option<Map<String, Value>>,
    /// `txn`: the transaction that it is part of.
    pub transaction: Option<String>,
    /// `toe`: when it happened.
    pub occurred_at: Option<u64>,
    /// Every other claim.
    pub extra: Map<String, Value>,
}

impl SecurityEvent {
    /// The `typ` header of a security event token (RFC 8417 section 2.3).
    pub const TYPE: &str = "secevent+jwt";
}

impl Policy<SecurityEvent> {
    /// For security events from `issuer` for the receiver `audience`. The caller sees to it that
    /// each `jti` is taken once.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn security_event(
        issuer: &str,
        audience: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("audience", Audience::Has(audience.to_owned())), algorithms)
    }
}

impl Profile for SecurityEvent {}

impl Rules for SecurityEvent {
    const TYPE: &'static str = Self::TYPE;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("aud", Form::TextOrList),
        Rule::required("iat", Form::Date),
        Rule::required("jti", Form::Text),
        Rule::required("events", Form::Object),
        Rule::optional("nbf", Form::Date),
        Rule::optional("sub_id", Form::Object),
        Rule::optional("txn", Form::Text),
        Rule::optional("toe", Form::Date),
        // Shared Signals Framework section 4.1: so that no event passes for another token.
        Rule::forbidden("exp"),
        Rule::forbidden("sub"),
    ];
    type Expected = ();

    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        let events = claims.object("events").unwrap_or_default();
        if events.is_empty() || events.iter().any(|(_, event)| event.as_object().is_none()) {
            return Err(Error::InvalidClaim("events"));
        }
        Ok(())
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        let subject_id = claims.object("sub_id").map(|id| id.to_owned_map()).transpose()?;
        Ok(Self {
            issuer: claims.owned_text("iss"),
            audience: claims.texts("aud").unwrap_or_default(),
            issued_at: claims.issued_at().unwrap_or_default(),
            token_id: claims.owned_text("jti"),
            events: claims.owned_object("events")?,
            subject_id,
            transaction: claims.optional_text("txn"),
            occurred_at: claims.date("toe"),
            extra: claims.extra()?,
        })
    }
}

impl Serialize for SecurityEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("iat", &self.issued_at)?;
        map.serialize_entry("jti", &self.token_id)?;
        map.serialize_entry("events", &self.events)?;
        serialize_optional(&mut map, "sub_id", self.subject_id.as_ref())?;
        serialize_optional(&mut map, "txn", self.transaction.as_ref())?;
        serialize_optional(&mut map, "toe", self.occurred_at.as_ref())?;
        serialize_extra(&mut map, &self.extra, Self::CLAIMS)?;
        map.end()
    }
}
