//! Security profiles: one word in a registration, and everything that is weaker is refused
//! (FAPI 2.0 Security Profile, FAPI 2.0 Message Signing).
//!
//! | rule | section | where it is held |
//! |---|---|---|
//! | clients authenticate by a key or certificate | Security Profile §5.3.2.1 | [`faults`] |
//! | tokens are bound to a key or certificate | §5.3.2.1 | [`faults`] |
//! | ES256, PS256 and Ed25519 alone | §5.4.1 | [`faults`], [`SecurityProfile::algorithms`] |
//! | refresh tokens stay as they are | §5.3.2.1 | [`crate::refresh_family`] |
//! | codes live for a minute | §5.3.2.1 | [`SecurityProfile::CODE_LIFETIME_MAX`] |
//! | requests are pushed, with PKCE | §5.3.2.2 | [`Client::requires_pushed_requests`] |
//! | requests are signed | Message Signing §5.3.1 | [`Client::requires_signed_requests`] |
//! | answers are signed | Message Signing §5.4.1 | [`Client::requires_signed_answers`] |

use std::time::Duration;

use countersign_jose::Algorithm;
use serde::{Deserialize, Serialize};

use crate::client::{Client, GrantType};
use crate::lifetimes::Lifetimes;

/// A profile that a client, or all of them, are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityProfile {
    /// FAPI 2.0 Security Profile.
    Fapi2Security,
    /// The same, and FAPI 2.0 Message Signing: signed requests and signed answers.
    Fapi2MessageSigning,
}

impl SecurityProfile {
    /// The algorithms of signatures, ours and the client's (Security Profile §5.4.1).
    pub const ALGORITHMS: &[Algorithm] = &[Algorithm::ES256, Algorithm::PS256, Algorithm::Ed25519];
    /// The longest life of an authorization code (Security Profile §5.3.2.1).
    pub const CODE_LIFETIME_MAX: Duration = Duration::from_secs(60);
    /// How long a request object may live, and how old it may be (Message Signing §5.3.1).
    pub const REQUEST_OBJECT_LIFETIME_MAX: Duration = Duration::from_secs(3_600);

    /// Those of `offered` that the profile allows.
    #[must_use]
    pub fn algorithms(offered: &[Algorithm]) -> Vec<Algorithm> {
        offered.iter().copied().filter(|one| Self::ALGORITHMS.contains(one)).collect()
    }
}

impl Client {
    /// Whether its authorization requests have to be pushed (RFC 9126 §6).
    #[must_use]
    pub fn requires_pushed_requests(&self) -> bool {
        self.require_pushed_authorization_requests || self.profile.is_some()
    }

    /// Whether its authorization requests have to be signed (RFC 9101 §10.5).
    #[must_use]
    pub fn requires_signed_requests(&self) -> bool {
        self.require_signed_request_object
            || self.profile == Some(SecurityProfile::Fapi2MessageSigning)
    }

    /// Whether the answers to its authorization requests have to be signed (JARM).
    #[must_use]
    pub fn requires_signed_answers(&self) -> bool {
        self.profile == Some(SecurityProfile::Fapi2MessageSigning)
    }

    /// How long its authorization codes live.
    #[must_use]
    pub fn code_lifetime(&self, lifetimes: &Lifetimes) -> Duration {
        match self.profile {
            Some(_) => lifetimes.code.min(SecurityProfile::CODE_LIFETIME_MAX),
            None => lifetimes.code,
        }
    }

