//! Why something was refused. One list for the whole crate.

use std::fmt;

/// Why bytes, a key or a token were refused. The text is for the operator's log; an outside caller
/// should see less (RFC 6750 section 3.1: `invalid_token` is enough).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not the parts of the compact form (RFC 7515 section 7.1, RFC 7516 section 7.1), or not the
    /// members of the JSON form (section 7.2 of both).
    Malformed,
    /// Not canonical base64url (RFC 7515 section 2): padding, foreign characters, unused bits set.
    Base64,
    /// Not one JSON text in UTF-8, or nested too deeply (RFC 8259).
    Json,
    /// A JSON object names a member twice (RFC 7515 section 4).
    DuplicateMember,
    /// Longer than the limit for its kind.
    TooLarge,
    /// A header member is missing or of the wrong kind, or names a feature that is refused.
    InvalidHeader(&'static str),
    /// The header has `crit`: no extension is understood, so each one is refused (RFC 7515 4.1.11).
    UnknownCritical,
    /// The header's algorithm is not in the policy's list, or is not the algorithm of the key.
    AlgorithmNotAllowed,
    /// No key of the set has the token's `kid`.
    UnknownKey,
    /// The header has no `kid`, so no key can be chosen.
    MissingKeyId,
    /// The signature does not fit the key and the content.
    BadSignature,
    /// No signature is by the key whose signature is asked for.
    MissingSignature,
    /// The `typ` header is that of another kind of token (RFC 8725 section 3.11).
    WrongType,
    /// `iss` is not the expected issuer, compared character for character.
    Issuer,
    /// `aud` does not contain the expected audience.
    Audience,
    /// `azp` is not this client, or is missing beside several audiences (OIDC Core 3.1.3.7).
    AuthorizedParty,
    /// The `nonce` is missing or is not the one of the request (OIDC Core 3.1.3.7).
    Nonce,
    /// `exp` has passed.
    Expired,
    /// `iat` lies further back than the policy's greatest age.
    TooOld,
    /// `nbf` has not come yet.
    NotYetValid,
    /// `iat` lies in the future by more than the leeway.
    IssuedInFuture,
    /// A required claim is missing.
    MissingClaim(&'static str),
    /// A claim that this kind of token must not have.
    ForbiddenClaim(&'static str),
    /// A claim has the wrong type, is empty, too long or out of range.
    InvalidClaim(&'static str),
    /// The key is too weak to be used.
    WeakKey(&'static str),
    /// The key is of a kind that this crate does not handle.
    UnsupportedKey(&'static str),
    /// The key is malformed or contradicts itself.
    InvalidKey(&'static str),
    /// The key is for something else: `use`, `key_ops` or `alg` says so (RFC 7517 4.2 to 4.4).
    WrongKeyUse,
    /// Private or secret members where a public key is expected.
    PrivateKey,
    /// Two keys of one set have the same `kid`; neither is used.
    DuplicateKeyId,
    /// A policy was built with an empty or unusable part.
    InvalidPolicy(&'static str),
    /// The claims do not fit the type that the caller reads them into.
    UnfitClaims,
    /// The claims could not be turned into a JSON object, or the payload not into this form.
    Unserializable,
    /// The crypto library failed to make a key or a signature, or to draw random bytes.
    Crypto,
    /// It cannot be decrypted with this key. Nothing tells why: a wrong key, changed bytes and a
    /// bad padding must look alike (RFC 7516 section 11.5).
    Decryption,
    /// The header's `enc` is not in the list of what is accepted here.
    EncryptionNotAllowed,
    /// More signatures or recipients than the limit, or none at all.
    SignatureCount,
    /// The token is encrypted where a signed one is expected, or the reverse (RFC 8725 3.2).
    WrongProtection,
}

impl Error {
    /// A stable name for logs, metrics and tests.
    pub const fn code(&self) -> &'static str {
        self.row().0
    }

    /// The stable name, and the sentence for the log.
    const fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("malformed", "it lacks the parts or members of its form"),
            Self::Base64 => ("base64", "a part is not canonical base64url without padding"),
            Self::Json => ("json", "the JSON is not well formed, not UTF-8 or nested too deeply"),
            Self::DuplicateMember => ("duplicate_member", "a JSON object names a member twice"),
            Self::TooLarge => ("too_large", "the input is longer than the limit"),
            Self::InvalidHeader(_) => ("invalid_header", "a header member is missing or refused"),
            Self::UnknownCritical => (
                "unknown_critical",
                "the header marks an extension as critical, and none is supported",
            ),
            Self::AlgorithmNotAllowed => (
                "algorithm_not_allowed",
                "the algorithm in the header is not allowed here, or is not the one of the key",
            ),
            Self::UnknownKey => ("unknown_key", "no key in the set has the key id of the token"),
            Self::MissingKeyId => ("missing_key_id", "the header has no key id"),
            Self::BadSignature => ("bad_signature", "the signature does not match"),
            Self::MissingSignature => ("missing_signature", "a required key has not signed"),
            Self::WrongType => ("wrong_type", "the typ header names another kind of token"),
            Self::Issuer => ("issuer", "the token comes from another issuer"),
            Self::Audience => ("audience", "the token is meant for another audience"),
            Self::AuthorizedParty => {
                ("authorized_party", "the token was issued to another client (azp)")
            }
            Self::Nonce => ("nonce", "the nonce is missing or is not the one of the request"),
            Self::Expired => ("expired", "the token has expired"),
            Self::NotYetValid => ("not_yet_valid", "the token is not valid yet"),
            Self::IssuedInFuture => ("issued_in_future", "the token was issued in the future"),
            Self::ForbiddenClaim(_) => {
                ("forbidden_claim", "this kind of token must not have a claim that it has")
            }
            Self::TooOld => ("too_old", "the token was issued too long ago"),
            Self::UnfitClaims => ("unfit_claims", "the claims do not fit the caller's type"),
            Self::MissingClaim(_) => ("missing_claim", "a required claim is missing"),
            Self::InvalidClaim(_) => {
                ("invalid_claim", "a claim has a wrong type, is empty, too long or out of range")
            }
            Self::WeakKey(_) => ("weak_key", "weak key"),
            Self::UnsupportedKey(_) => ("unsupported_key", "unsupported key"),
            Self::InvalidKey(_) => ("invalid_key", "invalid key"),
            Self::WrongKeyUse => ("wrong_key_use", "the key's use, key_ops or alg forbids this"),
            Self::PrivateKey => (
                "private_key",
                "the JWK carries private or secret members where a public key is expected",
            ),
            Self::DuplicateKeyId => ("duplicate_key_id", "two keys of the set share a key id"),
            Self::InvalidPolicy(_) => ("invalid_policy", "the policy lacks a value"),
            Self::Unserializable => ("unserializable", "the content cannot take this form"),
            Self::Crypto => ("crypto", "the crypto library failed at a key or a signature"),
            Self::Decryption => ("decryption", "it cannot be decrypted with this key"),
            Self::EncryptionNotAllowed => (
                "encryption_not_allowed",
                "the content encryption in the header is not allowed here",
            ),
            Self::SignatureCount => ("signature_count", "no signatures or recipients, or too many"),
            Self::WrongProtection => (
                "wrong_protection",
                "the token is encrypted where a signed one is expected, or the reverse",
            ),
        }
    }

    /// What the sentence is about: a member, a claim, a property of a key.
    const fn detail(&self) -> Option<&'static str> {
        match self {
            Self::InvalidHeader(detail)
            | Self::MissingClaim(detail)
            | Self::ForbiddenClaim(detail)
            | Self::InvalidClaim(detail)
            | Self::WeakKey(detail)
            | Self::UnsupportedKey(detail)
            | Self::InvalidKey(detail)
            | Self::InvalidPolicy(detail) => Some(detail),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().1)?;
        self.detail().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl std::error::Error for Error {}
