//! JSON Web Signatures (RFC 7515).

pub mod compact;
pub(crate) mod header;
