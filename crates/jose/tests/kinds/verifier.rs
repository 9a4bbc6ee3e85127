//! A verifier of each kind, and what signs for all of them.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    AccessToken, Algorithm, AuthorizationResponse, Buffer, ClientAssertion, Error, IdToken,
    IdTokenHint, IntrospectionResponse, KeySet, LogoutToken, Policy, Profile, ProofPolicy,
    RequestObject, SecurityEvent, SigningKey, StatusListToken, Timestamp,
};
use serde_json::{Value, json};

use crate::kind::{EVERYONE, NOW};

pub(crate) const ALGORITHMS: &[Algorithm] = &[Algorithm::ES256];

type Judge = dyn Fn(&KeySet, &str, Timestamp) -> Result<(), Error>;

/// The verifier of one kind, with everyone's names.
pub(crate) struct Verifier {
    /// The kind's name.
    pub(crate) name: &'static str,
    judge: Box<Judge>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) leeway: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
}

impl Verifier {
    pub(crate) fn judge(&self, keys: &KeySet, token: &str, now: Timestamp) -> Result<(), Error> {
        (self.judge)(keys, token, now)
    }
}

/// All ways to ask a policy, which must agree.
pub(crate) fn judge<P: Profile>(
    policy: &Policy<P>,
    keys: &KeySet,
    token: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let owned = policy.verify(keys, token, now).map(drop);
    let mut buffer = Buffer::new();
    assert_eq!(policy.verify_in(keys, token, now, &mut buffer).map(drop), owned);
    assert_eq!(policy.verify_as::<Value>(keys, token, now).map(drop), owned);
    owned
}

fn verifier<P: Profile + 'static>(
    name: &'static str,
    settings: Settings,
    policy: Result<Policy<P>, Error>,
) -> Verifier {
    let mut policy = policy.unwrap();
    if let Some(leeway) = settings.leeway {
        policy = policy.leeway(leeway);
    }
    if let Some(max_age) = settings.max_age {
        policy = policy.max_age(max_age);
    }
    Verifier { name, judge: Box::new(move |keys, token, now| judge(&policy, keys, token, now)) }
}

fn proof_verifier(settings: Settings) -> Verifier {
    let mut policy = ProofPolicy::new("POST", EVERYONE, ALGORITHMS).unwrap();
    if let Some(max_age) = settings.max_age {
        policy = policy.max_age(max_age);
    }
    let judge = move |_: &KeySet, token: &str, now| policy.verify(token, now).map(drop);
    Verifier { name: "dpop_proof", judge: Box::new(judge) }
}

/// One for each kind; ID tokens have two, since the issuer gets its own back as hints.
pub(crate) fn all(settings: Settings) -> Vec<Verifier> {
    let (one, algs) = (EVERYONE, ALGORITHMS);
    let access = Policy::<AccessToken>::access_token(one, one, algs);
    let id = Policy::<IdToken>::id_token(one, one, algs);
    let hint = Policy::<IdTokenHint>::own_id_token_hint(one, algs);
    let logout = Policy::<LogoutToken>::logout_token(one, one, algs);
    let event = Policy::<SecurityEvent>::security_event(one, one, algs);
    let list = Policy::<StatusListToken>::status_list(one, one, algs);
    let answer = Policy::<IntrospectionResponse>::introspection_response(one, one, algs);
    let response = Policy::<AuthorizationResponse>::authorization_response(one, one, algs);
    let assertion = Policy::<ClientAssertion>::client_assertion(one, one, algs);
    let request = Policy::<RequestObject>::request_object(one, one, algs);
    vec![
        verifier("access_token", settings, access),
        verifier("id_token", settings, id),
        verifier("id_token_hint", settings, hint),
        verifier("logout_token", settings, logout),
        verifier("security_event", settings, event),
        verifier("status_list", settings, list),
        verifier("introspection", settings, answer),
        verifier("authorization_response", settings, response),
        proof_verifier(settings),
        verifier("client_assertion", settings, assertion),
        verifier("request_object", settings, request),
    ]
}

pub(crate) fn of(name: &str, settings: Settings) -> Verifier {
    all(settings).into_iter().find(|verifier| verifier.name == name).unwrap()
}

/// One key for everything.
pub(crate) struct Signer {
    key: SigningKey,
    /// A set that has seen nothing.
    pub(crate) fresh: KeySet,
    /// A set that sees every token of a test.
    pub(crate) warm: KeySet,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let set = || KeySet::new([key.verifying_key()]);
        Self { fresh: set(), warm: set(), key }
    }

    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// A header that serves every kind: with the name of the key, and with the key.
    pub(crate) fn header(&self, typ: Option<&str>) -> Value {
        let mut header = json!({ "alg": "ES256", "kid": self.key.key_id(),
            "jwk": self.key.public_jwk() });
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        header
    }

    pub(crate) fn raw(&self, header: &Value, payload: &str) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
        let input =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.as_bytes()));
        let signature = encode(&self.key.sign(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    }

    pub(crate) fn token(&self, typ: Option<&str>, claims: &Value) -> String {
        self.raw(&self.header(typ), &claims.to_string())
    }

    /// The verdict of this verifier, the same for a set of keys that has or has not seen it.
    pub(crate) fn verdict_at(
        &self,
        verifier: &Verifier,
        token: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let fresh = KeySet::new([self.key.verifying_key()]);
        let verdict = verifier.judge(&fresh, token, now);
        for keys in [&fresh, &self.warm, &self.warm] {
            assert_eq!(verifier.judge(keys, token, now), verdict, "{}", verifier.name);
        }
        verdict
    }

    pub(crate) fn verdict(&self, verifier: &Verifier, token: &str) -> Result<(), Error> {
        self.verdict_at(verifier, token, Timestamp::from_secs(NOW))
    }
}
