//! What a client's TLS certificate says (RFC 8705 §2): whom it names, and which key it holds.
//!
//! Only that is read, and nothing is verified: that the client holds the key was proved in the
//! handshake, and whether somebody vouches for the names is for whoever ended TLS to say.

mod der;
mod distinguished_name;

use std::net::IpAddr;

use der::Reader;

pub use distinguished_name::DistinguishedName;

/// The extension `subjectAltName` (RFC 5280 §4.2.1.6), as its OID is encoded.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    subject: DistinguishedName,
    names: Vec<Name>,
    public_key: Vec<u8>,
}

/// A name of its subject beside the distinguished one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Dns(String),
    Uri(String),
    Ip(IpAddr),
    Email(String),
}

/// DER that is not one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an X.509 certificate")]
pub struct NoCertificate;

/// The one name by which a client is known (RFC 8705 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// `tls_client_auth_subject_dn`.
    Subject(DistinguishedName),
    /// `tls_client_auth_san_dns`.
    Dns(String),
    /// `tls_client_auth_san_uri`.
    Uri(String),
    /// `tls_client_auth_san_ip`.
    Ip(IpAddr),
    /// `tls_client_auth_san_email`.
    Email(String),
}

impl ClientCertificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`NoCertificate`] for anything else.
    pub fn read(der: &[u8]) -> Result<Self, NoCertificate> {
        Self::parse(der).ok_or(NoCertificate)
    }

    fn parse(der: &[u8]) -> Option<Self> {
        let mut outer = Reader::new(der::only(der, der::SEQUENCE)?);
        let mut fields = Reader::new(outer.expect(der::SEQUENCE)?);
        // The algorithm and the signature of whoever issued it.
        outer.expect(der::SEQUENCE)?;
        outer.expect(der::BIT_STRING)?;
        outer.end()?;
        // Version, serial number, algorithm, issuer, validity.
        fields.optional(der::context(0, true))?;
        fields.expect(der::INTEGER)?;
        for _ in 0..3 {
            fields.expect(der::SEQUENCE)?;
        }
        let subject = DistinguishedName::read(fields.expect(der::SEQUENCE)?)?;
        let public_key = fields.whole(der::SEQUENCE)?.to_vec();
        // Unique identifiers, which nobody uses.
        fields.optional(der::context(1, false))?;
        fields.optional(der::context(2, false))?;
        let names = match fields.optional(der::context(3, true))? {
            Some(extensions) => alternative_names(der::only(extensions, der::SEQUENCE)?)?,
            None => Vec::new(),
        };
        fields.end()?;
        Some(Self { subject, names, public_key })
    }

    /// Its key as `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whether it names this subject. Host names are compared without regard to case, all else
    /// byte by byte; a wildcard is only ever itself.
    #[must_use]
    pub fn names(&self, name: &CertificateName) -> bool {
        let any = |fits: &dyn Fn(&Name) -> bool| self.names.iter().any(fits);
        match name {
            CertificateName::Subject(subject) => self.subject.is(subject),
            CertificateName::Dns(host) => {
                any(&|name| matches!(name, Name::Dns(own) if own.eq_ignore_ascii_case(host)))
            }
            CertificateName::Uri(uri) => any(&|name| matches!(name, Name::Uri(own) if own == uri)),
            CertificateName::Ip(ip) => any(&|name| matches!(name, Name::Ip(own) if own == ip)),
            CertificateName::Email(email) => {
                any(&|name| matches!(name, Name::Email(own) if own == email))
            }
        }
    }
}

/// The names in the extensions of a certificate. An extension stands once (RFC 5280 §4.2).
fn alternative_names(extensions: &[u8]) -> Option<Vec<Name>> {
    let (mut extensions, mut found) = (Reader::new(extensions), None);
    while !extensions.is_empty() {
        let mut extension = Reader::new(extensions.expect(der::SEQUENCE)?);
        let id = extension.expect(der::OBJECT_IDENTIFIER)?;
        extension.optional(der::BOOLEAN)?;
        let value = extension.expect(der::OCTET_STRING)?;
        extension.end()?;
        if id == SUBJECT_ALT_NAME && found.replace(value).is_some() {
            return None;
        }
    }
    found.map_or(Some(Vec::new()), |names| read_names(der::only(names, der::SEQUENCE)?))
}

fn read_names(list: &[u8]) -> Option<Vec<Name>> {
    const EMAIL: u8 = der::context(1, false);
    const DNS: u8 = der::context(2, false);
    const URI: u8 = der::context(6, false);
    const IP: u8 = der::context(7, false);
    let (mut list, mut names) = (Reader::new(list), Vec::new());
    while !list.is_empty() {
        let (tag, value) = list.any()?;
        // They are of ASCII; what is not can't be compared with anything.
        let text = || value.is_ascii().then(|| String::from_utf8_lossy(value).into_owned());
        match tag {
            EMAIL => names.extend(text().map(Name::Email)),
            DNS => names.extend(text().map(Name::Dns)),
            URI => names.extend(text().map(Name::Uri)),
            IP => names.extend(address(value).map(Name::Ip)),
            _ => {}
        }
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
pub(crate) mod tests;
