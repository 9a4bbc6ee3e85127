//! Token Status List (draft-ietf-oauth-status-list-21): a bit for each access token of the clients
//! that opted in, for verifiers that know nothing of our feed.
//!
//! A token gets an index of its own at random, in a list of a million. While it lives, and for as
//! long after as anybody may keep a copy of the list, nobody else gets that index.

use std::time::Duration;

use countersign_jose::{Timestamp, base64url};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Value, json};

use crate::lifetimes::LEEWAY_MAX;
use crate::random::Randomness;

/// The indexes of a list.
pub const LIST_SIZE: u32 = 1 << 20;
/// How long a copy of a list may be kept (`ttl`), in seconds.
pub const TIME_TO_LIVE_S: u64 = 60;
/// How long a copy may be used at all (`exp`), in seconds.
pub const USABLE_FOR_S: u64 = 300;
/// Indexes that are tried before a new list is begun. With half of all indexes taken, one token in
/// 256 begins a new list, and so lists do not get much fuller than that.
const TRIES: usize = 8;
/// As other implementations pack: best, since a list is packed once and fetched often.
const PACKING_LEVEL: u8 = 9;

/// Where the status of a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusIndex {
    /// The number of the list.
    pub list: u32,
    /// The index in it.
    pub index: u32,
}

impl StatusIndex {
    /// The claim `status` of a token (§6.1).
    #[must_use]
    pub fn claim(self, issuer: &str) -> Value {
        json!({ "status_list": { "idx": self.index, "uri": uri(issuer, self.list) } })
    }
}

/// A token that is to be listed: all that it can be revoked by, and some luck.
#[derive(Clone, Debug)]
pub struct ListedToken {
    /// Its `jti`.
    pub token_id: String,
    /// Its `grant_id`.
    pub grant_id: String,
    /// Its `client_id`.
    pub client_id: String,
    /// The `kid` of its signature.
    pub key_id: String,
    /// Its `iat`, in seconds since the epoch.
    pub issued_at: u64,
    /// Its `exp`.
    pub expires_at: u64,
    draws: [[u8; 8]; TRIES],
}

impl ListedToken {
    /// A token with these names, and indexes drawn for it.
    #[must_use]
    pub fn new(
        (token_id, grant_id): (String, String),
        (client_id, key_id): (String, String),
        (issued_at, expires_at): (u64, u64),
        random: &dyn Randomness,
    ) -> Self {
        let mut draws = [[0; 8]; TRIES];
        for draw in &mut draws {
            random.fill(draw);
        }
        Self { token_id, grant_id, client_id, key_id, issued_at, expires_at, draws }
    }

    /// The places to try when there are so many lists, in this order. The last is in a list that
    /// nobody uses yet.
    pub fn candidates(&self, lists: u32) -> impl Iterator<Item = StatusIndex> {
        let draw = |bytes: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *bytes;
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]) % LIST_SIZE)
        };
        let tried = self.draws.iter().take(TRIES - 1).map(draw);
        let tried =
            tried.map(move |(list, index)| StatusIndex { list: list % lists.max(1), index });
        let new = draw(&self.draws[TRIES - 1]).1;
        tried.chain(std::iter::once(StatusIndex { list: lists, index: new }))
    }

    /// When its index can be given to another token: it has expired everywhere, and no copy of the
    /// list from its time is used any more.
    #[must_use]
    pub fn free_at(&self) -> Timestamp {
        let copies = Duration::from_secs(USABLE_FOR_S);
        Timestamp::from_secs(self.expires_at).plus(LEEWAY_MAX).plus(copies)
    }
}

/// Where a list is served.
#[must_use]
pub fn uri(issuer: &str, list: u32) -> String {
    format!("{}/status-lists/{list}", issuer.trim_end_matches('/'))
}

/// The member `lst` of a list in which these indexes are invalid: a bit each, the lowest of a byte
/// first, compressed with ZLIB (§4.1).
#[must_use]
pub fn pack(revoked: &[u32]) -> String {
    let mut bits = vec![0_u8; LIST_SIZE as usize / 8];
    for index in revoked {
        if let Some(byte) = bits.get_mut(*index as usize / 8) {
            *byte |= 1 << (index % 8);
        }
    }
    base64url::encode(&compress_to_vec_zlib(&bits, PACKING_LEVEL))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use miniz_oxide::inflate::decompress_to_vec_zlib;

    use super::*;

    /// A simple sequence, a different one at each call.
    #[derive(Default)]
    struct Sequence(AtomicU64);
    impl Randomness for Sequence {
        fn fill(&self, out: &mut [u8]) {
            let mut state =
                self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for byte in out {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
        }
    }

    fn listed(random: &dyn Randomness) -> ListedToken {
        let names = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        ListedToken::new(names("t", "g"), names("c", "k"), (100, 400), random)
    }

    #[test]
    fn candidates_lie_in_the_lists_that_are_there_and_last_in_a_new_one() {
        let random = Sequence::default();
        for lists in [0, 1, 2, 7] {
            let mut seen = HashSet::new();
            for _ in 0..200 {
                let all: Vec<_> = listed(&random).candidates(lists).collect();
                assert_eq!(all.len(), TRIES);
                let (last, tried) = all.split_last().unwrap();
                assert_eq!(last.list, lists);
                assert!(tried.iter().all(|place| place.list < lists.max(1)));
                assert!(all.iter().all(|place| place.index < LIST_SIZE));
                seen.extend(tried.iter().map(|place| place.list));
            }
            assert_eq!(seen.len(), lists.max(1) as usize, "every list is used");
        }
    }

    #[test]
    fn the_claim_is_that_of_the_draft() {
        let place = StatusIndex { list: 3, index: 41 };
        let uri = "https://id.example/status-lists/3";
        let expected = json!({ "status_list": { "idx": 41, "uri": uri } });
        assert_eq!(place.claim("https://id.example"), expected);
    }

    /// The list with 2^20 entries of the draft's test vectors, one bit each.
    #[test]
    fn a_list_is_packed_as_in_the_drafts_vectors() {
        const LST: &str = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAA\
            AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAA\
            vhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAA\
            AACAZC8L2AEb";
        let revoked = [
            0, 1_993, 25_460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534,
            1_000_345,
        ];
        let unpack = |lst: &str| {
            decompress_to_vec_zlib(&base64url::decode(lst.as_bytes()).unwrap()).unwrap()
        };
        assert_eq!(unpack(&pack(&revoked)), unpack(LST));
        assert!(pack(&[]).len() < 300, "an empty list is small");
        assert_eq!(unpack(&pack(&[LIST_SIZE])), unpack(&pack(&[])), "nothing lies outside");
    }
}
