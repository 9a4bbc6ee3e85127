//! Authorization codes, device codes and refresh tokens: computed from the grant, never stored.
//!
//! A token is `prefix + base64url(version, key id, grant id, generation, HMAC-SHA256)`. A copy of
//! the database yields no usable token, a token that was made up fails the MAC before any
//! storage is touched, and the same generation always gives the same string, which is what lets
//! a retry be answered with the very token that the lost answer carried.

use aws_lc_rs::hmac;
use countersign_jose::{Timestamp, base64url};

use crate::grant::GrantId;
use crate::keyring::Secret;

/// What a grant token is for. Each kind has its own prefix and its own MAC input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An authorization code, always generation 0.
    Code,
    /// A refresh token, generation 1 and up.
    Refresh,
    /// A device code (RFC 8628), always generation 0.
    Device,
}

impl Kind {
    /// Whether a text calls itself a token of this kind.
    #[must_use]
    pub fn is_claimed_by(self, text: &str) -> bool {
        text.starts_with(self.prefix())
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "csc_",
            Self::Refresh => "csr_",
            Self::Device => "csd_",
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Code => b"countersign code",
            Self::Refresh => b"countersign refresh",
            Self::Device => b"countersign device code",
        }
    }
}

/// A token that this server did not make: cut, altered, made up, or under a key that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token that this server issued")]
pub struct NotOurs;

const VERSION: u8 = 1;
const BODY_LEN: usize = 1 + 4 + 16 + 8;
const MAC_LEN: usize = 32;

/// The MAC keys: one makes tokens, all of them check.
#[derive(Debug)]
pub struct GrantTokenKeys {
    maker: MacKey,
    others: Vec<MacKey>,
}

#[derive(Debug)]
struct MacKey {
    id: u32,
    key: hmac::Key,
    active_at: Option<Timestamp>,
    retired_at: Option<Timestamp>,
}

impl MacKey {
    fn made_tokens_at(&self, at: Timestamp) -> bool {
        self.active_at.is_some_and(|from| from <= at)
            && self.retired_at.is_some_and(|until| at < until)
    }
}

impl GrantTokenKeys {
    /// Keys from secrets; the first makes tokens. `None` when there is none.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Option<Self> {
        let mut keys = secrets.iter().map(|secret| MacKey {
            id: secret.id,
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret.bytes),
            active_at: secret.active_at,
            retired_at: secret.retired_at,
        });
        Some(Self { maker: keys.next()?, others: keys.collect() })
    }

    /// The token of one generation of a grant, which was begun at `generated_at`: by the key that
    /// made tokens then, so that it is the same string whenever it is asked for.
    #[must_use]
    pub fn issue(
        &self,
        kind: Kind,
        grant: GrantId,
        generation: u64,
        generated_at: Timestamp,
    ) -> String {
        let then = self.others.iter().find(|key| key.made_tokens_at(generated_at));
        let maker = then.unwrap_or(&self.maker);
        let mut bytes = [0; BODY_LEN + MAC_LEN];
        let (body, mac) = bytes.split_at_mut(BODY_LEN);
        body[0] = VERSION;
        body[1..5].copy_from_slice(&maker.id.to_be_bytes());
        body[5..21].copy_from_slice(grant.as_bytes());
        body[21..].copy_from_slice(&generation.to_be_bytes());
        mac.copy_from_slice(tag(&maker.key, kind, body).as_ref());
        let mut token = String::with_capacity(86);
        token.push_str(kind.prefix());
        token.push_str(&base64url::encode(&bytes));
        token
    }

    /// The grant and generation that a token names, if this server made it.
    ///
    /// # Errors
    /// [`NotOurs`] without saying which check failed.
    pub fn open(&self, kind: Kind, token: &str) -> Result<(GrantId, u64), NotOurs> {
        let text = token.strip_prefix(kind.prefix()).ok_or(NotOurs)?;
        if text.len() != (BODY_LEN + MAC_LEN).div_ceil(3) * 4 - 2 {
            return Err(NotOurs);
        }
        let bytes = base64url::decode(text.as_bytes()).map_err(|_| NotOurs)?;
        let (body, mac) = bytes.split_at_checked(BODY_LEN).ok_or(NotOurs)?;
        let id = u32::from_be_bytes(field(body, 1)?);
        let key = std::iter::once(&self.maker)
            .chain(&self.others)
            .find(|candidate| candidate.id == id)
            .ok_or(NotOurs)?;
        let mut input = kind.label().to_vec();
        input.extend_from_slice(body);
        hmac::verify(&key.key, &input, mac).map_err(|_| NotOurs)?;
        if body.first() != Some(&VERSION) {
            return Err(NotOurs);
        }
        Ok((GrantId::from_bytes(field(body, 5)?), u64::from_be_bytes(field(body, 21)?)))
    }
}

