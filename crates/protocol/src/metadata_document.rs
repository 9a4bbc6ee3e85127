//! Clients whose id is the URL of a document that describes them (draft-ietf-oauth-client-id-
//! metadata-document-02). Nobody registers them: the document is fetched when it is needed.

use http::Uri;

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::registration::{FreshSecret, Registration, Terms};
use crate::remote_url::RemoteUrl;

/// The longest document that is read, in bytes (§8.7).
pub const DOCUMENT_MAX_BYTES: usize = 5 * 1_024;
/// The longest id, in bytes. It stands in tokens and is shown to people.
const ID_MAX_BYTES: usize = 512;
/// What such an id begins with, and no other.
const SCHEME: &str = "https://";

/// Whether a client id is the URL of a document. No other client can have such an id: it has a
/// colon in it, which registrations never have.
#[must_use]
pub fn is_document_id(client_id: &str) -> bool {
    client_id.starts_with(SCHEME)
}

/// The host of such an id, for people.
#[must_use]
pub fn host(client_id: &str) -> Option<String> {
    let uri: Uri = client_id.parse().ok().filter(|_| is_document_id(client_id))?;
    uri.authority().map(|authority| authority.as_str().to_owned())
}

/// Checks the form of an id (§3): https, with a path, and with nothing that different programs read
/// differently.
///
/// # Errors
/// `invalid_client`.
pub fn check_id(client_id: &str) -> Result<(), OAuthError> {
    let rest = client_id.strip_prefix(SCHEME).unwrap_or_default();
    let before_query = rest.split('?').next().unwrap_or_default();
    let path = before_query.split_once('/').map(|(_, path)| path);
    let dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    let good = client_id.len() <= ID_MAX_BYTES
        && !client_id.contains('#')
        && path.is_some_and(|path| !path.split('/').any(dots))
        && RemoteUrl::parse(client_id, false).is_ok();
    if good { Ok(()) } else { Err(refused("the client_id is not the URL of a document")) }
}

/// Reads the document that was found at `client_id`.
///
/// # Errors
/// `invalid_client` or what a registration would be refused with.
pub fn read(client_id: &str, document: &[u8], terms: &Terms) -> Result<Client, OAuthError> {
    if document.len() > DOCUMENT_MAX_BYTES {
        return Err(refused("the document is longer than 5 KB"));
    }
    let registration = Registration::read(document)?;
    if registration.text("client_id") != Some(client_id) {
        return Err(refused("the client_id in the document is not the URL of the document"));
    }
    // §4.1: there is no way to agree on a secret.
    if registration.has("client_secret") || registration.has("client_secret_expires_at") {
        return Err(refused("the document has a secret in it"));
    }
    let registered = registration.or("token_endpoint_auth_method", "none").apply(
        Client::new(client_id),
        // A public client can't do without PKCE, and nobody has looked at this one. What is weaker
        // than RFC 10070 is for those that were built before it, and they have no such document.
        &Terms { without_pkce: false, token_endpoint_as_audience: false, ..terms.clone() },
        FreshSecret { plain: "", sealed: "" },
    )?;
    if registered.new_secret.is_some() {
        return Err(refused("token_endpoint_auth_method has to be none or private_key_jwt"));
    }
    Ok(registered.client)
}

fn refused(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, why)
}

#[cfg(test)]
mod tests {
    use countersign_jose::{Algorithm, PrivateJwk, SigningKey};
    use serde_json::{Value, json};

    use super::*;
    use crate::client::{ApplicationType, GrantType};
    use crate::scope::Scope;

    const ID: &str = "https://app.example/client.json";

