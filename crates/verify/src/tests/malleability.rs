//! A token that was changed without its key: whatever still reads as the same token is revoked, and
//! used, together with it; everything else is no token at all.

use countersign_jose::{Algorithm, Jwk, SigningKey, base64url};

use super::{describe, eventually, issuer::Issuer, ready};
use crate::{Error, Verifier, clock};

/// The orders of the ECDSA groups: with `s`, also `order - s` makes a right signature.
pub(super) const ECDSA_ORDERS: &[(Algorithm, &str)] = &[
    (Algorithm::ES256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (
        Algorithm::ES384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
         581a0db248b0a77aecec196accc52973",
    ),
    (
        Algorithm::ES512,
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         fffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e9138\
         6409",
    ),
    (Algorithm::ES256K, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
];

/// The order of the Ed25519 group, little-endian: `S + order` is the same number there.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let pairs = digits.map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

/// `a - b` of big-endian numbers of one length.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = 256 + i32::from(*a) - i32::from(*b) - borrow;
            borrow = i32::from(digit < 256);
            digit.to_le_bytes()[0]
        })
        .collect();
    digits.reverse();
    digits
}

/// `a + b` of little-endian numbers of one length.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let digit = u32::from(*a) + u32::from(*b) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        })
        .collect()
}

/// The modulus of an RSA key, big-endian.
fn modulus(key: &Jwk) -> Option<Vec<u8>> {
    let jwk = serde_json::to_value(key).expect("a key is plain data");
    Some(base64url::decode(jwk["n"].as_str()?.as_bytes()).expect("base64url"))
}

/// `signature + modulus`, the same number to who takes it modulo the modulus without a look at its
/// size (RFC 8017 section 5.2.2 forbids it); one byte longer where it has to be.
fn beyond(modulus: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = modulus
        .iter()
        .zip(signature)
        .rev()
        .map(|(n, s)| {
            let digit = u32::from(*n) + u32::from(*s) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        })
        .collect();
    digits.extend((carry > 0).then_some(1));
    digits.reverse();
    digits
}

/// Other signatures that mean the same number, or would to a careless reader.
fn symmetries(algorithm: Algorithm, key: &Jwk, real: &[u8]) -> Vec<Vec<u8>> {
    let (r, s) = real.split_at(real.len() / 2);
    let mut all = vec![
        [real, &[0]].concat(),
        [&[0], real].concat(),
        [&[0], r, &[0], s].concat(),
        real[1..].to_vec(),
        real.iter().rev().copied().collect(),
    ];
    if let Some((_, order)) = ECDSA_ORDERS.iter().find(|(of, _)| *of == algorithm) {
        all.push([r, &difference(&from_hex(order), s)].concat());
        all.push([&difference(&from_hex(order), r), s].concat());
        let der = |part: &[u8]| {
            let length = u8::try_from(part.len() + 1).expect("short");
            [&[2, length, 0], part].concat()
        };
        let parts = [der(r), der(s)].concat();
        all.push([&[0x30, u8::try_from(parts.len()).expect("short")], &*parts].concat());
    }
    if algorithm == Algorithm::Ed25519 {
        all.push([r, &sum(s, &from_hex(ED25519_ORDER))].concat());
    }
    if let Some(modulus) = modulus(key) {
        all.push(beyond(&modulus, real));
        all.push(difference(&modulus, real));
    }
    all
}

