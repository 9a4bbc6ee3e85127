//! Why something was refused. One list for the whole crate.

/// Why bytes, a key or a token were refused. The text is for the operator's log; an outside caller
/// should see less (RFC 6750 section 3.1: `invalid_token` is enough).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not three parts separated by two dots (RFC 7515 section 7.1).
    #[error("the token is not three base64url parts separated by two dots")]
    Malformed,
    /// Not canonical base64url (RFC 7515 section 2): padding, foreign characters, unused bits set.
    #[error("a part is not canonical base64url without padding")]
    Base64,
    /// Not one JSON text in UTF-8, or nested too deeply (RFC 8259).
    #[error("the JSON is not well formed, not UTF-8 or nested too deeply")]
    Json,
    /// A JSON object names a member twice (RFC 7515 section 4).
    #[error("a JSON object names the same member twice")]
    DuplicateMember,
    /// Longer than the limit for its kind.
    #[error("the input is longer than the limit")]
    TooLarge,
    /// A header member is missing or of the wrong kind, or names a feature that is refused.
    #[error("the header member {0:?} is missing, malformed or not supported")]
    InvalidHeader(&'static str),
    /// The header has `crit`: no extension is understood, so each one is refused (RFC 7515 4.1.11).
    #[error("the header marks an extension as critical, and none is supported")]
    UnknownCritical,
    /// The header's algorithm is not in the policy's list, or is not the algorithm of the key.
    #[error("the algorithm in the header is not allowed here, or is not the one of the key")]
    AlgorithmNotAllowed,
    /// No key of the set has the token's `kid`.
    #[error("no key in the set has the key id of the token")]
    UnknownKey,
    /// The header has no `kid`, so no key can be chosen.
    #[error("the header has no key id")]
    MissingKeyId,
    /// The signature does not fit the key and the content.
    #[error("the signature does not match")]
    BadSignature,
    /// The `typ` header is that of another kind of token (RFC 8725 section 3.11).
    #[error("the typ header says that this is another kind of token")]
    WrongType,
    /// `iss` is not the expected issuer, compared character for character.
    #[error("the token comes from another issuer")]
    Issuer,
    /// `aud` does not contain the expected audience.
    #[error("the token is meant for another audience")]
    Audience,
    /// `azp` is not this client, or is missing beside several audiences (OIDC Core 3.1.3.7).
    #[error("the token was issued to another client (azp)")]
    AuthorizedParty,
    /// The `nonce` is missing or is not the one of the request (OIDC Core 3.1.3.7).
    #[error("the nonce is missing or is not the one of the request")]
    Nonce,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` has not come yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future by more than the leeway.
    #[error("the token says that it was issued in the future")]
    IssuedInFuture,
    /// A required claim is missing.
    #[error("the claim {0:?} is required and missing")]
    MissingClaim(&'static str),
    /// A claim has the wrong type, is empty, too long or out of range.
    #[error("the claim {0:?} has a wrong type, is empty, too long or out of range")]
    InvalidClaim(&'static str),
    /// The key is too weak to be used.
    #[error("weak key: {0}")]
    WeakKey(&'static str),
    /// The key is of a kind that this crate does not handle.
    #[error("unsupported key: {0}")]
    UnsupportedKey(&'static str),
    /// The key is malformed or contradicts itself.
    #[error("invalid key: {0}")]
    InvalidKey(&'static str),
    /// The key may not be used for this: `use` or `key_ops` says otherwise (RFC 7517 4.2, 4.3).
    #[error("the key's use or key_ops does not permit this")]
    WrongKeyUse,
    /// Private or secret members where a public key is expected.
    #[error("the JWK carries private or secret members where a public key is expected")]
    PrivateKey,
    /// Two keys of one set have the same `kid`; neither is used.
    #[error("two keys in the set have the same key id")]
    DuplicateKeyId,
    /// A policy was built with an empty or unusable part.
    #[error("the policy needs a value for {0}")]
    InvalidPolicy(&'static str),
    /// The claims could not be turned into a JSON object.
    #[error("the claims cannot be written as a JSON object")]
    Unserializable,
    /// The crypto library failed to make a key or a signature.
    #[error("the crypto library could not make the key or the signature")]
    Crypto,
}

impl Error {
    /// A stable name for logs, metrics and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Base64 => "base64",
            Self::Json => "json",
            Self::DuplicateMember => "duplicate_member",
            Self::TooLarge => "too_large",
            Self::InvalidHeader(_) => "invalid_header",
            Self::UnknownCritical => "unknown_critical",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::UnknownKey => "unknown_key",
            Self::MissingKeyId => "missing_key_id",
            Self::BadSignature => "bad_signature",
            Self::WrongType => "wrong_type",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::AuthorizedParty => "authorized_party",
            Self::Nonce => "nonce",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::MissingClaim(_) => "missing_claim",
            Self::InvalidClaim(_) => "invalid_claim",
            Self::WeakKey(_) => "weak_key",
            Self::UnsupportedKey(_) => "unsupported_key",
            Self::InvalidKey(_) => "invalid_key",
            Self::WrongKeyUse => "wrong_key_use",
            Self::PrivateKey => "private_key",
            Self::DuplicateKeyId => "duplicate_key_id",
            Self::InvalidPolicy(_) => "invalid_policy",
            Self::Unserializable => "unserializable",
            Self::Crypto => "crypto",
        }
    }
}
