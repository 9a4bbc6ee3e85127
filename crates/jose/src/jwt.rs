//! JSON Web Tokens (RFC 7519): making them, judging them, and looking at them without trust.

pub(crate) mod claims;
pub(crate) mod date;
pub(crate) mod kind;
mod nested;
mod peek;
pub(crate) mod policy;
mod sign;
mod verified;

pub use claims::Claims;
pub use kind::Profile;
pub use nested::{Recipient, sign_and_encrypt};
pub use peek::{Unverified, peek};
pub use policy::{Buffer, Policy};
pub use sign::{sign, sign_with_secret};
pub use verified::Verified;

/// The longest token in bytes. A request header that carries it must stay below usual server
/// limits.
pub const MAX_BYTES: usize = 16 * 1024;
