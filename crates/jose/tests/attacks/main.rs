//! Known attacks on JOSE libraries, each with the exact reason for its refusal and, where it makes
//! sense, the honest twin that passes.
//!
//! Unless a test says otherwise the token is signed with the right key: the refusal must come from
//! what the test changes, not from a broken signature. Every verdict is asked for in all ways at
//! once (`bench::Bench::judge_with`), which must agree.
//!
//! `attacks.md` says where each class is tested, also those that are not for this crate.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agreement;
mod algorithms;
mod bench;
mod claims;
mod encryption;
mod form;
mod header;
mod keys;
mod signatures;
