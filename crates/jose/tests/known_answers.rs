//! Published values for every signature algorithm, carried along, so that a copy of the source
//! alone proves each of them. `known_answers.json` names the source of each.

use std::collections::HashSet;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{Algorithm, Error, PrivateJwk, SigningKey, VerifyingKey, jws::compact};
use serde_json::Value;

fn answers() -> Vec<Value> {
    let known = serde_json::from_str(include_str!("known_answers.json"));
    let known: Vec<Value> = known.expect("the file is JSON");
    let offered = |answer: &Value| {
        Algorithm::from_name(
            answer["alg"]
                .as_str()
                .or_else(|| answer["key"]["alg"].as_str())
                .expect("the value is there"),
        )
        .is_some()
    };
    // Ed448 stands behind a feature.
    known.into_iter().filter(offered).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode_to_vec(value.as_str().expect("the value is there"))
        .expect("the value is there")
}

/// The private key: as it is, or made from a seed of ML-DSA, whose public half is long.
fn private_key(answer: &Value) -> PrivateJwk {
    let Some(name) = answer["alg"].as_str() else {
        return PrivateJwk::from_json(answer["key"].to_string().as_bytes())
            .expect("the value is there");
    };
    let set = match name {
        "ML-DSA-44" => 0x11,
        "ML-DSA-65" => 0x12,
        "ML-DSA-87" => 0x13,
        other => panic!("{other} has no seed"),
    };
    // PKCS#8 with a seed (RFC 9881 section 6).
    let head = [0x30, 0x34, 2, 1, 0, 0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, set];
    let der = [&head, &[4, 0x22, 0x80, 0x20][..], &bytes(&answer["seed"])].concat();
    let key = PrivateJwk::from_pkcs8(&der).expect("the value is there");
    assert_eq!(
        key.public().expect("the value is there").thumbprint(),
        answer["kid"],
        "{}",
        answer["source"]
    );
    assert!(key.to_json().contains(answer["seed"].as_str().expect("the value is there")));
    key
}

/// What was signed, and the signature.
fn message_and_signature(answer: &Value) -> (Vec<u8>, Vec<u8>) {
    match answer["jws"].as_str() {
        Some(jws) => {
            let (message, signature) = jws.rsplit_once('.').expect("the value is there");
            let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("the value is there");
            (message.as_bytes().to_vec(), signature)
        }
        None => (bytes(&answer["message"]), bytes(&answer["signature"])),
    }
}

#[test]
fn each_published_signature_verifies_and_no_other_does() {
    for answer in answers() {
        let source = &answer["source"];
        let private = private_key(&answer);
        let signing = SigningKey::from_jwk(&private).unwrap();
        // The public half as others get it, where there is one.
        let key = match private.public() {
            Some(public) => VerifyingKey::from_jwk(&public).unwrap(),
            None => signing.verifying_key(),
        };
        let (message, signature) = message_and_signature(&answer);
        assert_eq!(key.verify(&message, &signature), Ok(()), "{source}");
        if let Some(jws) = answer["jws"].as_str() {
            assert!(compact::verify(&key, jws).is_ok(), "{source}");
        }
        if answer["deterministic"] == true {
            assert_eq!(signing.sign(&message).unwrap(), signature, "{source}");
        }
        let refused = Err(Error::BadSignature);
        assert_eq!(key.verify(&[&message[..], b"x"].concat(), &signature), refused, "{source}");
        for changed in [0, signature.len() / 2, signature.len() - 1] {
            let mut other = signature.clone();
            other[changed] ^= 1;
            assert_eq!(key.verify(&message, &other), refused, "{source}");
        }
        for other in [&signature[1..], &[&signature[..], &[0]].concat(), &[]] {
            assert_eq!(key.verify(&message, other), refused, "{source}");
        }
    }
}

#[test]
fn no_algorithm_is_without_a_published_value() {
    let known: HashSet<Algorithm> =
        answers().iter().map(|answer| private_key(answer).algorithm().unwrap()).collect();
    for algorithm in Algorithm::ALL {
        assert!(known.contains(algorithm), "{algorithm}");
    }
}

#[test]
fn every_algorithm_verifies_what_it_signs_and_refuses_the_keys_of_others() {
    let keys: Vec<SigningKey> =
        Algorithm::ALL.iter().map(|&one| SigningKey::generate(one).unwrap()).collect();
    for key in &keys {
        let signature = key.sign(b"message").unwrap();
        for other in &keys {
            let verdict = other.verifying_key().verify(b"message", &signature);
            let expected =
                if key.key_id() == other.key_id() { Ok(()) } else { Err(Error::BadSignature) };
            assert_eq!(verdict, expected, "{} by {}", key.algorithm(), other.algorithm());
        }
    }
}

/// One RSA key, six algorithms: what one of them signed, no other accepts.
#[test]
fn an_rsa_signature_counts_under_its_own_algorithm_only() {
    let der = SigningKey::generate(Algorithm::RS256).unwrap().to_pkcs8().unwrap();
    let rsa = Algorithm::ALL.iter().filter(|one| matches!(&one.name()[..2], "RS" | "PS"));
    let keys: Vec<SigningKey> =
        rsa.map(|&one| SigningKey::from_pkcs8(one, &der).unwrap()).collect();
    assert_eq!(keys.len(), 6);
    for key in &keys {
        let signature = key.sign(b"message").unwrap();
        for other in &keys {
            let verdict = other.verifying_key().verify(b"message", &signature);
            assert_eq!(verdict.is_ok(), key.algorithm() == other.algorithm());
        }
    }
}
