//! The bare primitives with parsed keys: no header, no base64, no JSON.
//!
//! What is decrypted is taken from the token once and kept: the token is only looked at to refuse
//! another one.

use std::cell::RefCell;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use countersign_jose::jwe::KeyManagement;
use countersign_jose::{PrivateJwk, base64url};
use serde_json::Value;

use super::PRIMITIVE;
use super::side::Side;
use crate::jose::side::reason;

type Key = [u8; 32];

pub(super) fn side(
    algorithm: KeyManagement,
    key: &PrivateJwk,
    plaintext: &[u8],
) -> Result<Side, String> {
    let (wrap, unwrap) = keys(algorithm, key)?;
    let plaintext = plaintext.to_vec();
    let prepared: RefCell<Option<Token>> = RefCell::new(None);
    Ok(Side {
        name: PRIMITIVE,
        encrypt: Box::new(move || {
            let key = wrap()?;
            let mut nonce = [0; 12];
            rand::fill(&mut nonce).map_err(reason)?;
            let mut content = plaintext.clone();
            let nonce = Nonce::assume_unique_for_key(nonce);
            let _tag = gcm(&key)?
                .seal_in_place_separate_tag(nonce, Aad::from(&[0; 400]), &mut content)
                .map_err(reason)?;
            Ok(String::new())
        }),
        decrypt: Box::new(move |text| {
            let mut prepared = prepared.borrow_mut();
            if prepared.as_ref().is_none_or(|token| token.text != text) {
                *prepared = Some(Token::read(text)?);
            }
            let token = prepared.as_ref().ok_or("just put there")?;
            let key = unwrap(token)?;
            let mut content = token.content.clone();
            let nonce = Nonce::try_assume_unique_for_key(&token.iv).map_err(reason)?;
            let plaintext = gcm(&key)?
                .open_in_place(nonce, Aad::from(&token.header), &mut content)
                .map_err(reason)?
                .len();
            content.truncate(plaintext);
            Ok(content)
        }),
    })
}

fn gcm(key: &Key) -> Result<LessSafeKey, String> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(reason)?))
}

/// A token, taken apart.
struct Token {
    text: String,
    header: String,
    epk: Vec<u8>,
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    /// With the tag at its end.
    content: Vec<u8>,
}

impl Token {
    fn read(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, encrypted_key, iv, content, tag] = parts[..] else {
            return Err("not five parts".to_owned());
        };
        let decode = |part: &str| base64url::decode(part.as_bytes()).map_err(reason);
        let members: Value = serde_json::from_slice(&decode(header)?).map_err(reason)?;
        Ok(Self {
            text: text.to_owned(),
            header: header.to_owned(),
            epk: match &members["epk"] {
                Value::Null => Vec::new(),
                epk => point(epk)?,
            },
            encrypted_key: decode(encrypted_key)?,
            iv: decode(iv)?,
            content: [decode(content)?, decode(tag)?].concat(),
        })
    }
}

fn point(jwk: &Value) -> Result<Vec<u8>, String> {
    let [x, y] = ["x", "y"].map(|name| member(jwk, name));
    Ok([vec![4], x?, y?].concat())
}

fn member(jwk: &Value, name: &str) -> Result<Vec<u8>, String> {
    let text = jwk[name].as_str().ok_or("a member is missing")?;
    base64url::decode(text.as_bytes()).map_err(reason)
}

/// Makes a content key and sends it.
type Wrap = Box<dyn Fn() -> Result<Key, String>>;
/// Gets at the content key.
type Unwrap = Box<dyn Fn(&Token) -> Result<Key, String>>;

fn keys(algorithm: KeyManagement, key: &PrivateJwk) -> Result<(Wrap, Unwrap), String> {
    match algorithm {
        KeyManagement::EcdhEsA256KW => ecdh(key),
        KeyManagement::RsaOaep256 => rsa(key),
        KeyManagement::Dir => {
            let jwk: Value = serde_json::from_str(&key.to_json()).map_err(reason)?;
            let secret: Key = member(&jwk, "k")?.try_into().map_err(|_| "not 32 bytes")?;
            Ok((Box::new(move || Ok(secret)), Box::new(move |_| Ok(secret))))
        }
        other => Err(format!("{other} is not measured")),
    }
}

fn random() -> Result<Key, String> {
    let mut key = [0; 32];
    rand::fill(&mut key).map_err(reason)?;
    Ok(key)
}

fn ecdh(key: &PrivateJwk) -> Result<(Wrap, Unwrap), String> {
    let jwk: Value = serde_json::from_str(&key.to_json()).map_err(reason)?;
    let mine = PrivateKey::from_private_key(&ECDH_P256, &member(&jwk, "d")?).map_err(reason)?;
    let public = UnparsedPublicKey::new(&ECDH_P256, point(&jwk)?);
    let public = ParsedPublicKey::try_from(&public).map_err(reason)?;
    let wrap = move || {
        let (fresh, key) = (PrivateKey::generate(&ECDH_P256).map_err(reason)?, random()?);
        fresh.compute_public_key().map_err(reason)?;
        let kek = agree(&fresh, public.clone())?;
        kek.wrap(&key, &mut [0; 40]).map_err(reason)?;
        Ok(key)
    };
    let unwrap = move |token: &Token| {
        let epk = UnparsedPublicKey::new(&ECDH_P256, &token.epk);
        let kek = agree(&mine, ParsedPublicKey::try_from(&epk).map_err(reason)?)?;
        let mut key = [0; 32];
        kek.unwrap(&token.encrypted_key, &mut key).map_err(reason)?;
        Ok(key)
    };
    Ok((Box::new(wrap), Box::new(unwrap)))
}

fn agree(mine: &PrivateKey, theirs: ParsedPublicKey) -> Result<AesKek, String> {
    let info = b"\0\0\0\x0eECDH-ES+A256KW\0\0\0\0\0\0\0\0\0\0\x01\0";
    let hash = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or("no SHA-256")?;
    agreement::agree(mine, theirs, "not agreed".to_owned(), |secret| {
        let mut kek = [0; 32];
        sskdf_digest(hash, secret, info, &mut kek).map_err(reason)?;
        AesKek::new(&AES_256, &kek).map_err(reason)
    })
}

fn rsa(key: &PrivateJwk) -> Result<(Wrap, Unwrap), String> {
    let pkcs8 = key.to_pkcs8().map_err(reason)?;
    let private = PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(reason)?;
    let public = OaepPublicEncryptingKey::new(private.public_key()).map_err(reason)?;
    let private = OaepPrivateDecryptingKey::new(private).map_err(reason)?;
    let wrap = move || {
        let (key, mut encrypted) = (random()?, vec![0; public.ciphertext_size()]);
        public.encrypt(&OAEP_SHA256_MGF1SHA256, &key, &mut encrypted, None).map_err(reason)?;
        Ok(key)
    };
    let unwrap = move |token: &Token| {
        let mut room = vec![0; private.min_output_size()];
        let key = private
            .decrypt(&OAEP_SHA256_MGF1SHA256, &token.encrypted_key, &mut room, None)
            .map_err(reason)?;
        Key::try_from(&*key).map_err(reason)
    };
    Ok((Box::new(wrap), Box::new(unwrap)))
}
