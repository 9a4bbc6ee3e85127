//! PKCE, method S256 only (RFC 7636; OAuth 2.1 §4.1.1).

use aws_lc_rs::digest::{SHA256, digest};
use countersign_jose::base64url;
use subtle::ConstantTimeEq;

/// Whether text can be an S256 challenge: 43 base64url characters (RFC 7636 §4.2).
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && base64url::decode(text.as_bytes()).is_ok()
}

/// Whether text can be a verifier: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// Whether `verifier` hashes to `challenge` (RFC 7636 §4.6).
#[must_use]
pub fn matches(verifier: &str, challenge: &str) -> bool {
    let computed = base64url::encode(digest(&SHA256, verifier.as_bytes()).as_ref());
    is_verifier(verifier) && bool::from(computed.as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_rfc_7636_appendix_b_matches() {
        assert!(is_challenge(CHALLENGE) && is_verifier(VERIFIER));
        assert!(matches(VERIFIER, CHALLENGE));
    }

    #[test]
    fn a_verifier_that_equals_the_challenge_does_not() {
        assert!(!matches(CHALLENGE, CHALLENGE), "`plain` must not pass as S256");
        assert!(!matches("", CHALLENGE));
        assert!(!is_verifier(&"a".repeat(42)) && !is_verifier(&"a".repeat(129)));
        assert!(
            !is_challenge(&"a".repeat(42))
                && !is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")
        );
    }
}
