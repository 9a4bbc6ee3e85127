//! Opaque access tokens: the claims of the JWT, sealed under a secret of the server's.
//!
//! A token is `csa_ + base64url(version, key id, nonce, AEAD(claims))`. Nothing is stored for it,
//! one that was made up fails before any storage is touched, and it is revoked as a JWT is: by its
//! `jti`, its grant, or its client. To whoever can't open it, it shows which secret sealed it and
//! how long its claims are, in steps of 128 bytes; nothing else.
//!
//! The seal is AES-256-GCM-SIV (RFC 8452) with a random nonce. Should a nonce ever come twice, that
//! would tell only whether the two tokens say the same, and none do: each has a `jti` of 128 random
//! bits. So no count of tokens wears a secret out.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use countersign_jose::{AccessToken, Error, base64url};

use crate::grant_token::NotOurs;
use crate::keyring::Secret;
use crate::random::Randomness;

/// What every opaque access token begins with, so that secret scanners find leaked ones.
pub const PREFIX: &str = "csa_";
/// The longest opaque token. A form has room for no longer one, and so nobody could ask about it.
pub const MAX_BYTES: usize = 8_192;

const LABEL: &[u8] = b"countersign opaque access token";
const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 4;
const TAG_LEN: usize = 16;
/// Claims are filled up with spaces to a multiple of this.
const STEP: usize = 128;

/// The keys: one makes tokens, all of them open.
#[derive(Debug)]
pub struct OpaqueTokenKeys {
    maker: Key,
    others: Vec<Key>,
}

struct Key {
    id: u32,
    key: LessSafeKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

impl OpaqueTokenKeys {
    /// Keys from secrets of 32 bytes; the first makes tokens. `None` when there is none, or when
    /// one has another length.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Option<Self> {
        let mut keys = secrets.iter().map(|secret| {
            let key = UnboundKey::new(&AES_256_GCM_SIV, &secret.bytes).ok()?;
            Some(Key { id: secret.id, key: LessSafeKey::new(key) })
        });
        Some(Self { maker: keys.next()??, others: keys.collect::<Option<_>>()? })
    }

    /// The token that says this.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a token that no verifier would read, [`Error::Unserializable`] for
    /// claims without an audience.
    pub fn seal(&self, claims: &AccessToken, random: &dyn Randomness) -> Result<String, Error> {
        let mut sealed = serde_json::to_vec(claims).map_err(|_| Error::Unserializable)?;
        sealed.resize(sealed.len().next_multiple_of(STEP), b' ');
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let header = header(self.maker.id);
        self.maker
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from([LABEL, &header].concat()),
                &mut sealed,
            )
            .map_err(|_| Error::TooLarge)?;
        let bytes = [header.as_slice(), &nonce, &sealed].concat();
        let token = [PREFIX, &base64url::encode(&bytes)].concat();
        if token.len() > MAX_BYTES { Err(Error::TooLarge) } else { Ok(token) }
    }

    /// The claims as JSON, if this server sealed them. Whether they still hold is for a policy to
    /// say.
    ///
    /// # Errors
    /// [`NotOurs`] without saying which check failed.
    pub fn open(&self, token: &str) -> Result<Vec<u8>, NotOurs> {
        if token.len() > MAX_BYTES {
            return Err(NotOurs);
        }
        let text = token.strip_prefix(PREFIX).ok_or(NotOurs)?;
        let bytes = base64url::decode(text.as_bytes()).map_err(|_| NotOurs)?;
        let (header, rest) = bytes.split_at_checked(HEADER_LEN).ok_or(NotOurs)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or(NotOurs)?;
        let key = std::iter::once(&self.maker)
            .chain(&self.others)
            .find(|candidate| header == self::header(candidate.id))
            .ok_or(NotOurs)?;
        if sealed.len() < TAG_LEN {
            return Err(NotOurs);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut claims = sealed.to_vec();
        let aad = Aad::from([LABEL, header].concat());
        let length = key.key.open_in_place(nonce, aad, &mut claims).map_err(|_| NotOurs)?.len();
        claims.truncate(length);
        Ok(claims)
    }
}

