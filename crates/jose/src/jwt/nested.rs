//! Tokens that are signed and then encrypted (RFC 7519 section 11.2): both layers are checked.

use std::fmt;

use serde::Serialize;

use super::{kind::Profile, policy::Policy, sign, verified::Verified};
use crate::{
    DecryptionKey, EncryptionKey, Error, KeySet, SigningKey, Timestamp,
    jwe::{ContentEncryption, Decrypted, MediaTypes, compact},
};

/// The content type of a token with a token inside (RFC 7519 section 5.2).
const NESTED: &str = "JWT";

/// Signs `claims` as a token of the given `typ`, and encrypts it for one recipient.
///
/// ```
/// use countersign_jose::{
///     AccessToken, Algorithm, DecryptionKey, KeySet, Policy, Recipient, SigningKey, Timestamp,
///     jwe::{ContentEncryption, KeyManagement},
///     jwt,
/// };
/// let (issuer, api) = ("https://id.example", "https://api.example");
/// let signing = SigningKey::generate(Algorithm::ES256)?;
/// let private = DecryptionKey::generate(KeyManagement::EcdhEsA256KW)?;
/// let claims = serde_json::json!({ "iss": issuer, "aud": api, "sub": "ada", "client_id": "web",
///     "jti": "1", "iat": 1_000, "exp": 1_300, "email": "ada@example.com" });
/// let (typ, enc) = (AccessToken::TYPE, ContentEncryption::A256GCM);
/// let token = jwt::sign_and_encrypt(&signing, typ, &claims, &private.encryption_key(), enc)?;
///
/// let recipient = Recipient::new([private], &[enc])?;
/// let policy = Policy::access_token(issuer, api, &[Algorithm::ES256])?;
/// let keys = KeySet::new([signing.verifying_key()]);
/// let verified = policy.verify_nested(&recipient, &keys, &token, Timestamp::from_secs(1_100))?;
/// assert_eq!(verified.extra["email"], "ada@example.com");
/// # Ok::<(), countersign_jose::Error>(())
/// ```
///
/// # Errors
/// Those of [`jwt::sign`](crate::jwt::sign) and of [`jwe::compact::encrypt`](compact::encrypt).
pub fn sign_and_encrypt<C: Serialize>(
    key: &SigningKey,
    typ: &str,
    claims: &C,
    recipient: &EncryptionKey,
    encryption: ContentEncryption,
) -> Result<String, Error> {
    let signed = sign(key, typ, claims)?;
    compact::encrypt(recipient, encryption, MediaTypes::NESTED, signed.as_bytes())
}

/// Who encrypted tokens are for: the private keys, found by their ids, and how content may be
/// encrypted.
pub struct Recipient {
    keys: Vec<DecryptionKey>,
    accepted: Vec<ContentEncryption>,
}

impl Recipient {
    /// A recipient with these keys, usually the present one and the one before it.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] when there is no key or no content encryption;
    /// [`Error::DuplicateKeyId`] when two keys have the same id.
    pub fn new(
        keys: impl IntoIterator<Item = DecryptionKey>,
        accepted: &[ContentEncryption],
    ) -> Result<Self, Error> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            return Err(Error::InvalidPolicy("keys"));
        }
        if accepted.is_empty() {
            return Err(Error::InvalidPolicy("content encryption"));
        }
        let same_id = |(place, key): (usize, &DecryptionKey)| {
            keys[..place].iter().any(|other| other.key_id() == key.key_id())
        };
        if keys.iter().enumerate().any(same_id) {
            return Err(Error::DuplicateKeyId);
        }
        Ok(Self { keys, accepted: accepted.to_vec() })
    }

    fn decrypt(&self, token: &str) -> Result<Decrypted, Error> {
        let key = match (compact::key_id(token)?, self.keys.as_slice()) {
            (Some(id), keys) => {
                keys.iter().find(|key| key.key_id() == id).ok_or(Error::UnknownKey)?
            }
            (None, [only]) => only,
            (None, _) => return Err(Error::MissingKeyId),
        };
        compact::decrypt(key, &self.accepted, token)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("keys", &self.keys)
            .field("accepted", &self.accepted)
            .finish()
    }
}

