//! Tokens: any text, or any header and payload with a good signature (two parts with a zero byte
//! between them).

#![no_main]

use std::sync::LazyLock;

use countersign_fuzz::{
    KEY, KEYS, OTHERS, encode, is_printable, memory::bounded, mutate, now, reference,
    reference::Node, signed,
};
use countersign_jose::{
    AccessToken, Algorithm, Error, IdToken, Policy, ProofPolicy, base64url,
    jws::{compact, detached, unencoded},
    jwt,
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

const ISSUER: &str = "https://id.example";
const ALGORITHMS: &[Algorithm] = &[Algorithm::HS256, Algorithm::ES256, Algorithm::Ed25519];

static ACCESS: LazyLock<Policy<AccessToken>> = LazyLock::new(|| {
    Policy::access_token(ISSUER, "https://api.example", ALGORITHMS).expect("a full policy")
});
static ID: LazyLock<Policy<IdToken>> =
    LazyLock::new(|| Policy::id_token(ISSUER, "web", ALGORITHMS).expect("a full policy"));
static PROOF: LazyLock<ProofPolicy> = LazyLock::new(|| {
    ProofPolicy::new("POST", "https://api.example/a", &ALGORITHMS[1..]).expect("a full policy")
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::structure(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    match data.iter().position(|&byte| byte == 0) {
        Some(place) => signed_parts(&data[..place], &data[place + 1..]),
        None => {
            if let Ok(text) = std::str::from_utf8(data) {
                any_text(text);
            }
        }
    }
});

fn any_text(text: &str) {
    let input = text.as_bytes();
    let verified = bounded(input, || compact::verify(&KEY.verifying_key(), text));
    for other in OTHERS.iter() {
        let refused = bounded(input, || compact::verify(other, text));
        assert!(refused.is_err() || text.len() > 80, "a forged signature");
    }
    if let Ok(payload) = verified {
        let (signed, signature) = text.rsplit_once('.').expect("a token has dots");
        let own = KEY.sign(signed.as_bytes()).expect("a secret signs");
        assert_eq!(encode(own), signature);
        assert_eq!(signed.split_once('.').expect("two parts").1, encode(payload));
    }
    let _ = bounded(input, || jwt::peek(text));
    let _ = bounded(input, || ACCESS.verify(&KEYS, text, now()));
    let _ = bounded(input, || ID.verify(&KEYS, text, now()));
    let _ = bounded(input, || PROOF.verify(text, now()));
    let _ = bounded(input, || detached::verify(&KEY.verifying_key(), text, b"content"));
    let _ = bounded(input, || unencoded::verify(&KEY.verifying_key(), text));
    let _ = bounded(input, || unencoded::verify_detached(&KEY.verifying_key(), text, b"content"));
}

fn signed_parts(header: &[u8], payload: &[u8]) {
    let token = signed(header, payload);
    let input = token.as_bytes();
    let verified = bounded(input, || compact::verify(&KEY.verifying_key(), &token));
    if token.len() > compact::MAX_BYTES {
        assert_eq!(verified, Err(Error::TooLarge));
        return;
    }
    assert_eq!(verified.is_ok(), is_good(header), "{verified:?}");
    if let Ok(read) = verified {
        assert_eq!(read, payload);
    }
    let _ = bounded(input, || jwt::peek(&token));
    let access = bounded(input, || ACCESS.verify(&KEYS, &token, now()));
    let id = bounded(input, || ID.verify(&KEYS, &token, now()));
    if access.is_ok() || id.is_ok() {
        assert!(is_good(header) && access.is_ok() != id.is_ok(), "one token of two kinds");
    }
}

/// Whether a compact verifier has to accept this header.
fn is_good(header: &[u8]) -> bool {
    let Some(members) = reference::object(header) else { return false };
    let short = |name: &str, max: usize| match members.get(name) {
        None => true,
        Some(Node::Text(text)) => is_printable(text, max),
        Some(_) => false,
    };
    let refused = ["crit", "b64", "zip", "enc"];
    header.len() <= 4096
        && !header.is_empty()
        && base64url::encode(header).len() < compact::MAX_BYTES
        && members.get("alg").and_then(Node::text) == Some("HS256")
        && refused.iter().all(|name| members.get(name).is_none())
        && short("kid", 256)
        && short("typ", 128)
}
