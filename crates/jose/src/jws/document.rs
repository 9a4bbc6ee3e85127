//! The JSON forms (RFC 7515 section 7.2), read and written with and without their payload.

use std::borrow::Cow;

use super::{
    Report, Signatory, SignatureReport,
    header::{self, Encoding, Header},
};
use crate::{
    Error, KeySet, VerifyingKey, base64url,
    json::{self, Members, Value},
};

/// The longest text that is read or written, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// More signatures than this are refused unread.
pub(super) const MAX_SIGNATURES: usize = 16;

/// Where a verifier of JSON forms finds the key of each signature. Made from a reference to a
/// [`KeySet`] or to a [`VerifyingKey`].
#[derive(Clone, Copy, Debug)]
pub enum Keys<'k> {
    /// The key whose id is the signature's `kid`.
    Set(&'k KeySet),
    /// This one, for a text with one signature; its `kid` is not looked at, and a report names the
    /// key by its own id.
    One(&'k VerifyingKey),
}

impl<'k> From<&'k KeySet> for Keys<'k> {
    fn from(set: &'k KeySet) -> Self {
        Self::Set(set)
    }
}

impl<'k> From<&'k VerifyingKey> for Keys<'k> {
    fn from(key: &'k VerifyingKey) -> Self {
        Self::One(key)
    }
}

