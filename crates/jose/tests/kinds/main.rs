//! Every kind of token: what it must and must not say, when it holds, and that no verifier takes it
//! for another kind (RFC 8725 sections 3.11 and 3.12).
//!
//! The claims here are written down from the specifications, not from the tables of the crate.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod audience;
mod client_assertion;
mod dates;
mod dpop_proof;
mod id_token;
mod kind;
mod matrix;
mod policy;
mod round_trip;
mod tables;
mod verifier;
