//! JSON Web Tokens (RFC 7519): making them, judging them, and looking at them without trust.

pub(crate) mod claims;
mod peek;
mod policy;
mod sign;

pub use peek::{Unverified, peek};
pub use policy::{Policy, Verified};
pub use sign::sign;

/// The longest token in bytes. A request header that carries it must stay below usual server
/// limits.
pub const MAX_BYTES: usize = 16 * 1024;
