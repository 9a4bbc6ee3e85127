//! Requests and answers as they travel.

pub mod authorize;
pub mod device_authorization;
pub mod json;
pub mod logout;
pub mod metadata;
pub mod params;
pub mod token;
pub mod token_exchange;
