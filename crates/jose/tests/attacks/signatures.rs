//! Signatures that prove nothing, or prove it twice.

use countersign_jose::{Algorithm, Error, KeySet, Timestamp};
use serde_json::json;

use crate::bench::{Bench, NOW, claims, decode, encode, honest, id_claims, split, with};

/// The orders of the groups behind ECDSA (FIPS 186-5, SEC 2), and of the one behind Ed25519
/// (RFC 8032 section 5.1), big-endian.
const ORDERS: &[(Algorithm, &str)] = &[
    (Algorithm::ES256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (
        Algorithm::ES384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
         581a0db248b0a77aecec196accc52973",
    ),
    (
        Algorithm::ES512,
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         ffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
    (Algorithm::ES256K, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
];
const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// `a - b` and `a + b` of big-endian numbers of one length, as far as it goes.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0i16;
    let digits = a.iter().zip(b).rev().map(|(a, b)| {
        let digit = i16::from(*a) - i16::from(*b) - borrow;
        borrow = i16::from(digit < 0);
        digit.rem_euclid(256) as u8
    });
    let mut out: Vec<u8> = digits.collect();
    out.reverse();
    out
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0u16;
    let digits = a.iter().zip(b).rev().map(|(a, b)| {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        carry = digit >> 8;
        (digit & 0xff) as u8
    });
    let mut out: Vec<u8> = digits.collect();
    out.reverse();
    out
}

/// An honest token, its signature taken apart, and the verdict on another signature.
fn forge(bench: &Bench, token: &str, signature: &[u8]) -> Result<(), Error> {
    let (input, _) = token.rsplit_once('.').unwrap();
    bench.verify(&format!("{input}.{}", encode(signature)))
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign = if number[0] >= 0x80 { &[0][..] } else { &[] };
        [&[2, (sign.len() + number.len()) as u8], sign, number].concat()
    };
    let content = [integer(r), integer(s)].concat();
    let length = match content.len() {
        short @ ..0x80 => vec![short as u8],
        long => vec![0x81, long as u8],
    };
    [&[0x30], &length[..], &content].concat()
}

/// Class 8: CVE-2022-21449, the psychic signature: zeros, or what is zero modulo the order.
/// Class 9: CVE-2020-14966, CVE-2020-13822: DER, and other lengths (RFC 7518 section 3.4).
#[test]
fn psychic_signatures_and_other_forms() {
    for (algorithm, order) in ORDERS {
        let bench = Bench::new(*algorithm);
        let token = honest(&bench.key);
        let real = decode(split(&token)[2]);
        let order = from_hex(order);
        let size = order.len();
        assert_eq!(real.len(), 2 * size);
        let (r, s) = real.split_at(size);
        let mut one = vec![0; size];
        one[size - 1] = 1;
        let zero = vec![0; size];
        for signature in [
            [&zero[..], &zero].concat(),
            [&one[..], &one].concat(),
            [&order[..], &order].concat(),
            [r, &zero].concat(),
            [&zero, s].concat(),
            [r, &order].concat(),
            [&order, s].concat(),
            [s, r].concat(),
            vec![0xff; 2 * size],
            vec![0; 2 * size - 1],
            real[..2 * size - 1].to_vec(),
            real[1..].to_vec(),
            r.to_vec(),
            [&real[..], &[0]].concat(),
            [&[0], &real[..]].concat(),
            [&[0], r, &[0], s].concat(),
            [&real[..], &real].concat(),
            der(r, s),
            [&[0x30, 0x06, 2, 1, 1, 2, 1, 1][..]].concat(),
            Vec::new(),
        ] {
            let verdict = forge(&bench, &token, &signature);
            assert_eq!(verdict, Err(Error::BadSignature), "{algorithm} {signature:02x?}");
        }
        assert_eq!(bench.verify(&token), Ok(()));
    }
}

/// Class 10: with `s`, also `n - s` is right, so a token has two signatures. No RFC forbids it, and
/// the twin is the same token in everything that counts: so nothing may go by the text of a token,
/// only by its `jti`. (Replay by `jti`: `crates/verify/src/replay.rs`.)
#[test]
fn the_twin_of_an_ecdsa_signature_is_the_same_token() {
    for (algorithm, order) in ORDERS {
        let bench = Bench::new(*algorithm);
        let token = honest(&bench.key);
        let real = decode(split(&token)[2]);
        let (r, s) = real.split_at(real.len() / 2);
        let twin = [r, &difference(&from_hex(order), s)].concat();
        let (input, _) = token.rsplit_once('.').unwrap();
        let twin = format!("{input}.{}", encode(twin));
        assert_ne!(twin, token);
        assert_eq!(bench.verify(&twin), Ok(()), "{algorithm}");
        let read = |token: &str| {
            let keys = KeySet::new([bench.key.verifying_key()]);
            bench.access.verify(&keys, token, Timestamp::from_secs(NOW)).unwrap()
        };
        assert_eq!(read(&twin), read(&token));
        assert_eq!(read(&twin).token_id, "t1");
    }
}

/// Class 10 for EdDSA, where there is a rule: `S` is below the order (RFC 8032 section 5.1.7).
#[test]
fn an_ed25519_signature_has_no_twin() {
    let bench = Bench::new(Algorithm::Ed25519);
    let token = honest(&bench.key);
    let real = decode(split(&token)[2]);
    let little_endian = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let (point, s) = real.split_at(32);
    let mut s = little_endian(s);
    for _ in 0..3 {
        s = sum(&s, &from_hex(ED25519_ORDER));
        let twin = [point, &little_endian(&s)].concat();
        assert_eq!(forge(&bench, &token, &twin), Err(Error::BadSignature));
    }
    let mut other_sign = real.clone();
    other_sign[31] ^= 0x80;
    let identity = [&[1][..], &[0; 63]].concat();
    for signature in [vec![0; 64], identity, other_sign, real[..63].to_vec(), vec![0xff; 64]] {
        assert_eq!(forge(&bench, &token, &signature), Err(Error::BadSignature));
    }
    assert_eq!(bench.verify(&token), Ok(()));
}

/// CVE-2006-4339 and CVE-2014-1568 (BERserk): RSA signatures with something in front, behind, or of
/// another size.
#[test]
fn rsa_signatures_of_another_size() {
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let bench = Bench::new(algorithm);
        let token = honest(&bench.key);
        let real = decode(split(&token)[2]);
        assert_eq!(real.len(), 256);
        let mut one = vec![0; 256];
        one[255] = 1;
        for signature in [
            vec![0; 256],
            one,
            vec![0xff; 256],
            [&[0], &real[..]].concat(),
            [&real[..], &[0]].concat(),
            real[..255].to_vec(),
            real[1..].to_vec(),
            vec![1],
        ] {
            let verdict = forge(&bench, &token, &signature);
            assert_eq!(verdict, Err(Error::BadSignature), "{algorithm} {}", signature.len());
        }
        assert_eq!(bench.verify(&token), Ok(()));
    }
}

