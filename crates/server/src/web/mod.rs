//! What every HTTP answer of this server shares: cookies, forgery checks, headers, forms, errors;
//! and the one way out.

pub(crate) mod bearer;
pub(crate) mod client_ip;
pub(crate) mod cookies;
pub(crate) mod csrf;
pub(crate) mod document;
pub(crate) mod form;
pub(crate) mod headers;
pub(crate) mod json_body;
pub(crate) mod oauth_error;
pub(crate) mod outbound;
pub(crate) mod page;
pub(crate) mod remote_cache;
pub(crate) mod sign_in_mark;
pub(crate) mod site;
