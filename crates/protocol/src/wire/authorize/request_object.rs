//! Request objects: an authorization request that its client signed (RFC 9101).

use std::borrow::Cow;
use std::time::Duration;

use countersign_jose::{Algorithm, Error, KeySet, Policy, RequestObject, Timestamp};
use serde_json::Value;

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::security_profile::SecurityProfile;
use crate::wire::params::Params;

/// The algorithms that request objects may be signed with. None has a shared secret: of a client's
/// secret only a hash is kept.
pub const ALGORITHMS: &[Algorithm] = &[
    Algorithm::ES256,
    Algorithm::Ed25519,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::ES256K,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::MlDsa44,
    Algorithm::MlDsa65,
    Algorithm::MlDsa87,
];

/// How far the clocks of client and server may disagree.
const LEEWAY: Duration = Duration::from_secs(30);

/// Judges a request object of a client, made for `issuer`, with the client's keys.
///
/// # Errors
/// The first rule that it breaks.
pub fn verify(
    client: &Client,
    keys: &KeySet,
    object: &str,
    issuer: &str,
    now: Timestamp,
) -> Result<RequestObject, Error> {
    let only = client.request_object_signing_alg.map(|algorithm| vec![algorithm]);
    let algorithms = only.unwrap_or_else(|| client.may_sign_with(ALGORITHMS));
    let policy = Policy::<RequestObject>::request_object(&client.client_id, issuer, &algorithms)?;
    let object = policy.leeway(LEEWAY).verify(keys, object, now)?.into_inner();
    if client.profile.is_some() {
        check_times(&object, now)?;
    }
    Ok(object)
}

/// FAPI 2.0 Message Signing §5.3.1: an object says from when and until when it holds, for an hour
/// at most, and is not older than that.
fn check_times(object: &RequestObject, now: Timestamp) -> Result<(), Error> {
    let not_before = object.not_before.ok_or(Error::MissingClaim("nbf"))?;
    let expires_at = object.expires_at.ok_or(Error::MissingClaim("exp"))?;
    let longest = SecurityProfile::REQUEST_OBJECT_LIFETIME_MAX.as_secs();
    if not_before.saturating_add(longest) < now.as_secs() {
        return Err(Error::InvalidClaim("nbf"));
    }
    if expires_at > not_before.saturating_add(longest) {
        return Err(Error::InvalidClaim("exp"));
    }
    Ok(())
}

/// The claims as parameters: text as it is, numbers and JSON as they are written, and a list where
/// a parameter may stand several times (RFC 9101 §4, RFC 8707 §2, RFC 9396 §3). Those inside are
/// all that count (RFC 9101 §6.3).
///
/// # Errors
/// `invalid_request_object` for a claim that can't be a parameter, `invalid_request` for one that
/// could not stand in any request.
pub fn parameters(object: &RequestObject) -> Result<Params, OAuthError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &object.client_id);
    for (name, value) in &object.parameters {
        match value {
            Value::String(text) => query.append_pair(name, text),
            Value::Number(number) => query.append_pair(name, &number.to_string()),
            Value::Array(items) if name == "resource" => {
                for item in items {
                    let text = item.as_str().ok_or_else(|| invalid(UNFIT))?;
                    query.append_pair(name, text);
                }
                &mut query
            }
            Value::Array(_) | Value::Object(_) => query.append_pair(name, &value.to_string()),
            Value::Null | Value::Bool(_) => return Err(invalid(UNFIT)),
        };
    }
    Params::parse(query.finish().as_bytes())
}

const UNFIT: &str = "a claim of the request object can't be a parameter of a request";

