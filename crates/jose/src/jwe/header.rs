//! What the headers of an encrypted token say, and what is refused in them.

use super::{
    agreement::{Curve, Point},
    alg::{ContentEncryption, KeyManagement, Method},
    compression::Compression,
};
use crate::{
    Error, base64url,
    json::{Members, Value},
    jws::header::{is_key_id, is_type},
};

/// More members than any header needs; the bound keeps the comparison of their names short.
const MAX_MEMBERS: usize = 64;

/// The media types that the protected header names.
///
/// `typ` is the type of the whole token and `cty` that of the content (RFC 7516 sections 4.1.11 and
/// 4.1.12). A nested token has the content type `JWT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaTypes<'a> {
    /// `typ`: what the encrypted token is.
    pub typ: Option<&'a str>,
    /// `cty`: what comes out when it is decrypted.
    pub cty: Option<&'a str>,
}

impl<'a> MediaTypes<'a> {
    /// The content is a signed token (RFC 7519 section 5.2).
    pub const NESTED: MediaTypes<'static> = MediaTypes { typ: None, cty: Some("JWT") };

    /// The content is of this type, and the token itself names none.
    pub const fn content(cty: &'a str) -> Self {
        Self { typ: None, cty: Some(cty) }
    }

    /// Appends the members to a header that already has one.
    pub(crate) fn write_onto(self, header: &mut String) -> Result<(), Error> {
        for (name, value) in [("typ", self.typ), ("cty", self.cty)] {
            let Some(value) = value else { continue };
            if !is_type(value) {
                return Err(Error::InvalidHeader(name));
            }
            push_text(header, name, value)?;
        }
        Ok(())
    }
}

/// Appends `,"name":"value"`, with what JSON asks to be escaped.
pub(crate) fn push_text(header: &mut String, name: &str, value: &str) -> Result<(), Error> {
    let value = serde_json::to_string(value).map_err(|_| Error::Unserializable)?;
    for part in [",\"", name, "\":", &value] {
        header.push_str(part);
    }
    Ok(())
}

/// Appends `,"name":"…"` with the bytes in base64url.
pub(crate) fn push_bytes(header: &mut String, name: &str, bytes: &[u8]) {
    for part in [",\"", name, "\":\""] {
        header.push_str(part);
    }
    base64url::encode_onto(bytes, header);
    header.push('"');
}

/// The headers that hold for one recipient. `jku`, `jwk`, `x5u` and `x5c` are never looked at: a
/// token cannot bring or point at its own key (RFC 8725 section 3.10).
#[derive(Clone, Copy)]
pub(crate) struct Headers<'h, 'a> {
    pub(crate) protected: &'h Members<'a>,
    pub(crate) shared: Option<&'h Members<'a>>,
    pub(crate) own: Option<&'h Members<'a>>,
}

impl<'h, 'a> Headers<'h, 'a> {
    /// Compact tokens have this header only.
    pub(crate) fn protected(protected: &'h Members<'a>) -> Self {
        Self { protected, shared: None, own: None }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'h Value<'a>> {
        let find = |members: Option<&'h Members<'a>>| members.and_then(|members| members.get(name));
        self.protected.get(name).or_else(|| find(self.shared)).or_else(|| find(self.own))
    }

    /// Refuses what changes the meaning of the parts, and names that occur in two headers
    /// (RFC 7516 section 7.2.1).
    pub(crate) fn check(&self, compression: Compression) -> Result<(), Error> {
        let present = [Some(self.protected), self.shared, self.own];
        for (place, members) in present.iter().enumerate() {
            let Some(members) = members else { continue };
            if members.iter().count() > MAX_MEMBERS {
                return Err(Error::TooLarge);
            }
            if members.contains("crit") {
                return Err(Error::UnknownCritical);
            }
            // It belongs to signatures (RFC 7797).
            if members.contains("b64") {
                return Err(Error::InvalidHeader("b64"));
            }
            // Outside the protected header it would be anybody's word.
            if members.contains("zip") && (place != 0 || compression.is_refused()) {
                return Err(Error::InvalidHeader("zip"));
            }
            for earlier in present[..place].iter().flatten() {
                if members.iter().any(|(name, _)| earlier.contains(name)) {
                    return Err(Error::DuplicateMember);
                }
            }
        }
        Ok(())
    }

    /// Refuses the members of passwords, which protect no token.
    pub(crate) fn refuse_password(&self) -> Result<(), Error> {
        for name in ["p2s", "p2c"] {
            if self.get(name).is_some() {
                return Err(Error::InvalidHeader(name));
            }
        }
        Ok(())
    }

    /// The `alg`; `None` when it is a name that this crate does not have.
    pub(crate) fn management(&self) -> Result<Option<KeyManagement>, Error> {
        let name = self.get("alg").and_then(Value::as_text);
        Ok(KeyManagement::from_name(name.ok_or(Error::InvalidHeader("alg"))?))
    }

    /// The `enc`, when it is one of those that are accepted.
    pub(crate) fn encryption(
        &self,
        accepted: &[ContentEncryption],
    ) -> Result<ContentEncryption, Error> {
        let name = self.get("enc").and_then(Value::as_text);
        ContentEncryption::from_name(name.ok_or(Error::InvalidHeader("enc"))?)
            .filter(|encryption| accepted.contains(encryption))
            .ok_or(Error::EncryptionNotAllowed)
    }

    /// Whether the content was compressed; the only algorithm is DEFLATE.
    pub(crate) fn is_compressed(&self) -> Result<bool, Error> {
        match self.protected.get("zip") {
            None => Ok(false),
            Some(value) if value.as_text() == Some("DEF") => Ok(true),
            Some(_) => Err(Error::InvalidHeader("zip")),
        }
    }

    pub(crate) fn key_id(&self) -> Result<Option<&'h str>, Error> {
        text(self.get("kid"), "kid", is_key_id)
    }

