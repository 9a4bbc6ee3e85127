//! Kinds of token. Each states its `typ`, its claims and its own rules in one file, and no kind
//! accepts another's token.

mod access_token;
mod id_token;

pub use access_token::AccessToken;
pub use id_token::IdToken;

use serde::ser::{Error as _, SerializeMap};
use serde_json::{Map, Value};

use crate::{Error, jwt::claims::Claims};

/// A kind of token that a [`Policy`](crate::Policy) can judge. The kinds are fixed by this crate.
#[expect(private_bounds, reason = "seals the trait: the rules cannot be named outside")]
pub trait Profile: Rules {}

/// What a kind of token decides for itself.
pub(crate) trait Rules: Sized {
    fn accepts_type(typ: Option<&str>) -> bool;
    fn read(claims: Claims<'_>) -> Result<Self, Error>;
    fn facts(&self) -> Facts<'_>;
    fn check_own_rules(&self, audience: Option<&str>, nonce: Option<&str>) -> Result<(), Error>;
}

/// What every kind of token has in common; times are in seconds since the epoch.
pub(crate) struct Facts<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a [String],
    pub(crate) expires_at: u64,
    pub(crate) issued_at: u64,
    pub(crate) not_before: Option<u64>,
}

/// Writes one audience as text and several as a list; a token for nobody is refused.
fn serialize_audience<M: SerializeMap>(map: &mut M, audience: &[String]) -> Result<(), M::Error> {
    match audience {
        [] => Err(M::Error::custom("aud is empty")),
        [one] => map.serialize_entry("aud", one),
        several => map.serialize_entry("aud", several),
    }
}

fn serialize_optional<M: SerializeMap, V: serde::Serialize>(
    map: &mut M,
    name: &str,
    value: Option<&V>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

/// Writes the extra claims; one that bears a registered name is left out, so that it cannot stand
/// beside or in place of the real one.
fn serialize_extra<M: SerializeMap>(
    map: &mut M,
    extra: &Map<String, Value>,
    registered: &[&str],
) -> Result<(), M::Error> {
    for (name, value) in extra {
        if !registered.contains(&name.as_str()) {
            map.serialize_entry(name, value)?;
        }
    }
    Ok(())
}
