//! Sets of keys: the one that is published, and the one that a verifier looks keys up in.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Jwk, known_headers::KnownHeaders};
use crate::{
    Algorithm, Error, VerifyingKey,
    json::{self, Value},
    jws::header,
};

/// Room for more than a hundred of the largest keys.
const MAX_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 256;

/// Public keys as somebody publishes them, of signatures and of encryption: serializes as
/// `{"keys":[…]}` (RFC 7517 section 5). To verify tokens, read a [`KeySet`] instead.
///
/// ```
/// use countersign_jose::{EncryptionKey, JwkSet, PrivateJwk, jwe::KeyManagement};
/// let theirs = PrivateJwk::generate(KeyManagement::EcdhEsA256KW)?;
/// let set = JwkSet { keys: theirs.public().into_iter().collect() };
/// let published = serde_json::to_vec(&set).expect("keys are JSON");
///
/// let (set, _rejected) = JwkSet::from_json(&published)?;
/// let key = set.keys.iter().find_map(|jwk| EncryptionKey::from_jwk(jwk).ok());
/// assert!(key.is_some_and(|key| Some(key.key_id()) == theirs.key_id()));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkSet {
    /// The keys, in the order in which they are shown.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// Reads a set as it is published. A bad key never spoils it: it is left out and reported. Only
    /// a text that is no JWK set at all is an error. Keys that share an id are all kept.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 256 KiB or 256 keys, [`Error::Json`],
    /// [`Error::DuplicateMember`], and [`Error::InvalidKey`] when there is no array of keys.
    pub fn from_json(json: &[u8]) -> Result<(Self, Vec<RejectedKey>), Error> {
        let (keys, rejected) = read_each(json, Ok)?;
        Ok((Self { keys }, rejected))
    }
}

impl Serialize for JwkSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("keys", &self.keys)?;
        map.end()
    }
}

/// Verification keys of one issuer, found by `kid` and by nothing else.
#[derive(Clone, Default)]
pub struct KeySet {
    by_id: HashMap<String, VerifyingKey>,
    known_headers: Arc<KnownHeaders>,
}

/// A key of a set that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedKey {
    /// The key's `kid`, when it has a printable one of at most 256 bytes.
    pub key_id: Option<String>,
    /// Why it was left out.
    pub reason: Error,
}

