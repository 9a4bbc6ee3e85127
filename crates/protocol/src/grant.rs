//! The grant: what the user, or the client alone, agreed to once. One row holds its whole
//! refresh family, from the authorization code (generation 0) to the newest refresh token.

use std::fmt;
use std::str::FromStr;

use countersign_jose::{Confirmation, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::grant_details::GrantDetails;
use crate::lifetimes::Lifetimes;
use crate::random::Randomness;
use crate::scope::Scope;

/// Names a grant: a UUIDv7, so that new rows land at the end of the table. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(Uuid);

impl GrantId {
    /// A new id from the time and 74 random bits.
    #[must_use]
    pub fn new(now: Timestamp, random: &dyn Randomness) -> Self {
        let mut bytes = [0; 10];
        random.fill(&mut bytes);
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &bytes).into_uuid())
    }

    /// The 16 bytes, as they stand in tokens and in the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is not a grant id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a grant id looks like 01990a4b-7c1e-7d52-9d0f-3f6a5b2c8e11")]
pub struct InvalidGrantId;

impl FromStr for GrantId {
    type Err = InvalidGrantId;
    fn from_str(text: &str) -> Result<Self, InvalidGrantId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidGrantId)
    }
}

/// The key that must accompany the grant's tokens, if any (RFC 9449, RFC 8705).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// Whoever bears the token may use it.
    #[default]
    Bearer,
    /// The holder of the DPoP key with this RFC 7638 thumbprint.
    Dpop(String),
    /// The holder of the certificate with this SHA-256 thumbprint.
    Certificate(String),
}

impl Sender {
    /// What the tokens of this sender say about it: `cnf` (RFC 9449 §6.1, RFC 8705 §3.1).
    #[must_use]
    pub fn confirmation(&self) -> Option<Confirmation> {
        let none = Confirmation::default;
        match self {
            Self::Bearer => None,
            Self::Dpop(jkt) => Some(Confirmation { key_thumbprint: Some(jkt.clone()), ..none() }),
            Self::Certificate(x5t) => {
                Some(Confirmation { certificate_thumbprint: Some(x5t.clone()), ..none() })
            }
        }
    }
}

/// The scheme under which an access token is used (RFC 9449 §7.1, RFC 6750 §2.1). One that is bound
/// to a certificate alone is still sent as `Bearer` (RFC 8705 §3).
#[must_use]
pub fn token_type(confirmation: Option<&Confirmation>) -> &'static str {
    match confirmation {
        Some(Confirmation { key_thumbprint: Some(_), .. }) => "DPoP",
        _ => "Bearer",
    }
}

/// What the authorization request fixed and the code's redemption must match.
/// Dropped at redemption, so that the row does not grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCode {
    /// The redirect URI of the authorization request, compared exactly (OAuth 2.1 §4.1.3).
    pub redirect_uri: String,
    /// The S256 code challenge, unless the client is excused from PKCE (RFC 7636).
    pub code_challenge: Option<String>,
    /// `nonce` for the id token (OpenID Connect Core §3.1.2.1).
    pub nonce: Option<String>,
    /// `dpop_jkt`: the key that has to be proved at the token endpoint (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
}

/// The client that gets the first tokens of a grant.
#[derive(Clone, Copy, Debug)]
pub struct Redeemer<'a> {
    /// The sender constraint that the request proved.
    pub sender: &'a Sender,
    /// Whether the client proved its identity with a secret or key.
    pub confidential: bool,
    /// Whether the client gets a refresh token.
    pub refreshable: bool,
}

/// Why a grant ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// The client revoked a token of it (RFC 7009).
    ClientRevoked,
    /// The user ended it on the account page.
    UserRevoked,
    /// An operator ended it.
    OperatorRevoked,
    /// A refresh token was used again outside the retry rule.
    RefreshReuse,
    /// An authorization code was presented a second time (RFC 6749 §4.1.2).
    CodeReplay,
    /// The user signed out.
    SignedOut,
    /// The user's password was changed.
    PasswordChanged,
    /// The user or the client was disabled or removed.
    Disabled,
}

impl EndReason {
    /// The word that the store and the log keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRevoked => "client_revoked",
            Self::UserRevoked => "user_revoked",
            Self::OperatorRevoked => "operator_revoked",
            Self::RefreshReuse => "refresh_reuse",
            Self::CodeReplay => "code_replay",
            Self::SignedOut => "signed_out",
            Self::PasswordChanged => "password_changed",
            Self::Disabled => "disabled",
        }
    }
}

/// One grant and its refresh family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name, also the `grant_id` claim of its access tokens.
    pub id: GrantId,
    /// Who agreed.
    pub subject: String,
    /// The client that it was made for.
    pub client_id: String,
    /// What was agreed to.
    pub scope: Scope,
    /// The resources that its access tokens are for (RFC 8707).
    pub audience: Vec<String>,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// How they proved it (RFC 8176).
    pub amr: Vec<String>,
    /// The sign-in session that it came from: the public session id, `sid`.
    pub session_id: Option<String>,
    /// The sender constraint of its tokens.
    pub sender: Sender,
    /// The newest refresh generation. 0: the authorization code has not been redeemed.
    pub generation: u64,
    /// When that generation was made.
    pub rotated_at: Timestamp,
    /// When the user agreed.
    pub created_at: Timestamp,
    /// The end if nothing happens until then; slides with each rotation.
    pub idle_expires_at: Timestamp,
    /// The end in any case; never moves.
    pub expires_at: Timestamp,
    /// Set once, never cleared.
    pub ended: Option<(Timestamp, EndReason)>,
    /// Present until the code is redeemed.
    pub pending: Option<PendingCode>,
    /// What few grants have.
    pub details: GrantDetails,
}

impl Grant {
    /// Whether the grant still lives at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.idle_expires_at && now < self.expires_at
    }

    /// The grant when its first tokens are given, at generation 1. What the client's own
    /// authentication protects need not be bound to a key that it may want to change (RFC 9449 §5,
    /// RFC 8705 §4), so only the grants of others are bound.
    #[must_use]
    pub fn redeemed(&self, by: &Redeemer<'_>, lifetimes: &Lifetimes, now: Timestamp) -> Self {
        let idle = if by.refreshable { lifetimes.refresh_idle } else { lifetimes.access_token };
        let ends = self.created_at.plus(lifetimes.refresh_absolute);
        Self {
            sender: if by.confidential { Sender::Bearer } else { by.sender.clone() },
            generation: 1,
            rotated_at: now,
            expires_at: ends,
            idle_expires_at: now.plus(idle).min(ends),
            pending: None,
            ..self.clone()
        }
    }

    /// Whether it outlives the sign-in session that it came from
    /// (OpenID Connect Core §11, `offline_access`).
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.scope.contains("offline_access")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Randomness for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn ids_sort_by_time_and_survive_text() {
        let early = GrantId::new(Timestamp::from_millis(1_000), &Fixed(255));
        let late = GrantId::new(Timestamp::from_millis(1_001), &Fixed(0));
        assert!(early < late);
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!("' OR 1=1".parse::<GrantId>(), Err(InvalidGrantId));
    }
}
