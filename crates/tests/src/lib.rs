//! The harness of the black-box tests: the real binary, a small HTTP client that can also send
//! what no client should, and a browser that knows cookies and plain forms.
//!
//! It panics where a test could not go on, and says why.

pub mod binary;
pub mod browser;
pub mod client_site;
pub mod clock;
pub mod folder;
pub mod full_disk;
pub mod http;
pub mod proxy;
pub mod relying_party;
pub mod server;
pub mod shared;
pub mod skip;

/// The Rust in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
