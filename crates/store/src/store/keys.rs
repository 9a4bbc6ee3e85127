//! Changes of the server's keys.

use countersign_protocol::Timestamp;
use countersign_protocol::client::Client;
use countersign_protocol::key_schedule::{self, KeyUse, Step, Wish};
use countersign_protocol::keyring::SealedKey;
use countersign_protocol::seal::MasterKeyId;

/// A change of the keys.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// What is wished, beside what is due.
    pub wish: Wish,
    /// The uses that there are keys for.
    pub uses: Vec<KeyUse>,
    /// The numbers of the schedule.
    pub settings: key_schedule::Settings,
    /// New keys, in case that some are needed. Those that are not are forgotten.
    pub candidates: Vec<SealedKey>,
    /// When.
    pub now: Timestamp,
}

/// A master key takes over.
#[derive(Clone, Debug)]
pub struct NewMaster {
    /// The one that seals from now on.
    pub newest: MasterKeyId,
    /// Those that seal no more.
    pub replaced: Vec<MasterKeyId>,
}

/// Seals anew what a store holds sealed. Each answers `None` for what it can't open.
pub trait Seal: Send {
    /// A key of the server.
    fn key(&self, key: &SealedKey) -> Option<Vec<u8>>;
    /// The secret of a client that has one to read again.
    fn client_secret(&self, client: &Client) -> Option<String>;
}

/// How a change of the keys went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysChanged {
    /// What could be done is done.
    Done {
        /// What was due.
        steps: Vec<Step>,
        /// New keys that are still needed.
        wanted: Vec<KeyUse>,
        /// When the next step is due, if that can be told.
        next_at: Option<Timestamp>,
    },
    /// Nothing changed: there would be no key that signs, and none was brought.
    NothingToSignWith(KeyUse),
    /// Nothing changed: the keys that were brought are sealed by a master key that was replaced.
    SealedWithAnOldKey,
    /// Nothing changed.
    Refused(key_schedule::Refusal),
}