/// Whether a text calls itself an opaque access token.
#[must_use]
pub fn is_opaque(token: &str) -> bool {
    token.starts_with(PREFIX)
}

fn header(key_id: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = key_id.to_be_bytes();
    [VERSION, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use countersign_jose::Confirmation;
    use serde_json::json;

    use super::*;

    /// Another byte at each call.
    #[derive(Default)]
    struct Counting(AtomicU8);
    impl Randomness for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn keys(secrets: &[(u32, u8)]) -> OpaqueTokenKeys {
        let secret = |(id, byte): &(u32, u8)| Secret {
            id: *id,
            active_at: None,
            retired_at: None,
            bytes: vec![*byte; 32].into(),
        };
        let secrets: Vec<_> = secrets.iter().map(secret).collect();
        OpaqueTokenKeys::new(&secrets).unwrap()
    }

    fn claims() -> AccessToken {
        let key_thumbprint = Some("thumb".to_owned());
        let mut claims = AccessToken {
            confirmation: Some(Confirmation { key_thumbprint, ..Confirmation::default() }),
            issuer: "https://id.example".into(),
            subject: "alice".into(),
            audience: vec!["https://api.example".into()],
            client_id: "web".into(),
            token_id: "t".into(),
            expires_at: 200,
            issued_at: 100,
            ..AccessToken::default()
        };
        claims.extra.insert("tenant".into(), json!("blue"));
        claims
    }

    #[test]
    fn every_claim_comes_back_and_none_can_be_seen() {
        let keys = keys(&[(1, 1)]);
        let token = keys.seal(&claims(), &Counting::default()).unwrap();
        assert!(is_opaque(&token));
        let opened: serde_json::Value =
            serde_json::from_slice(&keys.open(&token).unwrap()).unwrap();
        assert_eq!(opened, serde_json::to_value(claims()).unwrap());
        let bytes = base64url::decode(&token.as_bytes()[PREFIX.len()..]).unwrap();
        for part in [&b"alice"[..], b"web", b"example", b"iss"] {
            assert!(!bytes.windows(part.len()).any(|window| window == part));
        }
    }

    #[test]
    fn the_same_claims_are_never_the_same_token_and_lengths_go_in_steps() {
        let (keys, random) = (keys(&[(1, 1)]), Counting::default());
        let seal = |subject: &str| {
            let claims = AccessToken { subject: subject.into(), ..claims() };
            keys.seal(&claims, &random).unwrap()
        };
        assert_ne!(seal("alice"), seal("alice"));
        assert_eq!(seal("al").len(), seal("alexander").len());
        assert!(seal("al").len() < seal(&"al".repeat(100)).len());
    }

    #[test]
    fn an_older_key_still_opens_and_a_removed_one_does_not() {
        let token = keys(&[(1, 1)]).seal(&claims(), &Counting::default()).unwrap();
        assert!(keys(&[(2, 2), (1, 1)]).open(&token).is_ok());
        assert_eq!(keys(&[(2, 2)]).open(&token), Err(NotOurs));
        assert_eq!(keys(&[(1, 9)]).open(&token), Err(NotOurs));
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let keys = keys(&[(1, 1)]);
        let token = keys.seal(&claims(), &Counting::default()).unwrap();
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert_eq!(keys.open(&altered), Err(NotOurs), "at {place}");
            assert_eq!(keys.open(&token[..place]), Err(NotOurs));
        }
        assert_eq!(keys.open(&format!("{token}A")), Err(NotOurs));
        assert_eq!(keys.open(&format!("{token}=")), Err(NotOurs));
    }

    #[test]
    fn what_is_too_long_is_neither_made_nor_read() {
        let keys = keys(&[(1, 1)]);
        let mut long = claims();
        long.extra.insert("x".into(), json!("x".repeat(6_000)));
        let made = keys.seal(&long, &Counting::default());
        assert_eq!(made.map(|token| token.len()), Err(Error::TooLarge));
        assert_eq!(keys.open(&format!("{PREFIX}{}", "A".repeat(9_000))), Err(NotOurs));
    }
}
