//! Keeps the facts and commits the changes, atomically.
//!
//! [`Store`] is narrow on purpose: its steps are whole atomic operations of the protocol (redeem
//! a code once, rotate a grant, end every grant of a person), never rows. A step runs the pure
//! rule of `countersign-protocol` inside the transaction that commits its outcome.
//!
//! | room | subject |
//! |---|---|
//! | `store` | the trait, and what goes in and out of its steps |
//! | `registration` | the part of it that is about clients that register themselves |
//! | [`uncommitted`] | an outcome that is decided but not yet durable |
//! | [`sqlite`] | one file, one writer thread with group commit, readers beside it |
//! | `contract` | the rules that every backend has to keep, as tests (feature `contract`) |

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod registration;
pub mod sqlite;
mod store;
pub mod uncommitted;

pub use error::StoreError;
pub use registration::{
    ChangeClient, InitialAccess, NewRegistration, RegisteredClient, RegistrationOutcome,
    Registrations,
};
pub use store::{
    Answer, AuditEntry, CodeOutcome, Consent, DeviceAnswer, DeviceBegun, DeviceOutcome, Ended,
    EndedClient, GrantSelector, KeyChange, KeysChanged, Moment, NewGrant, NewMaster, Position,
    Pushed, RotationOutcome, RotationRequest, Seal, StatusList, Store, Use, UsedOnce,
};
pub use uncommitted::Uncommitted;
