//! An issuer, a verifier, and an attacker whom the issuer helps.

use std::cell::RefCell;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    AccessToken, Algorithm, Buffer, Error, IdToken, KeySet, Policy, Profile, SigningKey, Timestamp,
    jwt,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const NOW: u64 = 1_790_000_000;

pub(crate) struct Bench {
    pub(crate) key: SigningKey,
    pub(crate) access: Policy<AccessToken>,
    pub(crate) id: Policy<IdToken>,
    /// A set that has seen the headers of honest tokens of both kinds.
    warm: KeySet,
    /// A buffer that has held other tokens.
    buffer: RefCell<Buffer>,
}

impl Bench {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self::with_key(SigningKey::generate(algorithm).unwrap())
    }

    pub(crate) fn with_key(key: SigningKey) -> Self {
        let algorithms = [key.algorithm()];
        let bench = Self {
            access: Policy::access_token(ISSUER, API, &algorithms).unwrap(),
            id: Policy::id_token(ISSUER, "web", &algorithms).unwrap(),
            warm: KeySet::new([key.verifying_key()]),
            buffer: RefCell::default(),
            key,
        };
        let now = Timestamp::from_secs(NOW);
        let access = bench.token(&bench.header(), &claims());
        assert!(bench.access.verify(&bench.warm, &access, now).is_ok());
        let id = bench.token(&bench.id_header(), &id_claims());
        assert!(bench.id.verify(&bench.warm, &id, now).is_ok());
        bench
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm().name(), "kid": self.key.key_id(), "typ": "at+jwt" })
    }

    pub(crate) fn id_header(&self) -> Value {
        with(self.header(), "typ", json!("JWT"))
    }

    /// Signs whatever it is given, as an attacker with an honest issuer's help would.
    pub(crate) fn raw(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = self.key.sign(input.as_bytes()).unwrap();
        format!("{input}.{}", encode(signature))
    }

    pub(crate) fn token(&self, header: &Value, payload: &Value) -> String {
        self.raw(header.to_string(), payload.to_string())
    }

    /// The verdict on an access token.
    pub(crate) fn verify(&self, compact: &str) -> Result<(), Error> {
        self.judge(&self.access, compact)
    }

    pub(crate) fn verify_id(&self, compact: &str) -> Result<(), Error> {
        self.judge(&self.id, compact)
    }

    pub(crate) fn judge<P: Profile>(&self, policy: &Policy<P>, compact: &str) -> Result<(), Error> {
        let fresh = KeySet::new([self.key.verifying_key()]);
        self.judge_with(policy, &[&fresh, &self.warm], compact)
    }

    /// The one verdict of all ways to verify: claims owned, borrowed or of another type, and a set
    /// of keys that has or has not seen the header before. They must agree.
    pub(crate) fn judge_with<P: Profile>(
        &self,
        policy: &Policy<P>,
        sets: &[&KeySet],
        compact: &str,
    ) -> Result<(), Error> {
        let now = Timestamp::from_secs(NOW);
        let expected = policy.verify(&sets[0].clone(), compact, now).map(drop);
        for keys in sets {
            // The second time the header is known, if its signature was right.
            for _ in 0..2 {
                let mut buffer = self.buffer.borrow_mut();
                let borrowed = policy.verify_in(keys, compact, now, &mut buffer).map(drop);
                assert_eq!(borrowed, expected, "borrowed: {compact:.300}");
                let typed = policy.verify_as::<Value>(keys, compact, now).map(drop);
                assert_eq!(typed, expected, "another type: {compact:.300}");
                let owned = policy.verify(keys, compact, now).map(drop);
                assert_eq!(owned, expected, "owned: {compact:.300}");
            }
        }
        expected
    }

    /// A key set that holds more than the one key.
    pub(crate) fn judge_among(&self, others: &[&SigningKey], compact: &str) -> Result<(), Error> {
        let keys = others.iter().map(|key| key.verifying_key()).chain([self.key.verifying_key()]);
        self.judge_with(&self.access, &[&KeySet::new(keys)], compact)
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

/// The claims of an honest access token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": API, "client_id": "web", "jti": "t1",
        "iat": NOW - 10, "exp": NOW + 300,
    })
}

/// The claims of an honest ID token.
pub(crate) fn id_claims() -> Value {
    json!({ "iss": ISSUER, "sub": "ada", "aud": "web", "iat": NOW - 10, "exp": NOW + 300 })
}

/// The object with one member set.
pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    object.as_object_mut().unwrap().insert(name.to_owned(), value);
    object
}

/// The object with one member left out.
pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

/// Header, payload and signature, still encoded.
pub(crate) fn split(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().unwrap()
}

/// An honest access token of this key, by the library itself.
pub(crate) fn honest(key: &SigningKey) -> String {
    jwt::sign(key, AccessToken::TYPE, &claims()).unwrap()
}
