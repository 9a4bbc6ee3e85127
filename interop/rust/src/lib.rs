//! What the relying parties here share: a server of their own, and the person at the browser.
//!
//! The HTTP client and the browser are those of the tests of the whole system.

#[path = "../../../crates/tests/src/browser.rs"]
pub mod browser;
#[path = "../../../crates/tests/src/http.rs"]
pub mod http;
pub mod server;
