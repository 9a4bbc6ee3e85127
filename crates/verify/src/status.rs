//! What a Token Status List says (draft-ietf-oauth-status-list-21), and what a token says about it.
//! Pure: bytes come in, a verdict comes out.

use std::time::Duration;

use countersign_jose::{AccessToken, Error as TokenError, StatusListToken, Timestamp, base64url};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde_json::Value;

use crate::timing::Timing;

/// Room for eight million tokens of one bit.
const MAX_UNPACKED_BYTES: usize = 1024 * 1024;
const MAX_URI_BYTES: usize = 2_048;
/// `ttl` when the list has none.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// Where the status of a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) uri: &'a str,
    pub(crate) index: usize,
}

/// The claim `status` of a token (section 6.1); `None` without one.
pub(crate) fn reference(token: &AccessToken) -> Result<Option<Reference<'_>>, TokenError> {
    const MALFORMED: TokenError = TokenError::InvalidClaim("status");
    let Some(status) = token.extra.get("status") else { return Ok(None) };
    let Value::Object(status) = status else { return Err(MALFORMED) };
    // Another mechanism may stand there as well; without a list it is none that we know.
    let Some(list) = status.get("status_list") else { return Ok(None) };
    let uri = list.get("uri").and_then(Value::as_str).filter(|uri| uri.len() <= MAX_URI_BYTES);
    let index = list.get("idx").and_then(Value::as_u64);
    match (uri, index.and_then(|index| usize::try_from(index).ok())) {
        (Some(uri), Some(index)) => Ok(Some(Reference { uri, index })),
        _ => Err(MALFORMED),
    }
}

/// A copy of a list, unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    bits: u8,
    bytes: Vec<u8>,
    /// Seconds since the epoch.
    pub(crate) issued_at: u64,
    expires_at: Option<Timestamp>,
    lifetime: Duration,
}

/// A list that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the status list cannot be unpacked")]
pub(crate) struct Packed;

impl List {
    pub(crate) fn unpack(token: &StatusListToken, timing: &Timing) -> Result<Self, Packed> {
        let packed = base64url::decode(token.list.as_bytes()).map_err(|_| Packed)?;
        let bytes = decompress_to_vec_zlib_with_limit(&packed, MAX_UNPACKED_BYTES);
        let (shortest, longest) = timing.status_lifetime_bounds;
        let lifetime = token.time_to_live_s.map_or(DEFAULT_LIFETIME, Duration::from_secs);
        Ok(Self {
            bits: token.bits,
            bytes: bytes.map_err(|_| Packed)?,
            issued_at: token.issued_at,
            expires_at: token.expires_at.map(Timestamp::from_secs),
            lifetime: lifetime.clamp(shortest, longest),
        })
    }

    /// The status at an index, 0 for valid; `None` outside of the list.
    pub(crate) fn get(&self, index: usize) -> Option<u8> {
        let in_a_byte = 8 / usize::from(self.bits.max(1));
        let byte = self.bytes.get(index / in_a_byte)?;
        let shift = (index % in_a_byte) * usize::from(self.bits);
        let mask = u8::MAX >> (8 - self.bits.clamp(1, 8));
        Some(byte >> shift & mask)
    }

    /// How long it may be kept before it is fetched again.
    pub(crate) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whether this copy may be used no more, whenever it was fetched.
    pub(crate) fn has_expired(&self, leeway: Duration, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end.plus(leeway))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(bits: u8, lst: &str) -> Result<List, Packed> {
        let token = StatusListToken { bits, list: lst.to_owned(), ..StatusListToken::default() };
        List::unpack(&token, &Timing::default())
    }

    /// The examples of the draft, sections 4.1 and 10.
    #[test]
    fn the_drafts_lists_are_read() {
        for (bits, lst, expect) in [
            (1, "eNrbuRgAAhcBXQ", &[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1][..]),
            (2, "eNo76fITAAPfAgc", &[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
        ] {
            let list = list(bits, lst).expect("well formed");
            for (index, expect) in expect.iter().enumerate() {
                assert_eq!(list.get(index), Some(*expect), "{bits} bits at {index}");
            }
            assert_eq!(list.get(expect.len()), None);
            assert_eq!(list.get(usize::MAX), None);
        }
    }

    /// The test vectors of the draft's appendix with 2^20 entries, one and two bits each.
    #[test]
    fn the_drafts_long_vectors_are_read() {
        const ONE: &str = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAA\
            AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAA\
            vhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAA\
            AACAZC8L2AEb";
        const TWO: &str = "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAA\
            AAAAAAAAAAAAAAAAAEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
            AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAA\
            AAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAA\
            AAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoA\
            AAAAAAAAAAAAAEBqH81gAQw";
        let places = [
            (0, 1),
            (1_993, 2),
            (25_460, 1),
            (159_495, 3),
            (495_669, 1),
            (554_353, 1),
            (645_645, 2),
            (723_232, 1),
            (854_545, 1),
            (934_534, 2),
            (1_000_345, 3),
        ];
        let (one, two) = (list(1, ONE).expect("good"), list(2, TWO).expect("good"));
        let set = |list: &List| (0..1 << 20).filter(|index| list.get(*index) != Some(0)).count();
        assert_eq!((set(&one), set(&two)), (places.len(), places.len()));
        for (index, status) in places {
            assert_eq!((one.get(index), two.get(index)), (Some(1), Some(status)), "{index}");
        }
        assert_eq!((one.get(1 << 20), two.get(1 << 20)), (None, None));
    }

    #[test]
    fn what_cannot_be_unpacked_or_is_too_large_is_no_list() {
        for lst in ["", "eNrbuRgAAhcBXR", "eNrb!", "AAAA"] {
            assert_eq!(list(1, lst), Err(Packed), "{lst}");
        }
        let large = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; MAX_UNPACKED_BYTES + 1], 9);
        assert_eq!(list(1, &base64url::encode(&large)), Err(Packed));
    }

    #[test]
    fn a_reference_is_whole_or_refused() {
        let of = |status: Value| {
            let mut token = AccessToken::default();
            token.extra.insert("status".to_owned(), status);
            reference(&token).map(|found| found.map(|found| (found.uri.to_owned(), found.index)))
        };
        let good = json!({ "status_list": { "idx": 3, "uri": "https://id.example/l" } });
        assert_eq!(of(good), Ok(Some(("https://id.example/l".to_owned(), 3))));
        assert_eq!(of(json!({ "other": {} })), Ok(None));
        assert_eq!(reference(&AccessToken::default()), Ok(None));
        for bad in [
            json!("text"),
            json!({ "status_list": 1 }),
            json!({ "status_list": { "idx": -1, "uri": "https://id.example/l" } }),
            json!({ "status_list": { "idx": "3", "uri": "https://id.example/l" } }),
            json!({ "status_list": { "idx": 3 } }),
            json!({ "status_list": { "uri": "https://id.example/l" } }),
            json!({ "status_list": { "idx": 3, "uri": "x".repeat(3_000) } }),
        ] {
            assert_eq!(of(bad.clone()), Err(TokenError::InvalidClaim("status")), "{bad}");
        }
    }
}
