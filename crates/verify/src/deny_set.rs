//! What has been revoked: looked up on every check, changed by the feed.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use countersign_jose::{AccessToken, Timestamp, Verified};
use papaya::{HashMap, ResizeMode};

use crate::id_key::{BuildKeyHasher, IdKey, KeyMaker};

/// What a revocation ends.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revoked<'a> {
    /// One access token, by its `jti`.
    Token(&'a str),
    /// Every token of one grant, by the claim `grant_id`.
    Grant(&'a str),
    /// The tokens of a client that were issued up to a second, whole and included: `iat` tells no
    /// finer.
    Client {
        /// The claim `client_id`.
        client_id: &'a str,
        /// Seconds since the epoch.
        issued_until: u64,
    },
    /// Every token that a key signed, by its `kid`.
    Key(&'a str),
}

/// All that a token can be revoked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenNames<'a> {
    /// The claim `jti`.
    pub token_id: &'a str,
    /// The claim `grant_id`.
    pub grant_id: Option<&'a str>,
    /// The claim `client_id`.
    pub client_id: &'a str,
    /// The claim `iat`, in seconds since the epoch.
    pub issued_at: u64,
    /// The id of the key whose signature was checked; none for what was not signed, as the claims
    /// of an opaque token.
    pub key_id: Option<&'a str>,
}

impl<'a> From<&'a AccessToken> for TokenNames<'a> {
    fn from(token: &'a AccessToken) -> Self {
        Self {
            token_id: &token.token_id,
            grant_id: token.grant_id.as_deref(),
            client_id: &token.client_id,
            issued_at: token.issued_at,
            key_id: None,
        }
    }
}

impl<'a> From<&'a Verified<AccessToken>> for TokenNames<'a> {
    fn from(token: &'a Verified<AccessToken>) -> Self {
        Self { key_id: Some(token.key_id()), ..(&**token).into() }
    }
}

/// The live revocations.
///
/// A lookup takes no lock, and an insert does not copy the set: it is one concurrent hash table,
/// which readers walk without waiting and which grows a few entries at a time. An immutable map
/// that is swapped whole would read as fast, but copying a million entries for each revocation
/// would not do. Keys are 128-bit hashes, so an entry takes the same room whatever its id looks
/// like.
///
/// Clients and signing keys are revoked rarely, so they have a table of their own, and as long as
/// it is empty a lookup costs one flag more.
///
/// An entry counts until its own expiry, whether or not [`prune`](Self::prune) has run: pruning
/// only gives memory back. Nothing else takes an entry out, and none stands in the way of another:
/// a token is refused if any of them hits it. So a revocation is never forgotten early.
pub struct DenySet {
    keys: KeyMaker,
    until: HashMap<IdKey, Timestamp, BuildKeyHasher>,
    wide: HashMap<IdKey, Wide, BuildKeyHasher>,
    /// Whether `wide` may hold anything. Changed only with `wide_changes` held.
    has_wide: AtomicBool,
    wide_changes: Mutex<()>,
}

/// A client or a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wide {
    /// In seconds since the epoch; `u64::MAX` for a key, which hits whatever it signed.
    issued_until: u64,
    expires_at: Timestamp,
}

