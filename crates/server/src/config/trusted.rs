//! Other issuers whose word is taken (RFC 7523 §2.1).

use countersign_jose::KeySet;
use countersign_protocol::client_assertion;
use countersign_protocol::jwt_grant::{SubjectIs, TrustedIssuer};
use serde::Deserialize;

/// A `[[trusted_issuer]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    issuer: String,
    jwks: serde_json::Value,
    clients: Vec<String>,
    subject: SubjectIs,
    #[serde(default)]
    subject_prefix: String,
}

/// Reads a `[[trusted_issuer]]`.
pub(super) fn issuer(table: toml::Table) -> Result<TrustedIssuer, String> {
    let name = table.get("issuer").and_then(toml::Value::as_str).unwrap_or("?").to_owned();
    let fault = |why: String| format!("trusted_issuer {name}: {why}");
    let raw: Raw =
        table.try_into().map_err(|error: toml::de::Error| fault(error.message().to_owned()))?;
    if let Some(why) = client_assertion::key_faults(&raw.jwks).into_iter().next() {
        return Err(fault(why));
    }
    let (keys, _) = KeySet::from_jwks_json(raw.jwks.to_string().as_bytes())
        .map_err(|error| fault(format!("jwks: {error}")))?;
    if raw.issuer.is_empty() {
        return Err(fault("issuer is empty".into()));
    }
    if raw.clients.is_empty() {
        return Err(fault("clients is empty: nobody could bring its assertions".into()));
    }
    Ok(TrustedIssuer {
        issuer: raw.issuer,
        keys,
        clients: raw.clients,
        subject_is: raw.subject,
        subject_prefix: raw.subject_prefix,
    })
}
