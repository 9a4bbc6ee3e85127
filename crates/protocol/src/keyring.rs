//! The signing keys that are in use: which one signs, which ones are published.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_jose::{Algorithm, Error, Jwk, JwkSet, KeySet, SigningKey, Timestamp};

use crate::random::Randomness;
use crate::seal::{MasterKey, WrongMasterKey};

/// The size of the secrets that codes, refresh tokens and CSRF tokens are made with.
pub const SECRET_LEN: usize = 32;

/// The algorithms that the server signs with.
pub const ALGORITHMS: &[Algorithm] = &[Algorithm::ES256, Algorithm::Ed25519, Algorithm::RS256];

/// What tokens are signed with unless the client asks for another.
pub const DEFAULT_ALGORITHM: Algorithm = Algorithm::ES256;

/// Where a signing key stands in its life. Every state is published in the JWKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published ahead of use, so that verifiers know it before its first token.
    Announced,
    /// Signs.
    Active,
    /// Signs no more, published until its last token has expired.
    Retiring,
}

impl KeyState {
    /// The word that the store keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let states = [Self::Announced, Self::Active, Self::Retiring];
        states.into_iter().find(|state| state.as_str() == name)
    }
}

/// A signing key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// PKCS#8, sealed for the purpose `signing key <kid>`.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedKey").field("kid", &self.kid).field("state", &self.state).finish()
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

/// Makes a new key and seals it.
///
/// # Errors
/// When the cryptographic library can't make one.
pub fn generate(
    algorithm: Algorithm,
    state: KeyState,
    master: &MasterKey,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<SealedKey, Error> {
    let key = SigningKey::generate(algorithm)?;
    let kid = key.key_id().to_owned();
    let der = key.to_pkcs8().ok_or(Error::UnsupportedKey("a symmetric key signs no tokens"))?;
    let sealed = master.seal(&purpose(&kid), &der, random);
    Ok(SealedKey { kid, algorithm, state, created_at: now, sealed })
}

/// Makes a new secret and seals it under its purpose.
#[must_use]
pub fn generate_secret(purpose: &str, master: &MasterKey, random: &dyn Randomness) -> Vec<u8> {
    let mut secret = zeroize::Zeroizing::new([0; SECRET_LEN]);
    random.fill(&mut *secret);
    master.seal(purpose, &*secret, random)
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
    /// Opens the stored keys. The newest active key of each algorithm signs.
    ///
    /// # Errors
    /// [`KeyringError`] when one of them can't be opened: a server that can't read its keys
    /// must not start and make new ones.
    pub fn open(stored: &[SealedKey], master: &MasterKey) -> Result<Self, KeyringError> {
        let mut by_age: Vec<_> = stored.iter().collect();
        by_age.sort_by_key(|key| key.created_at);
        let mut active = HashMap::new();
        let mut published: Vec<Jwk> = Vec::new();
        let mut verification = Vec::new();
        for key in by_age {
            let der = master.open(&purpose(&key.kid), &key.sealed)?;
            let opened = Arc::new(SigningKey::from_pkcs8(key.algorithm, &der)?);
            published.extend(opened.public_jwk());
            verification.push(opened.verifying_key());
            if key.state == KeyState::Active {
                active.insert(key.algorithm, opened);
            }
        }
        published.reverse();
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

    /// The public keys, newest first.
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

fn purpose(kid: &str) -> String {
    format!("signing key {kid}")
}
