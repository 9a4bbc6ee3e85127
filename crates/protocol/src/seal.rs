//! Sealing: secrets rest encrypted under a master key that is not in the database.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::random::Randomness;

/// The length of the master key in bytes.
pub const MASTER_KEY_LEN: usize = 32;

/// The key that seals all others (AES-256-GCM).
pub struct MasterKey(LessSafeKey);

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
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key");
        Self(LessSafeKey::new(key))
    }

    /// Seals `plain` for one `purpose`; only the same purpose opens it.
    #[must_use]
    pub fn seal(&self, purpose: &str, plain: &[u8], random: &dyn Randomness) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = Zeroizing::new(plain.to_vec());
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut *sealed,
            )
            .expect("secrets are far below the limit of AES-GCM");
        [nonce.as_slice(), sealed.as_slice()].concat()
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// [`WrongMasterKey`] for another key, another purpose, or altered bytes.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrongMasterKey> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(WrongMasterKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| WrongMasterKey)?;
        let mut bytes = Zeroizing::new(rest.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes)
            .map_err(|_| WrongMasterKey)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
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
}
