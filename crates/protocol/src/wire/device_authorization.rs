//! The answer of the device authorization endpoint (RFC 8628 §3.2).

use serde::Serialize;

use crate::device_code::DeviceRequest;

/// What a device gets to show and to ask with. Times are in seconds.
#[derive(Clone, Serialize)]
pub struct DeviceAnswer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u64,
}

impl std::fmt::Debug for DeviceAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

impl DeviceAnswer {
    /// The answer to a request that has just begun.
    #[must_use]
    pub fn new(request: &DeviceRequest, device_code: String, issuer: &str) -> Self {
        let (user_code, page) = (request.user_code.to_string(), format!("{issuer}/device"));
        Self {
            device_code,
            verification_uri_complete: format!("{page}?user_code={user_code}"),
            verification_uri: page,
            user_code,
            expires_in: request.expires_at.since(request.created_at).as_secs(),
            interval: request.interval.as_secs(),
        }
    }
}