/// Everything that can be done to the text of a token without its key.
pub(super) fn twins(algorithm: Algorithm, key: &Jwk, token: &str) -> Vec<String> {
    let [header, payload, signature] =
        token.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let real = base64url::decode(signature.as_bytes()).expect("base64url");
    let mut all: Vec<String> = symmetries(algorithm, key, &real)
        .iter()
        .map(|twin| format!("{header}.{payload}.{}", base64url::encode(twin)))
        .collect();
    for added in ["=", "==", "\n", " ", "\t", "\r\n", "\0", ".", "A", "\u{200b}"] {
        all.extend([
            format!("{token}{added}"),
            format!("{added}{token}"),
            format!("{header}{added}.{payload}.{signature}"),
            format!("{header}.{payload}{added}.{signature}"),
            format!("{header}.{added}{payload}.{signature}"),
            format!("{header}.{payload}.{added}{signature}"),
        ]);
    }
    // The last character of a part may hold bits that no byte takes.
    for part in [header, payload, signature] {
        let (rest, last) = part.split_at(part.len() - 1);
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
            if !last.starts_with(other) {
                all.push(token.replacen(part, &format!("{rest}{other}"), 1));
            }
        }
    }
    all.extend([token.replace('-', "+"), token.replace('_', "/"), token.to_lowercase()]);
    let json = String::from_utf8(base64url::decode(payload.as_bytes()).expect("base64url"));
    let json = json.expect("text");
    for other in [format!(" {json}"), json.replacen(':', ": ", 1), json.replacen('/', "\\/", 1)] {
        all.push(format!("{header}.{}.{signature}", base64url::encode(other.as_bytes())));
    }
    all.retain(|twin| twin != token);
    all
}

/// A token whose signature is as long with the modulus of its key added to it, if that is an RSA
/// key: a longer one would be refused for its length alone.
fn with_room(issuer: &Issuer, key: &Jwk) -> String {
    let modulus = modulus(key);
    let has_room = |token: &String| {
        let signature = token.rsplit('.').next().expect("three parts");
        let signature = base64url::decode(signature.as_bytes()).expect("base64url");
        let sum = modulus.as_ref().map(|modulus| beyond(modulus, &signature));
        sum.is_none_or(|sum| sum.len() == signature.len())
    };
    let mut tokens = (0..2_000).map(|number| issuer.token("t", &format!("g{number}")));
    tokens.find(has_room).expect("one of so many")
}

async fn following(issuer: &Issuer, algorithm: Algorithm) -> Verifier {
    let verifier = describe(issuer).algorithms(&[algorithm]).revocations("api", "secret");
    let verifier = verifier.start().expect("well described");
    ready(&verifier).await;
    verifier
}

#[tokio::test]
async fn a_twin_falls_with_its_token_by_every_algorithm() {
    let algorithms = Algorithm::ALL.iter().filter(|algorithm| !algorithm.is_symmetric());
    let mut tried = 0;
    for algorithm in algorithms.copied() {
        let issuer = Issuer::start().await;
        let key = SigningKey::generate(algorithm).expect("a key");
        let public = key.public_jwk().expect("it has a public key");
        issuer.script().keys = vec![key];
        let verifier = following(&issuer, algorithm).await;
        let now = clock::now();
        let token = with_room(&issuer, &public);
        let original = verifier.verify_now(&token, now).expect("it is good");
        let twins = twins(algorithm, &public, &token);
        let accepted: Vec<_> = twins
            .iter()
            .filter_map(|twin| Some((twin, verifier.verify_now(twin, now).ok()?)))
            .collect();
        // The other signature of ECDSA is as right as the one, and nothing else is.
        let has_twin = ECDSA_ORDERS.iter().any(|(of, _)| *of == algorithm);
        let name = algorithm.name();
        assert_eq!(modulus(&public).is_some(), name.starts_with(['R', 'P']), "{name}");
        assert_eq!(accepted.len(), usize::from(has_twin), "{name}: {accepted:?}");
        assert_eq!(verifier.use_once(&original, now).await, Ok(()));
        for (_, twin) in &accepted {
            assert_eq!((&twin.token_id, &twin.grant_id), (&original.token_id, &original.grant_id));
            assert_eq!(verifier.use_once(twin, now).await, Err(Error::Replayed), "{name}");
        }
        issuer.revoke("token", "t");
        let refused = || verifier.verify_now(&token, clock::now()) == Err(Error::Revoked);
        eventually("it is revoked", refused).await;
        for twin in &twins {
            assert!(verifier.verify_now(twin, now).is_err(), "{name}: {twin:?}");
        }
        for (twin, _) in accepted {
            assert_eq!(verifier.verify_now(twin, now).err(), Some(Error::Revoked), "{name}");
        }
        tried += twins.len();
    }
    println!("{tried} twins");
    assert!(tried > 2_000);
}
