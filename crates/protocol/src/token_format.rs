//! The form of an access token: a JWT that APIs read themselves, or an opaque one that only its
//! issuer reads. Both say the same.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;

/// How an access token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A signed JWT (RFC 9068).
    #[default]
    Jwt,
    /// A text that nobody but the issuer can read (see [`crate::opaque_token`]).
    Opaque,
}

/// What the owners of resources want tokens for them to look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFormats(HashMap<String, TokenFormat>);

impl ResourceFormats {
    /// Collects the word of each client that `protects` a resource. Where several protect one,
    /// opaque wins.
    #[must_use]
    pub fn of(clients: &[Client]) -> Self {
        let mut wanted = HashMap::new();
        for client in clients {
            let Some(format) = client.protected_access_token_format else { continue };
            for resource in &client.protects {
                let known = wanted.entry(resource.clone()).or_insert(format);
                if format == TokenFormat::Opaque {
                    *known = format;
                }
            }
        }
        Self(wanted)
    }

    /// The form of a token of `client` for `audience`. The owner of the resource decides; where
    /// none of the owners has a wish, the client's own counts; else it is a JWT. A token for
    /// several resources is opaque as soon as one of them wants that: an opaque token can be asked
    /// about, but what a JWT says can't be hidden from its client any more.
    #[must_use]
    pub fn choose(&self, client: &Client, audience: &[String]) -> TokenFormat {
        let mut wanted = audience.iter().filter_map(|resource| self.0.get(resource).copied());
        match wanted.next() {
            None => client.access_token_format.unwrap_or_default(),
            Some(first) => wanted.fold(first, |so_far, next| match (so_far, next) {
                (TokenFormat::Jwt, TokenFormat::Jwt) => TokenFormat::Jwt,
                _ => TokenFormat::Opaque,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(json: &str) -> Client {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_owner_of_the_resource_decides_before_the_client() {
        let formats = ResourceFormats::of(&[
            client(r#"{"client_id":"a","protects":["x:a"],"protected_access_token_format":"jwt"}"#),
            client(
                r#"{"client_id":"b","protects":["x:b","x:both"],
                "protected_access_token_format":"opaque"}"#,
            ),
            client(
                r#"{"client_id":"c","protects":["x:both"],"protected_access_token_format":"jwt"}"#,
            ),
            client(r#"{"client_id":"d","protects":["x:d"]}"#),
        ]);
        let (jwt, opaque) = (TokenFormat::Jwt, TokenFormat::Opaque);
        for (audience, silent, wants_jwt, wants_opaque) in [
            (&["x:a"][..], jwt, jwt, jwt),
            (&["x:b"], opaque, opaque, opaque),
            (&["x:both"], opaque, opaque, opaque),
            (&["x:d"], jwt, jwt, opaque),
            (&["x:unknown"], jwt, jwt, opaque),
            (&["x:a", "x:d"], jwt, jwt, jwt),
            (&["x:a", "x:b"], opaque, opaque, opaque),
            (&["x:d", "x:b"], opaque, opaque, opaque),
        ] {
            let audience: Vec<_> = audience.iter().map(|one| (*one).to_owned()).collect();
            for (wish, expected) in [("", silent), ("jwt", wants_jwt), ("opaque", wants_opaque)] {
                let mut asking = client(r#"{"client_id":"web"}"#);
                asking.access_token_format =
                    serde_json::from_value(serde_json::Value::from(wish)).ok();
                assert_eq!(formats.choose(&asking, &audience), expected, "{audience:?} {wish}");
            }
        }
    }
}
