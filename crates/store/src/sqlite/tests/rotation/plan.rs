//! What is tried, and how far.

use super::transaction::{Numbers, Rule};

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) numbers: Numbers,
    pub(super) rule: Rule,
    pub(super) server: Server,
    pub(super) manners: Manners,
    /// Whether it begins with the authorization code, generation 0, and not with the first refresh
    /// token.
    pub(super) code: bool,
    /// The last tick.
    pub(super) until: u8,
    /// How far the second server's clock is behind.
    pub(super) skew: u8,
    /// The newest token that the client asks with.
    pub(super) client_until: u8,
    /// How many steps share a transaction.
    pub(super) batch: usize,
    pub(super) thefts: u8,
    pub(super) thief_tries: u8,
    pub(super) revocation: bool,
    pub(super) restore: bool,
}

/// How the server uses its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// As it is: reads, decides and writes under the store's one lock; answers after the commit.
    Product,
    /// Reads and decides first, and writes afterwards.
    ReadsThenWrites,
    /// Answers when it has decided.
    AnswersEarly,
}

/// What an honest client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manners {
    /// Tries again with the same refresh token until it is answered, a public one for as long as
    /// the window after it began, but never with a code; then closes what it has open, and only
    /// then uses the new token.
    Good,
    /// A public client that goes on trying after the window.
    TriesTooLate,
    /// Uses the new token while an older request may still arrive.
    LeavesRequestsOpen,
}
