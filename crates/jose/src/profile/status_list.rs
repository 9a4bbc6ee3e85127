//! Status list tokens (draft-ietf-oauth-status-list-21): one bit or a few for each of many tokens.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::json;

use super::serialize_optional;
use crate::{
    Algorithm, Error, Policy, SigningKey,
    jws::compact,
    jwt::{
        claims::{Claims, Form, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// A status list as a token. Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusListToken {
    /// `iss`: who keeps the list; the draft leaves it out, and it is checked where it is there.
    pub issuer: Option<String>,
    /// `sub`: the URI of the list, the one that tokens name in `status.status_list.uri`.
    pub uri: String,
    /// `iat`: when this copy was made.
    pub issued_at: u64,
    /// `exp`: from this second on this copy must not be used.
    pub expires_at: Option<u64>,
    /// `ttl`: how many seconds a copy may be kept before it is fetched again.
    pub time_to_live_s: Option<u64>,
    /// `status_list.bits`: bits for each token: 1, 2, 4 or 8.
    pub bits: u8,
    /// `status_list.lst`: the list, compressed with ZLIB, in base64url; it is not unpacked here.
    pub list: String,
}

impl StatusListToken {
    /// The `typ` header of a status list token (section 5.1).
    pub const TYPE: &str = "statuslist+jwt";
    /// The longest status list token in bytes: one bit for each of some four million tokens,
    /// even if nothing could be compressed.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// Signs the list; it may be longer than other tokens.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`StatusListToken::MAX_BYTES`].
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        let payload = serde_json::to_vec(self).map_err(|_| Error::Unserializable)?;
        compact::sign_within(Self::MAX_BYTES, key, Some(Self::TYPE), &payload)
    }
}

impl Policy<StatusListToken> {
    /// For the list at `uri`, which must be the token's subject letter for letter, from `issuer`.
    /// The caller refuses a copy whose `iat` is older than that of the one it has.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn status_list(issuer: &str, uri: &str, algorithms: &[Algorithm]) -> Result<Self, Error> {
        if uri.is_empty() {
            return Err(Error::InvalidPolicy("uri"));
        }
        let policy = Self::build(issuer, ("uri", Audience::Unchecked), algorithms)?;
        Ok(policy.expect(|expected| uri.clone_into(expected)))
    }
}

impl Profile for StatusListToken {}

impl Rules for StatusListToken {
    const TYPE: &'static str = Self::TYPE;
    const MAX_BYTES: usize = Self::MAX_BYTES;
    const CLAIMS: &'static [Rule] = &[
        Rule::optional("iss", Form::Text),
        Rule::required("sub", Form::Text),
        Rule::required("iat", Form::Date),
        Rule::required("status_list", Form::Object),
        Rule::optional("exp", Form::Date),
        Rule::optional("nbf", Form::Date),
        Rule::optional("ttl", Form::Date),
    ];
    /// The URI of the list.
    type Expected = String;

    fn check(claims: &Claims<'_, Self>, uri: &String) -> Result<(), Error> {
        if claims.subject() != Some(uri) {
            return Err(Error::InvalidClaim("sub"));
        }
        let list = claims.object("status_list").unwrap_or_default();
        let bits = list.get("bits").and_then(|bits| bits.as_number());
        let text = list.get("lst").and_then(|lst| lst.as_text());
        match (bits, text) {
            (Some("1" | "2" | "4" | "8"), Some(_)) => Ok(()),
            _ => Err(Error::InvalidClaim("status_list")),
        }
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        let list = claims.object("status_list").unwrap_or_default();
        let bits = list.get("bits").and_then(|bits| bits.as_number()?.parse().ok());
        let text = list.get("lst").and_then(|lst| lst.as_text());
        Ok(Self {
            issuer: claims.optional_text("iss"),
            uri: claims.owned_text("sub"),
            issued_at: claims.issued_at().unwrap_or_default(),
            expires_at: claims.expires_at(),
            time_to_live_s: claims.date("ttl"),
            bits: bits.unwrap_or_default(),
            list: text.unwrap_or_default().to_owned(),
        })
    }
}

impl Serialize for StatusListToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_optional(&mut map, "iss", self.issuer.as_ref())?;
        map.serialize_entry("sub", &self.uri)?;
        map.serialize_entry("iat", &self.issued_at)?;
        serialize_optional(&mut map, "exp", self.expires_at.as_ref())?;
        serialize_optional(&mut map, "ttl", self.time_to_live_s.as_ref())?;
        map.serialize_entry("status_list", &json!({ "bits": self.bits, "lst": self.list }))?;
        map.end()
    }
}
