//! The page for what cannot go on.

use askama::Template;

/// Says in plain words what went wrong, and gives a reference that finds it in the log. It shows
/// less than the log holds.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    /// A few words, such as "This link is not valid".
    pub(crate) title: &'a str,
    /// What happened and what the person can do.
    pub(crate) message: &'a str,
    /// The number under which the log holds the details.
    pub(crate) reference: &'a str,
    /// The HTTP status of the answer.
    pub(crate) status: u16,
}
