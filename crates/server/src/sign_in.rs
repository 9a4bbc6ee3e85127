//! Signing people in: the password, its throttling, and the session that follows.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use countersign_protocol::account::{Account, canonical_username};
use countersign_protocol::session::{Session, hash_secret};
use countersign_protocol::throttle::Throttle;
use countersign_store::StoreError;

use crate::app::App;
use crate::process::{self, SystemRandom};
use crate::web::client_ip::throttle_key;
use crate::web::cookies::{self, Cookie};

/// Failures that cost no time: for one account, and for one address, behind which may be many
/// people.
const FREE_TRIES_ACCOUNT: u32 = 5;
const FREE_TRIES_ADDRESS: u32 = 20;

/// The failures that are remembered.
#[derive(Debug)]
pub(crate) struct SignInThrottle {
    accounts: Mutex<Throttle>,
    addresses: Mutex<Throttle>,
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self {
            accounts: Mutex::new(Throttle::new(FREE_TRIES_ACCOUNT)),
            addresses: Mutex::new(Throttle::new(FREE_TRIES_ADDRESS)),
        }
    }
}

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
    let (account_key, address_key) = (format!("user {name}"), throttle_key(address));
    if let Err(wait) = begin(&app.sign_in_throttle, &account_key, &address_key) {
        app.metrics.signed_in("throttled");
        return Ok(Attempt::Wait(wait));
    }
    // The sender lives as long as the application, so this ends when it is true.
    let _ = app.users_declared.subscribe().wait_for(|declared| *declared).await;
    let account = app.store().account_named(&name).await?.filter(|account| !account.disabled);
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let Ok(good) = app.passwords.verify(password, hash).await else {
        app.metrics.signed_in("busy");
        return Ok(Attempt::Busy);
    };
    let Some(account) = account.filter(|_| good) else {
        app.metrics.signed_in("wrong");
        return Ok(Attempt::Wrong);
    };
    lock(&app.sign_in_throttle.accounts).forgive(&account_key);
    lock(&app.sign_in_throttle.addresses).take_back(&address_key);
    app.metrics.signed_in("good");
    Ok(Attempt::Good(Box::new(account)))
}

fn begin(throttle: &SignInThrottle, account: &str, address: &str) -> Result<(), Duration> {
    let now = process::now();
    lock(&throttle.addresses).attempt(address, now)?;
    lock(&throttle.accounts).attempt(account, now)
}

fn lock(throttle: &Mutex<Throttle>) -> std::sync::MutexGuard<'_, Throttle> {
    throttle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a session for an account, in place of the one that the browser had, and answers the
/// cookie: a session id never survives a sign-in.
pub(crate) async fn begin_session(
    app: &App,
    account: &Account,
    headers: &HeaderMap,
) -> Result<HeaderValue, StoreError> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let now = process::now();
    let subject = account.subject.clone();
    let (session, secret) = Session::start(subject, agent.unwrap_or_default(), now, &SystemRandom);
    app.store().begin_session(session).await?;
    if let Some(old) = cookies::read(app, headers, Cookie::Session) {
        app.store().end_session(hash_secret(&old)).await?;
    }
    Ok(cookies::set(app, Cookie::Session, &secret))
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
    let Some(secret) = cookies::read(app, headers, Cookie::Session) else { return Ok(None) };
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
