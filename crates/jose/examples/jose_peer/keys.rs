//! Keys: made, read in each form, and written in each.

use countersign_jose::{
    Algorithm, DecryptionKey, EncryptionKey, Jwk, KeyAlgorithm, KeyType, PrivateJwk, SigningKey,
    VerifyingKey,
    jwe::{ContentEncryption, KeyManagement, password::PasswordAlgorithm},
};
use serde_json::{Value, json};

use super::command::{Command, Failure, missing};

/// A key as a command brings it.
pub(crate) enum Key {
    /// With a private key or a shared secret.
    Private(Box<PrivateJwk>),
    Public(Jwk),
}

pub(crate) fn names() -> Value {
    json!({
        "signature": Algorithm::ALL.iter().map(|one| one.name()).collect::<Vec<_>>(),
        "key_management": KeyManagement::ALL.iter().map(|one| one.name()).collect::<Vec<_>>(),
        "password": PasswordAlgorithm::ALL.iter().map(|one| one.name()).collect::<Vec<_>>(),
        "encryption": ContentEncryption::ALL.iter().map(|one| one.name()).collect::<Vec<_>>(),
    })
}

pub(crate) fn generate(command: &Command) -> Result<Value, Failure> {
    let algorithm = KeyAlgorithm::from_name(command.text("alg")?).ok_or_else(|| missing("alg"))?;
    let kind = match command.get("kind").and_then(Value::as_str) {
        None => KeyType::usual(algorithm),
        Some(name) => kind(name).ok_or_else(|| missing("kind"))?,
    };
    let key = PrivateJwk::generate_as(kind, algorithm)?;
    Ok(json!({ "jwk": parsed(&key.to_json())? }))
}

fn kind(name: &str) -> Option<KeyType> {
    Some(match name {
        "P-256" => KeyType::P256,
        "P-384" => KeyType::P384,
        "P-521" => KeyType::P521,
        "X25519" => KeyType::X25519,
        _ => return None,
    })
}

/// The key as JWK and PEM, private and public, as far as it has these forms.
pub(crate) fn every_form(command: &Command) -> Result<Value, Failure> {
    let key = Key::read(&command.object("key")?)?;
    let mut forms = json!({});
    if let Key::Private(private) = &key {
        forms["private_jwk"] = parsed(&private.to_json())?;
        if private.public().is_some() {
            forms["private_pem"] = json!(*private.to_pem()?);
        }
    }
    let public = match &key {
        Key::Private(private) => private.public(),
        Key::Public(public) => Some(public.clone()),
    };
    if let Some(public) = public {
        forms["public_jwk"] = json!(public);
        forms["public_pem"] = json!(public.to_pem());
        forms["thumbprint"] = json!(public.thumbprint());
        forms["thumbprint_uri"] = json!(public.thumbprint_uri());
    }
    Ok(forms)
}

impl Key {
    fn read(command: &Command) -> Result<Self, Failure> {
        if let Ok(pem) = command.text("pem") {
            let private = pem.contains("PRIVATE KEY");
            return Ok(if private {
                Self::Private(PrivateJwk::from_pem(pem)?.into())
            } else {
                Self::Public(Jwk::from_pem(pem)?)
            });
        }
        let jwk = command.get("jwk").ok_or_else(|| missing("jwk"))?;
        let private = ["d", "k", "priv"].iter().any(|name| jwk.get(name).is_some());
        let json = jwk.to_string();
        Ok(if private {
            Self::Private(PrivateJwk::from_json(json.as_bytes())?.into())
        } else {
            Self::Public(Jwk::from_json(json.as_bytes())?)
        })
    }
}

/// `{"alg", "jwk"}` or `{"alg", "pem"}` as a key that signs.
pub(crate) fn signing(command: &Command) -> Result<SigningKey, Failure> {
    match Key::read(command)? {
        Key::Private(key) => Ok(SigningKey::from_jwk_as(&key, signature_algorithm(command)?)?),
        Key::Public(_) => Err(Failure::Fault("a public key does not sign".to_owned())),
    }
}

/// The same as a key that verifies: a public key, or a shared secret.
pub(crate) fn verifying(command: &Command) -> Result<VerifyingKey, Failure> {
    match Key::read(command)? {
        Key::Public(key) => Ok(VerifyingKey::from_jwk_as(&key, signature_algorithm(command)?)?),
        Key::Private(_) => Ok(signing(command)?.verifying_key()),
    }
}

/// The key as one that decrypts.
pub(crate) fn decryption(command: &Command) -> Result<DecryptionKey, Failure> {
    match Key::read(command)? {
        Key::Private(key) => Ok(DecryptionKey::from_jwk_as(&key, key_management(command)?)?),
        Key::Public(_) => Err(Failure::Fault("a public key does not decrypt".to_owned())),
    }
}

/// The same as one that encrypts: a public key, or a shared secret.
pub(crate) fn encryption(command: &Command) -> Result<EncryptionKey, Failure> {
    match Key::read(command)? {
        Key::Public(key) => Ok(EncryptionKey::from_jwk_as(&key, key_management(command)?)?),
        Key::Private(_) => Ok(decryption(command)?.encryption_key()),
    }
}

fn key_management(command: &Command) -> Result<KeyManagement, Failure> {
    KeyManagement::from_name(command.text("alg")?).ok_or_else(|| missing("alg"))
}

fn signature_algorithm(command: &Command) -> Result<Algorithm, Failure> {
    Algorithm::from_name(command.text("alg")?).ok_or_else(|| missing("alg"))
}

fn parsed(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::Fault(error.to_string()))
}