impl KeySet {
    /// A set of these keys. Keys that share an id are all left out: picking one of them would be a
    /// guess.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        let mut set = Self::default();
        set.add_all(keys.into_iter());
        set
    }

    /// Reads a JWK set as an issuer publishes it. A bad key never spoils the set: it is left out
    /// and reported. Only a text that is no JWK set at all is an error.
    ///
    /// # Errors
    /// Those of [`JwkSet::from_json`].
    pub fn from_jwks_json(json: &[u8]) -> Result<(Self, Vec<RejectedKey>), Error> {
        let (keys, mut rejected) = read_each(json, |jwk| VerifyingKey::from_jwk(&jwk))?;
        let mut set = Self::default();
        rejected.extend(set.add_all(keys.into_iter()));
        Ok((set, rejected))
    }

    /// Adds keys and returns those that share an id, which are in the set no more.
    fn add_all(&mut self, keys: impl Iterator<Item = VerifyingKey>) -> Vec<RejectedKey> {
        let mut shared = HashSet::new();
        for key in keys {
            let id = key.key_id().to_owned();
            if self.by_id.insert(id.clone(), key).is_some() {
                shared.insert(id);
            }
        }
        shared
            .into_iter()
            .map(|id| {
                self.by_id.remove(&id);
                RejectedKey { key_id: Some(id), reason: Error::DuplicateKeyId }
            })
            .collect()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Headers under which a signature was right with a key of this set.
    pub(crate) fn known_headers(&self) -> &KnownHeaders {
        &self.known_headers
    }

    /// The key of this algorithm, when there is exactly one.
    pub(crate) fn only(&self, algorithm: Algorithm) -> Option<&VerifyingKey> {
        let mut fitting = self.by_id.values().filter(|key| key.algorithm() == algorithm);
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// The ids of the keys, in no order.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    /// The key of this id.
    pub fn get(&self, key_id: &str) -> Option<&VerifyingKey> {
        self.by_id.get(key_id)
    }
}

/// Makes something of each key of a set; those of which nothing can be made are reported.
fn read_each<T>(
    json: &[u8],
    make: impl Fn(Jwk) -> Result<T, Error>,
) -> Result<(Vec<T>, Vec<RejectedKey>), Error> {
    if json.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let members = json::parse_object(json)?;
    let Some(items) = members.get("keys").and_then(Value::as_array) else {
        return Err(Error::InvalidKey("the set has no array of keys"));
    };
    if items.len() > MAX_KEYS {
        return Err(Error::TooLarge);
    }
    let (mut made, mut rejected) = (Vec::new(), Vec::new());
    for item in &items {
        match read_key(item).and_then(&make) {
            Ok(key) => made.push(key),
            Err(reason) => rejected.push(RejectedKey { key_id: bounded_key_id(item), reason }),
        }
    }
    Ok((made, rejected))
}

fn read_key(item: &Value<'_>) -> Result<Jwk, Error> {
    let members = item.as_object();
    let members = members.ok_or(Error::InvalidKey("a member of the set is not an object"))?;
    Jwk::from_members(&members)
}

fn bounded_key_id(item: &Value<'_>) -> Option<String> {
    let members = item.as_object()?;
    let id = members.get("kid")?.as_text()?;
    header::is_key_id(id).then(|| id.to_owned())
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_id.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrivateJwk, SigningKey, jwe::KeyManagement};

    fn jwks(keys: &[String]) -> Vec<u8> {
        format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes()
    }

    fn public_json(key: &SigningKey) -> String {
        serde_json::to_string(&key.public_jwk().unwrap()).unwrap()
    }

    #[test]
    fn what_is_published_is_found() {
        let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::Ed25519];
        let keys = algorithms.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let published = JwkSet { keys: keys.iter().filter_map(SigningKey::public_jwk).collect() };
        let json = serde_json::to_vec(&published).unwrap();
        let (set, rejected) = KeySet::from_jwks_json(&json).unwrap();
        assert_eq!((set.len(), rejected), (3, Vec::new()));
        for key in &keys {
            let found = set.get(key.key_id()).unwrap();
            assert_eq!(found.algorithm(), key.algorithm());
            assert_eq!(found.verify(b"m", &key.sign(b"m").unwrap()), Ok(()));
        }
        assert!(set.get("no such key").is_none());
    }

    #[test]
    fn one_bad_key_never_spoils_the_set() {
        let good = SigningKey::generate(Algorithm::ES256).unwrap();
        let long = "x".repeat(300);
        let keys = [
            public_json(&good),
            r#"{"kty":"oct","k":"AAAA","kid":"secret"}"#.to_owned(),
            r#"{"kty":"EC","crv":"P-224","x":"AA","y":"AA","kid":"p224"}"#.to_owned(),
            format!(r#"{{"kty":"AKP","kid":"{long}"}}"#),
            r#""no object""#.to_owned(),
        ];
        let (set, rejected) = KeySet::from_jwks_json(&jwks(&keys)).unwrap();
        assert_eq!(set.len(), 1);
        assert!(set.get(good.key_id()).is_some());
        let found: Vec<_> =
            rejected.iter().map(|key| (key.key_id.as_deref(), key.reason.code())).collect();
        assert_eq!(
            found,
            [
                (Some("secret"), "private_key"),
                (Some("p224"), "unsupported_key"),
                (None, "invalid_key"),
                (None, "invalid_key"),
            ]
        );
    }

    #[test]
    fn a_set_is_read_as_it_was_published_and_holds_keys_of_encryption_too() {
        let signing = SigningKey::generate(Algorithm::ES256).unwrap();
        let encrypting = PrivateJwk::generate(KeyManagement::EcdhEs).unwrap().public().unwrap();
        let published = JwkSet { keys: vec![signing.public_jwk().unwrap(), encrypting.clone()] };
        let mut keys: Vec<String> =
            published.keys.iter().map(|key| serde_json::to_string(key).unwrap()).collect();
        keys.push(r#"{"kty":"oct","k":"AAAA","kid":"secret"}"#.to_owned());
        let (read, rejected) = JwkSet::from_json(&jwks(&keys)).unwrap();
        assert_eq!(read, published);
        let secret = RejectedKey { key_id: Some("secret".to_owned()), reason: Error::PrivateKey };
        assert_eq!(rejected, [secret]);

        // For verifying, the key of encryption is left out.
        let (set, rejected) = KeySet::from_jwks_json(&jwks(&keys[..2])).unwrap();
        assert_eq!(set.len(), 1);
        let key_id = encrypting.key_id().map(str::to_owned);
        assert_eq!(rejected, [RejectedKey { key_id, reason: Error::WrongKeyUse }]);
    }

    #[test]
    fn keys_that_share_an_id_are_all_dropped() {
        let keys: Vec<_> =
            (0..3).map(|_| SigningKey::generate(Algorithm::Ed25519).unwrap()).collect();
        let named = |key: &SigningKey, name: &str| public_json(key).replace(key.key_id(), name);
        let json =
            jwks(&[named(&keys[0], "same"), named(&keys[1], "other"), named(&keys[2], "same")]);
        let (set, rejected) = KeySet::from_jwks_json(&json).unwrap();
        assert_eq!(set.len(), 1);
        assert!(set.get("other").is_some());
        let expected =
            RejectedKey { key_id: Some("same".to_owned()), reason: Error::DuplicateKeyId };
        assert_eq!(rejected, [expected]);
        let twice = [keys[0].verifying_key(), keys[0].verifying_key()];
        assert!(KeySet::new(twice).is_empty());
    }

    #[test]
    fn a_text_that_is_no_set_is_an_error() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(KeySet::from_jwks_json(text.as_bytes()).is_err(), "{text}");
            assert!(JwkSet::from_json(text.as_bytes()).is_err(), "{text}");
        }
        let many = jwks(&vec!["{}".to_owned(); MAX_KEYS + 1]);
        assert_eq!(KeySet::from_jwks_json(&many).err(), Some(Error::TooLarge));
        assert_eq!(KeySet::from_jwks_json(&[b' '; MAX_BYTES + 1]).err(), Some(Error::TooLarge));
    }
}
