//! [`Store`] for SQLite: each method names the step and where it runs.

use std::time::{Duration, Instant};

use countersign_protocol::Timestamp;
use countersign_protocol::account::Account;
use countersign_protocol::authorization_code;
use countersign_protocol::client::Client;
use countersign_protocol::device_code::{self, DeviceRequest, UserCode};
use countersign_protocol::follower::Follower;
use countersign_protocol::grant::{EndReason, Grant, GrantId};
use countersign_protocol::keyring::SealedKey;
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::logout::LogoutNotice;
use countersign_protocol::revocation::{Revocation, RevokedKind};
use countersign_protocol::session::Session;
use countersign_protocol::snapshot::Snapshot;
use countersign_protocol::status_list::{ListedToken, StatusIndex};
use countersign_protocol::wire::authorize::pushed::PushedRequest;
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    SqliteStore, account, audit, client, device, follower, grant, keyring, lifetime, logout,
    position, pushed_request, revocation, session, status, used_token,
};
use crate::error::StoreError;
use crate::store::{
    Answer, AuditEntry, CodeOutcome, Consent, DeviceAnswer, DeviceBegun, DeviceOutcome, Ended,
    EndedClient, GrantSelector, KeyChange, KeysChanged, Moment, NewGrant, NewMaster, Position,
    Pushed, RotationOutcome, RotationRequest, Seal, StatusList, Store, Use, UsedOnce,
};
use crate::uncommitted::Uncommitted;

impl SqliteStore {
    pub(super) fn read<'a, T: Send + 'a>(
        &'a self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move { self.readers.read(query) })
    }

    pub(super) fn commit<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(self.writer.commit(step))
    }

    /// Commits a step that ends something.
    fn end(
        &self,
        moment: Moment,
        step: impl FnOnce(&Connection) -> rusqlite::Result<Ended> + Send + 'static,
    ) -> Answer<'_, Ended> {
        Box::pin(async move {
            let ended = self.writer.commit(step).await?;
            self.up_to_the_commit(ended, moment).await
        })
    }

    /// A client is ended up to a second of issue, and has to be so up to the commit: if the disk
    /// took longer than that, once more.
    pub(super) async fn up_to_the_commit(
        &self,
        mut ended: Ended,
        moment: Moment,
    ) -> Result<Ended, StoreError> {
        while let Some(client) = ended.client.take() {
            if client.issued_until >= moment.present().as_secs() {
                ended.client = Some(client);
                break;
            }
            let EndedClient { client_id, exchanged, .. } = client;
            let again = self.writer.commit(move |connection| {
                let issued_until = grant::end_client(connection, &client_id, moment)?;
                let client = EndedClient { client_id, issued_until, exchanged };
                Ok((client, position::read(connection)?.revocation))
            });
            let (client, seq) = again.await?;
            ended = Ended { client: Some(client), seq, ..ended };
        }
        Ok(ended)
    }
}

impl Store for SqliteStore {
    fn position(&self) -> watch::Receiver<Position> {
        self.watch()
    }

    fn looked_at(&self) -> Instant {
        self.watched_at()
    }

    fn client<'a>(&'a self, client_id: &'a str) -> Answer<'a, Option<Client>> {
        self.read(move |connection| client::find(connection, client_id))
    }

