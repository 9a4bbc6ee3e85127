//! Keys, each tied to one algorithm and parsed once.

mod decryption;
mod der;
#[cfg(feature = "ed448")]
mod ed448;
mod encryption;
mod key_type;
mod material;
mod numbers;
pub(crate) mod pem;
pub(crate) mod pkcs8;
mod rsa_strength;
mod secret;
mod signing;
mod small_order;
pub(crate) mod spki;
mod verifying;

pub use decryption::DecryptionKey;
pub use encryption::EncryptionKey;
pub use key_type::KeyType;
pub(crate) use material::Material;
pub(crate) use numbers::{PrivateNumbers, RsaNumbers};
pub(crate) use secret::Secret;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;
