//! An ID token that comes back to its issuer as a hint.

use super::id_token::refuse_other_kinds;
use crate::{
    Algorithm, Error, Policy,
    jwt::{
        claims::{Claims, Rule},
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// An issuer's own ID token, shown to it again to say who is meant (OIDC Core section 3.1.2.1,
/// RP-Initiated Logout section 2). It may have expired and be for any client: it opens nothing, and
/// so it is not an [`IdToken`](crate::IdToken).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdTokenHint {
    /// `sub`: who is meant.
    pub subject: String,
    /// `aud`: the clients that it was made for; never empty.
    pub audience: Vec<String>,
    /// `sid`: the session that it was made in.
    pub session_id: Option<String>,
    /// `azp`: the client that it was issued to.
    pub authorized_party: Option<String>,
}

impl Policy<IdTokenHint> {
    /// For an authorization server that is handed its own ID token back as a hint.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn own_id_token_hint(issuer: &str, algorithms: &[Algorithm]) -> Result<Self, Error> {
        let policy = Self::build(issuer, ("client_id", Audience::Unchecked), algorithms)?;
        Ok(policy.accept_expired())
    }
}

impl Profile for IdTokenHint {}

impl Rules for IdTokenHint {
    const TYPE: &'static str = crate::IdToken::TYPE;
    const TYPE_OPTIONAL: bool = true;
    // One that was signed with its client's secret names no key.
    const KEY_ID_OPTIONAL: bool = true;
    const CLAIMS: &'static [Rule] = crate::IdToken::CLAIMS;
    type Expected = ();

    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        refuse_other_kinds(claims)
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            subject: claims.owned_text("sub"),
            audience: claims.texts("aud").unwrap_or_default(),
            session_id: claims.optional_text("sid"),
            authorized_party: claims.optional_text("azp"),
        })
    }
}
