//! OAuth 2.1 and OpenID Connect as pure decisions.
//!
//! Nothing in this crate does I/O. Time comes in as a [`Timestamp`], randomness as a
//! [`Randomness`], facts as values; what goes out is a verdict and the change that follows from
//! it. The store runs the rules of [`authorization_code`] and [`refresh_family`] inside the
//! transaction that commits their outcome, so a decision never rests on facts that have moved.
//!
//! | room | subject |
//! |---|---|
//! | [`wire`] | requests and answers as they travel |
//! | [`client`], [`redirect_uri`], [`pkce`], [`scope`] | what a client may ask for |
//! | [`registration`], [`metadata_document`], [`logo`] | what clients say about themselves |
//! | [`registration_token`] | what lets them say it |
//! | [`security_profile`] | what of it is refused under FAPI 2.0 |
//! | [`client_assertion`], [`client_keys`] | how it proves who it is with a signature |
//! | [`remote_url`], [`public_address`] | what this server asks at, because somebody named it |
//! | [`freshness`] | how long the answer counts |
//! | [`logout`] | telling clients that a sign-in has ended |
//! | [`account`], [`session`], [`throttle`], [`rate`] | people and their sign-ins, and limits |
//! | [`grant`], [`grant_token`] | what was agreed, and the codes and refresh tokens that name it |
//! | [`claims_request`], [`authorization_details`] | what is asked for beside scope |
//! | [`grant_details`], [`offer`] | what of it a grant keeps, and what there is here |
//! | [`authorization_code`], [`device_code`], [`refresh_family`] | the rules for using them |
//! | [`token_exchange`], [`jwt_grant`] | tokens for tokens, of this server and of others |
//! | [`token`], [`release`], [`introspection`] | what is said in tokens and about them |
//! | [`subject`] | what a client knows people by |
//! | [`token_format`], [`opaque_token`] | how access tokens are written |
//! | [`revocation`], [`snapshot`] | events that end tokens before their time, all that are alive |
//! | [`follower`] | which verifiers have them |
//! | [`status_list`] | the same for verifiers that follow no feed |
//! | [`key_schedule`], [`keyring`], [`seal`] | keys, when they are replaced, how they are kept |

pub mod account;
pub mod authorization_code;
pub mod authorization_details;
pub mod claims_request;
pub mod client;
pub mod client_assertion;
pub mod client_certificate;
pub mod client_keys;
pub mod client_secret;
pub mod device_code;
pub mod error;
pub mod follower;
pub mod freshness;
pub mod grant;
pub mod grant_details;
pub mod grant_token;
pub mod introspection;
pub mod jwt_grant;
pub mod key_schedule;
pub mod keyring;
pub mod lifetimes;
pub mod logo;
pub mod logout;
pub mod metadata_document;
pub mod offer;
pub mod opaque_token;
pub mod pkce;
pub mod public_address;
pub mod random;
pub mod rate;
pub mod redirect_uri;
pub mod refresh_family;
pub mod registration;
pub mod registration_token;
pub mod release;
pub mod remote_url;
pub mod revocation;
pub mod scope;
pub mod seal;
pub mod security_profile;
pub mod session;
pub mod snapshot;
pub mod status_list;
pub mod subject;
pub mod throttle;
pub mod token;
pub mod token_exchange;
pub mod token_format;
pub mod wire;

pub use countersign_jose::Timestamp;
pub use error::{ErrorCode, OAuthError};
pub use random::Randomness;
