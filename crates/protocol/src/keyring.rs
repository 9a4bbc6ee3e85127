//! The keys that are in use: which one signs, which ones are published.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_jose::{Algorithm, Error, Jwk, JwkSet, KeySet, SigningKey, Timestamp};
use zeroize::Zeroizing;

use crate::key_schedule::{KeyLife, KeyState, KeyUse};
use crate::random::Randomness;
use crate::seal::{MasterKey, WrongMasterKey};

/// The size of the secrets that codes, refresh tokens and CSRF tokens are made with.
const SECRET_LEN: usize = 32;

/// The algorithms that the server has keys of its own for, if a client asks for them. Those with a
/// shared secret are not among them: their keys are the secrets of clients
/// ([`crate::client_secret`]).
pub const ALGORITHMS: &[Algorithm] = &[
    Algorithm::ES256,
    Algorithm::Ed25519,
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES384,
    Algorithm::ES512,
    Algorithm::ES256K,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::MlDsa44,
    Algorithm::MlDsa65,
    Algorithm::MlDsa87,
];

/// What tokens are signed with unless the client asks for another.
pub const DEFAULT_ALGORITHM: Algorithm = Algorithm::ES256;

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// What it is and where it stands.
    pub life: KeyLife,
    /// PKCS#8 of a signing key, 32 random bytes of a secret, sealed for its own purpose.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SealedKey").field(&self.life).finish()
    }
}