fn tag(key: &hmac::Key, kind: Kind, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(kind.label());
    context.update(body);
    context.sign()
}

fn field<const N: usize>(body: &[u8], at: usize) -> Result<[u8; N], NotOurs> {
    body.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).ok_or(NotOurs)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secret(id: u32, byte: u8, active: u64, retired: Option<u64>) -> Secret {
        let (active_at, retired_at) = (Some(at(active)), retired.map(at));
        Secret { id, active_at, retired_at, bytes: Zeroizing::new(vec![byte; 32]) }
    }

    fn keys(secrets: &[(u32, u8)]) -> GrantTokenKeys {
        let secrets: Vec<_> =
            secrets.iter().map(|(id, byte)| secret(*id, *byte, 0, None)).collect();
        GrantTokenKeys::new(&secrets).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    const GRANT: GrantId = GrantId::from_bytes([7; 16]);

    #[test]
    fn the_same_generation_is_always_the_same_string() {
        let keys = keys(&[(1, 1)]);
        let token = keys.issue(Kind::Refresh, GRANT, 41, at(0));
        assert_eq!(token, keys.issue(Kind::Refresh, GRANT, 41, at(0)));
        assert!(token.starts_with("csr_"));
        assert_eq!(keys.open(Kind::Refresh, &token), Ok((GRANT, 41)));
    }

    #[test]
    fn an_older_key_still_opens_and_a_removed_one_does_not() {
        let token = keys(&[(1, 1)]).issue(Kind::Refresh, GRANT, 1, at(0));
        assert_eq!(keys(&[(2, 2), (1, 1)]).open(Kind::Refresh, &token), Ok((GRANT, 1)));
        assert_eq!(keys(&[(2, 2)]).open(Kind::Refresh, &token), Err(NotOurs));
        assert_eq!(keys(&[(1, 9)]).open(Kind::Refresh, &token), Err(NotOurs));
    }

    #[test]
    fn a_generation_is_the_same_string_after_the_key_was_replaced() {
        let before = GrantTokenKeys::new(&[secret(1, 1, 0, None)]).unwrap();
        let after = [secret(2, 2, 100, None), secret(1, 1, 0, Some(100)), secret(3, 3, 900, None)];
        let after = GrantTokenKeys::new(&after).unwrap();
        let token = |keys: &GrantTokenKeys, when| keys.issue(Kind::Refresh, GRANT, 7, at(when));
        assert_eq!(token(&after, 99), token(&before, 99));
        assert_ne!(token(&after, 100), token(&before, 100));
        assert_eq!(after.open(Kind::Refresh, &token(&after, 100)), Ok((GRANT, 7)));
    }

    #[test]
    fn no_kind_passes_for_another() {
        let keys = keys(&[(1, 1)]);
        let kinds = [Kind::Code, Kind::Refresh, Kind::Device];
        for made in kinds {
            let token = keys.issue(made, GRANT, 0, at(0));
            assert_eq!(keys.open(made, &token), Ok((GRANT, 0)));
            for other in kinds.into_iter().filter(|other| *other != made) {
                assert_eq!(keys.open(other, &token), Err(NotOurs), "{made:?} as {other:?}");
                let renamed = token.replacen(made.prefix(), other.prefix(), 1);
                assert_eq!(keys.open(other, &renamed), Err(NotOurs), "{made:?} as {other:?}");
            }
        }
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let keys = keys(&[(1, 1)]);
        let token = keys.issue(Kind::Refresh, GRANT, 3, at(0));
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert_eq!(keys.open(Kind::Refresh, &altered), Err(NotOurs), "at {place}");
        }
        for cut in 0..token.len() {
            assert_eq!(keys.open(Kind::Refresh, &token[..cut]), Err(NotOurs));
        }
        assert_eq!(keys.open(Kind::Refresh, &format!("{token}A")), Err(NotOurs));
    }
}
