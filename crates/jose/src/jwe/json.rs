//! The JSON serializations, flattened and general (RFC 7516 section 7.2).
//!
//! ```
//! use countersign_jose::{
//!     DecryptionKey,
//!     jwe::{ContentEncryption, KeyManagement, MediaTypes, json},
//! };
//! let (ada, bob) = (
//!     DecryptionKey::generate(KeyManagement::RsaOaep256)?,
//!     DecryptionKey::generate(KeyManagement::EcdhEsA256KW)?,
//! );
//! let content = json::Content {
//!     plaintext: b"for both of you",
//!     aad: Some(b"seen by all"),
//!     types: MediaTypes::default(),
//! };
//! let enc = ContentEncryption::A256GCM;
//! let token = json::encrypt_to_all(&[ada.encryption_key(), bob.encryption_key()], enc, content)?;
//! for key in [ada, bob] {
//!     let decrypted = json::decrypt(&key, &[enc], &token)?;
//!     assert_eq!(decrypted.plaintext(), b"for both of you");
//!     assert_eq!(decrypted.aad(), Some(&b"seen by all"[..]));
//! }
//! # Ok::<(), countersign_jose::Error>(())
//! ```

mod read;
mod write;

pub use super::compact::MAX_BYTES;
#[cfg(feature = "deflate")]
pub use read::decrypt_inflating;
pub use read::{MAX_RECIPIENTS, decrypt};
pub use write::{Content, encrypt, encrypt_to_all};
