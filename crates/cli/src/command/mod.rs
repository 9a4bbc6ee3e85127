//! The commands, one a file.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod grant;
pub(crate) mod healthcheck;
pub(crate) mod key;
pub(crate) mod propagation;
pub(crate) mod registration;
pub(crate) mod running;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod verifier;
