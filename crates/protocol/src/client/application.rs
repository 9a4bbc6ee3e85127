//! What kind of application a client is.

use serde::{Deserialize, Serialize};

/// Where a client runs (OpenID Connect Registration §2, RFC 8252).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationType {
    /// On a web server, or in a page of one.
    Web,
    /// On the machine of its user.
    Native,
}
