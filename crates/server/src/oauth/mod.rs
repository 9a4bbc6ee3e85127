//! The protocol endpoints: one endpoint, one file. They translate; they decide nothing.

pub(crate) mod acknowledgement;
pub(crate) mod authorize;
pub(crate) mod client_configuration;
pub(crate) mod device_authorization;
pub(crate) mod documents;
pub(crate) mod introspect;
pub(crate) mod par;
pub(crate) mod register;
pub(crate) mod revocations;
pub(crate) mod revoke;
pub(crate) mod sender;
pub(crate) mod status_lists;
pub(crate) mod token;
pub(crate) mod userinfo;
