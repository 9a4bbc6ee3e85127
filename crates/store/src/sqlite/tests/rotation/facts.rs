//! What is stored, what was decided, what has happened.

use super::transaction::{Answer, Row};

/// A grant's row, and what is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stored {
    pub(super) row: Row,
    /// When the newest generation was decided, by the true time.
    pub(super) made_at: u8,
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Past {
    /// The generations that were rotated from since the last restore.
    pub(super) rotated_from: u16,
    pub(super) ended: bool,
    pub(super) taken_back: bool,
    pub(super) stolen_used: bool,
    pub(super) restored: bool,
}

/// A request that a server has decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Job {
    pub(super) thief: bool,
    pub(super) presented: u8,
    pub(super) answer: Answer,
}
