//! When keys are replaced, and which ones there are.

use std::time::Duration;

use countersign_jose::Algorithm;
use countersign_protocol::client::Client;
use countersign_protocol::{key_schedule, keyring};
use serde::{Deserialize, Serialize};

use super::{Config, DAY};

/// `[keys]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeySection {
    /// How long a key signs, in days. 0: until `countersign key rotate`.
    pub rotation_days: u64,
    /// How long a key is published before it signs, in seconds.
    pub announce_s: u64,
    /// Algorithms whose keys are made ahead, beside those that there are always keys for. Those of
    /// clients are made when they are needed first.
    pub algorithms: Vec<String>,
}

impl Default for KeySection {
    fn default() -> Self {
        let default = key_schedule::Settings::default();
        Self {
            rotation_days: default.rotation.map_or(0, |rotation| rotation.as_secs() / DAY),
            announce_s: default.announce.as_secs(),
            algorithms: Vec::new(),
        }
    }
}

impl Config {
    /// The schedule of the keys.
    #[must_use]
    pub fn key_settings(&self) -> key_schedule::Settings {
        let days = self.keys.rotation_days;
        key_schedule::Settings {
            rotation: (days > 0).then(|| Duration::from_secs(days * DAY)),
            announce: Duration::from_secs(self.keys.announce_s),
            lives: key_schedule::Lives::new(&self.lifetimes()),
        }
    }

    /// What tokens are to be signed with, as far as the configuration says.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let listed = self.keys.algorithms.iter().filter_map(|name| Algorithm::from_name(name));
        let clients = self.clients.iter().flat_map(Client::signature_algorithms);
        let mut algorithms: Vec<Algorithm> = Vec::new();
        for algorithm in listed.chain(clients) {
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        algorithms
    }

    /// A key can't sign for less time than the next one is announced for, nor with an algorithm
    /// that is not offered.
    pub(super) fn key_faults(&self) -> Vec<String> {
        let known = |name: &&String| keyring::ALGORITHMS.iter().any(|one| one.name() == **name);
        let unknown = self.keys.algorithms.iter().find(|name| !known(name)).map(|_| {
            let names: Vec<_> = keyring::ALGORITHMS.iter().map(|one| one.name()).collect();
            format!("keys.algorithms: each is one of {}", names.join(", "))
        });
        let (days, announce_s) = (self.keys.rotation_days, self.keys.announce_s);
        let period = days.saturating_mul(DAY);
        let short = (days > 0 && period < announce_s).then(|| {
            format!(
                "keys.rotation_days = {days}: the next key is announced for keys.announce_s = \
                 {announce_s} seconds before it signs, so no key can sign for less than that"
            )
        });
        unknown.into_iter().chain(short).collect()
    }
}
