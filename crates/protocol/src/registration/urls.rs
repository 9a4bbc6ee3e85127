//! URLs that clients that register themselves name: what this server asks at, and what browsers are
//! led to by its pages.

use http::Uri;

use super::{LIST_MAX, Terms, refused};
use crate::client::Client;
use crate::error::OAuthError;
use crate::redirect_uri;
use crate::remote_url::RemoteUrl;

/// # Errors
/// `invalid_client_metadata`.
pub(super) fn check(client: &Client, terms: &Terms) -> Result<(), OAuthError> {
    let asked = [
        ("jwks_uri", &client.jwks_uri),
        ("logo_uri", &client.logo_uri),
        ("sector_identifier_uri", &client.sector_identifier_uri),
        ("initiate_login_uri", &client.initiate_login_uri),
        ("backchannel_logout_uri", &client.backchannel_logout_uri),
        ("frontchannel_logout_uri", &client.frontchannel_logout_uri),
    ];
    let asked = asked.into_iter().filter_map(|(name, url)| Some((name, url.as_ref()?)));
    let requests = client.request_uris.iter().map(|url| ("request_uris", url));
    for (name, url) in asked.chain(requests) {
        RemoteUrl::parse(url, terms.loopback)
            .map_err(|why| refused(format!("{name} can't be used: {why}")))?;
    }
    if client.request_uris.len() > LIST_MAX {
        return Err(refused("request_uris are at most 20"));
    }
    // Pages of ours have it in a frame, so it may not be anybody's (OpenID Connect Front-Channel
    // Logout §2).
    if let Some(url) = &client.frontchannel_logout_uri
        && !client.redirect_uris.iter().any(|uri| origin(uri) == origin(url))
    {
        let why = "frontchannel_logout_uri has to be at the origin of one of redirect_uris";
        return Err(refused(why));
    }
    check_after_logout(client)
}

fn check_after_logout(client: &Client) -> Result<(), OAuthError> {
    if client.post_logout_redirect_uris.len() > LIST_MAX {
        return Err(refused("post_logout_redirect_uris are at most 20"));
    }
    let odd = |uri: &String| redirect_uri::check(uri).is_err();
    if client.post_logout_redirect_uris.iter().any(odd) {
        return Err(refused("one of post_logout_redirect_uris can't be redirected to"));
    }
    Ok(())
}

/// Scheme, host and port as they are written.
fn origin(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some((uri.scheme_str()?.to_owned(), authority))
}
