//! The two algorithms of an encrypted token, each in one table of names.

use std::fmt;

/// How the content key reaches the recipient: the `alg` header (RFC 7518 section 4.1).
///
/// `RSA1_5` is not here, since its padding can be told apart by its errors. `PBES2-*` is not here
/// either: a password protects a key file, not a token.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the registry, one to one")]
pub enum KeyManagement {
    Dir,
    A128KW,
    A192KW,
    A256KW,
    A128GCMKW,
    A192GCMKW,
    A256GCMKW,
    RsaOaep,
    RsaOaep256,
    RsaOaep384,
    RsaOaep512,
    EcdhEs,
    EcdhEsA128KW,
    EcdhEsA192KW,
    EcdhEsA256KW,
}

/// How the content is encrypted: the `enc` header (RFC 7518 section 5.1).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the registry, one to one")]
pub enum ContentEncryption {
    A128GCM,
    A192GCM,
    A256GCM,
    A128CbcHs256,
    A192CbcHs384,
    A256CbcHs512,
}

/// What a [`KeyManagement`] does, with the length of its AES key in bytes where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The shared secret is the content key.
    Direct,
    /// AES key wrap under the shared secret.
    Wrap(usize),
    /// AES-GCM under the shared secret.
    GcmWrap(usize),
    /// RSA-OAEP; the hash is part of the name.
    Rsa,
    /// ECDH gives the content key, or an AES key that wraps it.
    Agreement(Option<usize>),
}

impl KeyManagement {
    /// Every algorithm, in the order of the registry.
    pub const ALL: &[Self] = &[
        Self::Dir,
        Self::A128KW,
        Self::A192KW,
        Self::A256KW,
        Self::A128GCMKW,
        Self::A192GCMKW,
        Self::A256GCMKW,
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::RsaOaep384,
        Self::RsaOaep512,
        Self::EcdhEs,
        Self::EcdhEsA128KW,
        Self::EcdhEsA192KW,
        Self::EcdhEsA256KW,
    ];

    /// The name in the `alg` header. Names are case-sensitive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dir => "dir",
            Self::A128KW => "A128KW",
            Self::A192KW => "A192KW",
            Self::A256KW => "A256KW",
            Self::A128GCMKW => "A128GCMKW",
            Self::A192GCMKW => "A192GCMKW",
            Self::A256GCMKW => "A256GCMKW",
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::RsaOaep384 => "RSA-OAEP-384",
            Self::RsaOaep512 => "RSA-OAEP-512",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128KW => "ECDH-ES+A128KW",
            Self::EcdhEsA192KW => "ECDH-ES+A192KW",
            Self::EcdhEsA256KW => "ECDH-ES+A256KW",
        }
    }

    /// The algorithm of this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Whether sender and recipient share one secret.
    pub const fn is_symmetric(self) -> bool {
        matches!(self.method(), Method::Direct | Method::Wrap(_) | Method::GcmWrap(_))
    }

    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Dir => Method::Direct,
            Self::A128KW => Method::Wrap(16),
            Self::A192KW => Method::Wrap(24),
            Self::A256KW => Method::Wrap(32),
            Self::A128GCMKW => Method::GcmWrap(16),
            Self::A192GCMKW => Method::GcmWrap(24),
            Self::A256GCMKW => Method::GcmWrap(32),
            Self::RsaOaep | Self::RsaOaep256 | Self::RsaOaep384 | Self::RsaOaep512 => Method::Rsa,
            Self::EcdhEs => Method::Agreement(None),
            Self::EcdhEsA128KW => Method::Agreement(Some(16)),
            Self::EcdhEsA192KW => Method::Agreement(Some(24)),
            Self::EcdhEsA256KW => Method::Agreement(Some(32)),
        }
    }
}

impl ContentEncryption {
    /// Every algorithm, in the order of the registry.
    pub const ALL: &[Self] = &[
        Self::A128GCM,
        Self::A192GCM,
        Self::A256GCM,
        Self::A128CbcHs256,
        Self::A192CbcHs384,
        Self::A256CbcHs512,
    ];

    /// The name in the `enc` header. Names are case-sensitive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128GCM => "A128GCM",
            Self::A192GCM => "A192GCM",
            Self::A256GCM => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The algorithm of this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// The length of the content key in bytes; for CBC it is two keys side by side (RFC 7518
    /// section 5.2.2.1).
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::A128GCM => 16,
            Self::A192GCM => 24,
            Self::A256GCM | Self::A128CbcHs256 => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }

    pub(crate) const fn iv_bytes(self) -> usize {
        match self {
            Self::A128GCM | Self::A192GCM | Self::A256GCM => 12,
            Self::A128CbcHs256 | Self::A192CbcHs384 | Self::A256CbcHs512 => 16,
        }
    }

    pub(crate) const fn tag_bytes(self) -> usize {
        match self {
            Self::A128GCM | Self::A192GCM | Self::A256GCM | Self::A128CbcHs256 => 16,
            Self::A192CbcHs384 => 24,
            Self::A256CbcHs512 => 32,
        }
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself_and_no_other_spelling_does() {
        for &algorithm in KeyManagement::ALL {
            assert_eq!(KeyManagement::from_name(algorithm.name()), Some(algorithm));
        }
        for &algorithm in ContentEncryption::ALL {
            assert_eq!(ContentEncryption::from_name(algorithm.name()), Some(algorithm));
        }
        for name in ["RSA1_5", "PBES2-HS256+A128KW", "rsa-oaep", "DIR", "none", "", "A128KW "] {
            assert_eq!(KeyManagement::from_name(name), None, "{name:?}");
        }
    }
}
