//! The sign-in page.

use askama::Template;

/// Asks for user name and password; the form goes to `POST /login`.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    /// Synchronizer token, sent back in the field `csrf`.
    pub(crate) csrf: &'a str,
    /// Where to go after signing in, sent back in the field `continue`. The handler must check
    /// it again when it comes back.
    pub(crate) continue_to: &'a str,
    /// The application that sent the person here, if one did.
    pub(crate) client_name: Option<&'a str>,
    /// What was typed before, so that a mistyped password does not cost the user name too.
    pub(crate) username: &'a str,
    /// Why the last attempt failed. The same words for an unknown user and a wrong password.
    pub(crate) error: Option<&'a str>,
    /// Seconds until the next attempt is allowed, when attempts are being slowed down.
    pub(crate) retry_after_s: Option<u64>,
    /// A remark below the form, such as the demo password of a development server.
    pub(crate) hint: Option<&'a str>,
}

impl LoginPage<'_> {
    fn failed(&self) -> bool {
        self.error.is_some() || self.retry_after_s.is_some()
    }

    /// The waiting time in words, rounded up so that nobody is told to come back too early.
    fn wait(&self) -> Option<String> {
        let (count, unit) = match self.retry_after_s? {
            seconds @ 0..=90 => (seconds.max(1), "second"),
            seconds @ 91..=5_400 => (seconds.div_ceil(60), "minute"),
            seconds => (seconds.div_ceil(3_600), "hour"),
        };
        let plural = if count == 1 { "" } else { "s" };
        Some(format!("{count} {unit}{plural}"))
    }
}
