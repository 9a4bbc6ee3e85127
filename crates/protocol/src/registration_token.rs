//! The tokens of registration: one that permits it (RFC 7591 §3), and one that manages what was
//! registered (RFC 7592 §3). Only their hashes are stored.

use aws_lc_rs::digest::{SHA256, digest};

use crate::random::{self, Randomness};

/// Which token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The initial access token: permits to register.
    Initial,
    /// The registration access token: manages one client.
    Management,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Initial => "csi_",
            Self::Management => "csm_",
        }
    }
}

/// A new token and its hash.
#[must_use]
pub fn issue(kind: Kind, random: &dyn Randomness) -> (String, [u8; 32]) {
    let token = format!("{}{}", kind.prefix(), random::secret(random));
    let hash = hash(&token);
    (token, hash)
}

/// The hash of a token that was shown; `None` when it is not one of this kind.
#[must_use]
pub fn read(kind: Kind, token: &str) -> Option<[u8; 32]> {
    let right = token.strip_prefix(kind.prefix()).is_some_and(|secret| secret.len() == 43);
    right.then(|| hash(token))
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Randomness for Counting {
        fn fill(&self, out: &mut [u8]) {
            for (place, byte) in (0..).zip(out) {
                *byte = place;
            }
        }
    }

    #[test]
    fn a_token_is_known_by_its_hash_and_by_its_kind() {
        let (token, hash) = issue(Kind::Management, &Counting);
        assert_eq!(read(Kind::Management, &token), Some(hash));
        assert_eq!(read(Kind::Initial, &token), None);
        let (initial, other) = issue(Kind::Initial, &Counting);
        assert_ne!(other, hash);
        for junk in ["", "csm_", &token[..46], &format!("{token}x"), &initial] {
            assert_eq!(read(Kind::Management, junk), None, "{junk}");
        }
    }
}
