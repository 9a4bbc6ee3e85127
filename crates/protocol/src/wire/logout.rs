//! The logout request (OpenID Connect RP-Initiated Logout 1.0 §2).

use super::params::Params;

/// What a client asks for when it sends a browser to `/logout`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogoutRequest {
    /// The id token that the client got at login.
    pub id_token_hint: Option<String>,
    /// The client, if there is no hint.
    pub client_id: Option<String>,
    /// Where the browser goes afterwards, if it is registered.
    pub post_logout_redirect_uri: Option<String>,
    /// Returned unchanged.
    pub state: Option<String>,
    /// Our own addition: end every session and grant of the user, not just this browser's.
    pub everywhere: bool,
}

impl LogoutRequest {
    /// Reads a logout request; every part of it is optional.
    #[must_use]
    pub fn parse(params: &Params) -> Self {
        let text = |name| params.get(name).map(str::to_owned);
        Self {
            id_token_hint: text("id_token_hint"),
            client_id: text("client_id"),
            post_logout_redirect_uri: text("post_logout_redirect_uri"),
            state: text("state"),
            everywhere: params.get("everywhere") == Some("true"),
        }
    }

    /// The URL that the browser goes to, once the address was found to be registered.
    #[must_use]
    pub fn return_url(&self) -> Option<String> {
        let uri = self.post_logout_redirect_uri.as_ref()?;
        let Some(state) = &self.state else { return Some(uri.clone()) };
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
        let joint = if uri.contains('?') { '&' } else { '?' };
        Some(format!("{uri}{joint}{query}"))
    }
}
