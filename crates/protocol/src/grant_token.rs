//! Authorization codes and refresh tokens: computed from the grant, never stored.
//!
//! A token is `prefix + base64url(version, key id, grant id, generation, HMAC-SHA256)`. A copy of
//! the database yields no usable token, a token that was made up fails the MAC before any
//! storage is touched, and the same generation always gives the same string, which is what lets
//! a retry be answered with the very token that the lost answer carried.

use aws_lc_rs::hmac;
use countersign_jose::base64url;
use zeroize::Zeroizing;

use crate::grant::GrantId;

/// What a grant token is for. Each kind has its own prefix and its own MAC input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An authorization code, always generation 0.
    Code,
    /// A refresh token, generation 1 and up.
    Refresh,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "csc_",
            Self::Refresh => "csr_",
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Code => b"countersign code",
            Self::Refresh => b"countersign refresh",
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

/// The MAC keys: the newest makes tokens, all of them check.
#[derive(Debug)]
pub struct GrantTokenKeys {
    newest: MacKey,
    older: Vec<MacKey>,
}

#[derive(Debug)]
struct MacKey {
    id: u32,
    key: hmac::Key,
}

impl GrantTokenKeys {
    /// Keys from `(id, 32 secret bytes)`, newest first. `None` when there is none.
    #[must_use]
    pub fn new(secrets: &[(u32, Zeroizing<Vec<u8>>)]) -> Option<Self> {
        let mut keys = secrets
            .iter()
            .map(|(id, secret)| MacKey { id: *id, key: hmac::Key::new(hmac::HMAC_SHA256, secret) });
        Some(Self { newest: keys.next()?, older: keys.collect() })
    }

    /// The token of one generation of a grant.
    #[must_use]
    pub fn issue(&self, kind: Kind, grant: GrantId, generation: u64) -> String {
        let mut bytes = [0; BODY_LEN + MAC_LEN];
        let (body, mac) = bytes.split_at_mut(BODY_LEN);
        body[0] = VERSION;
        body[1..5].copy_from_slice(&self.newest.id.to_be_bytes());
        body[5..21].copy_from_slice(grant.as_bytes());
        body[21..].copy_from_slice(&generation.to_be_bytes());
        mac.copy_from_slice(tag(&self.newest.key, kind, body).as_ref());
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
        let key = std::iter::once(&self.newest)
            .chain(&self.older)
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
    use super::*;

    fn keys(secrets: &[(u32, u8)]) -> GrantTokenKeys {
        let secrets: Vec<_> =
            secrets.iter().map(|(id, byte)| (*id, Zeroizing::new(vec![*byte; 32]))).collect();
        GrantTokenKeys::new(&secrets).unwrap()
    }

    const GRANT: GrantId = GrantId::from_bytes([7; 16]);

    #[test]
    fn the_same_generation_is_always_the_same_string() {
        let keys = keys(&[(1, 1)]);
        let token = keys.issue(Kind::Refresh, GRANT, 41);
        assert_eq!(token, keys.issue(Kind::Refresh, GRANT, 41));
        assert!(token.starts_with("csr_"));
        assert_eq!(keys.open(Kind::Refresh, &token), Ok((GRANT, 41)));
    }

    #[test]
    fn an_older_key_still_opens_and_a_removed_one_does_not() {
        let token = keys(&[(1, 1)]).issue(Kind::Refresh, GRANT, 1);
        assert_eq!(keys(&[(2, 2), (1, 1)]).open(Kind::Refresh, &token), Ok((GRANT, 1)));
        assert_eq!(keys(&[(2, 2)]).open(Kind::Refresh, &token), Err(NotOurs));
        assert_eq!(keys(&[(1, 9)]).open(Kind::Refresh, &token), Err(NotOurs));
    }

    #[test]
    fn a_code_is_not_a_refresh_token() {
        let keys = keys(&[(1, 1)]);
        let code = keys.issue(Kind::Code, GRANT, 0);
        assert_eq!(keys.open(Kind::Refresh, &code), Err(NotOurs));
        let renamed = code.replacen("csc_", "csr_", 1);
        assert_eq!(keys.open(Kind::Refresh, &renamed), Err(NotOurs));
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let keys = keys(&[(1, 1)]);
        let token = keys.issue(Kind::Refresh, GRANT, 3);
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
