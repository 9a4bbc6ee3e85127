//! Keys: in JSON alone and in sets, in PEM and in DER; public and private.

#![no_main]

use countersign_fuzz::{memory::bounded, mutate};
use countersign_jose::{Error, Jwk, KeySet, PrivateJwk, SigningKey, VerifyingKey};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::structure(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let pem = data.starts_with(b"-----");
    let public = [
        bounded(data, || Jwk::from_json(data)),
        bounded(data, || Jwk::from_der(data)),
        bounded(data, || if pem { Jwk::from_pem(text) } else { Err(Error::Malformed) }),
    ];
    public.into_iter().flatten().for_each(|key| check_public(&key));
    let private = [
        bounded(data, || PrivateJwk::from_json(data)),
        bounded(data, || PrivateJwk::from_pkcs8(data)),
        bounded(data, || if pem { PrivateJwk::from_pem(text) } else { Err(Error::Malformed) }),
    ];
    private.into_iter().flatten().for_each(|key| check_private(&key));
    if let Ok((set, rejected)) = bounded(data, || KeySet::from_jwks_json(data)) {
        assert!(set.len() + rejected.len() <= 2 * 256);
    }
    let _ = bounded(data, || SigningKey::from_jwk_json(data));
});

/// What was read is written, and read again as the same.
fn check_public(key: &Jwk) {
    let json = serde_json::to_vec(key).expect("a key is written");
    let again = Jwk::from_json(&json).expect("what was written is read");
    assert_eq!((&again, again.thumbprint()), (key, key.thumbprint()));
    let by_der = Jwk::from_der(&key.to_spki_der()).expect("what was written is read");
    assert_eq!(by_der.thumbprint(), key.thumbprint());
    let by_pem = Jwk::from_pem(&key.to_pem()).expect("what was written is read");
    assert_eq!(by_pem.thumbprint(), key.thumbprint());
    if let Ok(verifying) = VerifyingKey::from_jwk(key) {
        for signature in [&[][..], &[0; 64], &[0; 96], &[0; 132], &[0; 256]] {
            assert!(verifying.verify(b"message", signature).is_err());
        }
    }
}

/// What was read can be used: the two halves fit, and no private number is in the public half.
fn check_private(key: &PrivateJwk) {
    let again = PrivateJwk::from_json(key.to_json().as_bytes()).expect("what was written is read");
    assert_eq!(again.to_json(), key.to_json());
    if let Ok(der) = key.to_pkcs8() {
        let by_der = PrivateJwk::from_pkcs8(&der).expect("what was written is read");
        let name = |key: &PrivateJwk| key.public().map(|public| public.thumbprint());
        assert_eq!(name(&by_der), name(key));
    }
    if let Some(public) = key.public() {
        check_public(&public);
    }
    if let Ok(signing) = SigningKey::from_jwk(key) {
        let signature = signing.sign(b"message").expect("a key signs");
        assert_eq!(signing.verifying_key().verify(b"message", &signature), Ok(()));
    }
}