/// Whether the text holds the payload.
#[derive(Clone, Copy)]
pub(super) enum Payload<'p> {
    Attached(&'p [u8]),
    Detached(&'p [u8]),
}

/// Writes the flattened form.
pub(super) fn sign_flattened(
    encoding: Encoding,
    signatory: &Signatory<'_>,
    payload: Payload<'_>,
) -> Result<String, Error> {
    let written = Written::new(encoding, payload)?;
    let mut text = String::from("{");
    written.payload_onto(&mut text);
    written.signature_onto(signatory, &mut text)?;
    bounded(text + "}")
}

/// Writes the general form.
pub(super) fn sign_general(
    encoding: Encoding,
    signatories: &[Signatory<'_>],
    payload: Payload<'_>,
) -> Result<String, Error> {
    if !(1..=MAX_SIGNATURES).contains(&signatories.len()) {
        return Err(Error::SignatureCount);
    }
    let written = Written::new(encoding, payload)?;
    let mut text = String::from("{");
    written.payload_onto(&mut text);
    text.push_str(r#""signatures":["#);
    for (place, signatory) in signatories.iter().enumerate() {
        text.push_str(if place == 0 { "{" } else { ",{" });
        written.signature_onto(signatory, &mut text)?;
        text.push('}');
    }
    bounded(text + "]}")
}

fn bounded(text: String) -> Result<String, Error> {
    if text.len() > MAX_BYTES { Err(Error::TooLarge) } else { Ok(text) }
}

/// What all signatures of one text share.
struct Written<'p> {
    encoding: Encoding,
    /// The payload as signatures cover it.
    covered: Cow<'p, [u8]>,
    /// The payload as a JSON text, unless it is detached.
    attached: Option<String>,
}

impl<'p> Written<'p> {
    fn new(encoding: Encoding, payload: Payload<'p>) -> Result<Self, Error> {
        let (Payload::Attached(bytes) | Payload::Detached(bytes)) = payload;
        let covered = covered(encoding, bytes);
        let attached = match payload {
            Payload::Detached(_) => None,
            Payload::Attached(_) if covered.len() > MAX_BYTES => return Err(Error::TooLarge),
            Payload::Attached(_) => {
                let text = std::str::from_utf8(&covered).map_err(|_| Error::Unserializable)?;
                Some(quoted(text)?)
            }
        };
        Ok(Self { encoding, covered, attached })
    }

    fn payload_onto(&self, text: &mut String) {
        if let Some(payload) = &self.attached {
            text.push_str(r#""payload":"#);
            text.push_str(payload);
            text.push(',');
        }
    }

    /// Writes the members of one signature, without braces.
    fn signature_onto(&self, signatory: &Signatory<'_>, text: &mut String) -> Result<(), Error> {
        let protected = base64url::encode(signatory.protected_json(self.encoding)?.as_bytes());
        let signature = signatory.key().sign(&joined(&protected, &self.covered))?;
        text.push_str(r#""protected":""#);
        text.push_str(&protected);
        text.push_str(r#"","#);
        if let Some(unprotected) = signatory.unprotected_json()? {
            text.push_str(r#""header":"#);
            text.push_str(&unprotected);
            text.push(',');
        }
        text.push_str(r#""signature":""#);
        base64url::encode_onto(&signature, text);
        text.push('"');
        Ok(())
    }
}

fn quoted(text: &str) -> Result<String, Error> {
    serde_json::to_string(text).map_err(|_| Error::Unserializable)
}

/// The payload as signatures cover it.
pub(super) fn covered(encoding: Encoding, payload: &[u8]) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Base64url => Cow::Owned(base64url::encode(payload).into_bytes()),
        Encoding::Unencoded => Cow::Borrowed(payload),
    }
}

/// Header, dot and payload: what a signature covers.
pub(super) fn joined(protected: &str, covered: &[u8]) -> Vec<u8> {
    [protected.as_bytes(), b".", covered].concat()
}

/// Checks every signature of either form. A text that says nothing of its payload needs `detached`,
/// and one that brings its payload refuses it.
pub(super) fn verify<'p>(
    encoding: Encoding,
    keys: Keys<'_>,
    json: &[u8],
    detached: Option<&'p [u8]>,
) -> Result<Report<'p>, Error> {
    if json.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let members = json::parse_object(json)?;
    if members.contains("ciphertext") {
        return Err(Error::WrongProtection);
    }
    let (covered, payload) = match (text(&members, "payload")?, detached) {
        (None, Some(payload)) => (covered(encoding, payload), Cow::Borrowed(payload)),
        (Some(text), None) => (Cow::Borrowed(text.as_bytes()), decoded(encoding, text)?.into()),
        _ => return Err(Error::Malformed),
    };
    let judge = Judge { encoding, keys, covered };
    Ok(Report::new(payload, judge.all(&members)?))
}

fn decoded(encoding: Encoding, text: &str) -> Result<Vec<u8>, Error> {
    match encoding {
        Encoding::Base64url => base64url::decode(text.as_bytes()),
        Encoding::Unencoded => Ok(text.as_bytes().to_vec()),
    }
}

/// The member, which is a text where it is present.
fn text<'m>(members: &'m Members<'_>, name: &str) -> Result<Option<&'m str>, Error> {
    members.get(name).map(|value| value.as_text().ok_or(Error::Malformed)).transpose()
}

/// Checks the signatures of one text.
struct Judge<'a> {
    encoding: Encoding,
    keys: Keys<'a>,
    covered: Cow<'a, [u8]>,
}

impl Judge<'_> {
    /// An error is one of the text as a whole.
    fn all(&self, members: &Members<'_>) -> Result<Vec<SignatureReport>, Error> {
        let Some(list) = members.get("signatures") else { return Ok(vec![self.one(members)?]) };
        // A text of both forms would be read differently by different readers.
        if ["protected", "header", "signature"].iter().any(|name| members.contains(name)) {
            return Err(Error::Malformed);
        }
        let items = list.as_array().ok_or(Error::Malformed)?;
        let most = if matches!(self.keys, Keys::One(_)) { 1 } else { MAX_SIGNATURES };
        if !(1..=most).contains(&items.len()) {
            return Err(Error::SignatureCount);
        }
        let one = |item: &Value<'_>| self.one(&item.as_object().ok_or(Error::Malformed)?);
        items.iter().map(one).collect()
    }

    fn one(&self, members: &Members<'_>) -> Result<SignatureReport, Error> {
        let protected = text(members, "protected")?;
        let signature = text(members, "signature")?.ok_or(Error::Malformed)?;
        let outside = match members.get("header") {
            None => Members::default(),
            Some(value) => value.as_object().ok_or(Error::Malformed)?,
        };
        let (mut key_id, mut algorithm, mut typ) = (None, None, None);
        let mut verdict = || {
            // Without a protected header there is no protected algorithm (RFC 8725 section 3.1).
            let protected = protected.ok_or(Error::InvalidHeader("alg"))?;
            let json = base64url::decode(protected.as_bytes())?;
            let header = header::parse_pair(self.encoding, &json, &outside)?;
            key_id = header.key_id.as_deref().map(str::to_owned);
            algorithm = Some(header.algorithm);
            typ = header.typ.as_deref().map(str::to_owned);
            self.signature(&header, protected, signature)
        };
        let verdict = verdict();
        // The one key was chosen by the caller: what the header calls it stays a claim.
        if let (Ok(()), Keys::One(key)) = (&verdict, self.keys) {
            key_id = Some(key.key_id().to_owned());
        }
        Ok(SignatureReport { key_id, algorithm, typ, verdict })
    }

    fn signature(
        &self,
        header: &Header<'_>,
        protected: &str,
        signature: &str,
    ) -> Result<(), Error> {
        let key = match self.keys {
            Keys::One(key) => key,
            Keys::Set(set) => {
                let key_id = header.key_id.as_deref().ok_or(Error::MissingKeyId)?;
                set.get(key_id).ok_or(Error::UnknownKey)?
            }
        };
        if key.algorithm() != header.algorithm {
            return Err(Error::AlgorithmNotAllowed);
        }
        let signature = base64url::decode(signature.as_bytes())?;
        key.verify(&joined(protected, &self.covered), &signature)
    }
}