/// Keeps a client and a key of one name apart.
#[derive(Hash)]
enum WideName<'a> {
    Client(&'a str),
    Key(&'a str),
}

/// Keeps a token and a grant of one name apart.
#[derive(Hash)]
enum Name<'a> {
    Token(&'a str),
    Grant(&'a str),
}

impl DenySet {
    /// An empty set.
    pub fn new() -> Self {
        // So many entries move at each insert while the table grows: few enough that no insert
        // takes a millisecond, and enough that lookups soon have one table to look into, not two.
        let growth = ResizeMode::Incremental(1024);
        let hasher = BuildKeyHasher::default();
        let until = HashMap::builder().hasher(hasher).resize_mode(growth).build();
        Self {
            keys: KeyMaker::default(),
            until,
            wide: HashMap::default(),
            has_wide: AtomicBool::new(false),
            wide_changes: Mutex::default(),
        }
    }

    /// Revokes until `expires_at`. Of two expiries for the same name the later one counts; of two
    /// events of a client the later second and the later expiry, each for itself, so that neither
    /// takes anything from the other. Answers whether the name was not there before.
    pub fn insert(&self, revoked: Revoked<'_>, expires_at: Timestamp) -> bool {
        match revoked {
            Revoked::Token(id) => self.insert_narrow(self.keys.key(Name::Token(id)), expires_at),
            Revoked::Grant(id) => self.insert_narrow(self.keys.key(Name::Grant(id)), expires_at),
            Revoked::Client { client_id, issued_until } => {
                let key = self.keys.key(WideName::Client(client_id));
                self.insert_wide(key, Wide { issued_until, expires_at })
            }
            Revoked::Key(id) => {
                let key = self.keys.key(WideName::Key(id));
                self.insert_wide(key, Wide { issued_until: u64::MAX, expires_at })
            }
        }
    }

    fn insert_narrow(&self, key: IdKey, expires_at: Timestamp) -> bool {
        let until = self.until.pin();
        // Not `update_or_insert`: a table filled by it needs ten times as long for a lookup.
        while let Err(known) = until.try_insert(key, expires_at) {
            // Pruning may take an expired entry away in between; then it is inserted after all.
            let is_later = expires_at > *known.current;
            if !is_later || until.update(key, |until| expires_at.max(*until)).is_some() {
                return false;
            }
        }
        true
    }

    fn insert_wide(&self, key: IdKey, new: Wide) -> bool {
        let _one_at_a_time = self.wide_changes.lock().unwrap_or_else(PoisonError::into_inner);
        let wide = self.wide.pin();
        let known = wide.get(&key).copied();
        let both = known.map_or(new, |known| Wide {
            issued_until: new.issued_until.max(known.issued_until),
            expires_at: new.expires_at.max(known.expires_at),
        });
        wide.insert(key, both);
        self.has_wide.store(true, Ordering::Release);
        known.is_none()
    }

    /// Whether the token is revoked at `now`, by whichever of its names.
    pub fn is_revoked(&self, token: TokenNames<'_>, now: Timestamp) -> bool {
        let until = self.until.pin();
        let holds = |name: Name<'_>| {
            let key = self.keys.key(name);
            until.get(&key).is_some_and(|until| now < *until)
        };
        holds(Name::Token(token.token_id))
            || token.grant_id.is_some_and(|grant_id| holds(Name::Grant(grant_id)))
            || (self.has_wide.load(Ordering::Acquire) && self.is_widely_revoked(token, now))
    }

    #[cold]
    fn is_widely_revoked(&self, token: TokenNames<'_>, now: Timestamp) -> bool {
        let wide = self.wide.pin();
        let holds = |name: WideName<'_>| {
            let entry = wide.get(&self.keys.key(name));
            entry.is_some_and(|entry| {
                now < entry.expires_at && token.issued_at <= entry.issued_until
            })
        };
        holds(WideName::Client(token.client_id))
            || token.key_id.is_some_and(|key_id| holds(WideName::Key(key_id)))
    }

    /// Gives back the memory of entries that have expired at `now`. Walks the whole set; readers do
    /// not wait for it.
    pub fn prune(&self, now: Timestamp) {
        self.until.pin().retain(|_, until| now < *until);
        let _one_at_a_time = self.wide_changes.lock().unwrap_or_else(PoisonError::into_inner);
        let wide = self.wide.pin();
        wide.retain(|_, entry| now < entry.expires_at);
        if wide.is_empty() {
            self.has_wide.store(false, Ordering::Release);
        }
    }

    /// The number of entries, expired ones included until they are pruned.
    pub fn len(&self) -> usize {
        self.until.len() + self.wide.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for DenySet {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DenySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenySet").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
