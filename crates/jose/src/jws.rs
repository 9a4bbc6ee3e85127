//! JSON Web Signatures (RFC 7515).
//!
//! A signature takes one of several forms, and a verifier reads exactly one of them:
//!
//! | module | form |
//! |---|---|
//! | [`compact`] | three parts with dots between them: what tokens use |
//! | [`json`] | JSON with one signature (flattened) or several (general), each with its own key |
//! | [`detached`] | either of these without its payload, which both sides have anyway |
//! | [`unencoded`] | any of these over the payload as it is, not as base64url (RFC 7797) |

pub mod compact;
pub mod detached;
mod document;
pub(crate) mod header;
pub mod json;
mod report;
mod signatory;
pub mod unencoded;

pub use document::Keys;
pub use report::{Report, SignatureReport};
pub use signatory::Signatory;
