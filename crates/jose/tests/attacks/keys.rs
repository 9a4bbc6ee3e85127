//! Attacks that bring a key, point at one, or use one that is weak or meant for something else.

use countersign_jose::{
    Algorithm, Error, Jwk, KeySet, Policy, PrivateJwk, RejectedKey, SigningKey, VerifyingKey,
};
use serde_json::{Value, json};

use crate::bench::{API, Bench, ISSUER, claims, decode, encode, honest, with, without};

/// A JWK set of these members, and what of it was refused.
fn set(keys: &[Value]) -> (KeySet, Vec<RejectedKey>) {
    let text = json!({ "keys": keys }).to_string();
    KeySet::from_jwks_json(text.as_bytes()).unwrap()
}

fn public(key: &SigningKey) -> Value {
    serde_json::to_value(key.public_jwk().unwrap()).unwrap()
}

fn read(jwk: &Value) -> Result<Jwk, Error> {
    Jwk::from_json(jwk.to_string().as_bytes())
}

/// Class 3: CVE-2018-0114, CVE-2026-27962: the key in the header is the attacker's.
/// Class 4: `jku` and `x5u` point at one; nothing here can fetch, and nothing is trusted for it.
#[test]
fn a_key_in_the_token_is_never_used() {
    let bench = Bench::new(Algorithm::ES256);
    let forger = Bench::new(Algorithm::ES256);
    let places = [
        ("jwk", public(&forger.key)),
        ("jku", json!("https://evil.example/jwks.json")),
        ("jku", json!("http://169.254.169.254/latest/meta-data/")),
        ("jku", json!("file:///etc/passwd")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
    ];
    let all = places
        .iter()
        .fold(bench.header(), |header, (name, value)| with(header, name, value.clone()));
    for header in
        places.iter().map(|(name, value)| with(bench.header(), name, value.clone())).chain([all])
    {
        assert_eq!(bench.verify(&forger.token(&header, &claims())), Err(Error::BadSignature));
        let own_name = with(header.clone(), "kid", json!(forger.key.key_id()));
        assert_eq!(bench.verify(&forger.token(&own_name, &claims())), Err(Error::UnknownKey));
        let nameless = without(header.clone(), "kid");
        assert_eq!(bench.verify(&forger.token(&nameless, &claims())), Err(Error::MissingKeyId));
        // From the issuer itself the same members are idle talk.
        assert_eq!(bench.verify(&bench.token(&header, &claims())), Ok(()), "{header}");
    }
}

/// Class 5: a key id that means something to a file system, a database or a shell. It is compared
/// and nothing else; RFC 8725 section 3.10.
#[test]
fn key_ids_that_want_to_be_more() {
    let bench = Bench::new(Algorithm::ES256);
    let known = bench.key.key_id();
    let unknown = [
        "../../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "' OR 1=1 --",
        "x' UNION SELECT 'AAAA' --",
        "|/bin/sh -c id",
        "$(id)",
        "`id`",
        "${jndi:ldap://evil.example/a}",
        "*)(uid=*))(|(uid=*",
        "https://evil.example/key",
        "%2e%2e%2f",
        "__proto__",
        "constructor",
        " ",
    ];
    let near = [known.to_lowercase(), format!("{known} "), format!(" {known}"), known[1..].into()];
    for kid in unknown.iter().copied().chain(near.iter().map(String::as_str)) {
        let token = bench.token(&with(bench.header(), "kid", json!(kid)), &claims());
        assert_eq!(bench.verify(&token), Err(Error::UnknownKey), "{kid}");
    }
    let lists = [json!([known]), json!({ "a": known }), json!(7), json!(true), json!(null)];
    let bad = ["", "a\u{0}", "a\nb", "\u{e9}", "\u{202e}a"].map(|kid| json!(kid));
    let long = [json!("k".repeat(257)), json!(format!("{known}\u{0}"))];
    for kid in lists.into_iter().chain(bad).chain(long) {
        let token = bench.token(&with(bench.header(), "kid", kid.clone()), &claims());
        assert_eq!(bench.verify(&token), Err(Error::InvalidHeader("kid")), "{kid}");
    }
    let endless = bench.token(&with(bench.header(), "kid", json!("k".repeat(5000))), &claims());
    assert_eq!(bench.verify(&endless), Err(Error::TooLarge));
    let nameless = bench.token(&without(bench.header(), "kid"), &claims());
    assert_eq!(bench.verify(&nameless), Err(Error::MissingKeyId));
}

/// Class 5: two keys with one id. Picking either would be a guess, so neither is in the set.
#[test]
fn two_keys_with_one_id() {
    let [a, b] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
    let keys = [with(public(&a), "kid", json!("same")), with(public(&b), "kid", json!("same"))];
    let (keys, rejected) = set(&keys);
    assert_eq!(
        rejected.iter().map(|key| &key.reason).collect::<Vec<_>>(),
        [&Error::DuplicateKeyId]
    );
    let policy = Policy::access_token(ISSUER, API, &[Algorithm::ES256]).unwrap();
    for key in [a, b] {
        let bench = Bench::with_key(key);
        let token = bench.token(&with(bench.header(), "kid", json!("same")), &claims());
        assert_eq!(bench.judge_with(&policy, &[&keys], &token), Err(Error::UnknownKey));
    }
}

/// RFC 8725 section 3.8: keys belong to an issuer. Another issuer's key, under the same id, and
/// another issuer's name under the right key.
#[test]
fn an_issuer_that_signs_for_another() {
    let bench = Bench::new(Algorithm::ES256);
    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    assert_eq!(bench.verify(&honest(&other)), Err(Error::UnknownKey));
    let other = Bench::with_key(other);
    let same_id = with(other.header(), "kid", json!(bench.key.key_id()));
    assert_eq!(bench.verify(&other.token(&same_id, &claims())), Err(Error::BadSignature));
    let foreign = with(claims(), "iss", json!("https://other.example"));
    assert_eq!(bench.verify(&bench.token(&bench.header(), &foreign)), Err(Error::Issuer));
}

/// The eight points of small order and their other spellings, as RFC 8037 writes them.
fn small_order_points() -> Vec<[u8; 32]> {
    let p = |low: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        bytes[31] = 0x7f;
        bytes
    };
    let small = |low: u8| {
        let mut bytes = [0; 32];
        bytes[0] = low;
        bytes
    };
    let order_8 = [
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    ];
    let order_8 = order_8.map(|text| <[u8; 32]>::try_from(decode(text)).unwrap());
    // 0, 1 and -1 modulo p = 2^255 - 19, reduced and not, with either sign of x.
    [small(0), small(1), p(0xec), p(0xed), p(0xee), order_8[0], order_8[1]]
        .into_iter()
        .flat_map(|point| {
            let mut negative = point;
            negative[31] |= 0x80;
            [point, negative]
        })
        .collect()
}

