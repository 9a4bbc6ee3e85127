use countersign_jose::{Jwk, base64url};

use super::*;

pub(crate) const NAMED: &str = include_str!("test_certificates/named.pem");
pub(crate) const PLAIN: &str = include_str!("test_certificates/plain_rsa.pem");

pub(crate) fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let body = body.trim_end_matches('=').replace('+', "-").replace('/', "_");
    base64url::decode(body.as_bytes()).unwrap()
}

fn subject(text: &str) -> CertificateName {
    CertificateName::Subject(DistinguishedName::parse(text).unwrap_or_else(|| panic!("{text}")))
}

#[test]
fn a_certificate_has_the_names_that_openssl_put_into_it() {
    let named = ClientCertificate::read(&der(NAMED)).unwrap();
    let text = |kind: fn(String) -> CertificateName, name: &str| kind(name.to_owned());
    let ip = |text: &str| CertificateName::Ip(text.parse().unwrap());
    for (name, expected) in [
        (text(CertificateName::Dns, "billing.example.com"), true),
        (text(CertificateName::Dns, "Billing.Example.COM"), true),
        (text(CertificateName::Dns, "example.com"), false),
        (text(CertificateName::Dns, "a.wild.example.com"), false),
        (text(CertificateName::Dns, "spiffe://example.com/billing"), false),
        (text(CertificateName::Uri, "spiffe://example.com/billing"), true),
        (text(CertificateName::Uri, "spiffe://example.com/billing/"), false),
        (text(CertificateName::Uri, "SPIFFE://example.com/billing"), false),
        (text(CertificateName::Email, "billing@example.com"), true),
        (text(CertificateName::Email, "Billing@example.com"), false),
        (ip("192.0.2.7"), true),
        (ip("192.0.2.8"), false),
        (ip("2001:db8:0::7"), true),
        (ip("::ffff:192.0.2.7"), false),
    ] {
        assert_eq!(named.names(&name), expected, "{name:?}");
    }
    let plain = ClientCertificate::read(&der(PLAIN)).unwrap();
    assert!(plain.names(&subject("CN=plain")));
    assert!(!plain.names(&text(CertificateName::Dns, "plain")), "a subject is no host name");
}

#[test]
fn subjects_are_read_as_rfc_4514_writes_them() {
    let named = ClientCertificate::read(&der(NAMED)).unwrap();
    for same in [
        // As OpenSSL prints it with `-nameopt RFC2253`.
        r"UID=4711,CN=billing,OU=Zahlungen S\C3\BCd,O=Example\, Inc.,C=DE",
        r"uid=4711, cn=billing, ou=Zahlungen Süd, o=Example\2c Inc., c=DE",
        r"0.9.2342.19200300.100.1.1=4711,2.5.4.3=billing,OU=Zahlungen Süd,O=Example\, Inc.,C=DE",
        r"UID=#0c0434373131,CN=#130762696c6c696e67,OU=Zahlungen Süd,O=Example\, Inc.,C=DE",
    ] {
        assert!(named.names(&subject(same)), "{same}");
    }
    for other in [
        r"C=DE,O=Example\, Inc.,OU=Zahlungen Süd,CN=billing,UID=4711",
        r"UID=4711,CN=billing,OU=Zahlungen Süd,O=Example\, Inc.",
        r"UID=4711,CN=Billing,OU=Zahlungen Süd,O=Example\, Inc.,C=DE",
        r"UID=4711,CN=billing,OU=Zahlungen Sud,O=Example\, Inc.,C=DE",
        r"UID=4711+CN=billing,OU=Zahlungen Süd,O=Example\, Inc.,C=DE",
        r"UID=4711,CN=billing,OU=Zahlungen Süd,O=Example,C=DE",
        r"UID=4711,CN=\ billing,OU=Zahlungen Süd,O=Example\, Inc.,C=DE",
        "CN=billing",
    ] {
        assert!(!named.names(&subject(other)), "{other}");
    }
    let name = |text| DistinguishedName::parse(text);
    assert!(name("CN=a+OU=b,C=DE").unwrap().is(&name("ou=b + cn=a , c=DE").unwrap()));
    assert!(!name("CN=a+OU=b").unwrap().is(&name("CN=a,OU=b").unwrap()));
    assert!(name(r"CN=a\ ").unwrap().is(&name(r"CN= a\20 ").unwrap()));
    assert!(!name(r"CN=a\ ").unwrap().is(&name("CN=a ").unwrap()));
    for junk in [
        "",
        "CN",
        "=a",
        "X=a",
        "CN=a,",
        ",CN=a",
        "CN=a;b",
        r"CN=a\",
        r"CN=a\q1",
        r"CN=\ff",
        "CN=#0",
        "CN=#0c05aa",
        "CN=#",
        "3.1=a",
        "1.40=a",
        "1=a",
        "1.2.99999999999=a",
        "CN=\"a\"",
        "CN=a\0",
    ] {
        assert_eq!(DistinguishedName::parse(junk), None, "{junk}");
    }
}

#[test]
fn what_is_cut_or_altered_is_no_certificate_or_another_one() {
    for pem in [NAMED, PLAIN] {
        let good = der(pem);
        let read = ClientCertificate::read(&good).unwrap();
        for end in 0..good.len() {
            assert_eq!(ClientCertificate::read(&good[..end]), Err(NoCertificate), "{end}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(ClientCertificate::read(&longer), Err(NoCertificate));
        // No byte makes it panic, whatever it says then.
        for at in 0..good.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut altered = good.clone();
                altered[at] ^= flip;
                let _ = ClientCertificate::read(&altered);
            }
        }
        assert_eq!(ClientCertificate::read(&good), Ok(read));
    }
    for junk in [&b""[..], b"\x30", b"\x30\x00", b"\x30\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff"] {
        assert_eq!(ClientCertificate::read(junk), Err(NoCertificate));
    }
}

/// The key is that of RFC 7517, whoever wrote it: what OpenSSL put into the certificate is what
/// becomes of the JWK.
#[test]
fn its_key_is_compared_with_a_jwk() {
    for pem in [NAMED, PLAIN] {
        let key = ClientCertificate::read(&der(pem)).unwrap();
        let jwk = Jwk::from_der(key.public_key()).unwrap();
        assert_eq!(jwk.to_spki_der(), key.public_key());
    }
}
