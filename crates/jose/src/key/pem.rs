//! The text form of keys in DER (RFC 7468).

use base64_simd::STANDARD;
use zeroize::Zeroizing;

use crate::Error;

/// The largest private key in DER takes 8 KiB; the rest is room for text around it.
const MAX_BYTES: usize = 32 * 1024;
/// Characters in a line that is written (RFC 7468 section 2).
const LINE: usize = 64;
const MAX_LINES: usize = 1024;

/// What a PEM block says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// `SubjectPublicKeyInfo`.
    Public,
    /// `RSAPublicKey`.
    RsaPublic,
    /// PKCS#8.
    Private,
    /// `RSAPrivateKey`.
    RsaPrivate,
    /// `ECPrivateKey`.
    EcPrivate,
}

const ENCRYPTED: Error = Error::UnsupportedKey("it is encrypted with a password; decrypt it first");
const MALFORMED: Error = Error::InvalidKey("not a PEM text");

impl Label {
    const fn text(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC KEY",
            Self::RsaPublic => "RSA PUBLIC KEY",
            Self::Private => "PRIVATE KEY",
            Self::RsaPrivate => "RSA PRIVATE KEY",
            Self::EcPrivate => "EC PRIVATE KEY",
        }
    }

    /// `None` for blocks that hold no key, such as parameters and certificates.
    fn from_text(text: &str) -> Result<Option<Self>, Error> {
        const ALL: [Label; 5] =
            [Label::Public, Label::RsaPublic, Label::Private, Label::RsaPrivate, Label::EcPrivate];
        if text == "ENCRYPTED PRIVATE KEY" {
            return Err(ENCRYPTED);
        }
        let label = ALL.into_iter().find(|label| label.text() == text);
        if label.is_none() && text.ends_with("KEY") {
            return Err(Error::UnsupportedKey("a PEM block of this kind"));
        }
        Ok(label)
    }
}

/// The one key in a PEM text. Text and other blocks around it are passed over; a second key is
/// refused, since picking one would be a guess.
pub(crate) fn read(text: &str) -> Result<(Label, Zeroizing<Vec<u8>>), Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let mut found = None;
    let mut lines = text.lines().map(str::trim_ascii_end).take(MAX_LINES);
    while let Some(line) = lines.next() {
        let Some(name) = boundary(line, "-----BEGIN ") else { continue };
        let mut base64 = Zeroizing::new(Vec::with_capacity(text.len()));
        loop {
            let line = lines.next().ok_or(MALFORMED)?;
            if let Some(end) = boundary(line, "-----END ") {
                if end == name { break } else { return Err(MALFORMED) }
            }
            // Headers of the form before PKCS#8 (RFC 1421 section 4.6.1.1).
            if line.starts_with("Proc-Type:") && line.contains("ENCRYPTED") {
                return Err(ENCRYPTED);
            }
            base64.extend_from_slice(line.as_bytes());
        }
        let Some(label) = Label::from_text(name)? else { continue };
        let der =
            STANDARD.decode_to_vec(&*base64).map(Zeroizing::new).map_err(|_| Error::Base64)?;
        if found.replace((label, der)).is_some() {
            return Err(Error::InvalidKey("more than one key in the PEM text"));
        }
    }
    found.ok_or(Error::InvalidKey("no key in the PEM text"))
}

/// The label of a line that begins or ends a block.
fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

pub(crate) fn write(label: Label, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode_to_string(der));
    let name = label.text();
    // With the whole length reserved, no copy stays behind in a buffer that grew.
    let room = base64.len() + base64.len() / LINE + 2 * name.len() + 40;
    let mut out = Zeroizing::new(String::with_capacity(room));
    for part in ["-----BEGIN ", name, "-----\n"] {
        out.push_str(part);
    }
    let mut rest = &**base64;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    for part in ["-----END ", name, "-----\n"] {
        out.push_str(part);
    }
    out
}