/// FIPS 204 section 7.2: lengths and hints of ML-DSA are exact.
#[test]
fn ml_dsa_signatures_of_another_size() {
    let bench = Bench::new(Algorithm::MlDsa44);
    let token = honest(&bench.key);
    let real = decode(split(&token)[2]);
    let mut last = real.clone();
    *last.last_mut().unwrap() ^= 1;
    for signature in [
        vec![0; real.len()],
        vec![0xff; real.len()],
        real[..real.len() - 1].to_vec(),
        [&real[..], &[0]].concat(),
        last,
    ] {
        assert_eq!(forge(&bench, &token, &signature), Err(Error::BadSignature));
    }
    assert_eq!(bench.verify(&token), Ok(()));
}

/// A right signature over something else: another payload, another header, or the same parts moved.
#[test]
fn signatures_of_other_tokens() {
    let bench = Bench::new(Algorithm::HS256);
    let access = honest(&bench.key);
    let rich = bench.token(&bench.header(), &with(claims(), "scope", json!("admin")));
    let id = bench.token(&bench.id_header(), &id_claims());
    let untyped = bench.token(&with(bench.header(), "x", json!(1)), &claims());
    let [header, payload, signature] = split(&access);
    for (h, p, s) in [
        (header, split(&rich)[1], signature),
        (header, payload, split(&rich)[2]),
        (header, split(&id)[1], split(&id)[2]),
        (split(&untyped)[0], payload, signature),
        (header, payload, split(&untyped)[2]),
        (header, "", signature),
        (header, header, signature),
    ] {
        assert_eq!(bench.verify(&format!("{h}.{p}.{s}")), Err(Error::BadSignature));
    }
    // The dot is signed too: what stands before it cannot grow at the cost of what follows.
    let (start, end) = payload.split_at(4);
    let moved = bench.verify(&format!("{header}{start}.{end}.{signature}"));
    assert!(moved.is_err(), "{moved:?}");
}
