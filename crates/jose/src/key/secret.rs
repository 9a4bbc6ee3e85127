//! Shared secrets for HMAC: long enough, and really secret.

use aws_lc_rs::{hmac, signature::ParsedPublicKey};
use zeroize::Zeroizing;

use crate::{Algorithm, Error, alg::EcCurve, jwk::thumbprint};

/// Nothing longer is a secret that somebody chose; it is a file given by mistake.
const MAX_BYTES: usize = 4096;
/// What some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How a line with a public key of OpenSSH starts.
const SSH_KEYS: [&[u8]; 3] = [b"ssh-rsa ", b"ssh-ed25519 ", b"ecdsa-sha2-"];

/// A pre-keyed HMAC secret and the name that its thumbprint gives it.
pub(crate) struct Secret {
    pub(crate) key: hmac::Key,
    pub(crate) key_id: String,
}

impl Secret {
    /// Takes the secret in when it is at least as long as the hash (RFC 7518 section 3.2) and does
    /// not look like a public key: that mistake lets anyone sign (RFC 8725 section 2.1).
    pub(crate) fn new(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        let Some(hmac) = algorithm.hmac() else {
            return Err(Error::UnsupportedKey("the algorithm does not work with a shared secret"));
        };
        if bytes.len() < algorithm.hash().output_len() {
            return Err(Error::WeakKey("the secret is shorter than the hash"));
        }
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLarge);
        }
        if looks_like_a_key_file(bytes) {
            return Err(Error::WeakKey("the secret looks like a PEM, DER or JWK key"));
        }
        let key = hmac::Key::new(hmac, bytes);
        Ok(Self { key, key_id: thumbprint::of_secret(bytes) })
    }
}

fn looks_like_a_key_file(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii();
    let is_json = text.starts_with(b"{") || text.starts_with(b"[");
    text.windows(10).any(|window| window == b"-----BEGIN")
        || (is_json && text.windows(5).any(|window| window == b"\"kty\""))
        || SSH_KEYS.iter().any(|start| text.starts_with(start))
        || looks_like_der(bytes)
        || is_base64_of_der(text)
        || is_point(bytes)
}

/// A bare point of a curve, as some formats hold a public key.
fn is_point(bytes: &[u8]) -> bool {
    EcCurve::ALL.iter().any(|curve| ParsedPublicKey::new(curve.verification(), bytes).is_ok())
}

/// A DER sequence of exactly this length that starts as a key or a certificate does: with a
/// sequence (SPKI, X.509) or an integer (PKCS#1, PKCS#8, SEC 1).
fn looks_like_der(bytes: &[u8]) -> bool {
    // The shortest key in DER is Ed25519 with 44 bytes.
    if bytes.len() < 44 {
        return false;
    }
    let (length, content) = match bytes {
        [0x30, short @ 0..=0x7f, content @ ..] => (usize::from(*short), content),
        [0x30, 0x81, a, content @ ..] => (usize::from(*a), content),
        [0x30, 0x82, a, b, content @ ..] => (usize::from(*a) << 8 | usize::from(*b), content),
        _ => return false,
    };
    length == content.len() && matches!(content.first(), Some(0x30 | 0x02))
}

/// The same in base64 of either alphabet, as it stands in `x5c` or in a PEM file that lost its
/// frame.
fn is_base64_of_der(text: &[u8]) -> bool {
    let mut joined = Zeroizing::new(Vec::with_capacity(text.len()));
    joined.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    }));
    let decoded = base64_simd::forgiving_decode_to_vec(&joined).map(Zeroizing::new);
    decoded.is_ok_and(|der| looks_like_der(&der))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SigningKey, key::Material};

    fn refused(bytes: &[u8]) -> bool {
        matches!(Secret::new(Algorithm::HS256, bytes), Err(Error::WeakKey(_)))
    }

    #[test]
    fn short_secrets_are_refused() {
        assert!(refused(b""));
        assert!(refused(&(1..32).collect::<Vec<u8>>()));
        assert!(!refused(&(1..33).collect::<Vec<u8>>()));
    }

    #[test]
    fn key_files_in_any_dress_are_refused() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let der = key.to_pkcs8().unwrap();
        let base64 = base64_simd::STANDARD.encode_to_string(&*der);
        let jwk = serde_json::to_vec(&key.public_jwk().unwrap()).unwrap();
        let pem = format!("\n  -----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
        let wrapped = format!("{}\n{}", &base64[..64], &base64[64..]);
        assert!(refused(&der));
        assert!(refused(base64.as_bytes()));
        assert!(refused(wrapped.as_bytes()));
        assert!(refused(pem.as_bytes()));
        assert!(refused(&[b" ", &jwk[..]].concat()));
        assert!(refused(&[b"\xef\xbb\xbf\n", &jwk[..]].concat()));
        assert!(refused(&[b"[", &jwk[..], b"]"].concat()));
        let spki = key.public_jwk().unwrap().to_spki_der();
        // Bytes of which base64 has a character of its own alphabet.
        let unlike = [&spki[..], &[0xfb, 0xff]].concat();
        let unlike = [&[0x30, unlike.len() as u8 - 2], &unlike[2..]].concat();
        let base64url = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&unlike);
        assert!(base64url.contains(['-', '_']) && refused(base64url.as_bytes()));
        for line in ["ssh-rsa AAAAB3NzaC1yc2E", "ssh-ed25519 AAAAC3Nza", "ecdsa-sha2-nistp256 AA"] {
            assert!(refused(format!("{line}AAAAAAAAAAAAAAAAAAAAAAAA me@home").as_bytes()));
        }
        assert!(!refused(b"ssh- is how this sound secret of a person begins"));
    }

    #[test]
    fn a_bare_point_of_the_curve_is_refused() {
        for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::ES256K] {
            let jwk = SigningKey::generate(algorithm).unwrap().public_jwk().unwrap();
            let Material::Ec { curve, point } = jwk.material() else { panic!("no curve") };
            assert!(refused(point), "{algorithm}");
            let (x, y) = Material::coordinates(*curve, point);
            let compressed = [&[2 + (y[y.len() - 1] & 1)], x].concat();
            assert!(refused(&compressed), "{algorithm}");
        }
    }

    #[test]
    fn a_secret_serves_only_an_hmac_algorithm() {
        let secret: Vec<u8> = (0..32).collect();
        let wrong = Secret::new(Algorithm::ES256, &secret).err();
        assert!(matches!(wrong, Some(Error::UnsupportedKey(_))));
    }
}