/// Class 11: a point of small order verifies any message ("Taming the many EdDSAs"). The crypto
/// library accepts the forgery below, so the key must be refused before.
#[test]
fn ed25519_keys_of_small_order() {
    let weak = Error::WeakKey("the Ed25519 key is a point of small order");
    let unusual = Error::InvalidKey("the Ed25519 key is not in canonical form");
    for point in small_order_points() {
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(point), "kid": "k" });
        let reduced = !(point[1..31].iter().all(|byte| *byte == 0xff) && point[0] >= 0xed);
        let expected = if reduced { &weak } else { &unusual };
        assert_eq!(read(&jwk), Err(expected.clone()), "{point:02x?}");
        let (keys, rejected) = set(&[jwk]);
        assert!(keys.is_empty());
        assert_eq!(&rejected[0].reason, expected);
    }
    // What would happen otherwise: the identity as key and as R, and S = 0.
    let mut identity = [0; 32];
    identity[0] = 1;
    let raw =
        aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, identity);
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(raw.verify(b"any message", &signature).is_ok(), "if not, this test can be simpler");
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({ "kty": "RSA", "n": encode(modulus), "e": encode(exponent), "kid": "k" })
}

/// Class 12: with the exponent 1 everybody can sign; an even one is no RSA.
#[test]
fn rsa_with_the_exponent_one() {
    let key = SigningKey::generate(Algorithm::RS256).unwrap();
    let modulus = decode(public(&key)["n"].as_str().unwrap());
    let weak = Error::WeakKey("the RSA exponent is even or below 65537");
    for exponent in [&[1][..], &[2], &[3], &[17], &[1, 0, 0], &[1, 0, 2]] {
        assert_eq!(read(&rsa(&modulus, exponent)), Err(weak.clone()), "{exponent:?}");
    }
    let padded = Error::InvalidKey("an RSA number has leading zero bytes or is empty");
    for exponent in [&[][..], &[0], &[0, 1, 0, 1]] {
        assert_eq!(read(&rsa(&modulus, exponent)), Err(padded.clone()), "{exponent:?}");
    }
    let endless = Error::UnsupportedKey("the RSA exponent is longer than 33 bits");
    assert_eq!(read(&rsa(&modulus, &[0xff; 9])), Err(endless));
    assert!(read(&rsa(&modulus, &[1, 0, 1])).is_ok());
}