    fn clients(&self) -> Answer<'_, Vec<Client>> {
        self.read(client::all)
    }

    fn protecting_clients(&self) -> Answer<'_, Vec<Client>> {
        self.read(client::protecting)
    }

    fn put_client(&self, client: Client, moment: Moment) -> Answer<'_, Ended> {
        self.end(moment, move |connection| {
            let before = client::find(connection, &client.client_id)?;
            client::put(connection, &client)?;
            // Put again at each start, it is not to be published each time.
            if !client.disabled || before.is_some_and(|before| before.disabled) {
                return nothing_ended(connection, moment);
            }
            let selector = GrantSelector::Client(client.client_id);
            grant::end_selected(connection, &selector, EndReason::Disabled, moment)
        })
    }

    fn account<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<Account>> {
        self.read(move |connection| account::find(connection, subject))
    }

    fn account_named<'a>(&'a self, username: &'a str) -> Answer<'a, Option<Account>> {
        self.read(move |connection| account::named(connection, username))
    }

    fn accounts(&self) -> Answer<'_, Vec<Account>> {
        self.read(account::all)
    }

    fn put_account(&self, new: Account, moment: Moment) -> Answer<'_, Ended> {
        self.commit(move |connection| {
            let before = account::find(connection, &new.subject)?;
            account::put(connection, &new)?;
            let reason = if new.disabled {
                EndReason::Disabled
            } else if before.is_some_and(|before| before.password_hash != new.password_hash) {
                EndReason::PasswordChanged
            } else {
                return nothing_ended(connection, moment);
            };
            end_everything(connection, new.subject, reason, moment)
        })
    }

    fn grant(&self, id: GrantId) -> Answer<'_, Option<Grant>> {
        self.read(move |connection| grant::find(connection, id))
    }

    fn grants(&self, selector: GrantSelector, limit: usize) -> Answer<'_, Vec<Grant>> {
        self.read(move |connection| grant::select(connection, &selector, limit))
    }

    fn consent<'a>(&'a self, subject: &'a str, client_id: &'a str) -> Answer<'a, Consent> {
        self.read(move |connection| grant::consent(connection, subject, client_id))
    }

    fn consents<'a>(&'a self, subject: &'a str) -> Answer<'a, Vec<(String, Consent)>> {
        self.read(move |connection| grant::consents(connection, subject))
    }

    fn forget_consent<'a>(&'a self, subject: &'a str, client_id: &'a str) -> Answer<'a, ()> {
        let (subject, client_id) = (subject.to_owned(), client_id.to_owned());
        self.commit(move |connection| grant::forget_consent(connection, &subject, &client_id))
    }

    fn begin_grant(&self, new: NewGrant) -> Answer<'_, ()> {
        self.commit(move |connection| begin_grant(connection, &new))
    }

    fn begin_grant_pushed(
        &self,
        new: NewGrant,
        pushed: [u8; 32],
        now: Timestamp,
    ) -> Answer<'_, bool> {
        self.commit(move |connection| {
            let lived = pushed_request::take(connection, &pushed, now)?;
            if lived {
                begin_grant(connection, &new)?;
            }
            Ok(lived)
        })
    }

    fn redeem_code(
        &self,
        id: GrantId,
        presented: authorization_code::Presented,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Answer<'_, Uncommitted<CodeOutcome>> {
        Box::pin(self.writer.decide(move |connection| {
            grant::redeem_code(connection, id, &presented, &lifetimes, now)
        }))
    }

    fn rotate(
        &self,
        request: RotationRequest,
        moment: Moment,
    ) -> Answer<'_, Uncommitted<RotationOutcome>> {
        Box::pin(self.writer.decide(move |connection| grant::rotate(connection, &request, moment)))
    }

    fn redeem_code_listed(
        &self,
        (id, presented): (GrantId, authorization_code::Presented),
        lifetimes: Lifetimes,
        token: ListedToken,
        now: Timestamp,
    ) -> Answer<'_, Uncommitted<(CodeOutcome, Option<StatusIndex>)>> {
        Box::pin(self.writer.decide(move |connection| {
            let outcome = grant::redeem_code(connection, id, &presented, &lifetimes, now)?;
            let redeemed = matches!(outcome, CodeOutcome::Redeemed { .. });
            let place = redeemed.then(|| status::add(connection, &token)).transpose()?;
            Ok((outcome, place))
        }))
    }

    fn rotate_listed(
        &self,
        request: RotationRequest,
        token: ListedToken,
        moment: Moment,
    ) -> Answer<'_, Uncommitted<(RotationOutcome, Option<StatusIndex>)>> {
        Box::pin(self.writer.decide(move |connection| {
            let outcome = grant::rotate(connection, &request, moment)?;
            let lives =
                matches!(outcome, RotationOutcome::Rotated(_) | RotationOutcome::Retried(_));
            let place = lives.then(|| status::add(connection, &token)).transpose()?;
            Ok((outcome, place))
        }))
    }

    fn exchange_grant(&self, id: GrantId, now: Timestamp) -> Answer<'_, Option<Grant>> {
        Box::pin(async move {
            // Noted once, so the next time nothing has to be written.
            if let Some(known) = self.readers.read(|c| grant::known_as_exchanged(c, id))? {
                return Ok(Some(known).filter(|grant| grant.is_live(now)));
            }
            self.writer.commit(move |connection| grant::exchange(connection, id, now)).await
        })
    }

    fn begin_device(&self, request: DeviceRequest, now: Timestamp) -> Answer<'_, DeviceBegun> {
        self.commit(move |connection| device::begin(connection, &request, now))
    }

    fn device<'a>(&'a self, code: &'a UserCode) -> Answer<'a, Option<DeviceRequest>> {
        self.read(move |connection| device::named(connection, code))
    }

    fn answer_device(
        &self,
        code: UserCode,
        answer: DeviceAnswer,
        now: Timestamp,
    ) -> Answer<'_, bool> {
        self.commit(move |connection| device::answer(connection, &code, &answer, now))
    }

    fn poll_device(
        &self,
        (id, presented): (GrantId, device_code::Presented),
        lifetimes: Lifetimes,
        token: Option<ListedToken>,
        now: Timestamp,
    ) -> Answer<'_, Uncommitted<(DeviceOutcome, Option<StatusIndex>)>> {
        Box::pin(self.writer.decide(move |connection| {
            let outcome = device::poll(connection, id, &presented, &lifetimes, now)?;
            let redeemed = matches!(outcome, DeviceOutcome::Redeemed(_));
            let token = token.filter(|_| redeemed);
            let place = token.map(|token| status::add(connection, &token)).transpose()?;
            Ok((outcome, place))
        }))
    }

    fn list_token(&self, token: ListedToken) -> Answer<'_, StatusIndex> {
        self.commit(move |connection| status::add(connection, &token))
    }

    fn status_lists(&self) -> Answer<'_, u32> {
        self.read(status::lists)
    }

    fn status_list(&self, list: u32) -> Answer<'_, Option<StatusList>> {
        self.read(move |connection| status::list(connection, list))
    }

    fn end_grants(
        &self,
        selector: GrantSelector,
        reason: EndReason,
        moment: Moment,
    ) -> Answer<'_, Ended> {
        self.end(moment, move |connection| {
            grant::end_selected(connection, &selector, reason, moment)
        })
    }

    fn revoke_token(&self, token_id: String, expires_at: Timestamp) -> Answer<'_, u64> {
        self.commit(move |connection| {
            revocation::add(connection, RevokedKind::Token, &token_id, expires_at)
        })
    }

    fn revocations_after(&self, seq: u64, limit: usize) -> Answer<'_, Option<Vec<Revocation>>> {
        self.read(move |connection| revocation::after(connection, seq, limit))
    }

    fn note_access_token(&self, lifetime: Duration, now: Timestamp) -> Answer<'_, ()> {
        self.commit(move |connection| lifetime::note(connection, lifetime, now))
    }

    fn longest_access_token(&self, now: Timestamp) -> Answer<'_, Option<Duration>> {
        self.read(move |connection| lifetime::longest(connection, now))
    }

    fn snapshot(&self, now: Timestamp) -> Answer<'_, Snapshot> {
        self.read(move |connection| revocation::snapshot(connection, now))
    }

    fn put_followers(&self, put: Vec<Follower>, forget: Vec<String>) -> Answer<'_, ()> {
        self.commit(move |connection| {
            follower::put(connection, &put)?;
            follower::remove(connection, &forget)
        })
    }

    fn followers(&self) -> Answer<'_, Vec<Follower>> {
        self.read(follower::all)
    }

    fn begin_session(&self, session: Session) -> Answer<'_, ()> {
        self.commit(move |connection| session::begin(connection, &session))
    }

    fn replace_session(&self, old: [u8; 32], session: Session, now: Timestamp) -> Answer<'_, ()> {
        self.commit(move |connection| session::replace(connection, &old, session, now))
    }

    fn session(&self, secret_hash: [u8; 32]) -> Answer<'_, Option<Session>> {
        self.read(move |connection| session::find(connection, &secret_hash))
    }

    fn sessions_of<'a>(&'a self, subject: &'a str) -> Answer<'a, Vec<Session>> {
        self.read(move |connection| session::of(connection, subject))
    }

    fn touch_session(&self, secret_hash: [u8; 32], now: Timestamp) -> Answer<'_, ()> {
        self.commit(move |connection| session::touch(connection, &secret_hash, now))
    }

    fn end_session(&self, secret_hash: [u8; 32], now: Timestamp) -> Answer<'_, ()> {
        self.commit(move |connection| session::end(connection, &secret_hash, now))
    }

    fn session_followers<'a>(&'a self, session_id: &'a str) -> Answer<'a, Vec<String>> {
        self.read(move |connection| logout::followers(connection, session_id))
    }

    fn take_logout_notices(
        &self,
        now: Timestamp,
        again_at: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<LogoutNotice>> {
        Box::pin(async move {
            // Asked first: taking writes, and mostly there is nothing to take.
            if !self.read(move |connection| logout::is_due(connection, now)).await? {
                return Ok(Vec::new());
            }
            self.commit(move |connection| logout::take(connection, now, again_at, limit)).await
        })
    }

    fn settle_logout_notice(&self, notice: u64, again_at: Option<Timestamp>) -> Answer<'_, ()> {
        self.commit(move |connection| logout::settle(connection, notice, again_at))
    }

    fn sign_out(&self, secret_hash: [u8; 32], moment: Moment) -> Answer<'_, Ended> {
        self.commit(move |connection| {
            let Some(session) = session::find(connection, &secret_hash)? else {
                return nothing_ended(connection, moment);
            };
            session::end(connection, &secret_hash, moment.now)?;
            let selector = GrantSelector::Session(session.id);
            grant::end_selected(connection, &selector, EndReason::SignedOut, moment)
        })
    }

    fn end_everything_of<'a>(
        &'a self,
        subject: &'a str,
        reason: EndReason,
        moment: Moment,
    ) -> Answer<'a, Ended> {
        let subject = subject.to_owned();
        self.commit(move |connection| end_everything(connection, subject, reason, moment))
    }

    fn use_once(&self, used: Use, now: Timestamp) -> Answer<'_, UsedOnce> {
        self.commit(move |connection| used_token::use_once(connection, &used, now))
    }

    fn push_request(&self, pushed: PushedRequest, now: Timestamp) -> Answer<'_, Pushed> {
        self.commit(move |connection| pushed_request::push(connection, &pushed, now))
    }

    fn pushed_request(&self, key: [u8; 32], now: Timestamp) -> Answer<'_, Option<PushedRequest>> {
        self.read(move |connection| pushed_request::find(connection, &key, now))
    }

    fn prolong_pushed_request(&self, key: [u8; 32], until: Timestamp) -> Answer<'_, ()> {
        self.commit(move |connection| pushed_request::prolong(connection, &key, until))
    }

    fn take_pushed_request(&self, key: [u8; 32], now: Timestamp) -> Answer<'_, bool> {
        self.commit(move |connection| pushed_request::take(connection, &key, now))
    }

    fn keys(&self) -> Answer<'_, Vec<SealedKey>> {
        self.read(keyring::all)
    }

    fn change_keys(&self, change: KeyChange) -> Answer<'_, KeysChanged> {
        self.commit(move |connection| keyring::change(connection, change))
    }

    fn reseal_keys(
        &self,
        masters: NewMaster,
        seal: Box<dyn Seal>,
    ) -> Answer<'_, Result<usize, String>> {
        self.commit(move |connection| keyring::reseal(connection, &masters, &*seal))
    }

    fn audit(&self, limit: usize) -> Answer<'_, Vec<AuditEntry>> {
        self.read(move |connection| audit::newest(connection, limit))
    }

    fn sweep(&self, lifetimes: Lifetimes, now: Timestamp) -> Answer<'_, usize> {
        Box::pin(async move { self.forget(&lifetimes, now).await })
    }
}

fn begin_grant(connection: &Connection, new: &NewGrant) -> rusqlite::Result<()> {
    grant::begin(connection, &new.grant)?;
    if new.remember {
        grant::remember_consent(connection, &new.grant)?;
    }
    if let Some(session_id) = new.grant.session_id.as_ref().filter(|_| new.follow_session) {
        logout::follow(connection, session_id, &new.grant.client_id)?;
    }
    Ok(())
}

fn nothing_ended(connection: &Connection, moment: Moment) -> rusqlite::Result<Ended> {
    let seq = position::read(connection)?.revocation;
    Ok(Ended { grants: Vec::new(), client: None, expires_at: moment.now, seq })
}

fn end_everything(
    connection: &Connection,
    subject: String,
    reason: EndReason,
    moment: Moment,
) -> rusqlite::Result<Ended> {
    session::end_all_of(connection, &subject, moment.now)?;
    grant::end_selected(connection, &GrantSelector::Subject(subject), reason, moment)
}