    /// The client as it is under a profile that holds for everybody here.
    ///
    /// # Errors
    /// What keeps it from the profile, a sentence each: it is refused as a whole.
    pub fn under(mut self, profile: Option<SecurityProfile>) -> Result<Self, Vec<String>> {
        self.profile = self.profile.max(profile);
        let faults = faults(&self);
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// The algorithms of `offered` that it may sign with.
    #[must_use]
    pub fn may_sign_with(&self, offered: &[Algorithm]) -> Vec<Algorithm> {
        match self.profile {
            Some(_) => SecurityProfile::algorithms(offered),
            None => offered.to_vec(),
        }
    }
}

/// What keeps a client from its profile, a sentence each; empty for one without a profile.
#[must_use]
pub fn faults(client: &Client) -> Vec<String> {
    // One that gets no tokens is the API of others: it introspects and reads revocations.
    if client.profile.is_none() || client.grant_types.is_empty() {
        return Vec::new();
    }
    let by_key = client.token_endpoint_auth_method.is_by_key();
    let bound =
        client.dpop_bound_access_tokens || client.tls_client_certificate_bound_access_tokens;
    let fapi_grants =
        [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials];
    let rules = [
        (
            !by_key,
            "token_endpoint_auth_method has to be one that proves a key, such as private_key_jwt",
        ),
        (!bound, "set dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens"),
        (!client.require_pkce, "require_pkce can't be turned off"),
        (
            client.danger_token_endpoint_as_audience,
            "danger_token_endpoint_as_audience can't be turned on",
        ),
        (
            !client.grant_types.iter().all(|grant| fapi_grants.contains(grant)),
            "grant_types may be authorization_code, refresh_token and client_credentials",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    let mut faults: Vec<String> = broken.map(|(_, why)| format!("profile: {why}")).collect();
    for (name, algorithm) in signatures(client) {
        if algorithm.is_some_and(|one| !SecurityProfile::ALGORITHMS.contains(&one)) {
            faults.push(format!("profile: {name} has to be ES256, PS256 or Ed25519"));
        }
    }
    faults
}

/// Every algorithm that a registration names.
fn signatures(client: &Client) -> [(&'static str, Option<Algorithm>); 7] {
    [
        ("token_endpoint_auth_signing_alg", client.token_endpoint_auth_signing_alg),
        ("request_object_signing_alg", client.request_object_signing_alg),
        ("authorization_signed_response_alg", client.authorization_signed_response_alg),
        ("id_token_signed_response_alg", client.id_token_signed_response_alg),
        ("userinfo_signed_response_alg", client.userinfo_signed_response_alg),
        ("access_token_signed_response_alg", client.access_token_signed_response_alg),
        ("introspection_signed_response_alg", client.introspection_signed_response_alg),
    ]
}

#[cfg(test)]
mod tests {
    use countersign_jose::{RequestObject, SigningKey, Timestamp, jwt};
    use serde_json::{Value, json};

    use super::*;
    use crate::client_keys::ClientKeys;
    use crate::error::ErrorCode;
    use crate::wire::authorize::{AuthorizationRequest, ReturnAddress, Source, request_object};
    use crate::wire::params::Params;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const ISSUER: &str = "https://id.example";

    fn client(key: &SigningKey, profile: &str, change: &Value) -> Client {
        let mut members = json!({
            "client_id": "bank",
            "profile": profile,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [key.public_jwk().unwrap()] },
            "dpop_bound_access_tokens": true,
            "redirect_uris": ["https://bank.example/cb"],
        });
        for (name, value) in change.as_object().unwrap() {
            members[name] = value.clone();
        }
        serde_json::from_value(members).unwrap()
    }

    #[test]
    fn each_weakness_is_named() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let faults = |change: Value| client(&key, "fapi2-security", &change).faults();
        assert_eq!(faults(json!({})), [""; 0]);
        for change in [
            json!({ "dpop_bound_access_tokens": false }),
            json!({ "require_pkce": false }),
            json!({ "danger_token_endpoint_as_audience": true }),
            json!({ "token_endpoint_auth_signing_alg": "RS256" }),
            json!({ "id_token_signed_response_alg": "RS256" }),
            json!({ "grant_types": ["authorization_code",
                "urn:ietf:params:oauth:grant-type:device_code"] }),
            json!({ "redirect_uris": ["http://bank.example/cb"] }),
        ] {
            assert_eq!(faults(change.clone()).len(), 1, "{change}: {:?}", faults(change.clone()));
        }
        let secret = json!({ "token_endpoint_auth_method": "client_secret_basic",
            "client_secret_sha256": "x", "jwks": null });
        assert_eq!(faults(secret).len(), 1);
        let public = json!({ "token_endpoint_auth_method": "none", "jwks": null });
        assert_eq!(faults(public).len(), 1);
        let certificate = json!({ "dpop_bound_access_tokens": false,
            "tls_client_certificate_bound_access_tokens": true });
        assert_eq!(faults(certificate), [""; 0]);
    }

    #[test]
    fn a_profile_for_everybody_refuses_who_falls_short_of_it() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let everybody = Some(SecurityProfile::Fapi2Security);
        let signing = client(&key, "fapi2-message-signing", &json!({}));
        let stricter = signing.under(everybody).unwrap();
        assert_eq!(stricter.profile, Some(SecurityProfile::Fapi2MessageSigning), "its own stays");
        let plain = Client::new("web");
        assert!(plain.clone().under(None).is_ok());
        assert!(plain.clone().under(everybody).is_err());
        let api = Client { grant_types: Vec::new(), ..plain };
        assert!(api.under(everybody).is_ok(), "it asks about tokens, and gets none");
    }

    #[test]
    fn requests_are_pushed_and_under_message_signing_signed() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let open = Params::parse(b"client_id=bank").unwrap();
        for (profile, signs) in [("fapi2-security", false), ("fapi2-message-signing", true)] {
            let bank = client(&key, profile, &json!({}));
            assert!(Source::of(&open).unwrap().permit(&bank, false).is_err(), "{profile}");
            assert_eq!(bank.requires_signed_requests(), signs, "{profile}");
            let read = |mode: &str| {
                let query = format!(
                    "response_type=code&client_id=bank&redirect_uri=https://bank.example/cb\
                     &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
                     &code_challenge_method=S256{mode}"
                );
                let params = Params::parse(query.as_bytes()).unwrap();
                let address = ReturnAddress::find(&params, &bank).unwrap();
                AuthorizationRequest::parse(&params, &bank, &address, ISSUER).map_err(|e| e.code)
            };
            assert!(read("&response_mode=jwt").is_ok(), "{profile}");
            let plain = read("").err();
            assert_eq!(plain, signs.then_some(ErrorCode::InvalidRequest), "{profile}");
        }
    }

