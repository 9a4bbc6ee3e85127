//! What cookies and pages depend on: the origin that they belong to, and the keys of forms.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::hmac;
use countersign_protocol::keyring::Secret;

/// The keys of forms: the first makes their tokens, all of them check.
#[derive(Debug)]
pub(crate) struct FormKeys(Vec<hmac::Key>);

impl FormKeys {
    pub(crate) fn new(secrets: &[Secret]) -> Self {
        let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.bytes);
        Self(secrets.iter().map(key).collect())
    }

    /// Signs with the key that makes tokens now.
    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let tag = self.0.first().map(|key| hmac::sign(key, bytes));
        tag.map(|tag| tag.as_ref().to_vec()).unwrap_or_default()
    }

    /// Whether one of the keys made this.
    pub(super) fn verify(&self, bytes: &[u8], tag: &[u8]) -> bool {
        self.0.iter().any(|key| hmac::verify(key, bytes, tag).is_ok())
    }
}

/// The origin of this server's pages.
#[derive(Debug)]
pub(crate) struct Site {
    origin: String,
    forms: ArcSwap<FormKeys>,
}

impl Site {
    /// The site of an issuer, which has no path.
    pub(crate) fn new(issuer: &str, forms: Arc<FormKeys>) -> Self {
        Self { origin: issuer.to_owned(), forms: ArcSwap::new(forms) }
    }

    /// The keys of its forms.
    pub(super) fn forms(&self) -> Guard<Arc<FormKeys>> {
        self.forms.load()
    }

    /// Takes over other keys.
    pub(crate) fn replace_forms(&self, forms: Arc<FormKeys>) {
        self.forms.store(forms);
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
