//! Keys in PEM and DER: files that other programs wrote come in, ours come out, and nothing that
//! is put in their place does harm.

use std::{fs, path::PathBuf};

use aws_lc_rs::{
    agreement, rsa,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, PqdsaKeyPair},
};
use base64_simd::STANDARD;
use countersign_jose::{
    Algorithm, Error, Jwk, KeyType, PrivateJwk, SigningKey, VerifyingKey, jwe::KeyManagement,
};
use proptest::prelude::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/key_files")
}

fn file(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.pem"))).expect("the file is there")
}

/// The bytes of the last block.
fn der(pem: &str) -> Vec<u8> {
    let body: String =
        pem.rsplit("-----BEGIN").next().expect("the file holds a key").lines().skip(1).collect();
    STANDARD
        .decode_to_vec(body.split('-').next().expect("the file holds a key"))
        .expect("the file holds a key")
}

const CURVES: [(&str, Algorithm); 4] = [
    ("prime256v1", Algorithm::ES256),
    ("secp384r1", Algorithm::ES384),
    ("secp521r1", Algorithm::ES512),
    ("secp256k1", Algorithm::ES256K),
];

/// All files of one key hold the same key, and what is written is what OpenSSL wrote.
fn same_key(private: &[&str], public: &[&str], algorithm: Algorithm) {
    let first = PrivateJwk::from_pem(&file(private[0])).expect("the file holds a key");
    for name in private {
        let key = PrivateJwk::from_pem(&file(name)).expect("the file holds a key");
        assert_eq!(*key.to_json(), *first.to_json(), "{name}");
    }
    let half = first.public().expect("the file holds a key");
    for name in public {
        assert_eq!(Jwk::from_pem(&file(name)), Ok(half.clone()), "{name}");
    }
    assert_eq!(half.to_pem(), file(public[0]), "{}", public[0]);
    assert_eq!(Jwk::from_der(&half.to_spki_der()), Ok(half));
    let signing = SigningKey::from_pem(algorithm, &file(private[0])).expect("the file holds a key");
    let verifying =
        VerifyingKey::from_pem(algorithm, &file(public[0])).expect("the file holds a key");
    assert_eq!(signing.key_id(), verifying.key_id());
    assert_eq!(verifying.verify(b"m", &signing.sign(b"m").expect("the file holds a key")), Ok(()));
}

#[test]
fn files_of_openssl_come_in_and_go_out_byte_for_byte() {
    same_key(&["rsa-pkcs1", "rsa-pkcs8"], &["rsa-spki", "rsa-public-pkcs1"], Algorithm::RS256);
    for (name, algorithm) in CURVES {
        let [sec1, pkcs8, spki] = ["sec1", "pkcs8", "spki"].map(|form| format!("ec-{name}-{form}"));
        same_key(&[&sec1, &pkcs8], &[&spki], algorithm);
        assert_eq!(*PrivateJwk::from_pem(&file(&sec1)).unwrap().to_pem().unwrap(), file(&pkcs8));
    }
    let rsa = PrivateJwk::from_pem(&file("rsa-pkcs1")).unwrap();
    assert_eq!(*rsa.to_pem().unwrap(), file("rsa-pkcs8"));
    let x25519 = PrivateJwk::from_pem(&file("x25519-pkcs8")).unwrap();
    assert_eq!(x25519.public().unwrap().to_pem(), file("x25519-spki"));
    assert_eq!(*x25519.to_pem().unwrap(), file("x25519-pkcs8"));
    // The public half is worked out where the file leaves it out.
    let bare = PrivateJwk::from_pem(&file("ec-no-public-sec1")).unwrap();
    assert_eq!(*bare.to_pem().unwrap(), file("ec-prime256v1-pkcs8"));
}

#[cfg(feature = "ed448")]
#[test]
fn ed448_files_of_openssl_come_in_and_go_out_byte_for_byte() {
    same_key(&["ed448-pkcs8"], &["ed448-spki"], Algorithm::Ed448);
    let key = PrivateJwk::from_pem(&file("ed448-pkcs8")).unwrap();
    assert_eq!(*key.to_pem().unwrap(), file("ed448-pkcs8"));
    let signing = SigningKey::from_pem(Algorithm::Ed448, &file("ed448-pkcs8")).unwrap();
    assert_eq!(*signing.to_pkcs8().unwrap(), der(&file("ed448-pkcs8")));
}

