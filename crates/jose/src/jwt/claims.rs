//! The claims of a token whose signature has been checked, and the rules by which they are read.

use std::{fmt, marker::PhantomData};

use serde::Deserialize;

use super::date::NumericDate;
use crate::{
    Error,
    json::{self, Members, Value},
};

/// Identifiers and URLs.
const MAX_TEXT_BYTES: usize = 2048;
/// `scope` lists many names.
const MAX_SCOPE_BYTES: usize = 4096;
/// OIDC Core section 2 sets this limit for `sub`.
const MAX_SUBJECT_BYTES: usize = 255;
const MAX_LIST_ITEMS: usize = 64;

/// One claim in the table of a kind of token: its name, its form, and whether it must be there.
#[derive(Debug)]
pub(crate) struct Rule {
    name: &'static str,
    form: Form,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Presence {
    Required,
    Optional,
    Forbidden,
}

/// What the value of a claim may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// Not empty, not long, no control characters.
    Text,
    /// A text with the length limit of OIDC Core.
    Subject,
    /// Names separated by spaces (RFC 6749 section 3.3); may be empty.
    Scope,
    /// One text or a list of them, never empty (RFC 7519 section 4.1.3).
    TextOrList,
    /// A list of texts; may be empty.
    TextList,
    /// A date in seconds, whole or with a fraction (RFC 7519 section 2).
    Date,
    Object,
    Any,
}

impl Rule {
    pub(crate) const fn required(name: &'static str, form: Form) -> Self {
        Self { name, form, presence: Presence::Required }
    }

    pub(crate) const fn optional(name: &'static str, form: Form) -> Self {
        Self { name, form, presence: Presence::Optional }
    }

    pub(crate) const fn forbidden(name: &'static str) -> Self {
        Self { name, form: Form::Any, presence: Presence::Forbidden }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Lengths and first letters first: they tell most names apart.
    fn is_for(&self, name: &str) -> bool {
        self.name.len() == name.len()
            && self.name.as_bytes().first() == name.as_bytes().first()
            && self.name == name
    }
}

/// The claims of a token of kind `P`, borrowed from the buffer that it was decoded into.
///
/// Everything that the kind's rules say has been checked. Claims are read by name, or all at once
/// into a type of the caller's with [`Claims::read`].
pub struct Claims<'a, P> {
    members: Members<'a>,
    json: &'a [u8],
    dates: Dates,
    rules: &'static [Rule],
    kind: PhantomData<fn() -> P>,
}

/// The dates that every policy looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dates {
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
}

impl<'a, P> Claims<'a, P> {
    /// Reads the object and checks each claim's form and presence by the table.
    pub(crate) fn parse(json: &'a [u8], rules: &'static [Rule]) -> Result<Self, Error> {
        let members = json::parse_object(json)?;
        let plain = members.is_plain();
        let mut dates = Dates::default();
        let (mut seen, mut next) = (0u32, 0);
        for (name, value) in members.iter() {
            // Issuers write claims in much the same order as the table.
            let place = match rules.get(next) {
                Some(rule) if rule.is_for(name) => Some(next),
                _ => rules.iter().position(|rule| rule.is_for(name)),
            };
            let Some(place) = place else { continue };
            let rule = &rules[place];
            (seen, next) = (seen | 1 << place, place + 1);
            if rule.form == Form::Date {
                let date = read_date(value).ok_or(Error::InvalidClaim(rule.name))?;
                dates.note(rule.name, date);
            } else if !rule.form.fits(value, plain) {
                return Err(Error::InvalidClaim(rule.name));
            }
        }
        for (place, rule) in rules.iter().enumerate() {
            match (rule.presence, seen & 1 << place != 0) {
                (Presence::Required, false) => return Err(Error::MissingClaim(rule.name)),
                (Presence::Forbidden, true) => return Err(Error::ForbiddenClaim(rule.name)),
                _ => {}
            }
        }
        Ok(Self { members, json, dates, rules, kind: PhantomData })
    }

    pub(crate) const fn dates(&self) -> &Dates {
        &self.dates
    }

