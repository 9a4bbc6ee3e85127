//! JSON Web Tokens and everything they stand on: strict, complete, and as fast as the cryptography.
//!
//! From nothing to a verified token:
//!
//! ```
//! use countersign_jose::{AccessToken, Algorithm, KeySet, Policy, SigningKey, Timestamp, jwt};
//! let (issuer, api) = ("https://id.example", "https://api.example");
//! let key = SigningKey::generate(Algorithm::ES256)?;
//! let claims = serde_json::json!({ "iss": issuer, "aud": api, "sub": "ada", "client_id": "web",
//!     "jti": "1", "iat": 1_000, "exp": 1_300 });
//! let token = jwt::sign(&key, AccessToken::TYPE, &claims)?;
//! let policy = Policy::access_token(issuer, api, &[Algorithm::ES256])?;
//! let keys = KeySet::new([key.verifying_key()]);
//! let verified = policy.verify(&keys, &token, Timestamp::from_secs(1_100))?;
//! assert_eq!(verified.subject, "ada");
//! # Ok::<(), countersign_jose::Error>(())
//! ```
//!
//! # What can't be written down
//! - **A token for anybody.** A [`Policy`] can't be built without issuer, audience and algorithms.
//! - **A public key as an HMAC secret.** A key is tied to one algorithm when it is made; the header
//!   of a token only says which key is meant. There is no `none`.
//! - **Claims that nobody checked.** Only a policy makes a [`Verified`]; [`jwt::peek`] gives an
//!   [`Unverified`], which shows text to people and has no claims.
//! - **One kind of token in place of another.** The kind is in the type: `Verified<AccessToken>` is
//!   not `Verified<IdToken>`. Each kind lists the claims that it must and must not have.
//! - **An encrypted token as proof.** Decrypting gives a [`jwe::Decrypted`], never a `Verified`;
//!   [`Policy::verify_nested`] checks both layers.
//! - **A key from the token.** `jku`, `x5u`, `x5c` and `jwk` are not read, except for the `jwk` of
//!   a DPoP proof, which proves just that.
//!
//! # Ways to the claims
//! | call | claims | copies |
//! |---|---|---|
//! | [`Policy::verify`] | the kind's own type, such as [`AccessToken`] | all |
//! | [`Policy::verify_as`] | a type of yours | as your type does |
//! | [`Policy::verify_in`] | [`Claims`], or a type of yours that borrows | none |
//!
//! ```
//! # use countersign_jose::{
//! #     AccessToken, Algorithm, Buffer, KeySet, Policy, SigningKey, Timestamp, jwt,
//! # };
//! # let (issuer, api) = ("https://id.example", "https://api.example");
//! # let key = SigningKey::generate(Algorithm::Ed25519)?;
//! # let keys = KeySet::new([key.verifying_key()]);
//! # let policy = Policy::access_token(issuer, api, &[Algorithm::Ed25519])?;
//! # let claims = serde_json::json!({ "iss": issuer, "aud": api, "sub": "ada", "client_id": "web",
//! #     "jti": "1", "iat": 1_000, "exp": 1_300, "tenant": "blue" });
//! # let token = jwt::sign(&key, AccessToken::TYPE, &claims)?;
//! # let now = Timestamp::from_secs(1_100);
//! let mut buffer = Buffer::new(); // one for each thread, used again for the next token
//! let verified = policy.verify_in(&keys, &token, now, &mut buffer)?;
//! assert_eq!(verified.subject(), Some("ada"));
//! assert_eq!(verified.text("tenant"), Some("blue"));
//! # Ok::<(), countersign_jose::Error>(())
//! ```
//!
//! # Map
//! | module | what it holds |
//! |---|---|
//! | `profile` | the eleven kinds of token, one file each, from [`AccessToken`] to [`DpopProof`] |
//! | [`jwt`] | making tokens, [`Policy`] and [`Verified`], nested tokens, [`jwt::peek`] |
//! | [`jws`] | signatures over any bytes: compact, JSON, detached |
//! | [`jwe`] | encryption of any bytes: compact, JSON, under a password |
//! | `jwk` | [`Jwk`], [`PrivateJwk`], [`JwkSet`], [`KeySet`] (looked up by `kid`), thumbprints |
//! | `key` | [`SigningKey`], [`VerifyingKey`], [`EncryptionKey`], [`DecryptionKey`]; PEM, DER |
//! | `alg`, `error`, `time` | [`Algorithm`] (one table), [`Error`] (one list), [`Timestamp`] |
//! | [`base64url`], `json` | the strict readers that everything above stands on |
//!
//! # Limits
//! | | |
//! |---|---|
//! | a token that a policy reads | [`jwt::MAX_BYTES`], 16 KiB |
//! | a JWS or JWE over any bytes | [`jws::compact::MAX_BYTES`], 64 KiB |
//! | a header | 4 KiB; `kid` 256 bytes, printable |
//! | JSON | 16 levels deep, no name twice, strict UTF-8 |
//! | a JWK, a set of them | 16 KiB; 256 KiB and 256 keys |
//! | signatures or recipients of one token | 16 |
//! | dates | from 1970 to 9999, whole or with a fraction, read exactly |
//!
//! Reading never panics, and takes memory in proportion to its input.
//!
//! # What is kept outside
//! No network, no files, no clock: the caller brings the time and the keys. The one thing that is
//! drawn from the system is randomness, inside the crypto library: for new keys, and where signing
//! or encrypting needs it.
//!
//! # Features
//! None is on by default; each adds something and changes nothing.
//! - `ed448`: Ed448 signatures, by a crate of its own since aws-lc-rs has none.
//! - `deflate`: reading compressed encrypted tokens, for those who ask, up to a size they set.

mod alg;
pub mod base64url;
#[cfg(doctest)]
mod cannot_be_written;
mod error;
mod json;
pub mod jwe;
mod jwk;
pub mod jws;
pub mod jwt;
mod key;
mod profile;
mod time;

pub use alg::{Algorithm, KeyAlgorithm};
pub use error::Error;
pub use jwk::{Jwk, JwkSet, KeySet, PrivateJwk, RejectedKey};
pub use jwt::{Buffer, Claims, Policy, Profile, Recipient, Unverified, Verified};
pub use key::{DecryptionKey, EncryptionKey, KeyType, SigningKey, VerifyingKey};
pub use profile::{
    AccessToken, AuthorizationResponse, ClientAssertion, Confirmation, DpopProof, IdToken,
    IdTokenHint, IntrospectionResponse, LogoutToken, ProofPolicy, RequestObject, SecurityEvent,
    StatusListToken, VerifiedProof,
};
pub use time::Timestamp;
