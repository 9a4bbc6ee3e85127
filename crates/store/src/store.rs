//! The trait, and what goes in and out of its steps.

mod consent;
mod device;
mod keys;
mod used_token;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use countersign_protocol::Timestamp;
use countersign_protocol::account::Account;
use countersign_protocol::authorization_code;
use countersign_protocol::client::Client;
use countersign_protocol::device_code::{self, DeviceRequest, UserCode};
use countersign_protocol::error::OAuthError;
use countersign_protocol::follower::Follower;
use countersign_protocol::grant::{EndReason, Grant, GrantId};
use countersign_protocol::keyring::SealedKey;
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::logout::LogoutNotice;
use countersign_protocol::refresh_family;
use countersign_protocol::revocation::Revocation;
use countersign_protocol::session::Session;
use countersign_protocol::snapshot::Snapshot;
use countersign_protocol::status_list::{ListedToken, StatusIndex};
use countersign_protocol::wire::authorize::pushed::PushedRequest;
use tokio::sync::watch;

use crate::error::StoreError;
use crate::registration::Registrations;
use crate::uncommitted::Uncommitted;

pub use consent::Consent;
pub use device::{DeviceAnswer, DeviceBegun, DeviceOutcome};
pub use keys::{KeyChange, KeysChanged, NewMaster, Seal};
pub use used_token::{Use, UsedOnce};

/// What a store answers, when it has.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// How far the store has come, for those who follow it. It moves for the changes of this
/// process and of every other that writes to the same store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The newest revocation's place in the total order; 0 before the first.
    pub revocation: u64,
    /// Counts changes of clients and keys.
    pub catalogue: u64,
}

/// When a step happens.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// The lifetime of the access tokens that the caller issues; none if it issues none.
    pub access_token: Option<Duration>,
    taken: Instant,
}

impl Moment {
    /// The moment `now` for a server that issues tokens with these lifetimes.
    #[must_use]
    pub fn new(now: Timestamp, lifetimes: &Lifetimes) -> Self {
        Self { access_token: Some(lifetimes.access_token), ..Self::at(now) }
    }

    /// The moment `now` for a process that issues no tokens.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now, access_token: None, taken: Instant::now() }
    }

    /// The time when this is called: a step may have waited for its turn.
    #[must_use]
    pub fn present(&self) -> Timestamp {
        self.now.plus(self.taken.elapsed())
    }
}

/// A grant that begins, and whether the user wants to be asked again.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// The grant, at generation 0.
    pub grant: Grant,
    /// Whether the consent is to be remembered for the client.
    pub remember: bool,
    /// Whether the client wants to hear of the end of the session that the grant came from.
    pub follow_session: bool,
}

/// How the redemption of a code went.
#[derive(Clone, Debug)]
pub enum CodeOutcome {
    /// It was good. The grant is as it is now; the nonce is for the id token.
    Redeemed {
        /// The grant at generation 1.
        grant: Box<Grant>,
        /// `nonce` of the authorization request.
        nonce: Option<String>,
    },
    /// It was not, and if it was a replay, the grant has been ended.
    Refused(OAuthError),
}

/// A refresh token whose MAC is good, and the numbers of the rule.
#[derive(Clone, Debug)]
pub struct RotationRequest {
    /// The grant that the token names.
    pub grant: GrantId,
    /// What the client presented.
    pub presented: refresh_family::Presented,
    /// The rule's numbers.
    pub settings: refresh_family::Settings,
}

/// How a rotation went.
#[derive(Clone, Debug)]
pub enum RotationOutcome {
    /// The grant is at a new generation.
    Rotated(Box<Grant>),
    /// The newest generation is answered again.
    Retried(Box<Grant>),
    /// A token was used again: the grant has been ended.
    Reused(Box<Grant>),
    /// Nothing changed.
    Refused(refresh_family::Refusal),
}

/// Which grants a step is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantSelector {
    /// Every grant.
    All,
    /// One grant.
    One(GrantId),
    /// The grants of a person.
    Subject(String),
    /// The grants of a client, and all its tokens.
    Client(String),
    /// The grants of a sign-in session, without those that outlive it (`offline_access`).
    Session(String),
}