    /// A claim that is text; `None` when it is missing or something else.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_text()
    }

    /// `iss`: who issued the token.
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `sub`: whom it speaks about.
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// `jti`: the token's own name.
    pub fn token_id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// Whether `aud` is this text, or a list with it.
    pub fn has_audience(&self, audience: &str) -> bool {
        match self.members.get("aud") {
            Some(Value::Text(one)) => one == audience,
            Some(list) => {
                let items = list.as_array().unwrap_or_default();
                items.iter().any(|item| item.as_text() == Some(audience))
            }
            None => false,
        }
    }

    /// Whether `scope` holds exactly this name.
    pub fn has_scope(&self, name: &str) -> bool {
        !name.is_empty() && self.text("scope").unwrap_or_default().split(' ').any(|s| s == name)
    }

    /// `exp` in seconds since the epoch, rounded down.
    pub fn expires_at(&self) -> Option<u64> {
        self.dates.expires_at.map(NumericDate::floor)
    }

    /// `iat` in seconds since the epoch, rounded down.
    pub fn issued_at(&self) -> Option<u64> {
        self.dates.issued_at.map(NumericDate::floor)
    }

    /// `nbf` in seconds since the epoch, rounded up.
    pub fn not_before(&self) -> Option<u64> {
        self.dates.not_before.map(NumericDate::ceil)
    }

    /// Whether there is such a claim.
    pub fn contains(&self, name: &str) -> bool {
        self.members.contains(name)
    }

    /// All claims as a type of the caller's, which may borrow from them. Members that the type does
    /// not name are ignored, as serde does.
    ///
    /// # Errors
    /// [`Error::UnfitClaims`] when they do not fit the type.
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.json).map_err(|_| Error::UnfitClaims)
    }

    /// The claims as they stand in the token.
    pub const fn json(&self) -> &'a [u8] {
        self.json
    }

    /// A copy of a text that the table requires, and so is there.
    pub(crate) fn owned_text(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    pub(crate) fn optional_text(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// One text or a list, as a list.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.members.get(name)? {
            Value::Text(one) => Some(vec![one.clone().into_owned()]),
            list => list
                .as_array()?
                .iter()
                .map(|item| item.as_text().map(str::to_owned))
                .collect::<Option<_>>(),
        }
    }

    pub(crate) fn date(&self, name: &str) -> Option<u64> {
        self.members.get(name).and_then(read_date).map(NumericDate::floor)
    }

    pub(crate) fn object(&self, name: &str) -> Option<Members<'a>> {
        self.members.get(name)?.as_object()
    }

    pub(crate) fn owned_object(
        &self,
        name: &str,
    ) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        self.object(name).unwrap_or_default().to_owned_map()
    }

    /// Every claim that is not in the table.
    pub(crate) fn extra(&self) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        self.members
            .iter()
            .filter(|(name, _)| !self.rules.iter().any(|rule| rule.is_for(name)))
            .map(|(name, value)| Ok((name.to_owned(), value.to_owned_value()?)))
            .collect()
    }
}

impl<P> fmt::Debug for Claims<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.members.iter()).finish()
    }
}

impl Dates {
    fn note(&mut self, name: &str, date: NumericDate) {
        match name {
            "exp" => self.expires_at = Some(date),
            "iat" => self.issued_at = Some(date),
            "nbf" => self.not_before = Some(date),
            _ => {}
        }
    }
}

impl Form {
    /// `plain` says that all texts come from JSON of which [`Members::is_plain`] holds.
    fn fits(self, value: &Value<'_>, plain: bool) -> bool {
        let is_text = |text: &str, max_bytes: usize| {
            (1..=max_bytes).contains(&text.len()) && (plain || !text.chars().any(char::is_control))
        };
        match (self, value) {
            (Self::Any, _) | (Self::Object, Value::Object(_)) => true,
            (Self::Text | Self::TextOrList, Value::Text(text)) => is_text(text, MAX_TEXT_BYTES),
            (Self::Subject, Value::Text(text)) => is_text(text, MAX_SUBJECT_BYTES),
            (Self::Scope, Value::Text(text)) => {
                text.len() <= MAX_SCOPE_BYTES && (plain || text.bytes().all(is_scope_byte))
            }
            (Self::TextList | Self::TextOrList, Value::Array(_)) => {
                let items = value.as_array().unwrap_or_default();
                let least = usize::from(self == Self::TextOrList);
                (least..=MAX_LIST_ITEMS).contains(&items.len())
                    && items.iter().all(|item| Self::Text.fits(item, plain))
            }
            _ => false,
        }
    }
}

fn read_date(value: &Value<'_>) -> Option<NumericDate> {
    match value {
        Value::Number(text) => NumericDate::parse(text),
        _ => None,
    }
}

/// Printable ASCII except quote and backslash.
const fn is_scope_byte(byte: u8) -> bool {
    (byte >= 0x20) & (byte <= 0x7e) & (byte != b'"') & (byte != b'\\')
}
