use proptest::prelude::*;

use super::*;
use crate::{Error, KeyType, PrivateJwk, jwe::KeyManagement};

/// A key of each kind for each algorithm.
fn keys() -> Vec<DecryptionKey> {
    let curves = [KeyType::P256, KeyType::P384, KeyType::P521, KeyType::X25519];
    KeyManagement::ALL
        .iter()
        .filter(|&&management| management != KeyManagement::Dir)
        .flat_map(|&management| {
            let kinds = match management {
                KeyManagement::EcdhEs
                | KeyManagement::EcdhEsA128KW
                | KeyManagement::EcdhEsA192KW
                | KeyManagement::EcdhEsA256KW => curves.to_vec(),
                _ => vec![KeyType::usual(management)],
            };
            kinds.into_iter().map(move |kind| {
                let jwk = PrivateJwk::generate_as(kind, management).unwrap();
                DecryptionKey::from_jwk(&jwk).unwrap()
            })
        })
        .collect()
}

fn direct(encryption: ContentEncryption) -> DecryptionKey {
    let secret: Vec<u8> = (1..).take(encryption.key_bytes()).collect();
    DecryptionKey::from_secret(KeyManagement::Dir, &secret).unwrap()
}

#[test]
fn every_algorithm_with_every_encryption_comes_back() {
    let keys = keys();
    for &encryption in ContentEncryption::ALL {
        for key in keys.iter().chain([&direct(encryption)]) {
            for length in [0, 1, 15, 16, 17, 593] {
                let plaintext = vec![0xa5; length];
                let types = MediaTypes { typ: Some("x"), cty: Some("JWT") };
                let name = key.key_management();
                let token = encrypt(&key.encryption_key(), encryption, types, &plaintext).unwrap();
                let decrypted = decrypt(key, &[encryption], &token).unwrap();
                assert_eq!(decrypted.plaintext(), plaintext, "{name} {encryption}");
                assert_eq!(decrypted.encryption(), encryption);
                assert_eq!(decrypted.key_id(), Some(key.key_id()));
                assert_eq!((decrypted.typ(), decrypted.cty()), (Some("x"), Some("JWT")));
                assert_eq!(decrypted.aad(), None);
                assert_eq!(key_id(&token).unwrap().as_deref(), Some(key.key_id()));
            }
        }
    }
}

#[test]
fn only_five_parts_are_an_encrypted_token() {
    for bad in ["", ".", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", ".....", ".b.c.d.e", "{}"] {
        assert_eq!(split(bad).err(), Some(Error::Malformed), "{bad:?}");
    }
    for signed in ["..", "a.b.c", "a.b.", ".b.c"] {
        assert_eq!(split(signed).err(), Some(Error::WrongProtection), "{signed:?}");
    }
    assert_eq!(split(&".".repeat(MAX_BYTES)).err(), Some(Error::Malformed));
    assert_eq!(split(&".".repeat(MAX_BYTES + 1)).err(), Some(Error::TooLarge));
    assert_eq!(split(&format!("{}....", "a".repeat(6000))).err(), Some(Error::TooLarge));
    let parts = split("a....").unwrap();
    assert_eq!((parts.header, parts.encrypted_key, parts.tag), ("a", "", ""));
}

#[test]
fn what_no_reader_would_read_is_not_written() {
    let key = direct(ContentEncryption::A256GCM).encryption_key();
    let write =
        |types, plaintext: &[u8]| encrypt(&key, ContentEncryption::A256GCM, types, plaintext).err();
    let types = MediaTypes::default();
    assert_eq!(write(types, &[0; MAX_BYTES + 1]), Some(Error::TooLarge));
    assert_eq!(write(types, &[0; MAX_BYTES / 4 * 3]), Some(Error::TooLarge));
    assert_eq!(write(types, &[0; MAX_BYTES / 4 * 3 - 200]), None);
    for bad in ["", "line\nbreak", "é", &"x".repeat(129)] {
        let typ = MediaTypes { typ: Some(bad), cty: None };
        assert_eq!(write(typ, b""), Some(Error::InvalidHeader("typ")));
        assert_eq!(write(MediaTypes::content(bad), b""), Some(Error::InvalidHeader("cty")));
    }
    let short = encrypt(&key, ContentEncryption::A128GCM, types, b"").err();
    assert!(matches!(short, Some(Error::InvalidKey(_))), "32 bytes are no key for A128GCM");
}

/// The longest names and types, and the largest key of agreement, still make a header that is read.
#[test]
fn the_longest_header_that_is_written_is_read() {
    let long = "k\"".repeat(128);
    let jwk = PrivateJwk::generate_as(KeyType::P521, KeyManagement::EcdhEsA256KW).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&jwk.to_json()).unwrap();
    json["kid"] = long.clone().into();
    let jwk = PrivateJwk::from_json(json.to_string().as_bytes()).unwrap();
    let key = DecryptionKey::from_jwk(&jwk).unwrap();
    let wide = "\\".repeat(128);
    let types = MediaTypes { typ: Some(&wide), cty: Some(&wide) };
    let token = encrypt(&key.encryption_key(), ContentEncryption::A256CbcHs512, types, b"a");
    let decrypted = decrypt(&key, ContentEncryption::ALL, &token.unwrap()).unwrap();
    assert_eq!(decrypted.key_id(), Some(&long[..]));
    assert_eq!((decrypted.typ(), decrypted.cty()), (Some(&wide[..]), Some(&wide[..])));
}

proptest! {
    #[test]
    fn any_plaintext_survives_the_round_trip(
        plaintext in proptest::collection::vec(any::<u8>(), 0..600),
        method in 0..ContentEncryption::ALL.len(),
    ) {
        let encryption = ContentEncryption::ALL[method];
        let key = direct(encryption);
        let types = MediaTypes::default();
        let token = encrypt(&key.encryption_key(), encryption, types, &plaintext).unwrap();
        let decrypted = decrypt(&key, &[encryption], &token).unwrap();
        prop_assert_eq!(decrypted.plaintext(), plaintext);
    }
}
