//! What a route asks of the sign-in behind a token (RFC 9470): how strong it was, how long ago.

use std::time::Duration;

use countersign_jose::{AccessToken, Timestamp};

use crate::Refusal;

/// What is asked; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignInRules {
    /// One of these authentication contexts, the best first; empty: any.
    pub(crate) acr_values: Vec<String>,
    /// The sign-in may be no older than that.
    pub(crate) max_age: Option<Duration>,
}

impl SignInRules {
    /// Refuses a token whose sign-in is not as it has to be, or says nothing about it.
    pub(crate) fn check(
        &self,
        token: &AccessToken,
        leeway: Duration,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let strong = self.acr_values.is_empty()
            || token.acr.as_ref().is_some_and(|acr| self.acr_values.contains(acr));
        let recent = self.max_age.is_none_or(|max_age| {
            let since = token.auth_time.map(Timestamp::from_secs);
            since.is_some_and(|since| now <= since.plus(max_age).plus(leeway))
        });
        if strong && recent {
            return Ok(());
        }
        Err(Refusal::InsufficientUserAuthentication {
            acr_values: self.acr_values.join(" "),
            max_age_s: self.max_age.map(|max_age| max_age.as_secs()),
        })
    }
}
