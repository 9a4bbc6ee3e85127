//! The pages that people see: plain HTML forms that need no script.
//!
//! One page is one file here and one template of the same name in `templates/`. A page only
//! shows what it is given, with every value escaped; times arrive as finished text. Nothing in a
//! page needs an exception from `default-src 'none'; style-src 'self'; img-src 'self'`, but for the
//! one line of [`form_post`].

pub(crate) mod account;
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod error;
pub(crate) mod form_post;
pub(crate) mod login;
pub(crate) mod logo;
pub(crate) mod logout;

#[cfg(test)]
mod asset_tests;
#[cfg(test)]
mod tests;
