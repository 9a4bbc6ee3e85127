//! Failed sign-ins, counted for the account and for the address that asks.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::throttle::Throttle;

use crate::web::client_ip::throttle_key;

/// Failures that cost no time: for one account, and for one address, behind which may be many
/// people.
const FREE_TRIES_ACCOUNT: u32 = 5;
pub(crate) const FREE_TRIES_ADDRESS: u32 = 20;

/// The failures that are remembered.
#[derive(Debug)]
pub(crate) struct SignInThrottle {
    accounts: Mutex<Throttle>,
    addresses: Mutex<Throttle>,
}

/// What an attempt is counted under.
#[derive(Debug)]
pub(crate) struct Keys {
    account: String,
    address: String,
}

impl Keys {
    pub(crate) fn new(username: &str, address: IpAddr) -> Self {
        Self { account: format!("user {username}"), address: throttle_key(address) }
    }
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self {
            accounts: Mutex::new(Throttle::new(FREE_TRIES_ACCOUNT)),
            addresses: Mutex::new(Throttle::new(FREE_TRIES_ADDRESS)),
        }
    }
}

impl SignInThrottle {
    /// Begins an attempt.
    ///
    /// # Errors
    /// The time to wait; the attempt must not be made.
    pub(crate) fn begin(&self, keys: &Keys, now: Timestamp) -> Result<(), Duration> {
        lock(&self.addresses).attempt(&keys.address, now)?;
        lock(&self.accounts).attempt(&keys.account, now)
    }

    /// Nothing was tried, so nothing failed.
    pub(crate) fn take_back(&self, keys: &Keys) {
        lock(&self.accounts).take_back(&keys.account);
        lock(&self.addresses).take_back(&keys.address);
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, keys: &Keys) {
        lock(&self.accounts).forgive(&keys.account);
        lock(&self.addresses).take_back(&keys.address);
    }
}

fn lock(throttle: &Mutex<Throttle>) -> MutexGuard<'_, Throttle> {
    throttle.lock().unwrap_or_else(PoisonError::into_inner)
}