    fn terms() -> Terms {
        Terms {
            resources: vec!["https://api.example".to_owned()],
            scope: Scope::parse("openid orders").unwrap(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            details_types: Vec::new(),
            without_pkce: true,
            token_endpoint_as_audience: true,
            loopback: false,
        }
    }

    fn document(change: impl FnOnce(&mut Value)) -> Result<Client, OAuthError> {
        let mut document = json!({
            "client_id": ID,
            "client_name": "An agent",
            "redirect_uris": ["http://127.0.0.1/cb", "http://localhost:3000/cb"],
            "grant_types": ["authorization_code", "refresh_token"],
        });
        change(&mut document);
        read(ID, document.to_string().as_bytes(), &terms())
    }

    #[test]
    fn a_document_describes_a_public_client() {
        let client = document(|_| {}).unwrap();
        assert_eq!(client.client_id, ID);
        assert!(!client.is_confidential() && client.require_pkce);
        assert_eq!(client.application_type, Some(ApplicationType::Native));
        assert_eq!(client.resources, ["https://api.example"]);
        assert_eq!(client.scope, Some(Scope::parse("openid orders").unwrap()));
        assert!(client.can_be_impersonated("https://app.example/cb"), "consent is always asked");
    }

    #[test]
    fn or_one_that_signs() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let client = document(|document| {
            document["token_endpoint_auth_method"] = "private_key_jwt".into();
            document["jwks"] = json!({ "keys": [key.public_jwk()] });
        })
        .unwrap();
        assert!(client.is_confidential() && client.require_pkce);
        assert!(!client.danger_token_endpoint_as_audience, "whatever those that register may do");
        let published = document(|document| {
            document["token_endpoint_auth_method"] = "private_key_jwt".into();
            document["jwks_uri"] = "https://app.example/keys".into();
        });
        assert!(published.is_ok());
    }

    #[test]
    fn what_a_document_may_not_say() {
        let private = PrivateJwk::generate(Algorithm::ES256).unwrap();
        let private: Value = serde_json::from_str(&private.to_json()).unwrap();
        for (name, value) in [
            ("client_id", json!("https://app.example/client.json?x")),
            ("client_id", json!("https://APP.example/client.json")),
            ("client_id", json!("https://app.example:443/client.json")),
            ("client_id", json!(null)),
            ("client_secret", json!("s")),
            ("client_secret_expires_at", json!(0)),
            ("token_endpoint_auth_method", json!("client_secret_basic")),
            ("token_endpoint_auth_method", json!("client_secret_post")),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("jwks", json!({ "keys": [private] })),
            ("jwks_uri", json!("http://127.0.0.1/keys")),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("grant_types", json!(["client_credentials"])),
            ("resources", json!(["https://victim.example"])),
            ("scope", json!("admin")),
        ] {
            let refused = document(|document| document[name] = value.clone());
            assert!(refused.is_err(), "{name} {value}");
        }
        for junk in ["", "[]", "<html>", "{\"client_id\":"] {
            assert!(read(ID, junk.as_bytes(), &terms()).is_err(), "{junk}");
        }
        let long = document(|document| document["client_uri"] = "x".repeat(5_200).into());
        assert_eq!(long.unwrap_err().description, "the document is longer than 5 KB");
        // What only an operator sets has no effect.
        let client = document(|document| {
            document["protects"] = json!(["https://api.example"]);
            document["danger_any_loopback_redirect"] = true.into();
            document["require_pkce"] = false.into();
            document["danger_invented"] = true.into();
        })
        .unwrap();
        assert_eq!(client, document(|_| {}).unwrap());
    }

    #[test]
    fn only_urls_of_one_reading_are_ids() {
        for good in [ID, "https://app.example/", "https://app.example:8443/a?b=c"] {
            assert!(check_id(good).is_ok(), "{good}");
            assert!(is_document_id(good));
        }
        for bad in [
            "https://app.example",
            "https://app.example?x=/",
            "https:///client.json",
            "https://app.example/a/../client.json",
            "https://app.example/a/./client.json",
            "https://app.example/a/%2E%2e/client.json",
            "https://app.example/client.json#",
            "https://me@app.example/client.json",
            "https://127.1/client.json",
            "https://app.example./client.json",
            "http://app.example/client.json",
            "HTTPS://app.example/client.json",
            "https://app.example/cl ient.json",
            "app",
            "",
        ] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
        assert!(check_id(&format!("{ID}?{}", "x".repeat(ID_MAX_BYTES))).is_err());
        assert_eq!(host("https://app.example:8443/x").as_deref(), Some("app.example:8443"));
        assert_eq!(host("app"), None);
    }
}
