//! Keys, each tied to one algorithm and parsed once.

mod material;
mod rsa_strength;
mod secret;
mod signing;
mod verifying;

pub(crate) use material::Material;
pub(crate) use secret::Secret;
pub(crate) use signing::Signer;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;
