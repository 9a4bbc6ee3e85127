//! The set of revocations by itself: what a lookup takes, and what an entry takes in memory.

use std::hint::black_box;
use std::time::Instant;

use countersign_jose::Timestamp;
use countersign_verify::{DenySet, Revoked as Entry, TokenNames};

use super::TURN;
use super::revoked::{Revoked, client_id, grant_id, token_id};
use super::tokens::now;
use crate::memory;

/// So many tokens are looked for in turn: few as in the other rows, or so many that the place where
/// each would be is in no processor's cache. Their names come one after the other, and so in time.
pub(super) const TOKENS: [usize; 2] = [FEW, 1 << 16];
pub(super) const FEW: usize = 256;
pub(super) const EACH_ANOTHER: usize = TOKENS[1];
/// Names from here on are in no set.
const UNKNOWN: u64 = 1 << 32;

pub(super) struct Lookup {
    pub(super) revoked: Revoked,
    /// Resident memory of the set for each entry, in bytes.
    pub(super) bytes_each: f64,
    set: DenySet,
    /// A `jti` and a `grant_id` for each token, without anything between them.
    names: String,
}

/// The lengths of the two.
const NAMES: [usize; 2] = [22, 36];

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
        let numbers = UNKNOWN..UNKNOWN + EACH_ANOTHER as u64;
        let names = numbers.map(|number| token_id(number) + &grant_id(number)).collect();
        let lookup = Self { revoked, bytes_each, set, names };
        lookup.prove()?;
        Ok(lookup)
    }

    fn prove(&self) -> Result<(), String> {
        let entries = self.revoked.ids + self.revoked.clients;
        if self.set.len() as u64 != entries {
            return Err(format!("{} entries instead of {entries}", self.set.len()));
        }
        let holds = |token: TokenNames<'_>| self.set.is_revoked(token, now());
        if self.tokens(EACH_ANOTHER).any(holds) {
            return Err("what was not revoked is in the set".to_owned());
        }
        let known = [[token_id(0), grant_id(UNKNOWN)], [token_id(UNKNOWN), grant_id(1)]];
        let is_known = |[token, grant]: &[String; 2]| holds(names(token, grant));
        if self.revoked.ids > 0 && !known.iter().all(is_known) {
            return Err("what was revoked is not in the set".to_owned());
        }
        Ok(())
    }

    fn tokens(&self, count: usize) -> impl Iterator<Item = TokenNames<'_>> {
        let [token, grant] = NAMES;
        (0..count).map(move |place| {
            let both = &self.names[place * (token + grant)..][..token + grant];
            let (token, grant) = both.split_at(token);
            names(token, grant)
        })
    }

    /// Nanoseconds to look for one of so many tokens, by its own name, its grant and, where one is
    /// revoked, its client.
    pub(super) fn time(&self, tokens: usize) -> f64 {
        let now = now();
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < TURN {
            for token in self.tokens(tokens) {
                black_box(self.set.is_revoked(black_box(token), now));
            }
            count += tokens;
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
            assert!(lookup.time(1) > 0.0);
        }
    }
}
