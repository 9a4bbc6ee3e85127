//! JSON Web Encryption (RFC 7516).

mod alg;

pub use alg::{ContentEncryption, KeyManagement};
