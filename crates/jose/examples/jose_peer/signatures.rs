//! Signatures in each form.

use countersign_jose::{
    KeySet, SigningKey, VerifyingKey, base64url,
    jws::{Report, Signatory, compact, detached, json, unencoded},
};
use serde_json::{Value, json};

use super::{
    command::{Command, Failure, missing},
    keys,
};

/// The form of a signature: `form`, `detached` and `unencoded` of a command.
struct Form {
    shape: Shape,
    is_detached: bool,
    is_unencoded: bool,
}

enum Shape {
    Compact,
    Flattened,
    General,
}

impl Form {
    fn of(command: &Command) -> Result<Self, Failure> {
        let shape = match command.text("form")? {
            "compact" => Shape::Compact,
            "flattened" => Shape::Flattened,
            "general" => Shape::General,
            _ => return Err(missing("form")),
        };
        let (is_detached, is_unencoded) = (command.flag("detached"), command.flag("unencoded"));
        Ok(Self { shape, is_detached, is_unencoded })
    }
}

pub(crate) fn sign(command: &Command) -> Result<Value, Failure> {
    let keys = command.list("keys")?;
    let keys = keys.iter().map(keys::signing).collect::<Result<Vec<_>, _>>()?;
    let first = keys.first().ok_or_else(|| missing("keys"))?;
    let (form, payload) = (Form::of(command)?, command.bytes("payload")?);
    let token = match form.shape {
        Shape::Compact => sign_compact(&form, first, &payload)?,
        Shape::Flattened => sign_flattened(&form, &Signatory::new(first), &payload)?,
        Shape::General => {
            let signatories: Vec<_> = keys.iter().map(Signatory::new).collect();
            sign_general(&form, &signatories, &payload)?
        }
    };
    Ok(json!({ "token": token }))
}

fn sign_compact(form: &Form, key: &SigningKey, payload: &[u8]) -> Result<String, Failure> {
    Ok(match (form.is_unencoded, form.is_detached) {
        (false, false) => compact::sign(key, None, payload),
        (false, true) => detached::sign(key, None, payload),
        (true, false) => unencoded::sign(key, None, as_text(payload)?),
        (true, true) => unencoded::sign_detached(key, None, payload),
    }?)
}

fn sign_flattened(
    form: &Form,
    signatory: &Signatory<'_>,
    payload: &[u8],
) -> Result<String, Failure> {
    Ok(match (form.is_unencoded, form.is_detached) {
        (false, false) => json::sign_flattened(signatory, payload),
        (false, true) => detached::sign_flattened(signatory, payload),
        (true, false) => unencoded::sign_flattened(signatory, as_text(payload)?),
        (true, true) => unencoded::sign_flattened_detached(signatory, payload),
    }?)
}

fn sign_general(
    form: &Form,
    signatories: &[Signatory<'_>],
    payload: &[u8],
) -> Result<String, Failure> {
    Ok(match (form.is_unencoded, form.is_detached) {
        (false, false) => json::sign_general(signatories, payload),
        (false, true) => detached::sign_general(signatories, payload),
        (true, false) => unencoded::sign_general(signatories, as_text(payload)?),
        (true, true) => return Err(Failure::Fault("there is no such form".to_owned())),
    }?)
}

pub(crate) fn verify(command: &Command) -> Result<Value, Failure> {
    let keys = command.list("keys")?;
    let keys = keys.iter().map(keys::verifying).collect::<Result<Vec<_>, _>>()?;
    let first = keys.first().ok_or_else(|| missing("keys"))?;
    let (form, token) = (Form::of(command)?, command.text("token")?);
    let detached = if form.is_detached { Some(command.bytes("payload")?) } else { None };
    let payload = match form.shape {
        Shape::Compact => verify_compact(&form, first, token, detached.as_deref())?,
        Shape::Flattened => verify_json(&form, first, token, detached.as_deref())?.all()?.to_vec(),
        Shape::General => {
            let set = KeySet::new(keys);
            verify_json(&form, &set, token, detached.as_deref())?.all()?.to_vec()
        }
    };
    Ok(json!({ "payload": base64url::encode(&payload) }))
}

fn verify_compact(
    form: &Form,
    key: &VerifyingKey,
    token: &str,
    payload: Option<&[u8]>,
) -> Result<Vec<u8>, Failure> {
    Ok(match (form.is_unencoded, payload) {
        (false, None) => compact::verify(key, token)?,
        (false, Some(payload)) => {
            detached::verify(key, token, payload).map(|()| payload.to_vec())?
        }
        (true, None) => unencoded::verify(key, token)?.as_bytes().to_vec(),
        (true, Some(payload)) => {
            unencoded::verify_detached(key, token, payload).map(|()| payload.to_vec())?
        }
    })
}

fn verify_json<'k, 'p>(
    form: &Form,
    keys: impl Into<countersign_jose::jws::Keys<'k>>,
    token: &str,
    payload: Option<&'p [u8]>,
) -> Result<Report<'p>, Failure> {
    Ok(match (form.is_unencoded, payload) {
        (false, None) => json::verify(keys, token.as_bytes()),
        (false, Some(payload)) => detached::verify_json(keys, token.as_bytes(), payload),
        (true, None) => unencoded::verify_json(keys, token.as_bytes()),
        (true, Some(payload)) => unencoded::verify_json_detached(keys, token.as_bytes(), payload),
    }?)
}

fn as_text(payload: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(payload).map_err(|_| missing("payload"))
}
