//! Headers of tokens that were genuine: the next one that begins alike needs no reading.

use std::sync::OnceLock;

use crate::VerifyingKey;

/// An issuer writes the same header for each key and kind of token, and has few of both at a time.
const SLOTS: usize = 4;

/// The first few headers under which a signature was right, still encoded. They are compared byte
/// for byte. A set of keys that is replaced takes its known headers with it.
#[derive(Clone, Default)]
pub(crate) struct KnownHeaders([OnceLock<KnownHeader>; SLOTS]);

#[derive(Clone)]
pub(crate) struct KnownHeader {
    encoded: Box<[u8]>,
    pub(crate) key: VerifyingKey,
    pub(crate) typ: Option<Box<str>>,
}

impl KnownHeaders {
    pub(crate) fn find(&self, encoded: &[u8]) -> Option<&KnownHeader> {
        self.0.iter().map_while(OnceLock::get).find(|known| *known.encoded == *encoded)
    }

    /// Remembers a header while there is room. Only for a token whose signature was right under
    /// `key`, so that strangers can't fill the room.
    pub(crate) fn remember(&self, encoded: &[u8], key: &VerifyingKey, typ: Option<&str>) {
        let Some(slot) = self.0.iter().find(|slot| slot.get().is_none()) else { return };
        let known =
            KnownHeader { encoded: encoded.into(), key: key.clone(), typ: typ.map(Into::into) };
        // Another thread may have been first: then this header waits for its next token.
        let _taken = slot.set(known);
    }
}
