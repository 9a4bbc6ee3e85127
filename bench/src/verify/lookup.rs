//! The set of revocations by itself: what a lookup takes, and what an entry takes in memory.

use std::hint::black_box;
use std::time::Instant;

use countersign_jose::Timestamp;
use countersign_verify::{DenySet, Revoked as Entry, TokenNames};

use super::TURN;
use super::revoked::{Revoked, client_id, grant_id, token_id};
use super::tokens::now;
use crate::memory;

/// Each lookup is for another token of so many: in the processor's cache is neither what is looked
/// for nor the place where it would be.
const NAMES: u64 = 1 << 16;
/// Names from here on are in no set.
const UNKNOWN: u64 = 1 << 32;

pub(super) struct Lookup {
    pub(super) revoked: Revoked,
    /// Resident memory of the set for each entry, in bytes.
    pub(super) bytes_each: f64,
    set: DenySet,
    names: Vec<[String; 2]>,
}

impl Lookup {
    /// Fills a set. Memory that was free before would hide what the set takes, so the largest one
    /// has to be the first.
    pub(super) fn new(revoked: Revoked) -> Result<Self, String> {
        let before = memory::own_resident_mib()?;
        let until = Timestamp::from_secs(now().as_secs() + 3_600);
        let set = DenySet::new();
        for number in 0..revoked.ids {
            if number.is_multiple_of(2) {
                set.insert(Entry::Token(&token_id(number)), until);
            } else {
                set.insert(Entry::Grant(&grant_id(number)), until);
            }
        }
        for number in 0..revoked.clients {
            let issued_until = now().as_secs();
            set.insert(Entry::Client { client_id: &client_id(number), issued_until }, until);
        }
        let grown = (memory::own_resident_mib()? - before) * f64::from(1 << 20);
        let bytes_each = grown / (revoked.ids.max(1)) as f64;
        let names = (UNKNOWN..UNKNOWN + NAMES).map(|number| [token_id(number), grant_id(number)]);
        let lookup = Self { revoked, bytes_each, set, names: names.collect() };
        lookup.prove()?;
        Ok(lookup)
    }

    fn prove(&self) -> Result<(), String> {
        let entries = self.revoked.ids + self.revoked.clients;
        if self.set.len() as u64 != entries {
            return Err(format!("{} entries instead of {entries}", self.set.len()));
        }
        let holds = |[token, grant]: &[String; 2]| self.set.is_revoked(names(token, grant), now());
        if self.names.iter().any(holds) {
            return Err("what was not revoked is in the set".to_owned());
        }
        let known = [[token_id(0), grant_id(UNKNOWN)], [token_id(UNKNOWN), grant_id(1)]];
        if self.revoked.ids > 0 && !known.iter().all(holds) {
            return Err("what was revoked is not in the set".to_owned());
        }
        Ok(())
    }

    /// Nanoseconds to look for one token, by its own name, its grant and its client.
    pub(super) fn time(&self) -> f64 {
        let now = now();
        let (start, mut count) = (Instant::now(), 0u64);
        while start.elapsed() < TURN {
            for [token, grant] in &self.names {
                black_box(self.set.is_revoked(black_box(names(token, grant)), now));
            }
            count += NAMES;
        }
        start.elapsed().as_secs_f64() * 1e9 / count as f64
    }
}

fn names<'a>(token_id: &'a str, grant_id: &'a str) -> TokenNames<'a> {
    TokenNames {
        token_id,
        grant_id: Some(grant_id),
        client_id: "storefront-web-production",
        issued_at: 0,
        key_id: Some("a key"),
    }
}

#[cfg(test)]
mod tests {
    use super::Lookup;
    use crate::verify::revoked::Revoked;

    #[test]
    fn a_set_of_each_kind_is_filled_and_looked_into() {
        for (ids, clients) in [(0, 0), (10, 0), (10, 1)] {
            let lookup = Lookup::new(Revoked { ids, clients }).unwrap();
            assert!(lookup.time() > 0.0);
        }
    }
}
