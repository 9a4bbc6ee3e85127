//! Strict JWS, JWK and JWT: bytes in, verdict out. No network, no clock, no policy of its own.
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
//! # Map
//! | module | what it holds |
//! |---|---|
//! | `time`, `alg`, `error` | [`Timestamp`], [`Algorithm`] (one table), [`Error`] (one list) |
//! | [`base64url`], `json` | the strict readers that everything below stands on |
//! | `key` | [`SigningKey`], [`VerifyingKey`]: tied to one algorithm, parsed once |
//! | `jwk` | [`Jwk`], [`JwkSet`], [`KeySet`]: keys in JSON, keys found by `kid`, thumbprints |
//! | [`jws`] | compact signatures over any bytes |
//! | [`jwt`] | [`jwt::sign`], [`Policy`] (the only maker of [`Verified`]), [`jwt::peek`] |
//! | `profile` | [`AccessToken`], [`IdToken`]: one kind of token, one file |

mod alg;
pub mod base64url;
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
pub use jwt::{Buffer, Claims, Policy, Profile, Unverified, Verified};
pub use key::{KeyType, SigningKey, VerifyingKey};
pub use profile::{
    AccessToken, ClientAssertion, DpopProof, IdToken, IdTokenHint, IntrospectionResponse,
    LogoutToken, ProofPolicy, RequestObject, SecurityEvent, StatusListToken, VerifiedProof,
};
pub use time::Timestamp;
