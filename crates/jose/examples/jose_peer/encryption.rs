//! Encryption in each form, and under a password.

use countersign_jose::{
    DecryptionKey, EncryptionKey, base64url,
    jwe::{ContentEncryption, Decrypted, MediaTypes, compact, json, password},
};
use serde_json::{Value, json};

use super::{
    command::{Command, Failure, missing},
    keys,
};

/// Compressed content may inflate to this many bytes, when a command permits it at all.
const MAX_INFLATED: usize = 100_000;

pub(crate) fn encrypt(command: &Command) -> Result<Value, Failure> {
    let (keys, plaintext) = (command.list("keys")?, command.bytes("plaintext")?);
    let first = keys.first().ok_or_else(|| missing("keys"))?;
    if let Some(token) = seal(first, &plaintext)? {
        return Ok(json!({ "token": token }));
    }
    let keys = keys.iter().map(keys::encryption).collect::<Result<Vec<EncryptionKey>, _>>()?;
    let encryption = method(command)?;
    let aad = command.get("aad").map(|_| command.bytes("aad")).transpose()?;
    let types = MediaTypes::default();
    let content = json::Content { plaintext: &plaintext, aad: aad.as_deref(), types };
    let token = match command.text("form")? {
        "compact" => compact::encrypt(&keys[0], encryption, types, &plaintext)?,
        "flattened" => json::encrypt(&keys[0], encryption, content)?,
        "general" => json::encrypt_to_all(&keys, encryption, content)?,
        _ => return Err(missing("form")),
    };
    Ok(json!({ "token": token }))
}

/// Under a password, with the fewest rounds, which are many enough for a test.
fn seal(key: &Command, plaintext: &[u8]) -> Result<Option<String>, Failure> {
    let Ok(secret) = key.bytes("password") else { return Ok(None) };
    let algorithm = password::PasswordAlgorithm::from_name(key.text("alg")?);
    let algorithm = algorithm.ok_or_else(|| missing("alg"))?;
    let rounds = password::MIN_ROUNDS;
    Ok(Some(password::seal_with(algorithm, rounds, &secret, "text/plain", plaintext)?))
}

/// Decrypts with each of the keys, and says what they have all seen.
pub(crate) fn decrypt(command: &Command) -> Result<Value, Failure> {
    let mut seen = None;
    for key in command.list("keys")? {
        let decrypted = decrypt_with(command, &key)?;
        let aad = decrypted.aad().map(base64url::encode);
        let plaintext = base64url::encode(decrypted.plaintext());
        let one = json!({ "plaintext": plaintext, "aad": aad });
        if seen.replace(one.clone()).is_some_and(|before| before != one) {
            return Err(Failure::Fault("two keys have decrypted to two contents".to_owned()));
        }
    }
    seen.ok_or_else(|| missing("keys"))
}

fn decrypt_with(command: &Command, key: &Command) -> Result<Decrypted, Failure> {
    let token = command.text("token")?;
    if let Ok(secret) = key.bytes("password") {
        return Ok(password::open(&secret, token)?);
    }
    let (accepted, key) = ([method(command)?], keys::decryption(key)?);
    read(command, &key, &accepted, token)
}

fn read(
    command: &Command,
    key: &DecryptionKey,
    accepted: &[ContentEncryption],
    token: &str,
) -> Result<Decrypted, Failure> {
    let is_compact = command.text("form")? == "compact";
    if !command.flag("inflate") {
        let read = if is_compact { compact::decrypt } else { json::decrypt };
        return Ok(read(key, accepted, token)?);
    }
    #[cfg(feature = "deflate")]
    {
        let read = if is_compact { compact::decrypt_inflating } else { json::decrypt_inflating };
        Ok(read(key, accepted, MAX_INFLATED, token)?)
    }
    #[cfg(not(feature = "deflate"))]
    Err(Failure::Fault(format!("nothing inflates to {MAX_INFLATED} bytes without a feature")))
}

fn method(command: &Command) -> Result<ContentEncryption, Failure> {
    ContentEncryption::from_name(command.text("enc")?).ok_or_else(|| missing("enc"))
}
