//! Other libraries, each used as its own documentation shows, with keys parsed once.
//!
//! A peer is a cargo feature, so that a machine that can't build one still measures the rest; what
//! is left out is named.

#[cfg(feature = "josekit")]
mod josekit;
#[cfg(feature = "jsonwebtoken")]
mod jsonwebtoken;
#[cfg(feature = "jwt-simple")]
mod jwt_simple;

use super::fixture::Fixture;
use super::side::Side;

/// Peers that this build has not, and what they need.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    #[cfg(not(feature = "jsonwebtoken"))]
    ("jsonwebtoken", "built without the feature `jsonwebtoken`"),
    #[cfg(not(feature = "josekit"))]
    ("josekit", "built without the feature `josekit`, which needs libssl-dev and pkg-config"),
    #[cfg(not(feature = "jwt-simple"))]
    ("jwt-simple", "built without the feature `jwt-simple`"),
];

type Make = fn(&Fixture) -> Result<Option<Side>, String>;

const ALL: &[Make] = &[
    #[cfg(feature = "jsonwebtoken")]
    jsonwebtoken::side,
    #[cfg(feature = "josekit")]
    josekit::side,
    #[cfg(feature = "jwt-simple")]
    jwt_simple::side,
];

/// Those who know the algorithm.
pub(super) fn sides(fixture: &Fixture) -> Result<Vec<Side>, String> {
    ALL.iter().filter_map(|make| make(fixture).transpose()).collect()
}