/// Class 13: RFC 7518 section 3.3; CVE-2017-15361 (ROCA).
#[test]
fn rsa_that_is_short_or_from_a_broken_generator() {
    let short = Error::WeakKey("the RSA modulus is shorter than 2048 bits");
    for bytes in [1, 64, 96, 128, 192, 255] {
        assert_eq!(read(&rsa(&vec![0xc5; bytes], &[1, 0, 1])), Err(short.clone()), "{bytes}");
    }
    let mut one_bit_less = [0xc5; 256];
    one_bit_less[0] = 0x7f;
    assert_eq!(read(&rsa(&one_bit_less, &[1, 0, 1])), Err(short));
    let mut even = [0xc5; 256];
    even[255] = 0xc4;
    let reason = Error::InvalidKey("the RSA modulus is even");
    assert_eq!(read(&rsa(&even, &[1, 0, 1])), Err(reason));
    let reason = Error::UnsupportedKey("the RSA modulus is longer than 8192 bits");
    assert_eq!(read(&rsa(&[0xc5; 1025], &[1, 0, 1])), Err(reason));
    let reason = Error::WeakKey("the RSA key was made by a broken generator (CVE-2017-15361)");
    assert_eq!(read(&rsa(&power_of_65537(), &[1, 0, 1])), Err(reason));
}

/// 65537^128, which has 2049 bits and the fingerprint of the broken generator.
fn power_of_65537() -> Vec<u8> {
    // Little-endian: the number, and itself two bytes further on.
    let mut power = vec![1u8];
    for _ in 0..128 {
        let mut carry = 0;
        let mut next = Vec::new();
        for place in 0..power.len() + 3 {
            let byte = |at: Option<usize>| at.and_then(|at| power.get(at)).map_or(0, |&b| b.into());
            let sum: u32 = byte(Some(place)) + byte(place.checked_sub(2)) + carry;
            next.push((sum & 0xff) as u8);
            carry = sum >> 8;
        }
        while next.last() == Some(&0) {
            next.pop();
        }
        power = next;
    }
    power.reverse();
    power
}

/// Class 14: CVE-2026-22817 and others: `use`, `key_ops` and `alg` of a JWK bind it.
#[test]
fn a_key_that_is_meant_for_something_else() {
    let ec = public(&SigningKey::generate(Algorithm::ES256).unwrap());
    let rsa = public(&SigningKey::generate(Algorithm::RS256).unwrap());
    let does_not_fit = Error::InvalidKey("the algorithm does not fit the kind of key");
    for (jwk, expected) in [
        (with(ec.clone(), "use", json!("enc")), Error::WrongKeyUse),
        (with(ec.clone(), "use", json!("SIG")), Error::WrongKeyUse),
        (with(ec.clone(), "key_ops", json!(["sign"])), Error::WrongKeyUse),
        (with(ec.clone(), "key_ops", json!(["encrypt", "wrapKey"])), Error::WrongKeyUse),
        (with(ec.clone(), "key_ops", json!([])), Error::WrongKeyUse),
        (with(without(ec.clone(), "use"), "alg", json!("ECDH-ES")), Error::WrongKeyUse),
        (with(ec.clone(), "alg", json!("ES384")), does_not_fit.clone()),
        (with(ec.clone(), "alg", json!("RS256")), does_not_fit.clone()),
        (with(ec.clone(), "alg", json!("HS256")), does_not_fit.clone()),
        (with(ec.clone(), "alg", json!("none")), Error::UnsupportedKey("alg")),
        (with(without(rsa.clone(), "use"), "alg", json!("RSA-OAEP-256")), Error::WrongKeyUse),
        (with(rsa.clone(), "alg", json!("RSA1_5")), Error::UnsupportedKey("alg")),
        (with(rsa.clone(), "alg", json!("ES256")), does_not_fit),
        (with(rsa.clone(), "kty", json!("oct")), Error::PrivateKey),
    ] {
        let (keys, rejected) = set(std::slice::from_ref(&jwk));
        assert!(keys.is_empty(), "{jwk}");
        assert_eq!(rejected[0].reason, expected, "{jwk}");
    }
    for jwk in [ec.clone(), with(without(ec, "use"), "key_ops", json!(["verify"])), rsa] {
        assert_eq!(set(std::slice::from_ref(&jwk)).0.len(), 1, "{jwk}");
    }
}

