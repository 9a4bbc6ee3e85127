//! The crate `josekit`, over OpenSSL.

use countersign_jose::PrivateJwk;
use countersign_jose::jwe::KeyManagement;
use josekit::jwe::{
    self, Dir, ECDH_ES_A256KW, JweDecrypter, JweEncrypter, JweHeader, RSA_OAEP_256,
};
use josekit::jwk::Jwk;

use super::ENCRYPTION;
use super::side::Side;
use crate::jose::side::reason;

pub(super) fn side(
    algorithm: KeyManagement,
    key: &PrivateJwk,
    plaintext: &[u8],
) -> Result<Side, String> {
    let (encrypter, decrypter) = keys(algorithm, key)?;
    let mut header = JweHeader::new();
    header.set_content_encryption(ENCRYPTION.name());
    if let Some(name) = key.key_id() {
        header.set_key_id(name);
    }
    let plaintext = plaintext.to_vec();
    Ok(Side {
        name: "josekit",
        encrypt: Box::new(move || {
            jwe::serialize_compact(&plaintext, &header, &*encrypter).map_err(reason)
        }),
        decrypt: Box::new(move |token| {
            let (plaintext, _) = jwe::deserialize_compact(token, &*decrypter).map_err(reason)?;
            Ok(plaintext)
        }),
    })
}

type Keys = (Box<dyn JweEncrypter>, Box<dyn JweDecrypter>);

fn keys(algorithm: KeyManagement, key: &PrivateJwk) -> Result<Keys, String> {
    let private = Jwk::from_bytes(key.to_json().as_bytes()).map_err(reason)?;
    let public = match key.public() {
        Some(public) => serde_json::to_vec(&public).map_err(reason)?,
        None => key.to_json().as_bytes().to_vec(),
    };
    let public = Jwk::from_bytes(public).map_err(reason)?;
    Ok(match algorithm {
        KeyManagement::EcdhEsA256KW => (
            Box::new(ECDH_ES_A256KW.encrypter_from_jwk(&public).map_err(reason)?),
            Box::new(ECDH_ES_A256KW.decrypter_from_jwk(&private).map_err(reason)?),
        ),
        KeyManagement::RsaOaep256 => (
            Box::new(RSA_OAEP_256.encrypter_from_jwk(&public).map_err(reason)?),
            Box::new(RSA_OAEP_256.decrypter_from_jwk(&private).map_err(reason)?),
        ),
        KeyManagement::Dir => (
            Box::new(Dir.encrypter_from_jwk(&public).map_err(reason)?),
            Box::new(Dir.decrypter_from_jwk(&private).map_err(reason)?),
        ),
        other => return Err(format!("{other} is not measured")),
    })
}
