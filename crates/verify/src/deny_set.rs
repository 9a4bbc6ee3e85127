//! What has been revoked: looked up on every check, changed by the feed.

use std::fmt;

use countersign_jose::Timestamp;
use papaya::{HashMap, ResizeMode};

use crate::id_key::{BuildKeyHasher, IdKey, KeyMaker};

/// What a revocation names.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One access token, by its `jti`.
    Token,
    /// Every token of one grant, by the claim `grant_id`.
    Grant,
}

/// The live revocations.
///
/// A lookup takes no lock, and an insert does not copy the set: it is one concurrent hash table,
/// which readers walk without waiting and which grows a few entries at a time. An immutable map
/// that is swapped whole would read as fast, but copying a million entries for each revocation
/// would not do. Keys are 128-bit hashes, so an entry takes the same room whatever its id looks
/// like.
///
/// An entry counts until its own expiry, whether or not [`prune`](Self::prune) has run: pruning
/// only gives memory back. Nothing else takes an entry out, so a revocation is never forgotten
/// early.
pub struct DenySet {
    keys: KeyMaker,
    until: HashMap<IdKey, Timestamp, BuildKeyHasher>,
}

impl DenySet {
    /// An empty set.
    pub fn new() -> Self {
        // So many entries move at each insert while the table grows: few enough that no insert
        // takes a millisecond, and enough that lookups soon have one table to look into, not two.
        let growth = ResizeMode::Incremental(1024);
        let hasher = BuildKeyHasher::default();
        let until = HashMap::builder().hasher(hasher).resize_mode(growth).build();
        Self { keys: KeyMaker::default(), until }
    }

    /// Revokes `id` until `expires_at`. Of two expiries for the same id the later one counts.
    pub fn insert(&self, kind: Revoked, id: &str, expires_at: Timestamp) {
        let (key, until) = (self.keys.key((kind, id)), self.until.pin());
        // Not `update_or_insert`: a table filled by it needs ten times as long for a lookup.
        while let Err(known) = until.try_insert(key, expires_at) {
            // Pruning may take an expired entry away in between; then it is inserted after all.
            let is_later = expires_at > *known.current;
            if !is_later || until.update(key, |until| expires_at.max(*until)).is_some() {
                return;
            }
        }
    }

    /// Whether the token `token_id` or its grant is revoked at `now`.
    pub fn is_revoked(&self, token_id: &str, grant_id: Option<&str>, now: Timestamp) -> bool {
        let until = self.until.pin();
        let holds = |kind, id| {
            let key = self.keys.key((kind, id));
            until.get(&key).is_some_and(|until| now < *until)
        };
        holds(Revoked::Token, token_id)
            || grant_id.is_some_and(|grant_id| holds(Revoked::Grant, grant_id))
    }

    /// Gives back the memory of entries that have expired at `now`. Walks the whole set; readers do
    /// not wait for it.
    pub fn prune(&self, now: Timestamp) {
        self.until.pin().retain(|_, until| now < *until);
    }

    /// The number of entries, expired ones included until they are pruned.
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
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
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn later(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn kinds_do_not_mix() {
        let set = DenySet::new();
        set.insert(Revoked::Token, "a", later(10));
        set.insert(Revoked::Grant, "g", later(10));
        for (token_id, grant_id, expect) in [
            ("a", None, true),
            ("a", Some("other"), true),
            ("other", Some("g"), true),
            ("g", Some("a"), false),
            ("other", None, false),
            ("", Some(""), false),
        ] {
            assert_eq!(set.is_revoked(token_id, grant_id, NOW), expect, "{token_id} {grant_id:?}");
        }
    }

    #[test]
    fn an_entry_counts_until_its_expiry_and_pruning_changes_no_answer() {
        let set = DenySet::new();
        set.insert(Revoked::Token, "short", later(10));
        set.insert(Revoked::Token, "long", later(20));
        assert!(set.is_revoked("short", None, later(9)));
        assert!(!set.is_revoked("short", None, later(10)));
        set.prune(later(10));
        assert_eq!(set.len(), 1);
        assert!(set.is_revoked("long", None, later(19)));
    }

    #[test]
    fn an_earlier_expiry_never_shortens_a_later_one() {
        let set = DenySet::new();
        set.insert(Revoked::Token, "a", later(20));
        set.insert(Revoked::Token, "a", later(10));
        assert!(set.is_revoked("a", None, later(19)));
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn readers_see_every_entry_whose_insert_has_returned_while_the_table_grows() {
        let set = DenySet::new();
        let inserted = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for index in 0..50_000 {
                    set.insert(Revoked::Token, &index.to_string(), later(60));
                    inserted.store(index + 1, std::sync::atomic::Ordering::Release);
                }
            });
            scope.spawn(|| {
                loop {
                    let count = inserted.load(std::sync::atomic::Ordering::Acquire);
                    for index in (0..count).step_by(997).chain(count.checked_sub(1)) {
                        assert!(
                            set.is_revoked(&index.to_string(), None, NOW),
                            "{index} of {count}"
                        );
                    }
                    if count == 50_000 {
                        break;
                    }
                }
            });
        });
        assert_eq!(set.len(), 50_000);
    }
}
