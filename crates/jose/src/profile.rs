//! Kinds of token. Each states its `typ`, its claims, its own rules and its policy in one file, and
//! no kind accepts another's token.

mod access_token;
mod authorization_response;
mod client_assertion;
mod confirmation;
mod dpop_proof;
mod id_token;
mod id_token_hint;
mod introspection_response;
mod logout_token;
mod request_object;
mod security_event;
mod status_list;

pub use access_token::AccessToken;
pub use authorization_response::AuthorizationResponse;
pub use client_assertion::ClientAssertion;
pub use confirmation::Confirmation;
pub use dpop_proof::{DpopProof, ProofPolicy, VerifiedProof};
pub use id_token::IdToken;
pub use id_token_hint::IdTokenHint;
pub use introspection_response::IntrospectionResponse;
pub use logout_token::LogoutToken;
pub use request_object::RequestObject;
pub use security_event::SecurityEvent;
pub use status_list::StatusListToken;

use serde::ser::{Error as _, SerializeMap};
use serde_json::{Map, Value};

use crate::jwt::claims::Rule;

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

/// Writes the extra claims; one that the kind's own table names is left out, so that it cannot
/// stand beside or in place of the real one.
fn serialize_extra<M: SerializeMap>(
    map: &mut M,
    extra: &Map<String, Value>,
    table: &[Rule],
) -> Result<(), M::Error> {
    for (name, value) in extra {
        if !table.iter().any(|rule| rule.name() == name) {
            map.serialize_entry(name, value)?;
        }
    }
    Ok(())
}
