//! Client authentication with a signature, `private_key_jwt` (RFC 7523, RFC 10070).

use std::time::Duration;

use countersign_jose::{Algorithm, Error, KeySet, Policy, Timestamp, jwt};
use serde_json::Value;

use crate::client::Client;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The algorithms that assertions may be signed with. None has a shared secret.
pub const ALGORITHMS: &[Algorithm] = &[
    Algorithm::ES256,
    Algorithm::Ed25519,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::PS256,
    Algorithm::RS256,
];

/// An assertion is made for one request. One that lives longer could be kept for later, and its
/// name would have to be remembered for as long.
const LIFETIME_MAX: Duration = Duration::from_secs(600);
/// How far the clocks of client and server may disagree.
const LEEWAY: Duration = Duration::from_secs(30);

/// An assertion that is good but for one thing: whether it was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// `jti`, of the verified payload: its name among those of the client.
    pub token_id: String,
    /// Until when it could be accepted, and has to be remembered.
    pub until: Timestamp,
}

/// Judges an assertion of a client with its keys. Its sole audience is the
/// issuer (RFC 10070 §3), so one that was made for another server is worth nothing here.
///
/// # Errors
/// The first rule that it breaks, for the log. The client only hears `invalid_client`.
pub fn verify(
    client: &Client,
    keys: &KeySet,
    assertion: &str,
    issuer: &str,
    now: Timestamp,
) -> Result<Accepted, Error> {
    let only = client.token_endpoint_auth_signing_alg.map(|algorithm| vec![algorithm]);
    let algorithms = only.unwrap_or_else(|| client.may_sign_with(ALGORITHMS));
    let policy = Policy::client_assertion(&client.client_id, issuer, &algorithms)?.leeway(LEEWAY);
    let token_endpoint = format!("{issuer}/token");
    let policy = if client.danger_token_endpoint_as_audience {
        policy.danger_older_audiences(&[&token_endpoint])
    } else {
        policy
    };
    let verified = policy.verify(keys, assertion, now)?;
    let expires_at = Timestamp::from_secs(verified.expires_at);
    if expires_at > now.plus(LIFETIME_MAX).plus(LEEWAY) {
        return Err(Error::InvalidClaim("exp"));
    }
    Ok(Accepted { token_id: verified.token_id.clone(), until: expires_at.plus(LEEWAY) })
}

/// The client that an assertion speaks of, not verified: where to look for the keys.
#[must_use]
pub fn claimed_client(assertion: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(jwt::peek(assertion).ok()?.payload_json()).ok()?;
    payload.get("sub")?.as_str().map(str::to_owned)
}