impl<P: Profile> Policy<P> {
    /// Judges a token that was signed and then encrypted: opens the outer layer, which must say
    /// that a token is inside, and then judges that one as [`Policy::verify`] does.
    ///
    /// # Errors
    /// The first rule that either layer breaks: [`Error::WrongProtection`] when it is not
    /// encrypted, [`Error::InvalidHeader`] with `cty` when no token is said to be inside.
    pub fn verify_nested(
        &self,
        recipient: &Recipient,
        keys: &KeySet,
        token: &str,
        now: Timestamp,
    ) -> Result<Verified<P>, Error> {
        let opened = recipient.decrypt(token)?;
        if !opened.cty().is_some_and(|cty| cty.eq_ignore_ascii_case(NESTED)) {
            return Err(Error::InvalidHeader("cty"));
        }
        let signed = std::str::from_utf8(opened.plaintext()).map_err(|_| Error::Malformed)?;
        self.verify(keys, signed, now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{AccessToken, Algorithm, jwe::KeyManagement};

    const ENC: ContentEncryption = ContentEncryption::A256GCM;
    const MANAGEMENT: KeyManagement = KeyManagement::EcdhEsA256KW;
    const NOW: Timestamp = Timestamp::from_secs(1_100);

    struct Parties {
        signing: SigningKey,
        keys: KeySet,
        outer: EncryptionKey,
        recipient: Recipient,
        policy: Policy<AccessToken>,
    }

    impl Parties {
        fn new() -> Self {
            let signing = SigningKey::generate(Algorithm::ES256).unwrap();
            let private = DecryptionKey::generate(MANAGEMENT).unwrap();
            Self {
                keys: KeySet::new([signing.verifying_key()]),
                outer: private.encryption_key(),
                recipient: Recipient::new([private], &[ENC]).unwrap(),
                policy: Policy::access_token("i", "a", &[Algorithm::ES256]).unwrap(),
                signing,
            }
        }

        fn verify(&self, token: &str) -> Result<(), Error> {
            self.policy.verify_nested(&self.recipient, &self.keys, token, NOW).map(drop)
        }

        fn signed(&self, claims: &Value) -> String {
            sign(&self.signing, AccessToken::TYPE, claims).unwrap()
        }

        fn encrypted(&self, types: MediaTypes<'_>, content: &[u8]) -> String {
            compact::encrypt(&self.outer, ENC, types, content).unwrap()
        }
    }

    fn claims() -> Value {
        json!({ "iss": "i", "aud": "a", "sub": "s", "client_id": "c", "jti": "1", "iat": 1_000,
            "exp": 1_300 })
    }

    #[test]
    fn both_layers_are_checked() {
        let parties = Parties::new();
        let signed = parties.signed(&claims());
        let nested = MediaTypes::content(NESTED);
        assert_eq!(parties.verify(&parties.encrypted(nested, signed.as_bytes())), Ok(()));

        // Anybody can encrypt: what is inside has to prove itself.
        let stranger = Parties::new().signed(&claims());
        let forged = parties.encrypted(nested, stranger.as_bytes());
        assert_eq!(parties.verify(&forged), Err(Error::UnknownKey));
        let bare = parties.encrypted(nested, claims().to_string().as_bytes());
        assert_eq!(parties.verify(&bare), Err(Error::Malformed));
        let mut expired = claims();
        expired["exp"] = json!(1_001);
        let expired = parties.encrypted(nested, parties.signed(&expired).as_bytes());
        assert_eq!(parties.verify(&expired), Err(Error::Expired));
        let binary = parties.encrypted(nested, &[0xff; 40]);
        assert_eq!(parties.verify(&binary), Err(Error::Malformed));
    }

    #[test]
    fn one_layer_alone_is_not_a_nested_token() {
        let parties = Parties::new();
        let signed = parties.signed(&claims());
        assert_eq!(parties.verify(&signed), Err(Error::WrongProtection));
        let encrypted = parties.encrypted(MediaTypes::content(NESTED), signed.as_bytes());
        let plainly = parties.policy.verify(&parties.keys, &encrypted, NOW);
        assert_eq!(plainly.err(), Some(Error::WrongProtection));
        let twice = parties.encrypted(MediaTypes::content(NESTED), encrypted.as_bytes());
        assert_eq!(parties.verify(&twice), Err(Error::WrongProtection));
    }

    #[test]
    fn the_outer_layer_must_say_what_is_inside() {
        let parties = Parties::new();
        let signed = parties.signed(&claims());
        for types in [
            MediaTypes::default(),
            MediaTypes::content("text/plain"),
            MediaTypes { typ: Some("JWT"), cty: None },
        ] {
            let token = parties.encrypted(types, signed.as_bytes());
            assert_eq!(parties.verify(&token), Err(Error::InvalidHeader("cty")), "{types:?}");
        }
        let lower = parties.encrypted(MediaTypes::content("jwt"), signed.as_bytes());
        assert_eq!(parties.verify(&lower), Ok(()));
    }

    #[test]
    fn the_recipients_key_is_found_by_its_id() {
        let parties = Parties::new();
        let (first, second) =
            (DecryptionKey::generate(MANAGEMENT).unwrap(), DecryptionKey::generate(MANAGEMENT));
        let to_first = first.encryption_key();
        let recipient = Recipient::new([second.unwrap(), first], &[ENC]).unwrap();
        let token = |outer: &EncryptionKey| {
            sign_and_encrypt(&parties.signing, AccessToken::TYPE, &claims(), outer, ENC).unwrap()
        };
        let verify = |token: &str| {
            parties.policy.verify_nested(&recipient, &parties.keys, token, NOW).map(drop)
        };
        assert_eq!(verify(&token(&to_first)), Ok(()));
        assert_eq!(verify(&token(&parties.outer)), Err(Error::UnknownKey));
    }

    #[test]
    fn a_recipient_without_keys_or_with_the_same_one_twice_is_refused() {
        let key = || DecryptionKey::from_secret(KeyManagement::A256KW, &[7; 32]).unwrap();
        let refused = |keys: Vec<DecryptionKey>, accepted: &[ContentEncryption]| {
            Recipient::new(keys, accepted).err()
        };
        assert_eq!(refused(vec![], &[ENC]), Some(Error::InvalidPolicy("keys")));
        assert_eq!(refused(vec![key()], &[]), Some(Error::InvalidPolicy("content encryption")));
        assert_eq!(refused(vec![key(), key()], &[ENC]), Some(Error::DuplicateKeyId));
    }
}
