//! Ids as 128-bit keys: a fixed size in memory, whatever the issuer puts into an id.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use foldhash::quality::RandomState;

/// A map or set of [`IdKey`]s hashes with this: the key is a hash already.
pub(crate) type BuildKeyHasher = BuildHasherDefault<KeyHasher>;

/// An id, or a pair of them, as 128 bits.
///
/// Two ids with the same key are one for us. That errs on the safe side: it can refuse a good
/// token, never pass a bad one. With a million entries the chance for one token is about 1 in
/// 10^32. A stranger cannot aim for it either: ids are looked up only after the signature of the
/// token that carries them was checked, and the seeds differ in each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdKey {
    high: u64,
    low: u64,
}

/// Makes keys. Keys of different makers cannot be compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyMaker {
    high: RandomState,
    low: RandomState,
}

impl KeyMaker {
    pub(crate) fn key<T: Hash>(&self, id: T) -> IdKey {
        IdKey { high: self.high.hash_one(&id), low: self.low.hash_one(&id) }
    }
}

impl Hash for IdKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
    }
}

/// Passes on the one number that an [`IdKey`] gives it.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