/// Why the keys can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The seal does not open.
    #[error(transparent)]
    Seal(#[from] WrongMasterKey),
    /// What was sealed is not a key.
    #[error("a stored signing key can't be used: {0}")]
    Key(#[from] Error),
}

/// Makes a new key and seals it. It is announced, as far as it is concerned; the schedule says
/// whether it signs at once.
///
/// # Errors
/// When the cryptographic library can't make one.
pub fn generate(
    usage: KeyUse,
    master: &MasterKey,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<SealedKey, Error> {
    let (kid, plain) = match usage {
        KeyUse::Signature(algorithm) => {
            let key = SigningKey::generate(algorithm)?;
            let der = key.to_pkcs8();
            let der = der.ok_or(Error::UnsupportedKey("a symmetric key signs no tokens"))?;
            (key.key_id().to_owned(), der)
        }
        _ => {
            let mut number = [0; 4];
            random.fill(&mut number);
            let mut secret = Zeroizing::new(vec![0; SECRET_LEN]);
            random.fill(&mut secret);
            (format!("{SECRET_PREFIX}{}", u32::from_be_bytes(number)), secret)
        }
    };
    let life = KeyLife::new(kid, usage, now, false);
    let sealed = master.seal(&purpose(&life), &plain, random);
    Ok(SealedKey { life, sealed })
}

/// The same key, sealed by the newest master key.
///
/// # Errors
/// [`WrongMasterKey`] when none of the master keys opens it.
pub fn reseal(
    key: &SealedKey,
    master: &MasterKey,
    random: &dyn Randomness,
) -> Result<Vec<u8>, WrongMasterKey> {
    let plain = master.open(&purpose(&key.life), &key.sealed)?;
    Ok(master.seal(&purpose(&key.life), &plain, random))
}

/// The names of secrets begin so; a number follows, which tokens carry.
const SECRET_PREFIX: &str = "secret-";

/// What a key is sealed for.
fn purpose(life: &KeyLife) -> String {
    match life.usage {
        KeyUse::Signature(_) => format!("signing key {}", life.kid),
        secret => secret.name().to_owned(),
    }
}

/// An opened secret.
pub struct Secret {
    /// Its number, which tokens carry.
    pub id: u32,
    /// Since when it is used for making.
    pub active_at: Option<Timestamp>,
    /// Until when it was.
    pub retired_at: Option<Timestamp>,
    /// The secret itself.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Opens the secrets of one use. The one that makes tokens stands first.
///
/// # Errors
/// [`WrongMasterKey`].
pub fn open_secrets(
    usage: KeyUse,
    stored: &[SealedKey],
    master: &MasterKey,
) -> Result<Vec<Secret>, WrongMasterKey> {
    let mut secrets = Vec::new();
    for key in ordered(stored).filter(|key| key.life.usage == usage) {
        let KeyLife { active_at, retired_at, .. } = key.life;
        let number = key.life.kid.strip_prefix(SECRET_PREFIX).and_then(|id| id.parse().ok());
        let id = number.ok_or(WrongMasterKey)?;
        let bytes = master.open(&purpose(&key.life), &key.sealed)?;
        secrets.push(Secret { id, active_at, retired_at, bytes });
    }
    Ok(secrets)
}

/// First what signs, then what will, then what did; the newest first.
fn ordered(stored: &[SealedKey]) -> impl Iterator<Item = &SealedKey> {
    let mut keys: Vec<_> = stored.iter().collect();
    keys.sort_by_key(|key| {
        let place = match key.life.state() {
            KeyState::Active => 0,
            KeyState::Announced => 1,
            KeyState::Retiring => 2,
        };
        (place, std::cmp::Reverse(key.life.announced_at))
    });
    keys.into_iter()
}

/// The opened keys, ready to sign and to be published.
pub struct Keyring {
    active: HashMap<Algorithm, Arc<SigningKey>>,
    published: JwkSet,
    verification: Arc<KeySet>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("published", &self.published.keys.len()).finish()
    }
}

impl Keyring {
    /// Opens the signing keys among the stored ones.
    ///
    /// # Errors
    /// [`KeyringError`] when one of them can't be opened: a server that can't read its keys
    /// must not start and make new ones.
    pub fn open(stored: &[SealedKey], master: &MasterKey) -> Result<Self, KeyringError> {
        let mut active = HashMap::new();
        let mut published: Vec<Jwk> = Vec::new();
        let mut verification = Vec::new();
        for key in ordered(stored) {
            let Some(algorithm) = key.life.usage.algorithm() else { continue };
            let der = master.open(&purpose(&key.life), &key.sealed)?;
            let opened = Arc::new(SigningKey::from_pkcs8(algorithm, &der)?);
            published.extend(opened.public_jwk());
            verification.push(opened.verifying_key());
            if key.life.state() == KeyState::Active {
                active.entry(algorithm).or_insert(opened);
            }
        }
        Ok(Self {
            active,
            published: JwkSet { keys: published },
            verification: Arc::new(KeySet::new(verification)),
        })
    }

    /// The key that signs with this algorithm, if there is one yet.
    #[must_use]
    pub fn signing_key(&self, algorithm: Algorithm) -> Option<&Arc<SigningKey>> {
        self.active.get(&algorithm)
    }

    /// The public keys, those that sign first.
    #[must_use]
    pub const fn published(&self) -> &JwkSet {
        &self.published
    }

    /// The keys that this server's own tokens are checked with.
    #[must_use]
    pub const fn verification(&self) -> &Arc<KeySet> {
        &self.verification
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Randomness for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn a_key_of_every_algorithm_is_kept_opened_published_and_used() {
        let (master, now) = (MasterKey::new(&[1; 32]), Timestamp::from_secs(1_800_000_000));
        let random = Counting(0.into());
        for algorithm in ALGORITHMS {
            let made = generate(KeyUse::Signature(*algorithm), &master, now, &random).unwrap();
            let life = KeyLife { active_at: Some(now), ..made.life };
            let keyring = Keyring::open(&[SealedKey { life, ..made }], &master).unwrap();
            let key = keyring.signing_key(*algorithm).expect("it signs");
            let published = serde_json::to_vec(keyring.published()).unwrap();
            let (set, rejected) = KeySet::from_jwks_json(&published).unwrap();
            assert_eq!((set.len(), rejected.len()), (1, 0), "{algorithm}");
            let signature = key.sign(b"message").unwrap();
            let verifying = set.get(key.key_id()).unwrap();
            assert_eq!(verifying.algorithm(), *algorithm);
            verifying.verify(b"message", &signature).unwrap();
        }
    }

    #[test]
    fn every_algorithm_but_those_with_a_shared_secret_is_offered() {
        // Ed448 is there only if somebody builds the library with it.
        let offered = Algorithm::ALL.iter().filter(|one| !one.is_symmetric());
        let offered = offered.filter(|one| one.name() != "Ed448");
        assert_eq!(offered.count(), ALGORITHMS.len());
    }
}
