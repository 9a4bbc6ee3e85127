//! The page that asks whether an application may have access.

use askama::Template;

/// Names what an application asks for; the answer goes to `POST /consent` as `decision=allow`
/// or `decision=deny`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// The authorization request as a query string, sent back in the field `request` and
    /// checked from the start when it comes back.
    pub(crate) request: &'a str,
    /// What the application calls itself.
    pub(crate) client_name: &'a str,
    /// Where the answer is sent: the host of the redirect URI. A name is a claim, this is not.
    pub(crate) client_host: &'a str,
    /// The person who is signed in.
    pub(crate) username: &'a str,
    /// The scopes asked for, in words.
    pub(crate) scopes: Vec<ScopeLine>,
    /// The resources that the token would be good for.
    pub(crate) resources: Vec<String>,
    /// The application's privacy policy. Shown only when it is an `https` or `http` address.
    pub(crate) policy_uri: Option<&'a str>,
    /// The application's terms of service. Shown only when it is an `https` or `http` address.
    pub(crate) tos_uri: Option<&'a str>,
}

/// One scope and what it means.
#[derive(Debug)]
pub(crate) struct ScopeLine {
    /// The scope as it stands in the request.
    pub(crate) name: String,
    /// What it allows, as the end of the sentence "It would be able to …".
    pub(crate) description: String,
}

impl ConsentPage<'_> {
    fn policy_link(&self) -> Option<&str> {
        self.policy_uri.filter(|uri| is_web_address(uri))
    }

    fn tos_link(&self) -> Option<&str> {
        self.tos_uri.filter(|uri| is_web_address(uri))
    }
}

/// Escaping does not disarm `javascript:` in a link, so only web addresses become links.
fn is_web_address(uri: &str) -> bool {
    let has_scheme = |scheme: &str| {
        uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has_scheme("https://") || has_scheme("http://")
}
