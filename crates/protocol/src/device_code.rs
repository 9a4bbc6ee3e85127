//! The device grant (RFC 8628): a device that has no keyboard shows a short code, its person types
//! it in elsewhere and agrees, and meanwhile the device asks whether that has happened.
//!
//! The device's own code is computed from the id of the grant that is to come, as all codes are.
//! The code that people type is short, so it is good for minutes only, and the pages count who
//! tries.

use std::fmt;
use std::time::Duration;

use countersign_jose::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, OAuthError};
use crate::grant::{Grant, GrantId, Redeemer, Sender};
use crate::lifetimes::Lifetimes;
use crate::random::Randomness;
use crate::scope::Scope;

/// How often a device may ask at first.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// How much longer it has to wait each time that it asks too soon (RFC 8628 §3.5).
const INTERVAL_STEP: Duration = Duration::from_secs(5);
/// It never has to wait longer than this.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// What the network may take from an interval.
const JITTER: Duration = Duration::from_secs(1);

/// Letters that nobody mistakes for others, without vowels, so that no words come of them
/// (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS: usize = 8;

/// Requests of one client that may wait for their person at a time.
const WAITING_PER_CLIENT: u64 = 10_000;
/// Those that came from one address, of clients that do not authenticate.
const WAITING_PER_ADDRESS: u64 = 100;
/// All requests that may wait at a time.
const WAITING: u64 = 100_000;

/// What people type: eight letters of twenty, 34 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserCode(String);

impl UserCode {
    /// A new one.
    #[must_use]
    pub fn new(random: &dyn Randomness) -> Self {
        // Every letter is as likely as the next: bytes that do not divide evenly are drawn again.
        let even = 256 / ALPHABET.len() * ALPHABET.len();
        let mut code = String::with_capacity(LETTERS);
        while code.len() < LETTERS {
            let mut byte = [0];
            random.fill(&mut byte);
            let byte = usize::from(byte[0]);
            if byte < even {
                code.push(char::from(ALPHABET[byte % ALPHABET.len()]));
            }
        }
        Self(code)
    }

    /// Reads what somebody typed, in upper or lower case, with any hyphens, dots or spaces. `None`
    /// for what can't be a code.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut code = String::with_capacity(LETTERS);
        for c in typed.chars().filter(|c| !matches!(c, '-' | '.' | '_' | ' ')) {
            let letter = c.to_ascii_uppercase();
            let known = u8::try_from(letter).is_ok_and(|letter| ALPHABET.contains(&letter));
            if !known || code.len() == LETTERS {
                return None;
            }
            code.push(letter);
        }
        (code.len() == LETTERS).then_some(Self(code))
    }

    /// The letters alone, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LETTERS / 2);
        write!(f, "{first}-{second}")
    }
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    /// Its person has not answered.
    Waiting,
    /// Its person has agreed; there is a grant under the same id, without tokens so far.
    Allowed,
    /// Its person has refused.
    Denied,
    /// The device has its tokens.
    Used,
}

/// A device that asks for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The id of the grant that it is to become. The device code is computed from it.
    pub id: GrantId,
    /// What its person types.
    pub user_code: UserCode,
    /// The client that runs on the device.
    pub client_id: String,
    /// What it asks for; allowed for this client.
    pub scope: Scope,
    /// The resources that its tokens will be for.
    pub audience: Vec<String>,
    /// Where it was asked from, if that is counted: by clients that do not authenticate.
    pub asked_from: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until then its person has to answer, and the device has to take its tokens.
    pub expires_at: Timestamp,
    /// How far it has come.
    pub state: DeviceState,
    /// How often the device may ask.
    pub interval: Duration,
    /// When it asked last.
    pub polled_at: Option<Timestamp>,
}

impl DeviceRequest {
    /// Whether its person can still answer.
    #[must_use]
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        self.state == DeviceState::Waiting && now < self.expires_at
    }
}

/// Requests that are waiting already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// All of them.
    pub all: u64,
    /// Those of the same client.
    pub of_client: u64,
    /// Those from the same address, if that is counted.
    pub from_address: u64,
}

impl Crowd {
    /// Whether there is room for one more.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.all < WAITING
            && self.of_client < WAITING_PER_CLIENT
            && self.from_address < WAITING_PER_ADDRESS
    }
}

/// What a device presents at the token endpoint, after its client has authenticated.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The authenticated (or, when public, identified) client.
    pub client_id: String,
    /// Fewer resources, if any were named (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// The sender constraint that the request proved.
    pub sender: Sender,
    /// Whether the client proved its identity with a secret or key.
    pub confidential: bool,
    /// Whether the client gets a refresh token.
    pub refreshable: bool,
}

/// What happens to the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The person has agreed: store this grant, and note that the code is used.
    Redeem(Box<Grant>),
    /// Not yet: note when the device asked and how long it has to wait now, and answer this.
    Wait {
        /// The interval from now on.
        interval: Duration,
        /// `authorization_pending` or `slow_down`.
        error: OAuthError,
    },
    /// Nothing changes, answer with this error.
    Refuse(OAuthError),
}

/// Judges a device code whose MAC is good, inside the transaction that stores the outcome
/// (RFC 8628 §3.5). `grant` is the one under the same id. A request that is not there any more has
/// expired: this server has made its code.
#[must_use]
pub fn poll(
    request: Option<&DeviceRequest>,
    grant: Option<&Grant>,
    presented: &Presented,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Verdict {
    let Some(request) = request else { return expired() };
    if request.client_id != presented.client_id {
        return refuse(ErrorCode::InvalidGrant, "the device code is not valid for this client");
    }
    if request.state == DeviceState::Used {
        return refuse(ErrorCode::InvalidGrant, "the device code was used before");
    }
    if request.state == DeviceState::Denied {
        return refuse(ErrorCode::AccessDenied, "the user said no");
    }
    if now >= request.expires_at {
        return expired();
    }
    if request.state == DeviceState::Waiting {
        return wait(request, now);
    }
    // The person may have signed out everywhere or taken it back before the device came for it.
    let Some(grant) = grant.filter(|grant| grant.generation == 0 && grant.is_live(now)) else {
        return refuse(ErrorCode::AccessDenied, "the access was taken back");
    };
    if presented.resources.iter().any(|resource| !grant.audience.contains(resource)) {
        let why = "a resource was not part of what was granted";
        return refuse(ErrorCode::InvalidTarget, why);
    }
    let Presented { sender, confidential, refreshable, .. } = presented;
    let by = Redeemer { sender, confidential: *confidential, refreshable: *refreshable };
    Verdict::Redeem(Box::new(grant.redeemed(&by, lifetimes, now)))
}

fn wait(request: &DeviceRequest, now: Timestamp) -> Verdict {
    let too_soon = |asked_at: Timestamp| now.plus(JITTER) < asked_at.plus(request.interval);
    if !request.polled_at.is_some_and(too_soon) {
        let why = "the user has not answered yet";
        let error = OAuthError::new(ErrorCode::AuthorizationPending, why);
        return Verdict::Wait { interval: request.interval, error };
    }
    let why = "the user has not answered yet; ask less often, by 5 seconds from now on";
    let interval = (request.interval + INTERVAL_STEP).min(INTERVAL_MAX);
    Verdict::Wait { interval, error: OAuthError::new(ErrorCode::SlowDown, why) }
}

fn expired() -> Verdict {
    refuse(ErrorCode::ExpiredToken, "the device code has expired: begin again")
}

fn refuse(code: ErrorCode, why: &'static str) -> Verdict {
    Verdict::Refuse(OAuthError::new(code, why))
}

#[cfg(test)]
mod tests;
