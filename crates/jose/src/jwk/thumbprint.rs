//! Key thumbprints (RFC 7638), which name our keys.

use aws_lc_rs::digest::{self, SHA256};
use zeroize::Zeroizing;

use crate::{base64url, key::Material};

/// What stands before a SHA-256 thumbprint in its URI (RFC 9278 section 4).
pub(crate) const URI_PREFIX: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";

/// SHA-256 over the required members in the order of their names, in base64url. They are those of
/// RFC 7638 section 3.2, RFC 8037 section 2 and RFC 9964 section 6.
pub(crate) fn of_public(material: &Material) -> String {
    let encode = |bytes: &[u8]| base64url::encode(bytes);
    let text = match material {
        Material::Rsa { modulus, exponent } => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(exponent), encode(modulus))
        }
        Material::Ec { curve, point } => {
            let (x, y) = Material::coordinates(*curve, point);
            let (crv, x, y) = (curve.name(), encode(x), encode(y));
            format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        Material::Okp { curve, x } => {
            format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, curve.name(), encode(x))
        }
        Material::Akp { set, public } => {
            format!(r#"{{"alg":"{}","kty":"AKP","pub":"{}"}}"#, set.name(), encode(public))
        }
    };
    hash(text.as_bytes())
}

/// The thumbprint of a secret. It tells no more about it than a signature does: both let someone
/// test a guess, which is why a secret must be as long as the hash.
pub(crate) fn of_secret(secret: &[u8]) -> String {
    let encoded = Zeroizing::new(base64url::encode(secret));
    // Piece by piece, so that no copy of the secret stays behind in a text that grew.
    let mut context = digest::Context::new(&SHA256);
    for piece in [r#"{"k":""#, &encoded, r#"","kty":"oct"}"#] {
        context.update(piece.as_bytes());
    }
    base64url::encode(context.finish().as_ref())
}

fn hash(text: &[u8]) -> String {
    base64url::encode(digest::digest(&SHA256, text).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_a_secret_is_that_of_its_jwk() {
        // Worked out by hand from RFC 7638 section 3.2.
        let secret: Vec<u8> = (0..64).collect();
        assert_eq!(of_secret(&secret), "C78xEqPp1b_LswE8KyDQ_0WikUVN-jmDtHmYDwUNRpw");
    }
}
