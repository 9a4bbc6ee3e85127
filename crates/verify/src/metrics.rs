//! Counters, kept as plain atomics; the program exports them in its own way.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// What a verifier has done since it was started, and how it stands. See
/// [`Verifier::metrics`](crate::Verifier::metrics).
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Tokens that were accepted.
    pub accepted: u64,
    /// Tokens that needed no cryptography, because they had been verified before; whether they were
    /// accepted is counted as for the others.
    pub cached: u64,
    /// Tokens that were refused for their form, key, signature or claims.
    pub refused: u64,
    /// Tokens that were refused because they or their grants were revoked.
    pub refused_revoked: u64,
    /// Tokens that were refused because they had been used before.
    pub refused_replayed: u64,
    /// Good tokens that were refused because the verifier was not ready, stale or full.
    pub refused_unavailable: u64,
    /// Successful loads of the key set, unchanged ones included.
    pub key_loads: u64,
    /// Failed loads of the metadata or the key set.
    pub key_failures: u64,
    /// Loads of the key set for the sake of an unknown key id.
    pub unknown_key_loads: u64,
    /// Tokens with an unknown key id that had to be refused without a load, because the last one
    /// was too recent.
    pub unknown_keys_throttled: u64,
    /// Keys in the last set that could not be used.
    pub unusable_keys: u64,
    /// Questions to the issuer about tokens.
    pub introspections: u64,
    /// Questions that were not answered, or not in a usable way.
    pub introspection_failures: u64,
    /// Tokens that the issuer could not be asked about, because too many others were waiting or
    /// too many texts of unknown form had come.
    pub introspections_throttled: u64,
    /// Tokens about which the issuer had been asked before.
    pub introspected_before: u64,
    /// The number of tokens for which an answer of the issuer is remembered.
    pub introspected_tokens: u64,
    /// Loads of status lists, unchanged ones included.
    pub status_list_loads: u64,
    /// Failed loads of status lists, and lists that were not accepted.
    pub status_list_failures: u64,
    /// The number of status lists that are kept.
    pub status_lists: u64,
    /// Snapshots of the revocations that were loaded.
    pub snapshots: u64,
    /// Frames of the feed that were applied, heartbeats included.
    pub feed_frames: u64,
    /// Times that the feed or a snapshot failed or was lost.
    pub feed_failures: u64,
    /// Acknowledgements that the issuer has taken.
    pub acknowledgements: u64,
    /// Acknowledgements that did not arrive or were not taken.
    pub acknowledgement_failures: u64,
    /// The place in the issuer's order of revocations up to which all are known; `None` before the
    /// first snapshot.
    pub revocations_applied: Option<u64>,
    /// The number of live revocations, some expired ones included.
    pub revocations: u64,
    /// The number of tokens that are remembered as verified.
    pub cached_tokens: u64,
    /// Time since the keys were last loaded or confirmed; `None` if never.
    pub keys_age: Option<Duration>,
    /// Time since the revocations were last known to be complete; `None` if never, or if they are
    /// not followed.
    pub revocations_age: Option<Duration>,
}

/// One counter. Relaxed order is enough: nothing is concluded from it.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for what happens millions of times a second on many threads: each thread has a place
/// of its own to count in, so that they do not take the memory from each other.
#[derive(Debug, Default)]
pub(crate) struct SharedCounter([Place; PLACES]);

/// Threads beyond that many share places.
const PLACES: usize = 16;

/// As large as what processors hand to each other at a time, twice for those that fetch pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place(Counter);

impl SharedCounter {
    pub(crate) fn add_one(&self) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % PLACES;
        }
        // While a thread is torn down, any place will do.
        self.0[MINE.try_with(|mine| *mine).unwrap_or(0)].0.add_one();
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.iter().map(|place| place.0.get()).sum()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: SharedCounter,
    pub(crate) refused: Counter,
    pub(crate) refused_revoked: Counter,
    pub(crate) refused_replayed: Counter,
    pub(crate) refused_unavailable: Counter,
    pub(crate) key_loads: Counter,
    pub(crate) key_failures: Counter,
    pub(crate) unknown_key_loads: Counter,
    pub(crate) unknown_keys_throttled: Counter,
    pub(crate) unusable_keys: Counter,
    pub(crate) introspections: Counter,
    pub(crate) introspection_failures: Counter,
    pub(crate) introspections_throttled: Counter,
    pub(crate) status_list_loads: Counter,
    pub(crate) status_list_failures: Counter,
    pub(crate) snapshots: Counter,
    pub(crate) feed_frames: Counter,
    pub(crate) feed_failures: Counter,
    pub(crate) acknowledgements: Counter,
    pub(crate) acknowledgement_failures: Counter,
}

impl Counters {
    /// The counters; the gauges of [`Metrics`] are left for the caller.
    pub(crate) fn read(&self) -> Metrics {
        Metrics {
            accepted: self.accepted.get(),
            refused: self.refused.get(),
            refused_revoked: self.refused_revoked.get(),
            refused_replayed: self.refused_replayed.get(),
            refused_unavailable: self.refused_unavailable.get(),
            key_loads: self.key_loads.get(),
            key_failures: self.key_failures.get(),
            unknown_key_loads: self.unknown_key_loads.get(),
            unknown_keys_throttled: self.unknown_keys_throttled.get(),
            unusable_keys: self.unusable_keys.get(),
            introspections: self.introspections.get(),
            introspection_failures: self.introspection_failures.get(),
            introspections_throttled: self.introspections_throttled.get(),
            status_list_loads: self.status_list_loads.get(),
            status_list_failures: self.status_list_failures.get(),
            snapshots: self.snapshots.get(),
            feed_frames: self.feed_frames.get(),
            feed_failures: self.feed_failures.get(),
            acknowledgements: self.acknowledgements.get(),
            acknowledgement_failures: self.acknowledgement_failures.get(),
            ..Metrics::default()
        }
    }
}
