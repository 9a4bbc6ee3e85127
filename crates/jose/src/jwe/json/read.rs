//! Reading a token in JSON.

use zeroize::Zeroizing;

use crate::{
    DecryptionKey, Error, base64url,
    json::{self, Members, Value},
    jwe::{
        alg::ContentEncryption, compact::MAX_BYTES, compression::Compression, decrypted::Decrypted,
        header::Headers,
    },
    jws::header::MAX_BYTES as MAX_HEADER_BYTES,
};

/// More recipients than this are refused.
pub const MAX_RECIPIENTS: usize = 16;

/// Decrypts a token in either form with this one key.
///
/// Of several recipients, those are tried whose `alg` is the key's; when the `kid` of one of them
/// is the key's name, only that one. The `enc` must be one of `accepted`. What comes out is not
/// authenticated: see [`Decrypted`].
///
/// # Errors
/// Those of [`compact::decrypt`](crate::jwe::compact::decrypt); [`Error::SignatureCount`] for no
/// recipient or more than [`MAX_RECIPIENTS`]; [`Error::DuplicateMember`] when two headers that hold
/// for one recipient name the same member.
pub fn decrypt(
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    json: &str,
) -> Result<Decrypted, Error> {
    read(key, accepted, json, Compression::Refused)
}

/// Like [`decrypt`], and reads compressed content that inflates to at most `max_inflated` bytes.
///
/// # Errors
/// Those of [`decrypt`]; [`Error::TooLarge`] when the content would inflate to more.
#[cfg(feature = "deflate")]
pub fn decrypt_inflating(
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    max_inflated: usize,
    json: &str,
) -> Result<Decrypted, Error> {
    read(key, accepted, json, Compression::UpTo(max_inflated))
}

/// What the tag covers beside the ciphertext (RFC 7516 section 5.1 step 14).
pub(super) fn authenticated(protected: &str, aad: Option<&str>) -> Vec<u8> {
    match aad {
        None => protected.as_bytes().to_vec(),
        Some(aad) => [protected, ".", aad].concat().into_bytes(),
    }
}

