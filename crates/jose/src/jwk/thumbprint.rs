//! Key thumbprints (RFC 7638), which name our keys.

use aws_lc_rs::digest::{self, SHA256};
use zeroize::Zeroizing;

use crate::{base64url, key::Material};

/// SHA-256 over the required members in the order of their names, in base64url.
pub(crate) fn of_public(material: &Material) -> String {
    let encode = |bytes: &[u8]| base64url::encode(bytes);
    let text = match material {
        Material::Rsa { modulus, exponent } => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(exponent), encode(modulus))
        }
        Material::P256 { x, y } => {
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
        }
        Material::Ed25519 { x } => {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x))
        }
    };
    hash(text.as_bytes())
}

/// The thumbprint of a secret. It tells no more about it than a signature does: both let someone
/// test a guess, which is why a secret must be as long as the hash.
pub(crate) fn of_secret(secret: &[u8]) -> String {
    let encoded = Zeroizing::new(base64url::encode(secret));
    let text = Zeroizing::new(format!(r#"{{"k":"{}","kty":"oct"}}"#, *encoded));
    hash(text.as_bytes())
}

fn hash(text: &[u8]) -> String {
    base64url::encode(digest::digest(&SHA256, text).as_ref())
}