/// What a step has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The grants.
    pub grants: Vec<GrantId>,
    /// The client, if the step was about one: then it was published as a whole, instead of each of
    /// its grants.
    pub client: Option<EndedClient>,
    /// When what was published can be forgotten.
    pub expires_at: Timestamp,
    /// The newest place in the order of revocations. Who has come to it refuses everything that
    /// this step ended, and what had ended before.
    pub seq: u64,
}

/// A client whose tokens have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedClient {
    /// Its id.
    pub client_id: String,
    /// Up to which second of issue, in seconds since the epoch.
    pub issued_until: u64,
    /// Those of its grants of which other clients have tokens: each was published by itself as
    /// well.
    pub exchanged: Vec<GrantId>,
}

/// How keeping a pushed authorization request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is kept.
    Kept,
    /// There is no room at the moment.
    Full,
}

/// What a status list says, at a place of the total order of revocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusList {
    /// The place: every event up to it is in here.
    pub seq: u64,
    /// The indexes of the tokens that are revoked.
    pub revoked: Vec<u32>,
}

/// Something that an operator should be able to read up later.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditEntry {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What: `refresh_reuse`, `code_replay`, `refresh_ahead_of_record`, `key_revoked`.
    pub event: String,
    /// Whom it concerns; or which key.
    pub subject: String,
    /// Through which client.
    pub client_id: String,
    /// Under which grant.
    pub grant_id: String,
}

