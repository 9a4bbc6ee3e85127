//! This library.

use countersign_jose::jwe::{MediaTypes, compact};
use countersign_jose::{DecryptionKey, PrivateJwk};

use super::side::Side;
use super::{ENCRYPTION, OURS};
use crate::jose::side::reason;

pub(super) fn side(key: &PrivateJwk, plaintext: &[u8]) -> Result<Side, String> {
    let key = DecryptionKey::from_jwk(key).map_err(reason)?;
    let (public, plaintext) = (key.encryption_key(), plaintext.to_vec());
    let types = MediaTypes::default();
    Ok(Side {
        name: OURS,
        encrypt: Box::new(move || {
            compact::encrypt(&public, ENCRYPTION, types, &plaintext).map_err(reason)
        }),
        decrypt: Box::new(move |token| {
            let decrypted = compact::decrypt(&key, &[ENCRYPTION], token).map_err(reason)?;
            Ok(decrypted.plaintext().to_vec())
        }),
    })
}
