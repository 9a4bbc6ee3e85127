//! What an API says about itself (RFC 9728), so that a client finds the issuer by itself.

use http::Uri;
use serde::Serialize;

use crate::DpopRules;

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
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
            dpop_signing_alg_values_supported: Vec::new(),
            dpop_bound_access_tokens_required: false,
            tls_client_certificate_bound_access_tokens: false,
            resource_name: None,
        }
    }

    /// The scopes that the API knows.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes_supported: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// It takes DPoP proofs (RFC 9449), and perhaps no token without one.
    #[must_use]
    pub fn dpop(self, required: bool) -> Self {
        Self {
            dpop_signing_alg_values_supported: DpopRules::new().algorithm_names().collect(),
            dpop_bound_access_tokens_required: required,
            ..self
        }
    }

    /// It takes tokens that are bound to a client certificate (RFC 8705).
    #[must_use]
    pub fn certificates(self) -> Self {
        Self { tls_client_certificate_bound_access_tokens: true, ..self }
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
        let bound = ProtectedResource::new("https://api.example", "https://id.example");
        let bound = bound.dpop(true).certificates().to_json();
        assert!(bound.contains(r#""dpop_signing_alg_values_supported":["ES256","#), "{bound}");
        assert!(bound.contains(r#""dpop_bound_access_tokens_required":true"#), "{bound}");
        assert!(bound.contains(r#""tls_client_certificate_bound_access_tokens":true"#), "{bound}");
    }
}