/// A durable store. Each method that changes something is one atomic step (but [`Store::sweep`],
/// which is many), and is answered only when it is durable; those that answer [`Uncommitted`] let
/// the caller prepare meanwhile.
pub trait Store: Registrations + Send + Sync + 'static {
    /// Follows the store's position.
    fn position(&self) -> watch::Receiver<Position>;
    /// When the store was last found to be where that says: what any process had committed before
    /// is told. Moves on by itself as long as the store can be read.
    fn looked_at(&self) -> Instant;

    /// A client by its id.
    fn client<'a>(&'a self, client_id: &'a str) -> Answer<'a, Option<Client>>;
    /// All clients, by id.
    fn clients(&self) -> Answer<'_, Vec<Client>>;
    /// The clients that protect some resource.
    fn protecting_clients(&self) -> Answer<'_, Vec<Client>>;
    /// Adds a client or brings it up to date. Disabling one ends its grants and every token that
    /// it has, as [`GrantSelector::Client`] does. A secret that a replaced master key has sealed is
    /// refused: [`StoreError::SealedWithAnOldKey`].
    fn put_client(&self, client: Client, moment: Moment) -> Answer<'_, Ended>;

    /// An account by its subject.
    fn account<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<Account>>;
    /// An account by its canonical user name.
    fn account_named<'a>(&'a self, username: &'a str) -> Answer<'a, Option<Account>>;
    /// All accounts, by user name.
    fn accounts(&self) -> Answer<'_, Vec<Account>>;
    /// Adds an account or brings it up to date. A changed password or disabling it ends its
    /// grants and sessions.
    fn put_account(&self, account: Account, moment: Moment) -> Answer<'_, Ended>;

    /// A grant by its id.
    fn grant(&self, id: GrantId) -> Answer<'_, Option<Grant>>;
    /// Grants, newest first, at most `limit`.
    fn grants(&self, selector: GrantSelector, limit: usize) -> Answer<'_, Vec<Grant>>;
    /// What a user agreed to for a client.
    fn consent<'a>(&'a self, subject: &'a str, client_id: &'a str) -> Answer<'a, Consent>;
    /// What a person agreed to, for each client, by its id.
    fn consents<'a>(&'a self, subject: &'a str) -> Answer<'a, Vec<(String, Consent)>>;
    /// Forgets what a person agreed to for a client: they are asked again. Grants stay.
    fn forget_consent<'a>(&'a self, subject: &'a str, client_id: &'a str) -> Answer<'a, ()>;
    /// Begins a grant, and remembers the consent if that is wanted.
    fn begin_grant(&self, new: NewGrant) -> Answer<'_, ()>;
    /// Begins a grant as [`Store::begin_grant`] does, for a pushed request, which is used up in the
    /// same step. Answers whether it lived; if not, nothing has begun.
    fn begin_grant_pushed(
        &self,
        new: NewGrant,
        pushed: [u8; 32],
        now: Timestamp,
    ) -> Answer<'_, bool>;
    /// Redeems an authorization code, once.
    fn redeem_code(
        &self,
        id: GrantId,
        presented: authorization_code::Presented,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Answer<'_, Uncommitted<CodeOutcome>>;
    /// Rotates a refresh token by the rule of [`refresh_family`].
    fn rotate(
        &self,
        request: RotationRequest,
        moment: Moment,
    ) -> Answer<'_, Uncommitted<RotationOutcome>>;

    /// Redeems a code as [`Store::redeem_code`] does, and lists the access token that comes of it
    /// in the same step.
    fn redeem_code_listed(
        &self,
        code: (GrantId, authorization_code::Presented),
        lifetimes: Lifetimes,
        token: ListedToken,
        now: Timestamp,
    ) -> Answer<'_, Uncommitted<(CodeOutcome, Option<StatusIndex>)>>;
    /// Rotates a refresh token as [`Store::rotate`] does, and lists the access token that comes of
    /// it in the same step.
    fn rotate_listed(
        &self,
        request: RotationRequest,
        token: ListedToken,
        moment: Moment,
    ) -> Answer<'_, Uncommitted<(RotationOutcome, Option<StatusIndex>)>>;
    /// Notes that a token of a grant is exchanged for one of another client, which carries the same
    /// `grant_id`. From then on the end of the client, too, is published for this grant by itself.
    /// `None` if the grant does not live; then nothing may be given for it.
    fn exchange_grant(&self, id: GrantId, now: Timestamp) -> Answer<'_, Option<Grant>>;
    /// Begins a device's request, if there is room.
    fn begin_device(&self, request: DeviceRequest, now: Timestamp) -> Answer<'_, DeviceBegun>;
    /// A device's request by what its person types.
    fn device<'a>(&'a self, code: &'a UserCode) -> Answer<'a, Option<DeviceRequest>>;
    /// Carries a person's answer out. False if the request does not wait for one any more; then
    /// nothing has changed.
    fn answer_device(
        &self,
        code: UserCode,
        answer: DeviceAnswer,
        now: Timestamp,
    ) -> Answer<'_, bool>;
    /// Judges a device code by the rule of [`device_code`]: tokens are given once. The access token
    /// that comes of it is listed in the same step, if it is to be.
    fn poll_device(
        &self,
        code: (GrantId, device_code::Presented),
        lifetimes: Lifetimes,
        token: Option<ListedToken>,
        now: Timestamp,
    ) -> Answer<'_, Uncommitted<(DeviceOutcome, Option<StatusIndex>)>>;
    /// Lists an access token that comes of no grant.
    fn list_token(&self, token: ListedToken) -> Answer<'_, StatusIndex>;
    /// The number of status lists; the lists are numbered from 0.
    fn status_lists(&self) -> Answer<'_, u32>;
    /// A status list; `None` when there is none of that number.
    fn status_list(&self, list: u32) -> Answer<'_, Option<StatusList>>;

    /// Ends grants before their time and publishes it. Grants that have ended are not ended
    /// again. [`GrantSelector::Client`] also ends the tokens that belong to no grant, those of the
    /// client credentials, and is published as one event, whatever the number of grants. When it
    /// is the person who takes a grant back, the remembered consent for its client goes with it.
    fn end_grants(
        &self,
        selector: GrantSelector,
        reason: EndReason,
        moment: Moment,
    ) -> Answer<'_, Ended>;
    /// Revokes one access token until `expires_at`. Answers its place in the order.
    fn revoke_token(&self, token_id: String, expires_at: Timestamp) -> Answer<'_, u64>;
    /// The revocations after a place, in order, at most `limit`. `None` when some of them have
    /// been forgotten, or the place is ahead of the store.
    fn revocations_after(&self, seq: u64, limit: usize) -> Answer<'_, Option<Vec<Revocation>>>;
    /// Notes that access tokens are issued with this lifetime at `now`, so that no revocation is
    /// forgotten before the last of them has expired, whatever they are given later, and none of a
    /// client passes one by that was issued before the clock was set back.
    fn note_access_token(&self, lifetime: Duration, now: Timestamp) -> Answer<'_, ()>;
    /// The longest lifetime of the access tokens that may be alive; `None` if none was noted.
    fn longest_access_token(&self, now: Timestamp) -> Answer<'_, Option<Duration>>;
    /// All revocations that can still hit a token.
    fn snapshot(&self, now: Timestamp) -> Answer<'_, Snapshot>;

    /// Writes what a server knows of the verifiers that follow it, and forgets others by their id.
    /// What they have acknowledged only grows.
    fn put_followers(&self, put: Vec<Follower>, forget: Vec<String>) -> Answer<'_, ()>;
    /// The verifiers that follow some server on this store, and those that did lately.
    fn followers(&self) -> Answer<'_, Vec<Follower>>;

    /// Begins a sign-in session.
    fn begin_session(&self, session: Session) -> Answer<'_, ()>;
    /// Begins a session in the place of another. If both are of one person, it takes over the
    /// public name, which the grants of the session carry.
    fn replace_session(&self, old: [u8; 32], session: Session, now: Timestamp) -> Answer<'_, ()>;
    /// A session by the hash of its secret.
    fn session(&self, secret_hash: [u8; 32]) -> Answer<'_, Option<Session>>;
    /// The sessions of a person, newest first.
    fn sessions_of<'a>(&'a self, subject: &'a str) -> Answer<'a, Vec<Session>>;
    /// Notes that a session was used.
    fn touch_session(&self, secret_hash: [u8; 32], now: Timestamp) -> Answer<'_, ()>;
    /// Ends a session. Whichever way a session ends before its time, each client that follows it
    /// gets a notice in the same step.
    fn end_session(&self, secret_hash: [u8; 32], now: Timestamp) -> Answer<'_, ()>;
    /// The clients that follow a session, by id.
    fn session_followers<'a>(&'a self, session_id: &'a str) -> Answer<'a, Vec<String>>;
    /// Takes notices of ended sessions that are due, at most `limit`. Of several processes one
    /// gets each; unless it is settled, it is due again at `again_at`.
    fn take_logout_notices(
        &self,
        now: Timestamp,
        again_at: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<LogoutNotice>>;
    /// A notice is due again at a time, or done with.
    fn settle_logout_notice(&self, notice: u64, again_at: Option<Timestamp>) -> Answer<'_, ()>;
    /// Ends a session and, in the same step, the grants that do not outlive it.
    fn sign_out(&self, secret_hash: [u8; 32], moment: Moment) -> Answer<'_, Ended>;
    /// Ends every session and every grant of a person.
    fn end_everything_of<'a>(
        &'a self,
        subject: &'a str,
        reason: EndReason,
        moment: Moment,
    ) -> Answer<'a, Ended>;

    /// Notes the use of a token that may be used once. Of any number at once, over all processes
    /// that use the store, one is the first.
    fn use_once(&self, used: Use, now: Timestamp) -> Answer<'_, UsedOnce>;

    /// Keeps a pushed authorization request, if there is room for it.
    fn push_request(&self, pushed: PushedRequest, now: Timestamp) -> Answer<'_, Pushed>;
    /// A pushed request by its key, if it lives.
    fn pushed_request(&self, key: [u8; 32], now: Timestamp) -> Answer<'_, Option<PushedRequest>>;
    /// Lets a pushed request live until then, or as long as it would anyway.
    fn prolong_pushed_request(&self, key: [u8; 32], until: Timestamp) -> Answer<'_, ()>;
    /// Uses a pushed request up. Of any number at once, one is told that it lived.
    fn take_pushed_request(&self, key: [u8; 32], now: Timestamp) -> Answer<'_, bool>;

    /// All keys: those that sign, and the secrets.
    fn keys(&self) -> Answer<'_, Vec<SealedKey>>;
    /// Does what is wished, and everything that the schedule says is due. The decision is made
    /// inside the transaction, so that all processes on one store agree which key signs.
    fn change_keys(&self, change: KeyChange) -> Answer<'_, KeysChanged>;
    /// Seals every key and every readable secret of a client anew, in one step. From then on
    /// nothing is taken that a replaced master key has sealed. Answers how many were sealed, or the
    /// name of one that can't be opened; then nothing has changed.
    fn reseal_keys(
        &self,
        masters: NewMaster,
        seal: Box<dyn Seal>,
    ) -> Answer<'_, Result<usize, String>>;

    /// The newest audit entries, at most `limit`.
    fn audit(&self, limit: usize) -> Answer<'_, Vec<AuditEntry>>;
    /// Forgets what can't matter any more, in steps so small that no one waits behind them. A
    /// revocation goes after all that came before it. Answers how many rows went.
    fn sweep(&self, lifetimes: Lifetimes, now: Timestamp) -> Answer<'_, usize>;
}
