//! The token that all sides work on, and the keys in the forms that they read.

use std::time::Duration;

use countersign_jose::{Algorithm, SigningKey, base64url};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::side::reason;
use crate::clock;

pub(super) const ISSUER: &str = "https://id.example.com";
pub(super) const AUDIENCE: &str = "https://api.example.com/orders";
pub(super) const TYPE: &str = "at+jwt";
/// How far clocks may disagree, the same for every side.
pub(super) const LEEWAY: Duration = Duration::from_secs(30);

/// One algorithm's key, the claims, and a token of both.
pub(super) struct Fixture {
    pub(super) algorithm: Algorithm,
    pub(super) key: SigningKey,
    pub(super) private: Private,
    pub(super) claims: Claims,
    /// Names Ed25519 by its older name, which every side reads.
    pub(super) token: String,
}

/// The private key as bytes.
pub(super) enum Private {
    Secret(Vec<u8>),
    Pkcs8(Vec<u8>),
}

/// Twelve claims, about 600 bytes: what an access token carries (RFC 9068).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) client_id: String,
    pub(super) exp: u64,
    pub(super) iat: u64,
    pub(super) nbf: u64,
    pub(super) jti: String,
    pub(super) scope: String,
    pub(super) grant_id: String,
    pub(super) auth_time: u64,
    pub(super) roles: Vec<String>,
}

impl Fixture {
    pub(super) fn new(algorithm: Algorithm) -> Result<Self, String> {
        let (key, private) = if algorithm.is_symmetric() {
            let secret = vec![0x5a; 64];
            let key = SigningKey::from_secret(algorithm, &secret).map_err(reason)?;
            (key, Private::Secret(secret))
        } else {
            let key = SigningKey::generate(algorithm).map_err(reason)?;
            let pkcs8 = key.to_pkcs8().ok_or("no private key")?.to_vec();
            (key, Private::Pkcs8(pkcs8))
        };
        let claims = claims();
        let token = token(&key, TYPE, &claims)?;
        Ok(Self { algorithm, key, private, claims, token })
    }

    /// A token of this key over other claims or with another type.
    pub(super) fn another_token(&self, typ: &str, claims: &Claims) -> Result<String, String> {
        token(&self.key, typ, claims)
    }

    /// The private key, for an algorithm that has one.
    pub(super) fn pkcs8(&self) -> Result<&[u8], String> {
        match &self.private {
            Private::Pkcs8(der) => Ok(der),
            Private::Secret(_) => Err("a secret has no PKCS#8 form".to_owned()),
        }
    }

    pub(super) fn secret(&self) -> Result<&[u8], String> {
        match &self.private {
            Private::Secret(secret) => Ok(secret),
            Private::Pkcs8(_) => Err("not a secret".to_owned()),
        }
    }

    #[cfg(any(feature = "jsonwebtoken", feature = "josekit"))]
    pub(super) fn public_jwk(&self) -> Result<serde_json::Value, String> {
        let jwk = self.key.public_jwk().ok_or("no public key")?;
        serde_json::to_value(jwk).map_err(reason)
    }
}

/// The name by which every side knows the algorithm.
pub(super) fn common_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "EdDSA",
        other => other.name(),
    }
}

fn claims() -> Claims {
    let now = clock::since_epoch().as_secs();
    let roles = ["orders-reader", "orders-writer", "refunds-approver", "stock-planner", "viewer"];
    Claims {
        iss: ISSUER.to_owned(),
        sub: "248289761001-7f3a5c1e9b8d4f60".to_owned(),
        aud: AUDIENCE.to_owned(),
        client_id: "storefront-web-production".to_owned(),
        exp: now + 3600,
        iat: now - 5,
        nbf: now - 5,
        jti: "0192f4c3-7a8e-7b61-9d2f-5e0c41a7d883".to_owned(),
        scope: "openid profile email offline_access orders:read orders:write refunds:read \
                refunds:approve stock:read stock:reserve \
                invoices:read invoices:write customers:read reports:read"
            .to_owned(),
        grant_id: "0192f4c3-6d11-7c02-8f4b-a93be2205d17".to_owned(),
        auth_time: now - 900,
        roles: roles.map(str::to_owned).to_vec(),
    }
}

fn token(key: &SigningKey, typ: &str, claims: &Claims) -> Result<String, String> {
    let name = common_name(key.algorithm());
    let header = json!({ "typ": typ, "alg": name, "kid": key.key_id() }).to_string();
    let payload = serde_json::to_vec(claims).map_err(reason)?;
    let signed = [base64url::encode(header.as_bytes()), base64url::encode(&payload)].join(".");
    let signature = key.sign(signed.as_bytes()).map_err(reason)?;
    Ok([signed, base64url::encode(&signature)].join("."))
}

#[cfg(test)]
mod tests {
    use super::claims;

    #[test]
    fn the_payload_is_as_long_as_the_method_says() {
        let payload = serde_json::to_value(claims()).unwrap();
        assert_eq!(payload.as_object().map(serde_json::Map::len), Some(12));
        let length = payload.to_string().len();
        assert!((570..=630).contains(&length), "{length}");
    }
}