/// RFC 8410 section 10: a public key, a private one, and one with attributes and a public half.
#[test]
fn the_examples_of_rfc_8410() {
    let public = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    let private = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let whole = "-----BEGIN PRIVATE KEY-----\n\
        MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
        Z9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PRIVATE KEY-----\n";
    let jwk = Jwk::from_pem(public).unwrap();
    for text in [private, whole] {
        let key = PrivateJwk::from_pem(text).unwrap();
        assert_eq!(key.public(), Some(jwk.clone()));
        assert_eq!(*key.to_pem().unwrap(), private);
    }
    assert_eq!(jwk.to_pem(), public);
    // The public half beside it is another one.
    let other = whole.replace("Z9w7lshQ", "Z9w7lshR");
    let refused = PrivateJwk::from_pem(&other).err();
    assert!(matches!(refused, Some(Error::InvalidKey(_))), "{refused:?}");
}

/// RFC 9881 appendix C.1: the seed 00 01 … 1f, alone and beside what is made from it.
#[test]
fn ml_dsa_keys_as_seed_and_as_both() {
    let seed: Vec<u8> = (0..32).collect();
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n\
        GhscHR4f\n\
        -----END PRIVATE KEY-----\n";
    let key = PrivateJwk::from_pem(pem).unwrap();
    assert_eq!(*key.to_pem().unwrap(), pem);
    assert_eq!(key.algorithm(), Some(Algorithm::MlDsa44));
    for (algorithm, set) in [
        (&signature::ML_DSA_44_SIGNING, Algorithm::MlDsa44),
        (&signature::ML_DSA_65_SIGNING, Algorithm::MlDsa65),
        (&signature::ML_DSA_87_SIGNING, Algorithm::MlDsa87),
    ] {
        use aws_lc_rs::encoding::AsRawBytes;
        let pair = PqdsaKeyPair::from_seed(algorithm, &seed).unwrap();
        let expanded = pair.private_key().as_raw_bytes().unwrap().as_ref().to_vec();
        let alone = pair.to_pkcs8v1().unwrap();
        let identifier = &alone.as_ref()[5..18];
        let key = PrivateJwk::from_pkcs8(alone.as_ref()).unwrap();
        assert_eq!((key.algorithm(), &key.to_pkcs8().unwrap()[..]), (Some(set), alone.as_ref()));
        let wrapped = |content: &[u8]| {
            let key = element(0x04, content);
            element(0x30, &[&[2, 1, 0], identifier, &key].concat())
        };
        let both = |expanded: &[u8]| {
            let inside = [element(0x04, &seed), element(0x04, expanded)].concat();
            wrapped(&element(0x30, &inside))
        };
        let read = PrivateJwk::from_pkcs8(&both(&expanded)).unwrap();
        assert_eq!(*read.to_json(), *key.to_json());
        let mut wrong = expanded.clone();
        wrong[1000] ^= 1;
        let refused = PrivateJwk::from_pkcs8(&both(&wrong)).err();
        assert!(matches!(refused, Some(Error::InvalidKey(_))), "{refused:?}");
        let only_expanded = wrapped(&element(0x04, &expanded));
        let refused = PrivateJwk::from_pkcs8(&only_expanded).err();
        assert_eq!(refused, Some(Error::UnsupportedKey("an ML-DSA key without its seed")));
    }
}

/// An element of DER, whose content takes less than 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&head, content].concat()
}

