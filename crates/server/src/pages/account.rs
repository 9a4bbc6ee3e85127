//! The page on which people see and take back what they allowed.

use askama::Template;

/// Lists applications with access and sign-in sessions. Its forms go to
/// `POST /account/grants/revoke` (field `grant_id`), `POST /account/sign-out-everywhere` and
/// `POST /logout`.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    /// Synchronizer token, sent back in the field `csrf` of every form.
    pub(crate) csrf: &'a str,
    /// The name used to sign in.
    pub(crate) username: &'a str,
    /// The name for the heading; without one the user name stands there.
    pub(crate) display_name: Option<&'a str>,
    /// What has been allowed and not taken back, newest first.
    pub(crate) grants: Vec<GrantLine>,
    /// The person's live sessions, the current one first.
    pub(crate) sessions: Vec<SessionLine>,
    /// What the last action did, such as "The access of Demo was revoked."
    pub(crate) notice: Option<&'a str>,
}

/// One application with access.
#[derive(Debug)]
pub(crate) struct GrantLine {
    /// The grant id, sent back in the field `grant_id`.
    pub(crate) id: String,
    /// What the application calls itself.
    pub(crate) client_name: String,
    /// The scopes that were allowed.
    pub(crate) scope: Vec<String>,
    /// When it was allowed, as finished text.
    pub(crate) created: String,
    /// When a token of it was last renewed, as finished text.
    pub(crate) last_used: Option<String>,
}

/// One sign-in session.
#[derive(Debug)]
pub(crate) struct SessionLine {
    /// The session's public id. Never the value of its cookie: it stands in the page.
    pub(crate) id: String,
    /// Whether this is the session that asks for the page.
    pub(crate) current: bool,
    /// When it began, as finished text.
    pub(crate) started: String,
    /// When it was last used, as finished text.
    pub(crate) last_seen: String,
    /// The browser and system, as far as they are known.
    pub(crate) device: String,
}
