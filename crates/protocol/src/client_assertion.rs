//! Client authentication with an assertion (RFC 7523, RFC 10070): signed, `private_key_jwt`, or
//! with a MAC by the client's secret, `client_secret_jwt`.

use std::time::Duration;

use countersign_jose::{Algorithm, Error, KeySet, Policy, Timestamp, VerifyingKey, jwt};
use serde_json::Value;

use crate::client::{AuthMethod, Client};
use crate::client_secret;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The algorithms that assertions may be signed with. Those with a shared secret are apart:
/// [`client_secret::ALGORITHMS`].
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
    /// Whether it names an older audience, which only a client that is excused may do.
    pub older_audience: bool,
}

/// Judges an assertion of a client with its keys, or with the one of its secret. Its sole audience
/// is the issuer (RFC 10070 §4), so one that was made for another server is worth nothing here. A
/// client that registered another way to authenticate has no assertions, whatever keys it has.
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
    let algorithms = algorithms(client)?;
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
    Ok(Accepted {
        token_id: verified.token_id.clone(),
        until: expires_at.plus(LEEWAY),
        older_audience: verified.audience != [issuer],
    })
}

/// The algorithms that the assertions of a client may have: those of its way to authenticate, or
/// the only one that it registered among them.
fn algorithms(client: &Client) -> Result<Vec<Algorithm>, Error> {
    let mut algorithms = client.may_sign_with(algorithms_of(client.token_endpoint_auth_method));
    if let Some(wanted) = client.token_endpoint_auth_signing_alg {
        algorithms.retain(|algorithm| *algorithm == wanted);
    }
    if algorithms.is_empty() { Err(Error::AlgorithmNotAllowed) } else { Ok(algorithms) }
}

/// The algorithms of assertions for a way to authenticate; none for those that have none.
#[must_use]
pub const fn algorithms_of(method: AuthMethod) -> &'static [Algorithm] {
    match method {
        AuthMethod::PrivateKeyJwt => ALGORITHMS,
        AuthMethod::ClientSecretJwt => client_secret::ALGORITHMS,
        _ => &[],
    }
}

/// The key that a secret is for the algorithm that an assertion names. One secret serves them all;
/// whether the client may use this one is for [`verify`] to say.
///
/// # Errors
/// [`Error::AlgorithmNotAllowed`] for an algorithm without a secret, and what is wrong with the
/// secret, such as that it is too short.
pub fn secret_key(secret: &[u8], assertion: &str) -> Result<KeySet, Error> {
    let header: Value = serde_json::from_str(jwt::peek(assertion)?.header_json())
        .map_err(|_| Error::AlgorithmNotAllowed)?;
    let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
    let algorithm = named.filter(|algorithm| client_secret::is_symmetric(*algorithm));
    let algorithm = algorithm.ok_or(Error::AlgorithmNotAllowed)?;
    Ok(KeySet::new([VerifyingKey::from_secret(algorithm, secret)?]))
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
        let until = NOW.plus(LEEWAY * 3);
        let expected = Accepted { token_id: "a1".into(), until, older_audience: false };
        assert_eq!(accepted, expected);
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
        assert_eq!(audiences(&[&format!("{ISSUER}/par")]), Err(Error::Audience));
        assert_eq!(audiences(&[ISSUER, &endpoint]), Err(Error::Audience));
        assert_eq!(audiences(&[ISSUER, "https://other.example"]), Err(Error::Audience));
        assert_eq!(audiences(&["https://id.example/"]), Err(Error::Audience));
        assert_eq!(with(&|claims| claims.client_id = "spa".into()), Err(Error::Issuer));
        assert_eq!(with(&|claims| claims.expires_at = now - 30), Err(Error::Expired));
        assert!(with(&|claims| claims.expires_at = now - 29).is_ok());
        assert!(with(&|claims| claims.expires_at = now + 630).is_ok());
        let too_long = Err(Error::InvalidClaim("exp"));
        assert_eq!(with(&|claims| claims.expires_at = now + 631), too_long);
        for (seconds, good) in [(8, true), (30, true), (31, false), (60, false)] {
            let judged = with(&|claims| claims.not_before = Some(now + seconds));
            assert_eq!(judged.err(), (!good).then_some(Error::NotYetValid), "nbf in {seconds} s");
            let judged = with(&|claims| claims.issued_at = Some(now + seconds));
            assert_eq!(
                judged.err(),
                (!good).then_some(Error::IssuedInFuture),
                "iat in {seconds} s"
            );
        }
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
        assert!(verify(&web, &token, ISSUER, NOW).unwrap().older_audience);
        let usual = verify(&web, &sign(&key, &claims()), ISSUER, NOW).unwrap();
        assert!(!usual.older_audience);
        let par = ClientAssertion { audience: vec![format!("{ISSUER}/par")], ..claims() };
        assert_eq!(verify(&web, &sign(&key, &par), ISSUER, NOW), Err(Error::Audience));
    }

    #[test]
    fn a_way_to_authenticate_has_its_own_algorithms() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let other = AuthMethod::ClientSecretBasic;
        let keys = ClientKeys::registered(&client(&key)).unwrap().unwrap();
        let good = sign(&key, &claims());
        for method in [other, AuthMethod::ClientSecretPost, AuthMethod::None] {
            let web = Client { token_endpoint_auth_method: method, ..client(&key) };
            let judged = super::verify(&web, keys.signatures(), &good, ISSUER, NOW);
            assert_eq!(judged, Err(Error::AlgorithmNotAllowed), "its keys are for something else");
        }
        let method = AuthMethod::ClientSecretJwt;
        let web = Client { token_endpoint_auth_method: method, ..client(&key) };
        let judged = super::verify(&web, keys.signatures(), &good, ISSUER, NOW);
        assert_eq!(judged, Err(Error::AlgorithmNotAllowed), "and so are those of this one");

        let secret: Vec<u8> = (0..64).collect();
        let judge = |web: &Client, algorithm, secret: &[u8], by: &[u8]| {
            let by = SigningKey::from_secret(algorithm, by).unwrap();
            let assertion = sign(&by, &claims());
            super::verify(web, &secret_key(secret, &assertion)?, &assertion, ISSUER, NOW)
        };
        for algorithm in client_secret::ALGORITHMS {
            assert!(judge(&web, *algorithm, &secret, &secret).is_ok(), "{algorithm}");
            let stranger = judge(&web, *algorithm, &secret, &[7; 64]);
            assert!(stranger.is_err(), "{algorithm}");
        }
        let short = judge(&web, Algorithm::HS512, &secret[..63], &secret);
        assert!(matches!(short, Err(Error::WeakKey(_))), "{short:?}");
        let only = Client { token_endpoint_auth_signing_alg: Some(Algorithm::HS512), ..web };
        let judged = judge(&only, Algorithm::HS256, &secret, &secret);
        assert_eq!(judged, Err(Error::AlgorithmNotAllowed));
        assert_eq!(secret_key(&secret, &good).err(), Some(Error::AlgorithmNotAllowed));
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