/// What is wrong with the keys of a registration, one sentence each. Keys of encryption may stand
/// among them.
#[must_use]
pub fn key_faults(jwks: &Value) -> Vec<String> {
    match KeySet::from_jwks_json(jwks.to_string().as_bytes()) {
        Err(error) => vec![format!("jwks: {error}")],
        Ok((keys, rejected)) => {
            let none = keys.is_empty() && rejected.is_empty();
            rejected
                .into_iter()
                .filter(|key| key.reason != Error::WrongKeyUse)
                .map(|key| format!("jwks: a key can't be used: {}", key.reason))
                .chain(none.then(|| "jwks has no key".to_owned()))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_jose::{ClientAssertion, SigningKey, base64url};
    use serde_json::json;

    use super::*;
    use crate::client::AuthMethod;
    use crate::client_keys::ClientKeys;

    fn verify(
        client: &Client,
        assertion: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Accepted, Error> {
        let keys = ClientKeys::registered(client).unwrap().unwrap();
        super::verify(client, keys.signatures(), assertion, issuer, now)
    }

    const ISSUER: &str = "https://id.example";
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn client(key: &SigningKey) -> Client {
        let jwks = json!({ "keys": [key.public_jwk().unwrap()] });
        let client = json!({ "client_id": "web", "jwks": jwks,
            "token_endpoint_auth_method": "private_key_jwt",
            "redirect_uris": ["https://a.example/cb"] });
        serde_json::from_value(client).unwrap()
    }

    fn claims() -> ClientAssertion {
        ClientAssertion {
            client_id: "web".to_owned(),
            audience: vec![ISSUER.to_owned()],
            expires_at: NOW.as_secs() + 60,
            token_id: "a1".to_owned(),
            ..ClientAssertion::default()
        }
    }

    fn sign(key: &SigningKey, claims: &ClientAssertion) -> String {
        jwt::sign(key, ClientAssertion::TYPE, claims).unwrap()
    }

    #[test]
    fn each_rule_is_asked_for() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        let web = client(&key);
        assert_eq!(web.faults(), [""; 0]);
        let now = NOW.as_secs();
        let judge = |token: &str| verify(&web, token, ISSUER, NOW);
        let accepted = judge(&sign(&key, &claims())).unwrap();
        assert_eq!(accepted, Accepted { token_id: "a1".into(), until: NOW.plus(LEEWAY * 3) });
        let endpoint = format!("{ISSUER}/token");
        let with = |change: &dyn Fn(&mut ClientAssertion)| {
            let mut claims = claims();
            change(&mut claims);
            judge(&sign(&key, &claims))
        };
        let audiences = |list: &[&str]| {
            let list: Vec<_> = list.iter().map(|&one| one.to_owned()).collect();
            with(&|claims| claims.audience = list.clone())
        };
        assert_eq!(audiences(&[&endpoint]), Err(Error::Audience));
        assert_eq!(audiences(&[ISSUER, &endpoint]), Err(Error::Audience));
        assert_eq!(audiences(&["https://id.example/"]), Err(Error::Audience));
        assert_eq!(with(&|claims| claims.client_id = "spa".into()), Err(Error::Issuer));
        assert_eq!(with(&|claims| claims.expires_at = now - 30), Err(Error::Expired));
        assert!(with(&|claims| claims.expires_at = now - 29).is_ok());
        assert!(with(&|claims| claims.expires_at = now + 630).is_ok());
        let too_long = Err(Error::InvalidClaim("exp"));
        assert_eq!(with(&|claims| claims.expires_at = now + 631), too_long);
        assert_eq!(with(&|claims| claims.not_before = Some(now + 31)), Err(Error::NotYetValid));
        assert_eq!(with(&|claims| claims.token_id.clear()), Err(Error::InvalidClaim("jti")));
        assert!(judge(&sign(&other, &claims())).is_err());
        let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 64]).unwrap();
        assert_eq!(judge(&sign(&secret, &claims())), Err(Error::AlgorithmNotAllowed));
        let none = base64url::encode(br#"{"alg":"none","typ":"client-authentication+jwt"}"#);
        let good = sign(&key, &claims());
        let payload = good.split('.').nth(1).unwrap();
        assert!(judge(&format!("{none}.{payload}.")).is_err());
        assert!(judge(&jwt::sign(&key, "at+jwt", &claims()).unwrap()).is_err());
    }

    #[test]
    fn an_older_audience_is_taken_only_from_a_client_that_is_excused() {
        let key = SigningKey::generate(Algorithm::Ed25519).unwrap();
        let older = ClientAssertion { audience: vec![format!("{ISSUER}/token")], ..claims() };
        let token = jwt::sign(&key, "JWT", &older).unwrap();
        let mut web = client(&key);
        assert_eq!(verify(&web, &token, ISSUER, NOW), Err(Error::Audience));
        web.danger_token_endpoint_as_audience = true;
        assert!(verify(&web, &token, ISSUER, NOW).is_ok());
    }

    #[test]
    fn the_registered_algorithm_is_the_only_one() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let web =
            Client { token_endpoint_auth_signing_alg: Some(Algorithm::Ed25519), ..client(&key) };
        let refused = verify(&web, &sign(&key, &claims()), ISSUER, NOW);
        assert_eq!(refused, Err(Error::AlgorithmNotAllowed));
    }

    #[test]
    fn a_registration_needs_public_keys_and_nothing_else() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let good = client(&key);
        let faults = |change: &dyn Fn(&mut Client)| {
            let mut client = good.clone();
            change(&mut client);
            client.faults().len()
        };
        assert_eq!(faults(&|_| {}), 0);
        assert_eq!(faults(&|client| client.jwks = None), 1);
        let published = || Some("https://a.example/keys".to_owned());
        assert_eq!(faults(&|client| client.jwks_uri = published()), 1, "both");
        let elsewhere = |client: &mut Client| {
            client.jwks = None;
            client.jwks_uri = published();
        };
        assert_eq!(faults(&elsewhere), 0);
        assert_eq!(faults(&|client| client.jwks = Some(json!({ "keys": [] }))), 1);
        assert_eq!(faults(&|client| client.jwks = Some(json!("x"))), 1);
        let private = countersign_jose::PrivateJwk::generate(Algorithm::ES256).unwrap();
        let leaked: Value = serde_json::from_str(&private.to_json()).unwrap();
        assert_eq!(faults(&|client| client.jwks = Some(json!({ "keys": [leaked] }))), 1);
        assert_eq!(faults(&|client| client.client_secret_sha256 = Some("x".into())), 1);
        let hs = Some(Algorithm::HS256);
        assert_eq!(faults(&|client| client.token_endpoint_auth_signing_alg = hs), 1);
        let basic = |client: &mut Client| {
            client.token_endpoint_auth_method = AuthMethod::ClientSecretBasic;
        };
        assert_eq!(faults(&basic), 1, "a secret is missing");
    }

    #[test]
    fn the_client_is_looked_up_by_what_the_assertion_says() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        assert_eq!(claimed_client(&sign(&key, &claims())), Some("web".to_owned()));
        for junk in ["", "a.b.c", "e30.e30.", "bm9.e30.AA"] {
            assert_eq!(claimed_client(junk), None, "{junk}");
        }
    }
}