/// Class 14 and CVE-2020-0601 ("CurveBall"): a point of another curve, off its curve, at infinity,
/// or under another curve's name.
#[test]
fn points_that_are_not_on_their_curve() {
    let off = Error::InvalidKey("the point is not on the curve");
    let length = Error::InvalidKey("a coordinate is not of the curve's length");
    let p256 = public(&SigningKey::generate(Algorithm::ES256).unwrap());
    let bare = without(p256.clone(), "alg");
    let flipped = {
        let mut y = decode(p256["y"].as_str().unwrap());
        y[31] ^= 1;
        json!(encode(y))
    };
    for (jwk, expected) in [
        (with(p256.clone(), "y", flipped), off.clone()),
        (with(p256.clone(), "y", p256["x"].clone()), off.clone()),
        (with(bare.clone(), "crv", json!("secp256k1")), off.clone()),
        (with(bare.clone(), "crv", json!("P-384")), length.clone()),
        (with(bare.clone(), "crv", json!("P-224")), Error::UnsupportedKey("crv")),
        (with(bare.clone(), "crv", json!("p-256")), Error::UnsupportedKey("crv")),
        (with(with(bare.clone(), "x", json!(encode([0; 32]))), "y", json!(encode([0; 32]))), off),
        (with(bare.clone(), "x", json!("")), length.clone()),
        (with(bare, "x", json!(encode([0; 33]))), length),
    ] {
        assert_eq!(read(&jwk), Err(expected), "{jwk}");
    }
    assert!(read(&p256).is_ok());
}

/// A set that gives away private keys: none of them is taken, and each is reported.
#[test]
fn private_keys_in_a_published_set() {
    let private = PrivateJwk::generate(Algorithm::ES256).unwrap();
    let leaked: Value = serde_json::from_str(&private.to_json()).unwrap();
    let secret = json!({ "kty": "oct", "k": encode([7; 32]), "alg": "HS256", "kid": "s" });
    let (keys, rejected) = set(&[leaked, secret]);
    assert!(keys.is_empty());
    let reasons: Vec<_> = rejected.into_iter().map(|key| key.reason).collect();
    assert_eq!(reasons, [Error::PrivateKey, Error::PrivateKey]);
}

/// Class 43: what is logged of keys, sets and policies shows nothing secret.
#[test]
fn nothing_secret_is_shown_by_debug() {
    let secret: Vec<u8> = (60..92).collect();
    let signing = SigningKey::from_secret(Algorithm::HS256, &secret).unwrap();
    let jwk = json!({ "kty": "oct", "k": encode(&secret), "alg": "HS256" }).to_string();
    let private = PrivateJwk::from_json(jwk.as_bytes()).unwrap();
    let verifying = VerifyingKey::from_secret(Algorithm::HS256, &secret).unwrap();
    let set = KeySet::new([verifying.clone()]);
    let ec = PrivateJwk::generate(Algorithm::ES256).unwrap();
    let members: Value = serde_json::from_str(&ec.to_json()).unwrap();
    let d = decode(members["d"].as_str().unwrap());
    let ec_signing = SigningKey::from_jwk(&ec).unwrap();
    let shown = [
        format!("{signing:?} {private:?} {verifying:?} {set:?}"),
        format!("{ec:?} {ec_signing:?} {:#?}", ec_signing.verifying_key()),
    ];
    for (shown, secret) in shown.iter().zip([&secret, &d]) {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers = format!("{secret:?}");
        let some_numbers = &numbers[1..20];
        for form in [encode(secret), hex, numbers.clone(), some_numbers.to_owned()] {
            assert!(!shown.contains(&form), "{shown}");
        }
    }
}

/// Class 43: an error for the log has no part of the token in it, and none shows the caller more
/// than its kind.
#[test]
fn no_error_repeats_the_token() {
    let bench = Bench::new(Algorithm::ES256);
    for payload in [
        with(claims(), "iss", json!("canary-4711")),
        with(claims(), "aud", json!("canary-4711")),
        with(claims(), "sub", json!(["canary-4711"])),
    ] {
        let error = bench.verify(&bench.token(&bench.header(), &payload)).unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.code()).contains("canary"), "{error:?}");
    }
}
