//! `[outbound]`: what the server asks at because others named it.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// `[outbound]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundSection {
    /// Networks that are asked although they are not on the open Internet.
    pub allow: Vec<IpNet>,
    /// A file with the PEM certificates to trust instead of those of the system.
    pub ca_file: Option<PathBuf>,
}
