use super::*;
use crate::{Algorithm, Error};

const CTY: &str = "text/plain";

/// A file with the few rounds that tests can wait for.
fn quick(algorithm: PasswordAlgorithm) -> String {
    seal_with(algorithm, MIN_ROUNDS, b"secret", CTY, b"content").unwrap()
}

/// The same file with another protected header.
fn with_header(file: &str, change: impl FnOnce(String) -> String) -> String {
    let (header, rest) = file.split_once('.').unwrap();
    let header = String::from_utf8(base64url::decode(header.as_bytes()).unwrap()).unwrap();
    format!("{}.{rest}", base64url::encode(change(header).as_bytes()))
}

#[test]
fn every_algorithm_opens_what_it_sealed() {
    for &algorithm in PasswordAlgorithm::ALL {
        assert_eq!(PasswordAlgorithm::from_name(algorithm.name()), Some(algorithm));
        let file = quick(algorithm);
        let opened = open(b"secret", &file).unwrap();
        assert_eq!((opened.plaintext(), opened.cty()), (&b"content"[..], Some(CTY)));
        for wrong in [&b"Secret"[..], b"secret ", b"s", &[0]] {
            assert_eq!(open(wrong, &file).err(), Some(Error::Decryption));
        }
        assert_ne!(quick(algorithm), file, "salt and key are random");
    }
}

/// Many CVEs of 2023 and 2024: a file that asks for as much work as its writer likes.
#[test]
fn the_number_of_rounds_is_bounded_before_any_work_is_done() {
    let file = quick(PasswordAlgorithm::Pbes2Hs256A128KW);
    for rounds in [
        "0",
        "1",
        "999",
        "1200001",
        "4294967296",
        "18446744073709551616",
        "-1000",
        "1e3",
        "1000.0",
        "\"1000\"",
        "null",
        "[1000]",
    ] {
        let bad = with_header(&file, |header| header.replace("1000", rounds));
        assert_eq!(open(b"secret", &bad).err(), Some(Error::InvalidHeader("p2c")), "{rounds}");
    }
    let missing = with_header(&file, |header| header.replace(r#","p2c":1000"#, ""));
    assert_eq!(open(b"secret", &missing).err(), Some(Error::InvalidHeader("p2c")));
    let lower = open_within(MIN_ROUNDS - 1, b"secret", &file).err();
    assert_eq!(lower, Some(Error::InvalidHeader("p2c")));
    assert!(open_within(MIN_ROUNDS, b"secret", &file).is_ok());
    assert!(open_within(u32::MAX, b"secret", &file).is_ok());
    let above = with_header(&file, |header| header.replace("1000", "1200001"));
    let above = open_within(u32::MAX, b"secret", &above).err();
    assert_eq!(above, Some(Error::InvalidHeader("p2c")), "the limit can only be lowered");
    let changed = with_header(&file, |header| header.replace("1000", "1001"));
    assert_eq!(open(b"secret", &changed).err(), Some(Error::Decryption));
    for rounds in [0, MIN_ROUNDS - 1, MAX_ROUNDS + 1, u32::MAX] {
        let algorithm = PasswordAlgorithm::Pbes2Hs256A128KW;
        let refused = seal_with(algorithm, rounds, b"secret", CTY, b"content").err();
        assert_eq!(refused, Some(Error::InvalidHeader("p2c")));
    }
}

#[test]
fn what_is_wrong_with_the_header_has_its_own_reason() {
    let file = quick(PasswordAlgorithm::Pbes2Hs512A256KW);
    let change = |from: &str, to: &str| {
        let changed = with_header(&file, |header| {
            assert!(header.contains(from), "{header}");
            header.replace(from, to)
        });
        open(b"secret", &changed).err()
    };
    let salt = |text: &str| {
        let changed = with_header(&file, |header| {
            let start = header.find(r#""p2s":""#).unwrap() + 7;
            format!("{}{text}{}", &header[..start], &header[start + 22..])
        });
        open(b"secret", &changed).err()
    };
    let name = "PBES2-HS512+A256KW";
    assert_eq!(change(name, "A256KW"), Some(Error::AlgorithmNotAllowed));
    assert_eq!(change(name, "dir"), Some(Error::AlgorithmNotAllowed));
    assert_eq!(change(name, "PBES2-HS256+A128KW"), Some(Error::Decryption));
    assert_eq!(change("A256GCM", "A128GCM"), Some(Error::Decryption));
    assert_eq!(change("A256GCM", "A1GCM"), Some(Error::EncryptionNotAllowed));
    assert_eq!(change("{", r#"{"crit":["p2c"],"#), Some(Error::UnknownCritical));
    assert_eq!(change("{", r#"{"zip":"DEF","#), Some(Error::InvalidHeader("zip")));
    assert_eq!(change("{", r#"{"p2c":1000,"#), Some(Error::DuplicateMember));
    assert_eq!(salt("AAAAAAAAAAAAAAAAAAAAAA"), Some(Error::Decryption));
    assert_eq!(salt("AAAAAAAAAA"), Some(Error::InvalidHeader("p2s")), "seven bytes");
    assert_eq!(salt(""), Some(Error::InvalidHeader("p2s")));
    assert_eq!(salt("!"), Some(Error::InvalidHeader("p2s")));
}

#[test]
fn a_password_is_neither_empty_nor_a_file() {
    let file = quick(PasswordAlgorithm::Pbes2Hs256A128KW);
    assert!(matches!(seal(b"", CTY, b"content"), Err(Error::WeakKey(_))));
    assert!(matches!(open(b"", &file), Err(Error::WeakKey(_))));
    assert_eq!(seal(&[b'a'; 1025], CTY, b"content"), Err(Error::TooLarge));
    assert_eq!(open(&[b'a'; 1025], &file).err(), Some(Error::TooLarge));
    let algorithm = PasswordAlgorithm::Pbes2Hs256A128KW;
    let large = seal_with(algorithm, MIN_ROUNDS, b"secret", CTY, &[0; compact::MAX_BYTES]);
    assert_eq!(large, Err(Error::TooLarge));
}

#[test]
fn a_private_key_comes_back_only_from_a_file_that_says_it_is_one() {
    let key = PrivateJwk::generate(Algorithm::ES256).unwrap();
    let json = key.to_json();
    let algorithm = PasswordAlgorithm::Pbes2Hs256A128KW;
    let file = |cty| seal_with(algorithm, MIN_ROUNDS, b"secret", cty, json.as_bytes()).unwrap();
    for cty in [KEY_TYPE, "application/jwk+json", "JWK+JSON"] {
        let again = PrivateJwk::from_encrypted(b"secret", &file(cty)).unwrap();
        assert_eq!(*again.to_json(), *json);
    }
    let other = PrivateJwk::from_encrypted(b"secret", &file("jwk-set+json")).err();
    assert_eq!(other, Some(Error::WrongType));
    let wrong = PrivateJwk::from_encrypted(b"other", &file(KEY_TYPE)).err();
    assert_eq!(wrong, Some(Error::Decryption));
}
