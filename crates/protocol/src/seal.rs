//! Sealing: secrets rest encrypted under a master key that is not in the database.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::random::Randomness;

/// The length of the master key in bytes.
pub const MASTER_KEY_LEN: usize = 32;

/// What sealed bytes begin with, before the id of the master key. Older ones begin with the nonce.
const MAGIC: &[u8; 4] = b"CSk1";

/// Names a master key without telling anything about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKeyId([u8; 8]);

impl MasterKeyId {
    /// Its bytes, for the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The master key that sealed these bytes; `None` for bytes from before keys had names.
    #[must_use]
    pub fn of(sealed: &[u8]) -> Option<Self> {
        sealed.strip_prefix(MAGIC)?.first_chunk().copied().map(Self)
    }
}

/// The keys that seal all others (AES-256-GCM): one seals, all of them open.
pub struct MasterKey {
    newest: Named,
    older: Vec<Named>,
}

struct Named {
    id: MasterKeyId,
    key: LessSafeKey,
}

impl Named {
    fn new(bytes: &[u8; MASTER_KEY_LEN]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key");
        let name = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), b"countersign master key");
        let mut id = [0; 8];
        id.iter_mut().zip(name.as_ref()).for_each(|(to, from)| *to = *from);
        Self { id: MasterKeyId(id), key: LessSafeKey::new(key) }
    }

    fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = Zeroizing::new(rest.to_vec());
        let length = self.key.open_in_place(nonce, Aad::from(bound_to), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Sealed bytes that this master key does not open: another key, or damaged data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open what is sealed in the store")]
pub struct WrongMasterKey;

impl MasterKey {
    /// The master key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; MASTER_KEY_LEN]) -> Self {
        Self { newest: Named::new(bytes), older: Vec::new() }
    }

    /// The same, which also opens what an older key has sealed.
    #[must_use]
    pub fn and_older(mut self, bytes: &[u8; MASTER_KEY_LEN]) -> Self {
        self.older.push(Named::new(bytes));
        self
    }

    /// The key that seals.
    #[must_use]
    pub const fn id(&self) -> MasterKeyId {
        self.newest.id
    }

    /// The keys that only open.
    pub fn older_ids(&self) -> impl Iterator<Item = MasterKeyId> {
        self.older.iter().map(|key| key.id)
    }

    /// Seals `plain` for one `purpose`; only the same purpose opens it.
    #[must_use]
    pub fn seal(&self, purpose: &str, plain: &[u8], random: &dyn Randomness) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = Zeroizing::new(plain.to_vec());
        let header = header(self.newest.id);
        self.newest
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from([&header, purpose.as_bytes()].concat()),
                &mut *sealed,
            )
            .expect("secrets are far below the limit of AES-GCM");
        [header.as_slice(), nonce.as_slice(), sealed.as_slice()].concat()
    }

    /// Opens what [`Self::seal`] made, with this key or an older one.
    ///
    /// # Errors
    /// [`WrongMasterKey`] for another key, another purpose, or altered bytes.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrongMasterKey> {
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        let named = MasterKeyId::of(sealed).and_then(|id| {
            let key = keys.clone().find(|key| key.id == id)?;
            let (header, rest) = sealed.split_at_checked(header(id).len())?;
            key.open(&[header, purpose.as_bytes()].concat(), rest)
        });
        // A nonce may look like a name.
        named
            .or_else(|| keys.find_map(|key| key.open(purpose.as_bytes(), sealed)))
            .ok_or(WrongMasterKey)
    }
}

fn header(id: MasterKeyId) -> Vec<u8> {
    [MAGIC.as_slice(), &id.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nines;
    impl Randomness for Nines {
        fn fill(&self, out: &mut [u8]) {
            out.fill(9);
        }
    }

    #[test]
    fn only_the_same_key_and_purpose_open() {
        let key = MasterKey::new(&[1; 32]);
        let sealed = key.seal("a", b"secret", &Nines);
        assert_eq!(key.open("a", &sealed).unwrap().as_slice(), b"secret");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert!(key.open("b", &sealed).is_err());
        assert!(MasterKey::new(&[2; 32]).open("a", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(key.open("a", &altered).is_err());
            assert!(key.open("a", &sealed[..at]).is_err());
        }
    }

    #[test]
    fn an_older_key_opens_and_the_newest_seals() {
        let old = MasterKey::new(&[1; 32]);
        let both = MasterKey::new(&[2; 32]).and_older(&[1; 32]);
        let new = MasterKey::new(&[2; 32]);
        let by_old = old.seal("a", b"secret", &Nines);
        let by_both = both.seal("a", b"secret", &Nines);
        let opens = |key: &MasterKey, sealed: &[u8]| key.open("a", sealed).is_ok();
        assert!(opens(&both, &by_old) && opens(&both, &by_both) && opens(&new, &by_both));
        assert!(!opens(&old, &by_both) && !opens(&new, &by_old));
        assert_eq!(MasterKeyId::of(&by_old), Some(old.id()));
        assert_eq!(MasterKeyId::of(&by_both), Some(new.id()));
        assert_ne!(old.id(), new.id());
    }

    #[test]
    fn what_was_sealed_before_keys_had_names_opens() {
        let key = UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap();
        let mut sealed = b"secret".to_vec();
        LessSafeKey::new(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key([9; NONCE_LEN]),
                Aad::from(b"a"),
                &mut sealed,
            )
            .unwrap();
        let sealed = [&[9; NONCE_LEN], &*sealed].concat();
        let master = MasterKey::new(&[2; 32]).and_older(&[1; 32]);
        assert_eq!(master.open("a", &sealed).unwrap().as_slice(), b"secret");
        assert!(master.open("b", &sealed).is_err());
        assert_eq!(MasterKeyId::of(&sealed), None);
    }
}
