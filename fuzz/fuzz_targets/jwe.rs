//! Encrypted tokens. The first byte says what the rest is: with 0, a header and, after another
//! zero byte, a plaintext that is encrypted under it; with 1, a key, a change and a plaintext; and
//! otherwise all of it is a text, where `*c` and `*t` stand for a good ciphertext and tag.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use countersign_fuzz::{encode, is_printable, memory::bounded, mutate, reference, reference::Node};
use countersign_jose::{
    DecryptionKey, Error, base64url,
    jwe::{ContentEncryption, Decrypted, KeyManagement, MediaTypes, compact, json, password},
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

const SECRET: [u8; 32] = [7; 32];
const ALL: &[ContentEncryption] = ContentEncryption::ALL;
/// What compressed content may inflate to.
const MAX_INFLATED: usize = 64 * 1024;

/// The key that this target encrypts with by its own means.
static DIRECT: LazyLock<DecryptionKey> = LazyLock::new(|| {
    DecryptionKey::from_secret(KeyManagement::Dir, &SECRET).expect("a secret of the right length")
});
static OTHERS: LazyLock<Vec<DecryptionKey>> = LazyLock::new(|| {
    let names = ["A128KW", "A192KW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"];
    let key = |name| DecryptionKey::generate(KeyManagement::from_name(name)?).ok();
    names.iter().map(|name| key(name).expect("a key")).collect()
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::structure(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    match data {
        [0, rest @ ..] => {
            let place = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
            own_header(&rest[..place], rest.get(place + 1..).unwrap_or_default());
        }
        [1, key, low, high, byte, plaintext @ ..] => {
            let place = usize::from(u16::from_le_bytes([*low, *high]));
            changed_token(*key, place, *byte, plaintext);
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(data) {
                any_text(text);
            }
        }
    }
});

/// AES-256-GCM with [`SECRET`]: ciphertext and tag.
fn seal(iv: [u8; 12], aad: &[u8], plaintext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = UnboundKey::new(&AES_256_GCM, &SECRET).expect("a key");
    let mut content = plaintext.to_vec();
    let tag = LessSafeKey::new(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(aad), &mut content)
        .expect("sealed");
    (content, tag.as_ref().to_vec())
}

fn own_header(header: &[u8], plaintext: &[u8]) {
    let protected = encode(header);
    let (ciphertext, tag) = seal([0; 12], protected.as_bytes(), plaintext);
    let (iv, ciphertext, tag) = (encode([0; 12]), encode(ciphertext), encode(tag));
    let token = format!("{protected}..{iv}.{ciphertext}.{tag}");
    let opened = bounded(token.as_bytes(), || compact::decrypt(&DIRECT, ALL, &token));
    if token.len() > compact::MAX_BYTES {
        assert_eq!(opened.err(), Some(Error::TooLarge));
        return;
    }
    assert_eq!(opened.is_ok(), is_good(header), "{opened:?}");
    if let Ok(decrypted) = opened {
        assert_eq!(decrypted.plaintext(), plaintext);
        assert_eq!(decrypted.encryption(), ContentEncryption::A256GCM);
    }
    let room = [token.as_bytes(), &[0; 2 * MAX_INFLATED / 64]].concat();
    let inflated =
        bounded(&room, || compact::decrypt_inflating(&DIRECT, ALL, MAX_INFLATED, &token));
    assert!(
        inflated.is_ok_and(|content| content.plaintext().len() <= MAX_INFLATED) || !is_good(header)
    );
}

/// Whether this header, with `dir` and a good tag, has to be accepted.
fn is_good(header: &[u8]) -> bool {
    let Some(members) = reference::object(header) else { return false };
    let Node::Object(list) = &members else { return false };
    let text = |name: &str| members.get(name).and_then(Node::text);
    let short = |name: &str, max| match members.get(name) {
        None => true,
        Some(value) => value.text().is_some_and(|text| is_printable(text, max)),
    };
    header.len() <= 4096
        && list.len() <= 64
        && text("alg") == Some("dir")
        && text("enc") == Some("A256GCM")
        && ["crit", "b64", "zip", "p2s", "p2c"].iter().all(|name| members.get(name).is_none())
        && short("kid", 256)
        && short("typ", 128)
        && short("cty", 128)
}

/// A token of the library's own opens; with any character changed it does not.
fn changed_token(key: u8, place: usize, byte: u8, plaintext: &[u8]) {
    let key = &OTHERS[usize::from(key) % OTHERS.len()];
    let encryption = ALL[usize::from(byte) % ALL.len()];
    let types = MediaTypes::content("text/plain");
    let Ok(token) = compact::encrypt(&key.encryption_key(), encryption, types, plaintext) else {
        assert!(plaintext.len() > compact::MAX_BYTES / 2);
        return;
    };
    let opened = compact::decrypt(key, &[encryption], &token).expect("what was written is read");
    assert_eq!(opened.plaintext(), plaintext);
    let mut changed = token.clone().into_bytes();
    let place = place % changed.len();
    changed[place] = byte & 0x7f;
    if changed != token.as_bytes() {
        let changed = String::from_utf8(changed).expect("ASCII");
        let refused =
            bounded(&changed.clone().into_bytes(), || compact::decrypt(key, ALL, &changed));
        assert!(refused.is_err(), "{changed}");
    }
}

fn any_text(text: &str) {
    let text = &*with_ciphertext(text).unwrap_or_else(|| text.to_owned());
    let input = text.as_bytes();
    for key in std::iter::once(&*DIRECT).chain(&*OTHERS) {
        let opened = bounded(input, || json::decrypt(key, ALL, text));
        if let (Ok(decrypted), KeyManagement::Dir) = (&opened, key.key_management()) {
            check_json(text, decrypted);
        }
        assert!(opened.is_err() || key.key_management() == KeyManagement::Dir, "a forged token");
        let _ = bounded(input, || compact::decrypt(key, ALL, text));
    }
    let _ = bounded(input, || compact::key_id(text));
    let _ = bounded(input, || password::open_within(password::MIN_ROUNDS, b"password", text));
}

/// Encrypts again by other means what came out.
fn check_json(text: &str, decrypted: &Decrypted) {
    let document = reference::object(text.as_bytes()).expect("a JSON form is an object");
    let member = |name: &str| document.get(name).and_then(Node::text).unwrap_or_default();
    let decode = |name: &str| base64url::decode(member(name).as_bytes()).expect("base64url");
    let iv = decode("iv").try_into().expect("twelve bytes");
    let (ciphertext, tag) = seal(iv, &authenticated(&document), decrypted.plaintext());
    assert_eq!(
        (encode(ciphertext).as_str(), encode(tag).as_str()),
        (member("ciphertext"), member("tag"))
    );
    assert_eq!(decrypted.aad().unwrap_or_default(), decode("aad"));
    for signed in ["payload", "signature", "signatures"] {
        assert_eq!(document.get(signed), None, "{signed}");
    }
}

/// What the tag covers beside the ciphertext.
fn authenticated(document: &Node) -> Vec<u8> {
    let protected = document.get("protected").and_then(Node::text).unwrap_or_default();
    match document.get("aad").and_then(Node::text) {
        None => protected.as_bytes().to_vec(),
        Some(aad) => format!("{protected}.{aad}").into_bytes(),
    }
}

/// The text with a good ciphertext in place of `*c` and its tag in place of `*t`.
fn with_ciphertext(text: &str) -> Option<String> {
    if !text.contains("\"*c\"") {
        return None;
    }
    let document = reference::object(text.as_bytes())?;
    let iv = base64url::decode(document.get("iv")?.text()?.as_bytes()).ok()?.try_into().ok()?;
    let (ciphertext, tag) = seal(iv, &authenticated(&document), b"content");
    let text = text.replacen("*c", &encode(ciphertext), 1);
    Some(text.replacen("*t", &encode(tag), 1))
}
