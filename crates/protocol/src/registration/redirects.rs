//! Where clients that register themselves may be answered.

use super::LIST_MAX;
use crate::client::ApplicationType;
use crate::error::{ErrorCode, OAuthError};
use crate::redirect_uri;

/// Checks the addresses, and says what kind of application they are for if the client does not. A
/// web application is answered by https at a host of its own (OpenID Connect Registration §2); one
/// on the user's machine also at a loopback address or under a scheme of its own (RFC 8252 §7).
pub(super) fn check(
    uris: &[String],
    kind: Option<ApplicationType>,
) -> Result<ApplicationType, OAuthError> {
    if uris.len() > LIST_MAX {
        return Err(refused("redirect_uris are at most 20"));
    }
    for uri in uris {
        if let Err(why) = redirect_uri::check(uri) {
            return Err(refused(format!("one of redirect_uris can't be used: {why}")));
        }
    }
    let of_the_web = uris.iter().all(|uri| is_of_the_web(uri));
    match kind {
        Some(ApplicationType::Web) if !of_the_web => Err(refused(
            "a web application is redirected to by https, and not to the user's own machine; \
             application_type \"native\" is for programs that run there",
        )),
        Some(kind) => Ok(kind),
        None if of_the_web => Ok(ApplicationType::Web),
        None => Ok(ApplicationType::Native),
    }
}

fn is_of_the_web(uri: &str) -> bool {
    let host = uri.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    uri.starts_with("https://")
        && host.is_some_and(|host| !redirect_uri::is_loopback_host(&host.to_ascii_lowercase()))
}

pub(super) fn refused(why: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRedirectUri, why)
}
