//! The pages before and after signing out.

use askama::Template;

/// Asks before signing out, since a link from another site must not do it alone (login and
/// logout CSRF; OpenID Connect RP-Initiated Logout 1.0, section 2). The form goes to
/// `POST /logout`, with `everywhere=true` from its second button.
#[derive(Debug, Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// The application that asks to sign the person out, if one does.
    pub(crate) client_name: Option<&'a str>,
    /// The logout request as a query string, sent back in the field `request`.
    pub(crate) request: &'a str,
}

/// Says that the person is signed out.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    /// The application to go back to, if one asked.
    pub(crate) client_name: Option<&'a str>,
}