#[test]
fn the_crypto_library_reads_what_is_written() {
    for &algorithm in Algorithm::ALL {
        let Ok(key) = PrivateJwk::generate(algorithm) else { panic!("{algorithm}") };
        let Some(public) = key.public() else { continue };
        let (pkcs8, spki) = (key.to_pkcs8().unwrap(), public.to_spki_der());
        let parsed = |with| assert!(ParsedPublicKey::new(with, &spki).is_ok(), "{algorithm}");
        match algorithm {
            Algorithm::RS256 => {
                assert!(rsa::KeyPair::from_pkcs8(&pkcs8).is_ok());
                parsed(&signature::RSA_PKCS1_2048_8192_SHA256);
            }
            Algorithm::ES256 => {
                let with = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                assert!(EcdsaKeyPair::from_pkcs8(with, &pkcs8).is_ok());
                parsed(&signature::ECDSA_P256_SHA256_FIXED);
            }
            Algorithm::ES384 => {
                let with = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
                assert!(EcdsaKeyPair::from_pkcs8(with, &pkcs8).is_ok());
                parsed(&signature::ECDSA_P384_SHA384_FIXED);
            }
            Algorithm::ES512 => {
                let with = &signature::ECDSA_P521_SHA512_FIXED_SIGNING;
                assert!(EcdsaKeyPair::from_pkcs8(with, &pkcs8).is_ok());
                parsed(&signature::ECDSA_P521_SHA512_FIXED);
            }
            Algorithm::ES256K => {
                let with = &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING;
                assert!(EcdsaKeyPair::from_pkcs8(with, &pkcs8).is_ok());
                parsed(&signature::ECDSA_P256K1_SHA256_FIXED);
            }
            Algorithm::Ed25519 => {
                assert!(Ed25519KeyPair::from_pkcs8(&pkcs8).is_ok());
                parsed(&signature::ED25519);
            }
            Algorithm::MlDsa87 => {
                let with = &signature::ML_DSA_87_SIGNING;
                assert!(PqdsaKeyPair::from_pkcs8(with, &pkcs8).is_ok());
                parsed(&signature::ML_DSA_87);
            }
            _ => {}
        }
    }
    let agreed = PrivateJwk::generate_as(KeyType::X25519, KeyManagement::EcdhEs).unwrap();
    let spki = agreed.public().unwrap().to_spki_der();
    let unparsed = agreement::UnparsedPublicKey::new(&agreement::X25519, spki);
    assert!(agreement::ParsedPublicKey::try_from(unparsed).is_ok());
}

#[test]
fn what_is_not_taken_is_refused_with_the_reason() {
    for (name, expected) in [
        ("rsa-encrypted-pkcs8", "it is encrypted with a password; decrypt it first"),
        ("rsa-encrypted-pkcs1", "it is encrypted with a password; decrypt it first"),
        ("rsa-pss-pkcs8", "the algorithm of the key"),
        ("x448-pkcs8", "the algorithm of the key"),
        ("ec-p224-sec1", "the curve of the key"),
        ("ec-explicit-sec1", "an EC key whose curve is not named"),
    ] {
        let refused = PrivateJwk::from_pem(&file(name)).err();
        assert_eq!(refused, Some(Error::UnsupportedKey(expected)), "{name}");
    }
    let encrypted = PrivateJwk::from_pkcs8(&der(&file("rsa-encrypted-pkcs8"))).err();
    let reason = "it is encrypted with a password; decrypt it first";
    assert_eq!(encrypted, Some(Error::UnsupportedKey(reason)));
    let compressed = Jwk::from_pem(&file("ec-compressed-spki")).err();
    assert_eq!(compressed, Some(Error::UnsupportedKey("a compressed point")));
    let short = PrivateJwk::from_pem(&file("rsa-1024")).err();
    assert!(matches!(short, Some(Error::WeakKey(_))), "{short:?}");
    let [private, public] = ["rsa-pkcs8", "rsa-spki"].map(file);
    assert_eq!(Jwk::from_pem(&private), Err(Error::PrivateKey));
    assert!(matches!(PrivateJwk::from_pem(&public).err(), Some(Error::InvalidKey(_))));
    for algorithm in [Algorithm::ES256, Algorithm::Ed25519, Algorithm::HS256] {
        let signing = SigningKey::from_pem(algorithm, &private).err();
        assert!(matches!(signing, Some(Error::InvalidKey(_))), "{algorithm}: {signing:?}");
        let verifying = VerifyingKey::from_pem(algorithm, &public).err();
        assert!(matches!(verifying, Some(Error::InvalidKey(_))), "{algorithm}: {verifying:?}");
    }
    let agreement = SigningKey::from_pem(Algorithm::Ed25519, &file("x25519-pkcs8")).err();
    assert!(matches!(agreement, Some(Error::InvalidKey(_))));
}

