//! What an API says about itself (RFC 9728), so that a client finds the issuer by itself.

use http::Uri;
use serde::Serialize;

/// The protected-resource metadata of an API (RFC 9728 section 2), to be served as JSON at
/// [`well_known_path`](Self::well_known_path). Tokens are taken from the header only.
///
/// ```
/// use countersign_verify::ProtectedResource;
/// let resource = ProtectedResource::new("https://api.example/orders", "https://id.example")
///     .scopes(["orders:read"]);
/// assert_eq!(resource.well_known_path(), "/.well-known/oauth-protected-resource/orders");
/// assert!(resource.to_json().contains(r#""scopes_supported":["orders:read"]"#));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtectedResource {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
}

impl ProtectedResource {
    /// The API `resource` (its URL, which is the audience of its tokens) takes tokens of `issuer`.
    pub fn new(resource: &str, issuer: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            authorization_servers: vec![issuer.to_owned()],
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
        }
    }

    /// The scopes that the API knows.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes_supported: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// The name of the API for people.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { resource_name: Some(name.to_owned()), ..self }
    }

    /// The document.
    pub fn to_json(&self) -> String {
        // Strings and lists of strings always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The path at which to serve the document, on the host of the resource (RFC 9728 section 3.1).
    pub fn well_known_path(&self) -> String {
        let uri: Option<Uri> = self.resource.parse().ok();
        let path = uri.as_ref().map_or("", Uri::path);
        format!("/.well-known/oauth-protected-resource{}", path.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_complete_and_leaves_out_what_is_empty() {
        let resource = ProtectedResource::new("https://api.example", "https://id.example");
        assert_eq!(resource.well_known_path(), "/.well-known/oauth-protected-resource");
        assert_eq!(
            resource.to_json(),
            concat!(
                r#"{"resource":"https://api.example","#,
                r#""authorization_servers":["https://id.example"],"#,
                r#""bearer_methods_supported":["header"]}"#
            )
        );
        let named = resource.scopes(["a", "b"]).name("Orders").to_json();
        assert!(named.contains(r#""scopes_supported":["a","b"]"#), "{named}");
        assert!(named.contains(r#""resource_name":"Orders""#), "{named}");
    }
}
