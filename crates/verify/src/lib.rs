//! Protects an API: access tokens are checked locally, and revoking one takes effect at once.
//!
//! ```no_run
//! # use countersign_verify::BuildError;
//! # async fn example(orders: impl tower_service::Service<()>) -> Result<(), BuildError> {
//! use countersign_verify::Verifier;
//! use tower_layer::Layer;
//! let verifier = Verifier::discover("https://id.example", "https://api.example")
//!     .revocations("orders-api", "the secret of this API")
//!     .start()?;
//! verifier.ready().await;
//! let service = verifier.layer().require_scope("orders:read").layer(orders);
//! # Ok(()) }
//! ```
//!
//! A handler finds the [`Caller`] in the request's extensions, or takes it as an argument with the
//! feature `axum`. A check does no network and no disk work, but for what only the issuer can tell:
//! [`Verifier::verify`] loads the keys again for the first token with an unknown one, asks about an
//! opaque token that it has not seen lately, and fetches a status list that it does not have.
//!
//! # Map
//! | module | what it holds |
//! |---|---|
//! | `builder`, `verifier` | [`VerifierBuilder`], [`Verifier`]: the check itself |
//! | `jwks_cache` | the issuer's keys; which answer may replace them |
//! | `deny_set`, `replay`, `id_key` | [`DenySet`], [`ReplayGuard`], and the keys of both |
//! | `token_cache`, `remembered` | [`TokenCache`]: tokens that need no cryptography any more |
//! | `introspection`, `introspector` | opaque tokens: what the issuer says of them |
//! | `revocation`, `sse` | what the feed says, and how it is read |
//! | `status`, `status_lists` | Token Status Lists of issuers without a feed |
//! | `staleness` | [`WhenStale`], and how old the revocations are |
//! | `bearer`, `presented` | [`bearer_token`], [`Presented`]: what a request shows |
//! | `sender`, `dpop`, `nonce`, `certificate` | whether it may come from this sender |
//! | `sign_in` | whether its user signed in well enough (RFC 9470) |
//! | `proxy` | [`Peer`], and what a listed proxy tells |
//! | `challenge`, `caller` | [`Refusal`] or [`Caller`] out |
//! | `discovery`, `secure_url` | the issuer's metadata |
//! | `protected_resource` | the API's own: [`ProtectedResource`] |
//! | `error`, `metrics`, `timing`, `backoff` | [`Error`], [`BuildError`], [`Metrics`], limits |
//! | `clock`, `fetch`, `refresh` | what touches clock and network |
//! | `feed`, `acknowledge`, `layer`, `axum` | what does so as well |

mod acknowledge;
#[cfg(feature = "axum")]
mod axum;
mod backoff;
mod bearer;
mod builder;
mod caller;
mod certificate;
mod challenge;
mod clock;
mod deny_set;
mod discovery;
mod dpop;
mod error;
mod feed;
mod fetch;
mod id_key;
mod introspection;
mod introspector;
mod jwks_cache;
mod layer;
mod metrics;
mod nonce;
mod presented;
mod protected_resource;
mod proxy;
mod refresh;
mod remembered;
mod replay;
mod revocation;
mod secure_url;
mod sender;
mod sign_in;
mod sse;
mod staleness;
mod status;
mod status_lists;
mod timing;
mod token_cache;
mod verifier;

#[cfg(test)]
mod tests;

#[cfg(feature = "axum")]
pub use axum::MissingLayer;
pub use bearer::{BearerError, bearer_token};
pub use builder::VerifierBuilder;
pub use caller::Caller;
pub use certificate::CertificateThumbprint;
pub use challenge::Refusal;
pub use clock::SteadyClock;
pub use deny_set::{DenySet, Revoked, TokenNames};
pub use dpop::{CheckedProof, DPOP, DPOP_NONCE, DpopRules, ProofError, ProvenRequest, dpop_proof};
pub use error::{BuildError, Error};
pub use layer::{BearerLayer, BearerService};
pub use metrics::Metrics;
pub use nonce::DpopNonces;
pub use presented::Presented;
pub use protected_resource::ProtectedResource;
pub use proxy::{Peer, forwarded_certificate, forwarded_certificate_der};
pub use replay::{Noted, ReplayError, ReplayGuard, ReplayMemory};
pub use sender::{SenderError, SenderRules};
pub use staleness::WhenStale;
pub use timing::KEYS_KEPT_MAX;
pub use token_cache::TokenCache;
pub use verifier::Verifier;
// What a program needs of the token types to use this crate.
pub use countersign_jose::{AccessToken, Algorithm, Timestamp, Verified};
