//! Client certificates of mutual TLS (RFC 8705), as the program that ends TLS reports them.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use countersign_jose::base64url;

/// Longer headers are not read.
const MAX_BYTES: usize = 24 * 1024;

/// The SHA-256 thumbprint of a client's certificate: what `cnf.x5t#S256` of a bound token holds
/// (RFC 8705 section 3.1).
///
/// A program that ends TLS itself puts it into the request's extensions; behind a proxy it comes
/// from a header, and then only from a proxy that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateThumbprint(String);

impl CertificateThumbprint {
    /// The thumbprint of a certificate in DER.
    pub fn of_der(der: &[u8]) -> Self {
        Self(base64url::encode(digest(&SHA256, der).as_ref()))
    }

    /// Reads what a proxy writes into a header. Several certificates are none: which one belongs to
    /// the connection would be a guess.
    ///
    /// | written by | form |
    /// |---|---|
    /// | RFC 9440 (`Client-Cert`) | `:` base64 of the DER `:` |
    /// | Caddy, HAProxy, Traefik | base64 of the DER |
    /// | nginx (`$ssl_client_escaped_cert`) | PEM, percent-encoded |
    /// | Envoy (`x-forwarded-client-cert`) | `Hash=` SHA-256 of the DER in hexadecimal |
    pub fn from_header(value: &str) -> Option<Self> {
        if is_of_envoy(value.trim()) {
            Self::of_envoy(value)
        } else {
            Some(Self::of_der(&certificate_der(value)?))
        }
    }

    /// The thumbprint in base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One element of Envoy's list, whose texts may be quoted.
    fn of_envoy(value: &str) -> Option<Self> {
        let value = value.trim();
        if value.len() > MAX_BYTES {
            return None;
        }
        let (mut quoted, mut escaped, mut hash) = (false, false, None);
        let separates = |c: char| {
            let literal = std::mem::take(&mut escaped);
            escaped = quoted && !literal && c == '\\';
            quoted ^= !literal && c == '"';
            !quoted && matches!(c, ';' | ',')
        };
        for pair in value.split(separates) {
            let (name, text) = pair.trim().split_once('=')?;
            if name.eq_ignore_ascii_case("hash") && hash.replace(text.trim_matches('"')).is_some() {
                return None;
            }
        }
        let hash = hash.filter(|hash| hash.len() == 64)?.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let plain = hash.iter().all(u8::is_ascii_hexdigit);
        let bytes: Option<Vec<u8>> = hash.chunks(2).map(byte).collect();
        bytes.filter(|_| plain).map(|bytes| Self(base64url::encode(&bytes)))
    }
}

/// The certificate itself, in DER, where a proxy writes it into a header: in every form that
/// [`CertificateThumbprint::from_header`] reads but Envoy's.
pub(crate) fn certificate_der(value: &str) -> Option<Vec<u8>> {
    let value = value.trim();
    if value.is_empty() || value.len() > MAX_BYTES || is_of_envoy(value) {
        return None;
    }
    if let Some(rest) = value.strip_prefix(':') {
        return of_base64(rest.strip_suffix(':')?);
    }
    let text = percent_decoded(value)?;
    if text.trim_start().starts_with("-----") { of_pem(&text) } else { of_base64(&text) }
}

fn is_of_envoy(value: &str) -> bool {
    value.contains('=') && value.contains([';', '"']) || value.starts_with("Hash=")
}

fn of_pem(text: &str) -> Option<Vec<u8>> {
    let rest = text.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let (body, after) = rest.split_once("-----END CERTIFICATE-----")?;
    if after.trim().is_empty() { of_base64(body) } else { None }
}

fn of_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    let der = base64_simd::STANDARD.decode_to_vec(text).ok()?;
    is_one_sequence(&der).then_some(der)
}

/// Whether DER is one SEQUENCE from its first byte to its last, as every certificate is.
fn is_one_sequence(der: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = der else { return false };
    match usize::from(*length) {
        short @ 0..=0x7f => rest.len() == short,
        long @ 0x81..=0x83 => {
            rest.split_at_checked(long - 0x80).is_some_and(|(number, content)| {
                let length = number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                content.len() == length
            })
        }
        _ => false,
    }
}

fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high << 4 | low).ok()?);
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest thing that has the outer form of a certificate.
    fn der(content: u8) -> Vec<u8> {
        let mut der = vec![0x30, 0x82, 0x01, 0x00];
        der.extend([content; 256]);
        der
    }

    fn hex(thumbprint: &CertificateThumbprint) -> String {
        let bytes = base64url::decode(thumbprint.as_str().as_bytes()).expect("base64url");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn every_usual_form_names_the_same_certificate() {
        let expected = CertificateThumbprint::of_der(&der(7));
        let base64 = base64_simd::STANDARD.encode_to_string(der(7));
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let lines = lines.join("\n");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n");
        let escape_all =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let nginx = pem.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B");
        let hash = hex(&expected);
        for form in [
            format!(":{base64}:"),
            base64.clone(),
            nginx,
            escape_all(&pem),
            format!("Hash={hash}"),
            format!(r#"By=spiffe://a/b;Hash={hash};Subject="CN=a,O=;b";URI="#),
            format!(r#"Subject="CN=\"a\";Hash=0,O=\\";hash="{hash}";DNS=a.example"#),
            format!("Hash={};Cert=\"{}\"", hash.to_uppercase(), escape_all(&pem)),
        ] {
            let found = CertificateThumbprint::from_header(&form);
            assert_eq!(found.as_ref(), Some(&expected), "{form}");
            let whole = certificate_der(&form);
            assert_eq!(whole, (!form.contains("ash=")).then(|| der(7)), "{form}");
        }
    }

    #[test]
    fn what_is_not_one_certificate_is_none() {
        let base64 = base64_simd::STANDARD.encode_to_string(der(7));
        let hash = hex(&CertificateThumbprint::of_der(&der(7)));
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let mut long = der(7);
        long.push(0);
        for form in [
            String::new(),
            "(null)".to_owned(),
            ":".to_owned(),
            format!(":{base64}"),
            format!(":{base64}:, :{base64}:"),
            format!("{base64},{base64}"),
            format!("{pem}{pem}").replace('\n', "%0A"),
            base64_simd::STANDARD.encode_to_string(&der(7)[..200]),
            base64_simd::STANDARD.encode_to_string(long),
            base64_simd::STANDARD.encode_to_string("no certificate at all"),
            format!("Hash={hash};Hash={hash}"),
            format!("Hash={hash},Hash={hash}"),
            format!("Hash={}", &hash[1..]),
            format!("Hash=+{}", &hash[1..]),
            "Subject=\"CN=a\";URI=".to_owned(),
            "a".repeat(MAX_BYTES + 1),
        ] {
            assert_eq!(CertificateThumbprint::from_header(&form), None, "{form:.80}");
            assert_eq!(certificate_der(&form), None, "{form:.80}");
        }
    }
}
