//! What cookies, forms and pages depend on: the origin that they belong to, and the key of their
//! forms.

use aws_lc_rs::hmac;

/// The origin of this server's pages.
pub(crate) struct Site {
    origin: String,
    pub(super) form_key: hmac::Key,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Site {
    /// The site of an issuer, which has no path; its forms are signed with this secret.
    pub(crate) fn new(issuer: &str, form_secret: &[u8]) -> Self {
        let form_key = hmac::Key::new(hmac::HMAC_SHA256, form_secret);
        Self { origin: issuer.to_owned(), form_key }
    }

    /// The origin, as browsers write it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether cookies can be `Secure`.
    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }
}
