//! What comes out of an encrypted token.

use std::fmt;

use zeroize::Zeroizing;

use super::{alg::ContentEncryption, header::MediaTypes};

/// The content of an encrypted token, and what its header says about it.
///
/// Decrypted is not authenticated: with a public key anybody can write such a token. Trust the
/// content only when it is itself a signed token that has been verified, or when the key is a
/// secret that nobody else has.
pub struct Decrypted {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    pub(crate) encryption: ContentEncryption,
    pub(crate) key_id: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) cty: Option<String>,
    pub(crate) aad: Option<Vec<u8>>,
}

impl Decrypted {
    /// The content.
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// The content; its memory is wiped when it is dropped.
    pub fn into_plaintext(self) -> Zeroizing<Vec<u8>> {
        self.plaintext
    }

    /// How the content was encrypted.
    pub fn encryption(&self) -> ContentEncryption {
        self.encryption
    }

    /// The `kid` that the header names for this recipient.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The `typ` of the protected header: the type of the encrypted token itself.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The `cty` of the protected header: the type of the content, `JWT` for a nested token.
    pub fn cty(&self) -> Option<&str> {
        self.cty.as_deref()
    }

    /// The additional data that was protected but not encrypted; only JSON tokens have any.
    pub fn aad(&self) -> Option<&[u8]> {
        self.aad.as_deref()
    }

    pub(crate) fn new(
        plaintext: Zeroizing<Vec<u8>>,
        encryption: ContentEncryption,
        key_id: Option<&str>,
        types: MediaTypes<'_>,
    ) -> Self {
        let [key_id, typ, cty] = [key_id, types.typ, types.cty].map(|text| text.map(str::to_owned));
        Self { plaintext, encryption, key_id, typ, cty, aad: None }
    }
}

impl fmt::Debug for Decrypted {
    /// Shows nothing of the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted")
            .field("encryption", &self.encryption)
            .field("key_id", &self.key_id)
            .field("typ", &self.typ)
            .field("cty", &self.cty)
            .finish_non_exhaustive()
    }
}
