//! What goes in and out of the steps of a device's request (RFC 8628).

use countersign_protocol::error::OAuthError;
use countersign_protocol::grant::{Grant, GrantId};

/// How a device's request began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceBegun {
    /// It is stored.
    Begun,
    /// Nothing changed: another request has the same user code.
    CodeTaken,
    /// Nothing changed: too many requests are waiting.
    Full,
}

/// What a person answers to a device's request.
#[derive(Clone, Debug)]
pub enum DeviceAnswer {
    /// Yes: this grant begins, under the id of the request.
    Allow(Box<Grant>),
    /// No, to the request with this id.
    Deny(GrantId),
}

/// What a device hears when it asks.
#[derive(Clone, Debug)]
pub enum DeviceOutcome {
    /// Its person has agreed. The grant is at generation 1.
    Redeemed(Box<Grant>),
    /// Its person has not, or not yet.
    Refused(OAuthError),
}