fn read(
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    json: &str,
    compression: Compression,
) -> Result<Decrypted, Error> {
    if json.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let members = json::parse_object(json.as_bytes())?;
    for signed in ["payload", "signature", "signatures"] {
        if members.contains(signed) {
            return Err(Error::WrongProtection);
        }
    }
    let sealed = Sealed::read(&members)?;
    let protected = match &sealed.protected[..] {
        [] => Members::default(),
        protected => json::parse_object(protected)?,
    };
    let shared = members.get("unprotected").map(object).transpose()?;
    let shared = shared.as_ref().map(|shared| -> &Members<'_> { shared });
    let recipients = read_recipients(&members)?;
    let mut all = Vec::with_capacity(recipients.len());
    for recipient in &recipients {
        let own = recipient.header.as_ref().map(|own| -> &Members<'_> { own });
        let headers = Headers { protected: &protected, shared, own };
        headers.check(compression)?;
        all.push((headers, recipient));
    }
    refuse_several_encryptions(all.iter().map(|(headers, _)| headers))?;
    let mut first_error = Error::AlgorithmNotAllowed;
    for (place, (headers, recipient)) in choose(key, all)?.into_iter().enumerate() {
        match sealed.open(key, accepted, &headers, &recipient.encrypted_key, compression) {
            Ok(decrypted) => return Ok(decrypted),
            Err(error) if place == 0 => first_error = error,
            Err(_) => {}
        }
    }
    Err(first_error)
}

/// Every recipient must have the same `enc` (RFC 7516 section 7.2.1).
fn refuse_several_encryptions<'h>(
    mut headers: impl Iterator<Item = &'h Headers<'h, 'h>>,
) -> Result<(), Error> {
    let enc = |headers: &Headers<'h, 'h>| headers.get("enc").and_then(Value::as_text);
    let first = headers.next().and_then(enc).ok_or(Error::InvalidHeader("enc"))?;
    if headers.all(|other| enc(other) == Some(first)) {
        Ok(())
    } else {
        Err(Error::InvalidHeader("enc"))
    }
}

type Candidate<'h, 'a> = (Headers<'h, 'a>, &'h Recipient<'a>);

/// The recipients that this key may be: of its algorithm, and of its name if one has that.
fn choose<'h, 'a>(
    key: &DecryptionKey,
    all: Vec<Candidate<'h, 'a>>,
) -> Result<Vec<Candidate<'h, 'a>>, Error> {
    let (mut fitting, mut named) = (Vec::new(), None);
    for candidate in all {
        if candidate.0.management()? != Some(key.key_management()) {
            continue;
        }
        if candidate.0.key_id()? == Some(key.key_id()) {
            named.get_or_insert(fitting.len());
        }
        fitting.push(candidate);
    }
    Ok(match named {
        None => fitting,
        Some(place) => vec![fitting.swap_remove(place)],
    })
}

/// The members of a token that are the same for every recipient, decoded.
struct Sealed {
    /// Empty when there is no protected header.
    protected: Vec<u8>,
    aad: Option<Vec<u8>>,
    authenticated: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl Sealed {
    fn read(members: &Members<'_>) -> Result<Self, Error> {
        let protected = text(members, "protected")?;
        let aad = text(members, "aad")?;
        // Absent and empty would be the same header, or the same data, with two spellings.
        if protected == Some("") || aad == Some("") {
            return Err(Error::Malformed);
        }
        let decode = |text: &str| base64url::decode(text.as_bytes());
        let decoded = |name| decode(text(members, name)?.unwrap_or_default());
        let header = decode(protected.unwrap_or_default())?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(Error::TooLarge);
        }
        Ok(Self {
            protected: header,
            authenticated: authenticated(protected.unwrap_or_default(), aad),
            aad: aad.map(decode).transpose()?,
            iv: decoded("iv")?,
            ciphertext: decode(text(members, "ciphertext")?.ok_or(Error::Malformed)?)?,
            tag: decoded("tag")?,
        })
    }

    /// Decrypts as this recipient.
    fn open(
        &self,
        key: &DecryptionKey,
        accepted: &[ContentEncryption],
        headers: &Headers<'_, '_>,
        encrypted_key: &[u8],
        compression: Compression,
    ) -> Result<Decrypted, Error> {
        headers.refuse_password()?;
        let encryption = headers.encryption(accepted)?;
        let is_compressed = headers.is_compressed()?;
        let parameters = headers.parameters(key.key_management().method())?;
        let (key_id, types) = (headers.key_id()?, headers.media_types()?);
        let content_key = key.unwrap(encryption, &parameters, encrypted_key)?;
        let mut content = Zeroizing::new(self.ciphertext.clone());
        content_key.open(&self.iv, &self.authenticated, &self.tag, &mut content)?;
        if is_compressed {
            content = compression.expand(content)?;
        }
        let decrypted = Decrypted::new(content, encryption, key_id, types);
        Ok(Decrypted { aad: self.aad.clone(), ..decrypted })
    }
}

/// One recipient, and the header that only it has.
struct Recipient<'a> {
    header: Option<Members<'a>>,
    encrypted_key: Vec<u8>,
}

/// The recipients of the general form, or the one of the flattened form.
fn read_recipients<'a>(members: &Members<'a>) -> Result<Vec<Recipient<'a>>, Error> {
    let Some(list) = members.get("recipients") else {
        return Ok(vec![Recipient::read(members)?]);
    };
    if members.contains("header") || members.contains("encrypted_key") {
        return Err(Error::Malformed);
    }
    let list = list.as_array().ok_or(Error::Malformed)?;
    if !(1..=MAX_RECIPIENTS).contains(&list.len()) {
        return Err(Error::SignatureCount);
    }
    list.iter().map(|item| Recipient::read(&object(item)?)).collect()
}

impl<'a> Recipient<'a> {
    fn read(members: &Members<'a>) -> Result<Self, Error> {
        let encrypted_key = text(members, "encrypted_key")?.unwrap_or_default();
        Ok(Self {
            header: members.get("header").map(object).transpose()?,
            encrypted_key: base64url::decode(encrypted_key.as_bytes())?,
        })
    }
}

fn object<'a>(value: &Value<'a>) -> Result<Members<'a>, Error> {
    value.as_object().ok_or(Error::Malformed)
}

fn text<'m>(members: &'m Members<'_>, name: &str) -> Result<Option<&'m str>, Error> {
    let Some(value) = members.get(name) else { return Ok(None) };
    value.as_text().map(Some).ok_or(Error::Malformed)
}
