//! The bare signature with a parsed key: the limit that no library can pass.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, KeyPair, ParsedPublicKey};
use aws_lc_rs::{hmac, rsa};
use countersign_jose::{Algorithm, base64url};

use super::fixture::Fixture;
use super::side::{Side, Sign, Verify};

/// Verifies the fixture's own message and signature, cut out of the token beforehand; of the token
/// that it is handed it looks only at whether it is the same. What it signs is the same message.
pub(super) fn side(fixture: &Fixture) -> Result<Side, String> {
    let (signed, sealed) = fixture.token.rsplit_once('.').ok_or("not a token")?;
    let message = signed.as_bytes().to_vec();
    let sealed = base64url::decode(sealed.as_bytes()).map_err(|error| error.to_string())?;
    let (sign, verify) = match fixture.algorithm {
        Algorithm::HS256 => hmac(fixture, message, sealed)?,
        Algorithm::RS256 => {
            let (signing, checking) =
                (&signature::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256);
            rsa(fixture, signing, checking, message, sealed)?
        }
        Algorithm::PS256 => {
            let (signing, checking) =
                (&signature::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256);
            rsa(fixture, signing, checking, message, sealed)?
        }
        Algorithm::ES256 => p256(fixture, message, sealed)?,
        Algorithm::Ed25519 => ed25519(fixture, message, sealed)?,
        other => return Err(format!("no bare primitive for {other} is written down here")),
    };
    Ok(Side { name: "primitive", sign, verify })
}

fn hmac(fixture: &Fixture, message: Vec<u8>, sealed: Vec<u8>) -> Result<(Sign, Verify), String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, fixture.secret()?);
    let (signing, signed) = (key.clone(), message.clone());
    let sign = move || {
        std::hint::black_box(hmac::sign(&signing, &signed));
        Ok(String::new())
    };
    let verify =
        move |_: &str| hmac::verify(&key, &message, &sealed).map_err(|_| "refused".to_owned());
    Ok((Box::new(sign), Box::new(verify)))
}

fn rsa(
    fixture: &Fixture,
    signing: &'static dyn signature::RsaEncoding,
    checking: &'static dyn signature::VerificationAlgorithm,
    message: Vec<u8>,
    sealed: Vec<u8>,
) -> Result<(Sign, Verify), String> {
    let pair = rsa::KeyPair::from_pkcs8(fixture.pkcs8()?).map_err(|_| "not an RSA key")?;
    let public = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key())
        .map_err(|_| "no public key")?;
    let verify = public_key(checking, public.as_ref(), &message, sealed)?;
    let length = pair.public_modulus_len();
    let sign = move || {
        let mut signature = vec![0; length];
        pair.sign(signing, &SystemRandom::new(), &message, &mut signature)
            .map_err(|_| "refused")?;
        std::hint::black_box(signature);
        Ok(String::new())
    };
    Ok((Box::new(sign), verify))
}

fn p256(fixture: &Fixture, message: Vec<u8>, sealed: Vec<u8>) -> Result<(Sign, Verify), String> {
    let kind = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = signature::EcdsaKeyPair::from_pkcs8(kind, fixture.pkcs8()?)
        .map_err(|_| "not a P-256 key")?;
    let public = pair.public_key().as_ref();
    let verify = public_key(&signature::ECDSA_P256_SHA256_FIXED, public, &message, sealed)?;
    let random = SystemRandom::new();
    let sign = move || {
        std::hint::black_box(pair.sign(&random, &message).map_err(|_| "refused")?);
        Ok(String::new())
    };
    Ok((Box::new(sign), verify))
}

fn ed25519(fixture: &Fixture, message: Vec<u8>, sealed: Vec<u8>) -> Result<(Sign, Verify), String> {
    let pair = signature::Ed25519KeyPair::from_pkcs8(fixture.pkcs8()?)
        .map_err(|_| "not an Ed25519 key")?;
    let public = pair.public_key().as_ref();
    let verify = public_key(&signature::ED25519, public, &message, sealed)?;
    let sign = move || {
        std::hint::black_box(pair.sign(&message));
        Ok(String::new())
    };
    Ok((Box::new(sign), verify))
}

fn public_key(
    kind: &'static dyn signature::VerificationAlgorithm,
    public: &[u8],
    message: &[u8],
    sealed: Vec<u8>,
) -> Result<Verify, String> {
    let key = ParsedPublicKey::new(kind, public).map_err(|_| "public key refused")?;
    let message = message.to_vec();
    Ok(Box::new(move |_| key.verify_sig(&message, &sealed).map_err(|_| "refused".to_owned())))
}
