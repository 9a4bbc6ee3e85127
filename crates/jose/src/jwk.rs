//! Keys in JSON (RFC 7517), sets of them, and their names.

// The folder bears the noun; this file of the folder holds the single key.
#[expect(clippy::module_inception, reason = "one key and its set are two files of one folder")]
mod jwk;
mod known_headers;
mod labels;
mod members;
mod private;
mod set;
pub(crate) mod thumbprint;

pub use jwk::Jwk;
pub(crate) use labels::Labels;
pub use private::PrivateJwk;
pub use set::{JwkSet, KeySet, RejectedKey};
