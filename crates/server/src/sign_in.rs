//! Signing people in: the password, its throttling, and the session that follows.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use countersign_protocol::account::{Account, canonical_username};
use countersign_protocol::session::{Session, hash_secret};
use countersign_store::StoreError;

use crate::app::App;
use crate::process::{self, SystemRandom};
use crate::sign_in_throttle::Keys;
use crate::web::cookies::{self, Cookie};

/// How an attempt went.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The password is right.
    Good(Box<Account>),
    /// It is not, or there is no such account, or it is disabled.
    Wrong,
    /// Not tried: the account or the address has to wait.
    Wait(Duration),
    /// Not tried: too many others are trying.
    Busy,
}

/// Tries a user name and password.
pub(crate) async fn attempt(
    app: &App,
    typed_name: &str,
    password: String,
    address: IpAddr,
) -> Result<Attempt, StoreError> {
    let name = canonical_username(typed_name).unwrap_or_default();
    let keys = Keys::new(&name, address);
    if let Err(wait) = app.sign_in_throttle.begin(&keys, process::now()) {
        app.metrics.signed_in("throttled");
        return Ok(Attempt::Wait(wait));
    }
    // The sender lives as long as the application, so this ends when it is true.
    let _ = app.users_declared.subscribe().wait_for(|declared| *declared).await;
    let account = app.store().account_named(&name).await?.filter(|account| !account.disabled);
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let Ok(good) = app.passwords.verify(password, hash).await else {
        // Nothing was tried, so nothing failed.
        app.sign_in_throttle.take_back(&keys);
        app.metrics.signed_in("busy");
        return Ok(Attempt::Busy);
    };
    let Some(account) = account.filter(|_| good) else {
        app.metrics.signed_in("wrong");
        return Ok(Attempt::Wrong);
    };
    app.sign_in_throttle.succeeded(&keys);
    app.metrics.signed_in("good");
    Ok(Attempt::Good(Box::new(account)))
}

/// A session that has just begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The cookie to set.
    pub(crate) cookie: HeaderValue,
    /// What the store knows the session by.
    pub(crate) secret_hash: [u8; 32],
}

/// Begins a session for an account, in place of the one that the browser had: the secret never
/// survives a sign-in. The public name does for the same person, so that signing out later also
/// reaches what was granted before.
///
/// `None` if the account was changed since its password was looked up. That has ended all of its
/// sessions but this one, which came too late.
pub(crate) async fn begin_session(
    app: &App,
    account: &Account,
    headers: &HeaderMap,
) -> Result<Option<Begun>, StoreError> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let now = process::now();
    let subject = account.subject.clone();
    let (session, secret) = Session::start(subject, agent.unwrap_or_default(), now, &SystemRandom);
    match cookies::read(&app.site, headers, Cookie::Session) {
        Some(old) => app.store().replace_session(hash_secret(&old), session, now).await?,
        None => app.store().begin_session(session).await?,
    }
    let now_stored = app.store().account(&account.subject).await?;
    let unchanged =
        |stored: &Account| !stored.disabled && stored.password_hash == account.password_hash;
    if !now_stored.as_ref().is_some_and(unchanged) {
        app.store().end_session(hash_secret(&secret), now).await?;
        return Ok(None);
    }
    let cookie = cookies::set(&app.site, Cookie::Session, &secret);
    Ok(Some(Begun { cookie, secret_hash: hash_secret(&secret) }))
}

/// Who is signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    pub(crate) account: Account,
}

/// The live session of a request, if there is one and its account is not disabled.
pub(crate) async fn current(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, StoreError> {
    let Some(secret) = cookies::read(&app.site, headers, Cookie::Session) else { return Ok(None) };
    let now = process::now();
    let found = app.store().session(hash_secret(&secret)).await?;
    let Some(session) = found.filter(|session| session.is_live(&app.lifetimes, now)) else {
        return Ok(None);
    };
    let account = app.store().account(&session.subject).await?;
    let Some(account) = account.filter(|account| !account.disabled) else { return Ok(None) };
    if session.needs_touch(now) {
        app.store().touch_session(session.secret_hash, now).await?;
    }
    Ok(Some(SignedIn { session, account }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, PASSWORD};
    use crate::passwords;
    use crate::sign_in_throttle::FREE_TRIES_ADDRESS;

    fn cookie_of(secret: &HeaderValue) -> HeaderMap {
        let pair = secret.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    #[tokio::test]
    async fn a_password_that_was_changed_while_it_was_checked_opens_nothing() {
        let site = Fixture::open().await;
        let address = IpAddr::from([127, 0, 0, 1]);
        let attempt = attempt(&site.app, "alice", PASSWORD.to_owned(), address).await.unwrap();
        let Attempt::Good(account) = attempt else { panic!("{attempt:?}") };
        let sessions = || site.app.store().sessions_of(&account.subject);
        for changed in [
            Account { password_hash: Some(passwords::hash("another")), ..site.alice().await },
            Account { disabled: true, ..site.alice().await },
        ] {
            site.put(&changed).await;
            let begun = begin_session(&site.app, &account, &HeaderMap::new()).await.unwrap();
            assert_eq!((begun, sessions().await.unwrap()), (None, Vec::new()));
        }
        site.put(&account).await;
        let begun = begin_session(&site.app, &account, &HeaderMap::new()).await.unwrap();
        assert!(begun.is_some());
    }

    #[tokio::test]
    async fn signing_in_again_renews_the_secret_and_keeps_the_name() {
        let site = Fixture::open().await;
        let (app, alice) = (&site.app, site.alice().await);
        let begin = async |account: &Account, headers: &HeaderMap| {
            let begun = begin_session(app, account, headers).await.unwrap().unwrap();
            let headers = cookie_of(&begun.cookie);
            let session = current(app, &headers).await.unwrap().unwrap().session;
            (headers, session)
        };
        let (first_headers, first) = begin(&alice, &HeaderMap::new()).await;
        let (headers, second) = begin(&alice, &first_headers).await;
        assert_ne!(first.secret_hash, second.secret_hash);
        assert_eq!(first.id, second.id, "grants of the first are found under it at sign-out");
        assert!(current(app, &first_headers).await.unwrap().is_none());
        let bob = site.account("bob");
        site.put(&bob).await;
        let (_, other) = begin(&bob, &headers).await;
        assert_ne!(other.id, first.id, "another person is another session");
    }

    #[tokio::test]
    async fn an_attempt_that_was_turned_away_does_not_count_as_failed() {
        let site = Fixture::open().await;
        let address = IpAddr::from([127, 0, 0, 1]);
        let full = site.app.passwords.fill_up();
        for _ in 0..=FREE_TRIES_ADDRESS {
            let turned_away = attempt(&site.app, "alice", String::new(), address).await.unwrap();
            assert!(matches!(turned_away, Attempt::Busy), "{turned_away:?}");
        }
        drop(full);
        let served = attempt(&site.app, "alice", PASSWORD.to_owned(), address).await.unwrap();
        assert!(matches!(served, Attempt::Good(_)), "{served:?}");
    }
}