    #[test]
    fn a_signed_request_says_for_how_long_it_holds() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let bank = client(&key, "fapi2-message-signing", &json!({}));
        let keys = ClientKeys::registered(&bank).unwrap().unwrap();
        let now = NOW.as_secs();
        for (nbf, exp, good) in [
            (Some(now), Some(now + 60), true),
            (Some(now + 8), Some(now + 60), true),
            (Some(now), Some(now + 3_600), true),
            (Some(now), Some(now + 3_601), false),
            (Some(now - 3_601), Some(now + 1), false),
            (Some(now + 61), Some(now + 120), false),
            (None, Some(now + 60), false),
            (Some(now), None, false),
        ] {
            let mut claims = json!({ "iss": "bank", "aud": ISSUER, "client_id": "bank",
                "response_type": "code" });
            for (name, value) in [("nbf", nbf), ("exp", exp)] {
                if let Some(value) = value {
                    claims[name] = json!(value);
                }
            }
            let object = jwt::sign(&key, RequestObject::TYPE, &claims).unwrap();
            let read = request_object::verify(&bank, keys.signatures(), &object, ISSUER, NOW);
            assert_eq!(read.is_ok(), good, "{nbf:?} {exp:?}: {read:?}");
        }
    }

    #[test]
    fn signatures_are_of_three_kinds() {
        let rsa = SigningKey::generate(Algorithm::RS256).unwrap();
        let bank = client(&rsa, "fapi2-security", &json!({}));
        let keys = ClientKeys::registered(&bank).unwrap().unwrap();
        let now = NOW.as_secs();
        let claims = json!({ "iss": "bank", "sub": "bank", "aud": ISSUER, "exp": now + 60,
            "iat": now, "jti": "j" });
        let assertion = jwt::sign(&rsa, "client-authentication+jwt", &claims).unwrap();
        let judge = |client: &Client| {
            crate::client_assertion::verify(client, keys.signatures(), &assertion, ISSUER, NOW)
        };
        assert!(judge(&bank).is_err());
        assert!(judge(&Client { profile: None, ..bank }).is_ok(), "it is the profile that refuses");
    }
}
