//! One contestant.

/// Encrypts the plaintext under its key.
pub(super) type Encrypt = Box<dyn Fn() -> Result<String, String>>;
/// Decrypts a token and gives the plaintext back.
pub(super) type Decrypt = Box<dyn Fn(&str) -> Result<Vec<u8>, String>>;

/// Who encrypts and decrypts, with everything that can be prepared once prepared once.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) encrypt: Encrypt,
    pub(super) decrypt: Decrypt,
}
