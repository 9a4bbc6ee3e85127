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
