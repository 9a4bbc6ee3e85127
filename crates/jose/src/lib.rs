//! Strict JWS, JWK and JWT: bytes in, verdict out. No network, no clock, no policy of its own.
//!
//! ```
//! use countersign_jose::{AccessToken, Algorithm, KeySet, Policy, SigningKey, Timestamp, jwt};
//! let key = SigningKey::generate(Algorithm::ES256)?;
//! let (iss, aud, sub) = ("https://id.example".into(), vec!["https://api.example".into()], "ada".into());
//! let claims = AccessToken { issuer: iss, audience: aud, subject: sub, client_id: "web".into(), token_id: "1".into(), issued_at: 1_000, expires_at: 1_300, ..AccessToken::default() };
//! let token = jwt::sign(&key, AccessToken::TYPE, &claims)?;
//! let policy = Policy::access_token("https://id.example", "https://api.example", &[Algorithm::ES256])?;
//! let verified = policy.verify(&KeySet::new([key.verifying_key()]), &token, Timestamp::from_secs(1_100))?;
//! assert_eq!(verified.subject, "ada");
//! # Ok::<(), countersign_jose::Error>(())
//! ```
//!
//! # Map
//! | module | what it holds |
//! |---|---|
//! | `time`, `alg`, `error` | [`Timestamp`], [`Algorithm`] (one table), [`Error`] (one list) |
//! | `base64url`, `json` | the strict readers that everything below stands on |
//! | `key` | [`SigningKey`], [`VerifyingKey`]: tied to one algorithm, parsed once |
//! | `jwk` | [`Jwk`], [`JwkSet`], [`KeySet`]: keys in JSON, keys found by `kid`, thumbprints |
//! | [`jws`] | compact signatures over any bytes |
//! | [`jwt`] | [`jwt::sign`], [`Policy`] (the only maker of [`Verified`]), [`jwt::peek`] |
//! | `profile` | [`AccessToken`], [`IdToken`]: one kind of token, one file |

mod alg;
mod base64url;
mod error;
mod json;
mod jwk;
pub mod jws;
pub mod jwt;
mod key;
mod profile;
mod time;

pub use alg::Algorithm;
pub use error::Error;
pub use jwk::{Jwk, JwkSet, KeySet, RejectedKey};
pub use jwt::{Policy, Unverified, Verified};
pub use key::{SigningKey, VerifyingKey};
pub use profile::{AccessToken, IdToken, Profile};
pub use time::Timestamp;
