//! Other issuers whose word is taken (RFC 7523 §2.1).

use countersign_jose::KeySet;
use countersign_protocol::client_assertion;
use countersign_protocol::jwt_grant::{IssuerKeys, SubjectIs, TrustedIssuer};
use countersign_protocol::remote_url::RemoteUrl;
use serde::Deserialize;

/// A `[[trusted_issuer]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    issuer: String,
    jwks: Option<serde_json::Value>,
    jwks_uri: Option<String>,
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
    let keys = keys(raw.jwks.as_ref(), raw.jwks_uri).map_err(&fault)?;
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

fn keys(jwks: Option<&serde_json::Value>, jwks_uri: Option<String>) -> Result<IssuerKeys, String> {
    match (jwks, jwks_uri) {
        (Some(jwks), None) => {
            if let Some(why) = client_assertion::key_faults(jwks).into_iter().next() {
                return Err(why);
            }
            let keys = KeySet::from_jwks_json(jwks.to_string().as_bytes());
            keys.map(|(keys, _)| IssuerKeys::Inline(keys)).map_err(|e| format!("jwks: {e}"))
        }
        (None, Some(url)) => match RemoteUrl::parse(&url, true) {
            Ok(_) => Ok(IssuerKeys::Published(url)),
            Err(why) => Err(format!("jwks_uri can't be used: {why}")),
        },
        _ => Err("give jwks or jwks_uri, one of them".to_owned()),
    }
}
