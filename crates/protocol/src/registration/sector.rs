//! The list behind `sector_identifier_uri` (OpenID Connect Registration §5): clients that name it
//! know their users under the same pairwise names, so each of their addresses has to stand in it.

use serde_json::Value;

use crate::client::Client;
use crate::error::OAuthError;

/// The longest list that is read, in bytes.
pub const SECTOR_MAX_BYTES: usize = 64 * 1_024;

/// Checks a client against the list that its `sector_identifier_uri` leads to; `None` when there is
/// none to be had.
///
/// # Errors
/// `invalid_client_metadata`.
pub fn check(client: &Client, list: Option<&[u8]>) -> Result<(), OAuthError> {
    let listed = list.and_then(|list| serde_json::from_slice::<Value>(list).ok());
    let Some(Value::Array(listed)) = listed else {
        return Err(super::refused("sector_identifier_uri does not lead to a JSON array"));
    };
    let is_listed = |uri: &String| listed.iter().any(|one| one.as_str() == Some(uri));
    if client.redirect_uris.iter().all(is_listed) {
        return Ok(());
    }
    Err(super::refused("not all of redirect_uris stand in the list at sector_identifier_uri"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_stands_in_the_list() {
        let uris = ["https://a.example/cb", "https://b.example/cb"];
        let client = Client { redirect_uris: uris.map(str::to_owned).into(), ..Client::new("c") };
        for (list, good) in [
            (
                Some(r#"["https://b.example/cb","https://c.example/cb","https://a.example/cb"]"#),
                true,
            ),
            (Some(r#"["https://a.example/cb"]"#), false),
            (Some(r#"["https://a.example/cb","https://b.example/cb/"]"#), false),
            (Some(r#"{"uris":["https://a.example/cb","https://b.example/cb"]}"#), false),
            (Some("[]"), false),
            (Some("<html>"), false),
            (None, false),
        ] {
            assert_eq!(check(&client, list.map(str::as_bytes)).is_ok(), good, "{list:?}");
        }
    }
}