    /// The types in the protected header; elsewhere they would be anybody's word.
    pub(crate) fn media_types(&self) -> Result<MediaTypes<'h>, Error> {
        Ok(MediaTypes {
            typ: text(self.protected.get("typ"), "typ", is_type)?,
            cty: text(self.protected.get("cty"), "cty", is_type)?,
        })
    }

    /// The members that belong to the way in which the content key is sent.
    pub(crate) fn parameters(&self, method: Method) -> Result<Parameters, Error> {
        match method {
            Method::Direct | Method::Wrap(_) | Method::Rsa => Ok(Parameters::None),
            Method::GcmWrap(_) => {
                Ok(Parameters::Gcm { iv: self.exact("iv")?, tag: self.exact("tag")? })
            }
            Method::Agreement(_) => Ok(Parameters::Agreement {
                epk: self.epk().ok_or(Error::InvalidHeader("epk"))?,
                apu: self.bytes("apu")?.unwrap_or_default(),
                apv: self.bytes("apv")?.unwrap_or_default(),
            }),
        }
    }

    pub(crate) fn bytes(&self, name: &'static str) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let decoded = value.as_text().and_then(|text| base64url::decode(text.as_bytes()).ok());
        decoded.map(Some).ok_or(Error::InvalidHeader(name))
    }

    fn exact<const LENGTH: usize>(&self, name: &'static str) -> Result<[u8; LENGTH], Error> {
        let bytes = self.bytes(name)?.ok_or(Error::InvalidHeader(name))?;
        bytes.try_into().map_err(|_| Error::InvalidHeader(name))
    }

    /// The sender's public key. Whether it is on the curve is found out when it is used.
    fn epk(&self) -> Option<Point> {
        let members = self.get("epk")?.as_object()?;
        let text = |name: &str| members.get(name).and_then(Value::as_text);
        let coordinate = |name: &str| base64url::decode(text(name)?.as_bytes()).ok();
        let curve = match (text("kty")?, text("crv")?) {
            ("EC", "P-256") => Curve::P256,
            ("EC", "P-384") => Curve::P384,
            ("EC", "P-521") => Curve::P521,
            ("OKP", "X25519") => Curve::X25519,
            _ => return None,
        };
        if members.contains("d") {
            return None;
        }
        match curve {
            Curve::X25519 => Point::new(curve, &coordinate("x")?, None),
            _ => Point::new(curve, &coordinate("x")?, Some(&coordinate("y")?)),
        }
    }
}

/// What a header says about the way of the content key, decoded.
pub(crate) enum Parameters {
    None,
    Gcm { iv: [u8; 12], tag: [u8; 16] },
    Agreement { epk: Point, apu: Vec<u8>, apv: Vec<u8> },
}

fn text<'h>(
    value: Option<&'h Value<'_>>,
    name: &'static str,
    fits: fn(&str) -> bool,
) -> Result<Option<&'h str>, Error> {
    let Some(value) = value else { return Ok(None) };
    value.as_text().filter(|text| fits(text)).map(Some).ok_or(Error::InvalidHeader(name))
}