#[test]
fn only_one_key_in_a_well_formed_frame_is_read() {
    let good = file("x25519-spki");
    assert!(Jwk::from_pem(&good).is_ok());
    assert!(Jwk::from_pem(&format!("a comment\r\n{}", good.replace('\n', "\r\n"))).is_ok());
    assert!(Jwk::from_pem(&good.replace('\n', " \t\n")).is_ok());
    let begin = "-----BEGIN PUBLIC KEY-----\n";
    let body = good.lines().nth(1).unwrap();
    for (bad, code) in [
        (String::new(), "invalid_key"),
        (good.clone() + &good, "invalid_key"),
        (good.replace("END PUBLIC", "END PRIVATE"), "invalid_key"),
        (good.replace("-----END PUBLIC KEY-----", ""), "invalid_key"),
        (good.replace("PUBLIC", "OPENSSH PUBLIC"), "unsupported_key"),
        (good.replace("PUBLIC KEY", "CERTIFICATE"), "invalid_key"),
        (good.replace("-----BEGIN", "----BEGIN"), "invalid_key"),
        (good.replace('=', ""), "base64"),
        (good.replace(begin, &format!("{begin}!")), "base64"),
        (good.replace(body, ""), "invalid_key"),
        (good.replace(body, &body.replacen('M', "m", 1)), "invalid_key"),
        (" ".repeat(33_000), "too_large"),
    ] {
        assert_eq!(Jwk::from_pem(&bad).map_err(|error| error.code()), Err(code), "{bad}");
    }
    assert_eq!(Jwk::from_der(&[0x30; 5000]), Err(Error::TooLarge));
    assert_eq!(PrivateJwk::from_pkcs8(&[0x30; 9000]).err(), Some(Error::TooLarge));
}

/// Every form of every kind of key in DER.
fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = fs::read_dir(folder())
        .expect("the file holds a key")
        .map(|entry| entry.expect("the file holds a key").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pem"))
        .map(|path| fs::read_to_string(path).expect("the file holds a key"))
        .filter(|text| !text.contains("Proc-Type"))
        .map(|text| der(&text))
        .collect();
    for algorithm in [Algorithm::Ed25519, Algorithm::MlDsa44] {
        let key = PrivateJwk::generate(algorithm).expect("the file holds a key");
        samples.push(key.to_pkcs8().expect("the file holds a key").to_vec());
        samples.push(key.public().expect("the file holds a key").to_spki_der());
    }
    assert!(samples.len() > 30);
    samples
}

/// Reads the bytes in every way there is. Whatever is taken can be written and read back.
fn read_in_every_way(bytes: &[u8]) {
    if let Ok(key) = Jwk::from_der(bytes) {
        assert_eq!(Jwk::from_der(&key.to_spki_der()), Ok(key));
    }
    if let Ok(key) = PrivateJwk::from_pkcs8(bytes) {
        let again = PrivateJwk::from_pkcs8(&key.to_pkcs8().expect("the file holds a key"))
            .expect("the file holds a key");
        assert_eq!(*again.to_json(), *key.to_json());
    }
    let base64 = STANDARD.encode_to_string(bytes);
    for label in ["RSA PUBLIC KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let pem = format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
        let _ = Jwk::from_pem(&pem);
        let _ = PrivateJwk::from_pem(&pem);
    }
}

/// The structure is at the front; one changed byte in each place of it, and each length cut off.
#[test]
fn no_change_of_the_structure_makes_it_panic() {
    for sample in samples() {
        let places = (0..sample.len()).filter(|&place| place < 40 || place % 97 == 0);
        for place in places {
            for value in [0, 0x30, 0x80, 0xff, sample[place] ^ 1] {
                let mut changed = sample.clone();
                changed[place] = value;
                read_in_every_way(&changed);
            }
            read_in_every_way(&sample[..place]);
        }
        let longer = [&sample[..], &[0]].concat();
        assert!(Jwk::from_der(&longer).is_err() && PrivateJwk::from_pkcs8(&longer).is_err());
    }
}

/// Lengths in more bytes than they need, and lengths without an end, are not DER.
#[test]
fn lengths_have_one_form_only() {
    let good = der(&file("x25519-spki"));
    let content = &good[2..];
    for head in
        [&[0x30, 0x81, 42][..], &[0x30, 0x82, 0, 42], &[0x30, 0x80], &[0x30, 0x83, 0, 0, 42]]
    {
        let bad = [head, content].concat();
        assert!(matches!(Jwk::from_der(&bad), Err(Error::InvalidKey(_))), "{head:?}");
    }
    let endless = [&[0x30, 0x80], content, &[0, 0]].concat();
    assert!(matches!(Jwk::from_der(&endless), Err(Error::InvalidKey(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_in_every_way(&bytes);
        read_in_every_way(&element(0x30, &bytes));
        read_in_every_way(&element(0x30, &[&[2, 1, 0], &bytes[..]].concat()));
    }

    #[test]
    fn no_text_makes_it_panic(
        text in "(-----(BEGIN|END) (RSA |EC )?(PUBLIC|PRIVATE) KEY-----|[A-Z0-9+=]{0,9}|\n){0,9}",
    ) {
        let _ = Jwk::from_pem(&text);
        let _ = PrivateJwk::from_pem(&text);
    }
}