/// The error for an object that does not hold.
#[must_use]
pub fn invalid(why: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestObject, why)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use countersign_jose::{SigningKey, base64url, jwt};
    use serde_json::json;

    use super::*;
    use crate::client_keys::ClientKeys;

    const ISSUER: &str = "https://id.example";
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn client(key: &SigningKey) -> Client {
        let jwks = json!({ "keys": [key.public_jwk().unwrap()] });
        serde_json::from_value(json!({ "client_id": "web", "jwks": jwks })).unwrap()
    }

    fn claims() -> Value {
        json!({ "iss": "web", "aud": ISSUER, "client_id": "web", "response_type": "code",
            "exp": NOW.as_secs() + 300, "state": "inside" })
    }

    fn judge(client: &Client, object: &str) -> Result<RequestObject, Error> {
        let keys = ClientKeys::registered(client).unwrap().unwrap();
        verify(client, keys.signatures(), object, ISSUER, NOW)
    }

    #[test]
    fn claims_become_parameters() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let mut claims = claims();
        claims["max_age"] = json!(86_400);
        claims["resource"] = json!(["https://a.example", "https://b.example"]);
        claims["claims"] = json!({ "id_token": { "acr": null } });
        claims["authorization_details"] = json!([{ "type": "payment" }]);
        claims["scope"] = json!("openid email");
        let object = jwt::sign(&key, RequestObject::TYPE, &claims).unwrap();
        let params = parameters(&judge(&client(&key), &object).unwrap()).unwrap();
        for (name, expected) in [
            ("client_id", "web"),
            ("response_type", "code"),
            ("state", "inside"),
            ("max_age", "86400"),
            ("scope", "openid email"),
            ("claims", r#"{"id_token":{"acr":null}}"#),
            ("authorization_details", r#"[{"type":"payment"}]"#),
        ] {
            assert_eq!(params.get(name), Some(expected), "{name}");
        }
        assert_eq!(params.all("resource"), ["https://a.example", "https://b.example"]);
        // What is about the object is not about the request.
        assert_eq!((params.get("iss"), params.get("aud"), params.get("exp")), (None, None, None));
        for unfit in [json!(null), json!(true)] {
            claims["prompt"] = unfit;
            let object = jwt::sign(&key, RequestObject::TYPE, &claims).unwrap();
            let error = parameters(&judge(&client(&key), &object).unwrap()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequestObject);
        }
    }

    #[test]
    fn each_rule_is_asked_for() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        let web = client(&key);
        let now = NOW.as_secs();
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            jwt::sign(&key, RequestObject::TYPE, &claims).unwrap()
        };
        let without = |name: &str| {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            jwt::sign(&key, RequestObject::TYPE, &claims).unwrap()
        };
        for good in [
            with("aud", json!([ISSUER, "https://other.example"])),
            with("nbf", json!(now + 8)),
            with("exp", json!(now - 29)),
            without("exp"),
            jwt::sign(&key, "JWT", &claims()).unwrap(),
        ] {
            assert!(judge(&web, &good).is_ok());
        }
        let good = with("state", json!("s"));
        let payload = good.split('.').nth(1).unwrap();
        let none = base64url::encode(br#"{"alg":"none"}"#);
        // The public key as a secret: what a verifier falls for that lets the header choose.
        let public = key.public_jwk().unwrap().to_pem();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
        let header = json!({ "alg": "HS256", "kid": key.key_id(), "typ": RequestObject::TYPE });
        let input = format!("{}.{payload}", base64url::encode(header.to_string().as_bytes()));
        let tag = hmac::sign(&secret, input.as_bytes());
        let confused = format!("{input}.{}", base64url::encode(tag.as_ref()));
        for (what, bad) in [
            ("for another server", with("aud", json!("https://other.example"))),
            ("for nobody", without("aud")),
            ("by another client", with("iss", json!("spa"))),
            ("of another client", with("client_id", json!("spa"))),
            ("of no client", without("client_id")),
            ("no request", without("response_type")),
            ("expired", with("exp", json!(now - 30))),
            ("not yet", with("nbf", json!(now + 31))),
            ("request inside", with("request", json!("x"))),
            ("request_uri inside", with("request_uri", json!("https://a.example"))),
            ("subject", with("sub", json!("web"))),
            ("unsigned", format!("{none}.{payload}.")),
            ("public key as secret", confused),
            ("by another key", jwt::sign(&other, RequestObject::TYPE, &claims()).unwrap()),
            ("another kind", jwt::sign(&key, "at+jwt", &claims()).unwrap()),
            ("changed", good.replacen('.', ".A", 1)),
            ("junk", "a.b.c".to_owned()),
            ("encrypted", "a.b.c.d.e".to_owned()),
            ("nothing", String::new()),
        ] {
            assert!(judge(&web, &bad).is_err(), "{what}");
        }
        let only = Client { request_object_signing_alg: Some(Algorithm::PS256), ..web };
        assert_eq!(judge(&only, &good), Err(Error::AlgorithmNotAllowed));
    }
}
