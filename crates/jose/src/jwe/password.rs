//! Key files under a password (PBES2, RFC 7518 section 4.8).
//!
//! A password protects a file that its owner opens, never a token that comes from outside: nothing
//! else in this crate reads or writes these algorithms.

use std::num::NonZeroU32;

use aws_lc_rs::{
    pbkdf2::{self, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512},
    rand,
};
use zeroize::Zeroizing;

use super::{
    alg::ContentEncryption,
    compact,
    compression::Compression,
    content::ContentKey,
    decrypted::Decrypted,
    header::{self, Headers, MediaTypes},
    wrap,
};
use crate::{Error, PrivateJwk, base64url, json::Value, jws::header::same_type};

/// The fewest rounds that are read or written (RFC 7518 section 4.8.1.2).
pub const MIN_ROUNDS: u32 = 1_000;
/// What [`seal`] uses: the advice of OWASP for HMAC with SHA-256, and more than that for SHA-512.
pub const USUAL_ROUNDS: u32 = 600_000;
/// The most rounds that are read or written. A file that asks for more only burns time.
pub const MAX_ROUNDS: u32 = 2 * USUAL_ROUNDS;

const MAX_PASSWORD_BYTES: usize = 1024;
/// The media type of one key (RFC 7517 section 8.5.1).
const KEY_TYPE: &str = "jwk+json";
const SALT_BYTES: usize = 16;
const MIN_SALT_BYTES: usize = 8;

/// How a password becomes a key: the `alg` header.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the registry, one to one")]
pub enum PasswordAlgorithm {
    Pbes2Hs256A128KW,
    Pbes2Hs384A192KW,
    Pbes2Hs512A256KW,
}

impl PasswordAlgorithm {
    /// Every algorithm, in the order of the registry.
    pub const ALL: &[Self] =
        &[Self::Pbes2Hs256A128KW, Self::Pbes2Hs384A192KW, Self::Pbes2Hs512A256KW];

    /// The name in the `alg` header. Names are case-sensitive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pbes2Hs256A128KW => "PBES2-HS256+A128KW",
            Self::Pbes2Hs384A192KW => "PBES2-HS384+A192KW",
            Self::Pbes2Hs512A256KW => "PBES2-HS512+A256KW",
        }
    }

    /// The algorithm of this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// The key that the password gives. The salt begins with the algorithm's name, so that no two
    /// algorithms share a key (RFC 7518 section 4.8.1.1).
    fn derive(self, password: &[u8], salt: &[u8], rounds: NonZeroU32) -> Kek {
        let (hash, length) = match self {
            Self::Pbes2Hs256A128KW => (PBKDF2_HMAC_SHA256, 16),
            Self::Pbes2Hs384A192KW => (PBKDF2_HMAC_SHA384, 24),
            Self::Pbes2Hs512A256KW => (PBKDF2_HMAC_SHA512, 32),
        };
        let salt = [self.name().as_bytes(), &[0], salt].concat();
        let mut kek = Kek { bytes: Zeroizing::new([0; 32]), length };
        pbkdf2::derive(hash, rounds, &salt, password, &mut kek.bytes[..length]);
        kek
    }
}

struct Kek {
    bytes: Zeroizing<[u8; 32]>,
    length: usize,
}

