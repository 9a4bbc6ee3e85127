//! An access token that this server issued itself, and was shown again.

use std::ops::Deref;

use countersign_jose::AccessToken;
use countersign_verify::{Caller, TokenNames};

/// The token, signed or sealed by this server, and in time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OwnToken {
    /// A JWT whose signature is good.
    Signed(Caller),
    /// An opaque token, opened.
    Opaque(Box<AccessToken>),
}

impl OwnToken {
    /// What it can be revoked by.
    pub(crate) fn names(&self) -> TokenNames<'_> {
        match self {
            Self::Signed(caller) => caller.names(),
            Self::Opaque(token) => (&**token).into(),
        }
    }
}

impl Deref for OwnToken {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        match self {
            Self::Signed(caller) => caller,
            Self::Opaque(token) => token,
        }
    }
}
