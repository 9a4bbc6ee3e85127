//! `jsonwebtoken`, as its own documentation shows, with the key parsed once: the same tokens and
//! the same checks.

use countersign_jose::SigningKey;

/// Checks signature, type, issuer, audience and times, and reads all claims.
pub(super) type Verify = Box<dyn Fn(&str) -> Result<(), String>>;

pub(super) const NAME: &str = "jsonwebtoken";

/// `None` if it was not built.
#[cfg(not(feature = "jsonwebtoken"))]
pub(super) fn verify(_: &SigningKey, _: &str) -> Result<Option<Verify>, String> {
    Ok(None)
}

#[cfg(feature = "jsonwebtoken")]
pub(super) fn verify(key: &SigningKey, issuer: &str) -> Result<Option<Verify>, String> {
    use countersign_jose::AccessToken;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    let public = serde_json::to_value(key.public_jwk()).map_err(reason)?;
    let public = serde_json::from_value(public).map_err(reason)?;
    let public = DecodingKey::from_jwk(&public).map_err(reason)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[super::tokens::AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.validate_nbf = true;
    validation.leeway = 30;
    Ok(Some(Box::new(move |token| {
        let data = decode::<Claims>(token, &public, &validation).map_err(reason)?;
        // The crate itself does not look at the type.
        let is_access_token = data.header.typ.as_deref() == Some(AccessToken::TYPE);
        std::hint::black_box(&data.claims);
        if is_access_token { Ok(()) } else { Err("type".to_owned()) }
    })))
}

#[cfg(feature = "jsonwebtoken")]
fn reason(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// All claims of the token, as values of its own.
#[cfg(feature = "jsonwebtoken")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    client_id: String,
    exp: u64,
    iat: u64,
    nbf: u64,
    jti: String,
    scope: String,
    grant_id: String,
    auth_time: u64,
    roles: Vec<String>,
}