impl Kek {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Encrypts `plaintext` under a password, in the compact form: PBES2-HS512+A256KW with
/// [`USUAL_ROUNDS`] and A256GCM. `cty` is the type of the content, `jwk+json` for a key.
///
/// ```
/// use countersign_jose::jwe::password;
/// let sealed = password::seal(b"correct horse", "text/plain", b"content")?;
/// assert_eq!(password::open(b"correct horse", &sealed)?.plaintext(), b"content");
/// assert!(password::open(b"wrong horse", &sealed).is_err());
/// # Ok::<(), countersign_jose::Error>(())
/// ```
///
/// # Errors
/// [`Error::WeakKey`] for an empty password; [`Error::TooLarge`] for one of more than 1024 bytes,
/// or when the result would be longer than [`compact::MAX_BYTES`].
pub fn seal(password: &[u8], cty: &str, plaintext: &[u8]) -> Result<String, Error> {
    seal_with(PasswordAlgorithm::Pbes2Hs512A256KW, USUAL_ROUNDS, password, cty, plaintext)
}

/// Like [`seal`], with another algorithm and number of rounds.
///
/// # Errors
/// Those of [`seal`]; [`Error::InvalidHeader`] with `p2c` unless the rounds lie between
/// [`MIN_ROUNDS`] and [`MAX_ROUNDS`].
pub fn seal_with(
    algorithm: PasswordAlgorithm,
    rounds: u32,
    password: &[u8],
    cty: &str,
    plaintext: &[u8],
) -> Result<String, Error> {
    check_password(password)?;
    let checked = check_rounds(u64::from(rounds), MAX_ROUNDS)?;
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| Error::Crypto)?;
    let encryption = ContentEncryption::A256GCM;
    let mut header = format!(r#"{{"alg":"{}","enc":"{}""#, algorithm.name(), encryption.name());
    header::push_bytes(&mut header, "p2s", &salt);
    header.push_str(&format!(r#","p2c":{rounds}"#));
    MediaTypes::content(cty).write_onto(&mut header)?;
    header.push('}');
    let key = ContentKey::random(encryption)?;
    let kek = algorithm.derive(password, &salt, checked);
    let encrypted_key = wrap::wrap(kek.as_bytes(), &key)?;
    compact::write(&header, &encrypted_key, &key, plaintext)
}

/// Opens what [`seal`] made. Any content encryption is read.
///
/// # Errors
/// [`Error::Decryption`] for a wrong password and for changed bytes alike;
/// [`Error::AlgorithmNotAllowed`] for a token that no password protects;
/// [`Error::InvalidHeader`] with `p2c` for fewer rounds than [`MIN_ROUNDS`] or more than
/// [`MAX_ROUNDS`], before any work is done.
pub fn open(password: &[u8], compact: &str) -> Result<Decrypted, Error> {
    open_within(MAX_ROUNDS, password, compact)
}

/// Like [`open`], with a limit for the rounds that is lower than [`MAX_ROUNDS`].
///
/// # Errors
/// Those of [`open`].
pub fn open_within(max_rounds: u32, password: &[u8], compact: &str) -> Result<Decrypted, Error> {
    check_password(password)?;
    let parts = compact::split(compact)?;
    let header = base64url::decode(parts.header.as_bytes())?;
    let members = compact::read_header(&header)?;
    let headers = Headers::protected(&members);
    headers.check(Compression::Refused)?;
    let name = headers.get("alg").and_then(Value::as_text).ok_or(Error::InvalidHeader("alg"))?;
    let algorithm = PasswordAlgorithm::from_name(name).ok_or(Error::AlgorithmNotAllowed)?;
    let encryption = headers.encryption(ContentEncryption::ALL)?;
    let rounds = headers.get("p2c").and_then(|value| value.as_number()?.parse().ok());
    let rounds = rounds.ok_or(Error::InvalidHeader("p2c"))?;
    let rounds = check_rounds(rounds, max_rounds.min(MAX_ROUNDS))?;
    let salt = headers.bytes("p2s")?.filter(|salt| salt.len() >= MIN_SALT_BYTES);
    let salt = salt.ok_or(Error::InvalidHeader("p2s"))?;
    let (key_id, types) = (headers.key_id()?, headers.media_types()?);
    let encrypted_key = base64url::decode(parts.encrypted_key.as_bytes())?;
    let kek = algorithm.derive(password, &salt, rounds);
    let mut key = ContentKey::random(encryption)?;
    // A key that cannot be unwrapped is replaced by a random one, as for tokens.
    let _unwrapped = wrap::unwrap(kek.as_bytes(), &encrypted_key, &mut key);
    Ok(Decrypted::new(parts.open(&key)?, encryption, key_id, types))
}

impl PrivateJwk {
    /// The key under a password, for a file: a PBES2 token with the content type `jwk+json`
    /// (RFC 7517 section 7). It takes a noticeable part of a second, on purpose.
    ///
    /// ```
    /// use countersign_jose::{Algorithm, PrivateJwk};
    /// let key = PrivateJwk::generate(Algorithm::Ed25519)?;
    /// let file = key.to_encrypted(b"correct horse")?;
    /// let again = PrivateJwk::from_encrypted(b"correct horse", &file)?;
    /// assert_eq!(again.key_id(), key.key_id());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`seal`].
    pub fn to_encrypted(&self, password: &[u8]) -> Result<String, Error> {
        seal(password, KEY_TYPE, self.to_json().as_bytes())
    }

    /// Reads what [`PrivateJwk::to_encrypted`] wrote.
    ///
    /// # Errors
    /// Those of [`open`]; [`Error::WrongType`] when the content type is not `jwk+json`; those of
    /// [`PrivateJwk::from_json`].
    pub fn from_encrypted(password: &[u8], compact: &str) -> Result<Self, Error> {
        let opened = open(password, compact)?;
        if opened.cty().is_none_or(|cty| !same_type(cty, KEY_TYPE)) {
            return Err(Error::WrongType);
        }
        Self::from_json(opened.plaintext())
    }
}

fn check_password(password: &[u8]) -> Result<(), Error> {
    match password.len() {
        0 => Err(Error::WeakKey("the password is empty")),
        1..=MAX_PASSWORD_BYTES => Ok(()),
        _ => Err(Error::TooLarge),
    }
}

fn check_rounds(rounds: u64, max: u32) -> Result<NonZeroU32, Error> {
    let rounds = u32::try_from(rounds).ok().filter(|rounds| (MIN_ROUNDS..=max).contains(rounds));
    rounds.and_then(NonZeroU32::new).ok_or(Error::InvalidHeader("p2c"))
}

#[cfg(test)]
mod tests;
