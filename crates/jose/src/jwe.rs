//! JSON Web Encryption (RFC 7516): content that only the holder of a key can read.
//!
//! Decrypted is not authenticated: see [`Decrypted`]. There is no RSA1_5, writing never compresses,
//! and each failure to decrypt is the same [`Error::Decryption`](crate::Error::Decryption).

pub(crate) mod agreement;
pub(crate) mod alg;
pub mod compact;
mod compression;
pub(crate) mod content;
mod decrypted;
pub(crate) mod header;
pub mod json;
pub(crate) mod oaep;
pub mod password;
pub(crate) mod shared;
pub(crate) mod wrap;

pub use alg::{ContentEncryption, KeyManagement};
pub use decrypted::Decrypted;
pub use header::MediaTypes;
