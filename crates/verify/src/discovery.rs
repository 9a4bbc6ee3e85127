//! The issuer's metadata (RFC 8414): where it stands, and what is taken from it.

use http::Uri;
use serde::Deserialize;

use crate::secure_url;

/// The URLs of an issuer that a verifier uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) jwks: Uri,
    pub(crate) revocations: Option<RevocationEndpoints>,
    pub(crate) introspection: Option<Uri>,
}

/// Where the issuer publishes revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationEndpoints {
    pub(crate) feed: Uri,
    pub(crate) snapshot: Uri,
    /// Where a verifier says what it has applied; an older issuer does not ask.
    pub(crate) acknowledgement: Option<Uri>,
}

/// Why the metadata cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("the metadata is no JSON object with issuer and jwks_uri: {0}")]
    Malformed(String),
    #[error("the metadata names the issuer {found:?} instead of {expected:?}")]
    OtherIssuer { found: String, expected: String },
    #[error("the metadata's {member} is no usable URL: {reason}")]
    Url { member: &'static str, reason: &'static str },
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: Option<String>,
    revocation_feed_endpoint: Option<String>,
    revocation_snapshot_endpoint: Option<String>,
    revocation_acknowledgement_endpoint: Option<String>,
}

/// Where the metadata may be, in the order to try: RFC 8414 section 3.1 puts the well-known name
/// before the issuer's path, OpenID Connect Discovery 4 behind it.
pub(crate) fn metadata_urls(issuer: &Uri) -> [String; 2] {
    let origin = format!(
        "{}://{}",
        issuer.scheme_str().unwrap_or_default(),
        issuer.authority().map_or("", |authority| authority.as_str())
    );
    let path = issuer.path().trim_end_matches('/');
    [
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}{path}/.well-known/openid-configuration"),
    ]
}

/// Reads the metadata. The issuer in it must be the expected one, character for character
/// (RFC 8414 section 3.3); a loopback issuer may name loopback endpoints.
pub(crate) fn read(json: &[u8], issuer: &str, loopback: bool) -> Result<Endpoints, MetadataError> {
    let metadata: Metadata = serde_json::from_slice(json)
        .map_err(|source| MetadataError::Malformed(source.to_string()))?;
    if metadata.issuer != issuer {
        let (found, expected) = (metadata.issuer, issuer.to_owned());
        return Err(MetadataError::OtherIssuer { found, expected });
    }
    let url = |member, text: &str| {
        secure_url::parse(text, loopback).map_err(|reason| MetadataError::Url { member, reason })
    };
    let revocations =
        match (&metadata.revocation_feed_endpoint, &metadata.revocation_snapshot_endpoint) {
            (Some(feed), Some(snapshot)) => Some(RevocationEndpoints {
                feed: url("revocation_feed_endpoint", feed)?,
                snapshot: url("revocation_snapshot_endpoint", snapshot)?,
                acknowledgement: metadata
                    .revocation_acknowledgement_endpoint
                    .as_ref()
                    .map(|text| url("revocation_acknowledgement_endpoint", text))
                    .transpose()?,
            }),
            _ => None,
        };
    let introspection = metadata.introspection_endpoint.as_deref();
    let introspection =
        introspection.map(|text| url("introspection_endpoint", text)).transpose()?;
    Ok(Endpoints { jwks: url("jwks_uri", &metadata.jwks_uri)?, revocations, introspection })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_name_goes_before_or_behind_the_path() {
        for (issuer, first, second) in [
            (
                "https://id.example",
                "https://id.example/.well-known/oauth-authorization-server",
                "https://id.example/.well-known/openid-configuration",
            ),
            (
                "https://id.example:1/a/b/",
                "https://id.example:1/.well-known/oauth-authorization-server/a/b",
                "https://id.example:1/a/b/.well-known/openid-configuration",
            ),
        ] {
            let issuer: Uri = issuer.parse().expect("a URL");
            assert_eq!(metadata_urls(&issuer), [first, second]);
        }
    }

    #[test]
    fn metadata_is_judged() {
        let with = |issuer: &str, rest: &str| format!(r#"{{"issuer":"{issuer}"{rest}}}"#);
        let good = r#","jwks_uri":"https://id.example/jwks""#;
        for (json, loopback, expect) in [
            (with("https://id.example", good), false, true),
            (with("https://id.example/", good), false, false),
            (with("https://ID.example", good), false, false),
            (with("https://id.example", ""), false, false),
            (with("https://id.example", r#","jwks_uri":"http://id.example/jwks""#), true, false),
            (with("https://id.example", r#","jwks_uri":"http://127.0.0.1/jwks""#), false, false),
            (with("https://id.example", r#","jwks_uri":"http://127.0.0.1/jwks""#), true, true),
            (with("https://id.example", &format!("{good}{good}")), false, false),
            (
                with(
                    "https://id.example",
                    &format!(
                        r#"{good},"revocation_feed_endpoint":"http://feed.example",
                           "revocation_snapshot_endpoint":"https://id.example/s""#
                    ),
                ),
                true,
                false,
            ),
            ("[]".to_owned(), false, false),
            (String::new(), false, false),
        ] {
            let endpoints = read(json.as_bytes(), "https://id.example", loopback);
            assert_eq!(endpoints.is_ok(), expect, "{json} gives {endpoints:?}");
        }
    }
}
