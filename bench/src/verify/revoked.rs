//! Revocations in numbers, with names as the server makes them.

use countersign_jose::base64url;
use countersign_protocol::revocation::{Revocation, RevokedKind};
use countersign_protocol::snapshot::Snapshot;

/// How many there are of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revoked {
    /// Tokens and grants, half of each.
    pub(super) ids: u64,
    /// Clients: rare, and looked up in a table of their own.
    pub(super) clients: u64,
}

pub(super) const NONE: Revoked = Revoked { ids: 0, clients: 0 };
pub(super) const SOME: Revoked = Revoked { ids: 10_000, clients: 0 };
pub(super) const SOME_AND_A_CLIENT: Revoked = Revoked { ids: 10_000, clients: 1 };
pub(super) const MANY: Revoked = Revoked { ids: 1_000_000, clients: 0 };

/// Expiries are spread over so many seconds.
const SPREAD_S: u64 = 3_600;

impl Revoked {
    /// The events, none of which is over within the hour after `now`, in seconds since the epoch.
    pub(super) fn snapshot(self, now: u64) -> Snapshot {
        let expires_at = |number: u64| now + 3_600 + number % SPREAD_S;
        let id = |number: u64| {
            let (kind, id) = if number.is_multiple_of(2) {
                (RevokedKind::Token, token_id(number))
            } else {
                (RevokedKind::Grant, grant_id(number))
            };
            Revocation {
                seq: number + 1,
                kind,
                id,
                issued_until: None,
                expires_at: expires_at(number),
            }
        };
        let client = |number: u64| Revocation {
            seq: self.ids + number + 1,
            kind: RevokedKind::Client,
            id: client_id(number),
            issued_until: Some(now + 3_600),
            expires_at: expires_at(number),
        };
        let events = (0..self.ids).map(id).chain((0..self.clients).map(client)).collect();
        Snapshot { seq: self.ids + self.clients, events }
    }
}

/// As long as the `jti` that the server gives. Those with even numbers are revoked.
pub(super) fn token_id(number: u64) -> String {
    let [high, low] = [number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number].map(u64::to_be_bytes);
    base64url::encode(&[high, low].concat())
}

/// Those with odd numbers are revoked.
pub(super) fn grant_id(number: u64) -> String {
    format!("0192f4c3-6d11-7c02-{:04x}-{:012x}", number >> 48, number & 0xffff_ffff_ffff)
}

pub(super) fn client_id(number: u64) -> String {
    format!("a-client-that-was-revoked-{number}")
}

impl std::fmt::Display for Revoked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { ids, clients: 0 } => write!(f, "{ids} revoked"),
            Self { ids, clients: 1 } => write!(f, "{ids} and a client revoked"),
            Self { ids, clients } => write!(f, "{ids} and {clients} clients revoked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Revoked, token_id};

    #[test]
    fn there_are_as_many_as_it_says_in_order_and_none_is_over() {
        let snapshot = Revoked { ids: 5, clients: 2 }.snapshot(1_000);
        assert_eq!(
            snapshot.events.iter().map(|event| event.seq).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(snapshot.seq, 7);
        assert!(snapshot.events.iter().all(|event| event.expires_at >= 4_600));
        assert_eq!(snapshot.events[0].id, token_id(0));
        assert_eq!(token_id(7).len(), 22, "128 bits");
    }
}
