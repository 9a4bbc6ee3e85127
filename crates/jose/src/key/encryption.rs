//! The key that encrypts.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    agreement::ParsedPublicKey,
    rsa::{OaepAlgorithm, OaepPublicEncryptingKey, PublicKeyComponents},
};
use zeroize::Zeroizing;

use super::Material;
use crate::{
    Error, Jwk,
    jwe::{
        agreement::{self, Curve, PartyInfo, Point},
        alg::{ContentEncryption, KeyManagement, Method},
        content::ContentKey,
        header, oaep,
        shared::SharedSecret,
        wrap,
    },
    jwk::{Labels, thumbprint},
};

/// A public key, or a shared secret, tied to one way of sending the content key and parsed once.
/// Cheap to clone. `Debug` shows the algorithm and the key id only.
#[derive(Clone)]
pub struct EncryptionKey(Arc<Inner>);

struct Inner {
    management: KeyManagement,
    key_id: String,
    /// The members `alg` and `kid`, ready for a header.
    identity: String,
    sender: Sender,
}

enum Sender {
    Shared(SharedSecret),
    Rsa(OaepPublicEncryptingKey, &'static OaepAlgorithm),
    /// With the bytes of the AES key that is agreed on, when the content key is wrapped.
    Agreement(Curve, ParsedPublicKey, Option<usize>),
}

/// What a token carries for one recipient.
pub(crate) struct Recipient {
    /// The members that only this way of sending needs, each with a comma before it.
    pub(crate) parameters: String,
    pub(crate) encrypted_key: Vec<u8>,
}

impl EncryptionKey {
    /// From a public JWK that names its `alg`.
    ///
    /// # Errors
    /// Those of [`EncryptionKey::from_jwk_as`]; [`Error::InvalidKey`] when there is no `alg`, and
    /// [`Error::WrongKeyUse`] when it is one of signatures.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Error> {
        Self::from_jwk_as(jwk, declared(jwk.labels())?)
    }

    /// From a public JWK, for this algorithm: that of the client's registration, say.
    ///
    /// # Errors
    /// [`Error::WrongKeyUse`] when `alg`, `use` or `key_ops` of the JWK says otherwise;
    /// [`Error::UnsupportedKey`] when the kind of key does not fit the algorithm.
    pub fn from_jwk_as(jwk: &Jwk, management: KeyManagement) -> Result<Self, Error> {
        let key_id = jwk.key_id().map_or_else(|| jwk.thumbprint(), str::to_owned);
        check_permits(jwk.labels(), management, true)?;
        Self::from_material(management, jwk.material(), key_id)
    }

    /// From a shared secret of exactly the length that the algorithm asks for; for `dir`, that of a
    /// content key.
    ///
    /// # Errors
    /// [`Error::WeakKey`] when it is shorter, [`Error::InvalidKey`] when it is longer or no content
    /// key has its length; [`Error::UnsupportedKey`] when the algorithm works with public keys.
    pub fn from_secret(management: KeyManagement, secret: &[u8]) -> Result<Self, Error> {
        Self::from_named_secret(management, None, secret, thumbprint::of_secret(secret))
    }

    pub(super) fn from_named_secret(
        management: KeyManagement,
        only: Option<ContentEncryption>,
        secret: &[u8],
        key_id: String,
    ) -> Result<Self, Error> {
        let secret = SharedSecret::new(management, only, secret)?;
        Self::new(management, key_id, Sender::Shared(secret))
    }

    pub(super) fn from_material(
        management: KeyManagement,
        material: &Material,
        key_id: String,
    ) -> Result<Self, Error> {
        let sender = match (management.method(), material) {
            (Method::Rsa, Material::Rsa { modulus, exponent }) => {
                let numbers = PublicKeyComponents { n: &modulus[..], e: &exponent[..] };
                let refused = Error::InvalidKey("the RSA key was refused");
                let public = numbers.try_into().map_err(|_| refused.clone())?;
                let public = OaepPublicEncryptingKey::new(public).map_err(|_| refused)?;
                Sender::Rsa(public, oaep::algorithm(management).ok_or(Error::Crypto)?)
            }
            (Method::Agreement(kek_bytes), Material::Ec { .. } | Material::Okp { .. }) => {
                let point = Point::from_material(material)?;
                let public = point.parse();
                let public = public.ok_or(Error::InvalidKey("the point is not on its curve"))?;
                Sender::Agreement(point.curve(), public, kek_bytes)
            }
            _ => return Err(Error::UnsupportedKey("the algorithm works with another kind of key")),
        };
        Self::new(management, key_id, sender)
    }

    fn new(management: KeyManagement, key_id: String, sender: Sender) -> Result<Self, Error> {
        let mut identity = format!("\"alg\":\"{}\"", management.name());
        header::push_text(&mut identity, "kid", &key_id)?;
        Ok(Self(Arc::new(Inner { management, key_id, identity, sender })))
    }

    /// The one way in which this key sends the content key.
    pub fn key_management(&self) -> KeyManagement {
        self.0.management
    }

    /// The key's name, which goes into the header as `kid`: that of its JWK, or its thumbprint.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// The members `alg` and `kid`, ready for a header.
    pub(crate) fn identity(&self) -> &str {
        &self.0.identity
    }

    pub(super) fn shared(&self) -> Option<&SharedSecret> {
        match &self.0.sender {
            Sender::Shared(secret) => Some(secret),
            Sender::Rsa(..) | Sender::Agreement(..) => None,
        }
    }

    /// A new content key and what its recipient needs to get at it.
    pub(crate) fn establish(
        &self,
        encryption: ContentEncryption,
    ) -> Result<(ContentKey, Recipient), Error> {
        let nothing = Recipient { parameters: String::new(), encrypted_key: Vec::new() };
        if let Some(key) = self.shared().and_then(|secret| secret.content_key(encryption)) {
            return Ok((key?, nothing));
        }
        if let Sender::Agreement(curve, theirs, None) = &self.0.sender {
            let mut key = ContentKey::zero(encryption);
            let parameters = send_epk(*curve, theirs, encryption.name(), key.as_mut())?;
            return Ok((key, Recipient { parameters, ..nothing }));
        }
        let key = ContentKey::random(encryption)?;
        let recipient = self.wrap(&key)?;
        Ok((key, recipient))
    }

    /// Wraps a content key that several recipients share. A key that gives the content key itself
    /// cannot: [`Error::AlgorithmNotAllowed`].
    pub(crate) fn wrap(&self, key: &ContentKey) -> Result<Recipient, Error> {
        let mut parameters = String::new();
        let encrypted_key = match &self.0.sender {
            Sender::Shared(secret) => secret.wrap(key, &mut parameters)?,
            Sender::Rsa(public, algorithm) => oaep::encrypt(public, algorithm, key)?,
            Sender::Agreement(_, _, None) => return Err(Error::AlgorithmNotAllowed),
            Sender::Agreement(curve, theirs, Some(kek_bytes)) => {
                let mut kek = Zeroizing::new([0; 32]);
                let kek = kek.get_mut(..*kek_bytes).ok_or(Error::Crypto)?;
                parameters = send_epk(*curve, theirs, self.0.management.name(), kek)?;
                wrap::wrap(kek, key)?
            }
        };
        Ok(Recipient { parameters, encrypted_key })
    }
}

/// Agrees with a fresh key, fills `out`, and gives the header member for the other side.
fn send_epk(
    curve: Curve,
    theirs: &ParsedPublicKey,
    name: &str,
    out: &mut [u8],
) -> Result<String, Error> {
    let mine = curve.generate()?;
    let parties = PartyInfo { apu: &[], apv: &[] };
    agreement::derive(&mine, theirs.clone(), name, parties, out).ok_or(Error::Crypto)?;
    let point = Point::of(curve, &mine)?;
    let mut member = String::with_capacity(300);
    for part in [r#","epk":{"kty":""#, curve.key_type(), r#"","crv":""#, curve.name(), "\""] {
        member.push_str(part);
    }
    header::push_bytes(&mut member, "x", point.x());
    if let Some(y) = point.y() {
        header::push_bytes(&mut member, "y", y);
    }
    member.push('}');
    Ok(member)
}

/// The `alg` of a JWK, which must be one of encryption.
pub(super) fn declared(labels: &Labels) -> Result<KeyManagement, Error> {
    let missing = Error::InvalidKey("alg is missing");
    let other = labels.algorithm.map_or(missing, |_| Error::WrongKeyUse);
    labels.key_management().ok_or(other)
}

/// Whether `alg`, `use` and `key_ops` permit the algorithm (RFC 7517 sections 4.2 to 4.4).
pub(super) fn check_permits(
    labels: &Labels,
    management: KeyManagement,
    to_encrypt: bool,
) -> Result<(), Error> {
    if labels.algorithm.is_some() && labels.key_management() != Some(management) {
        return Err(Error::WrongKeyUse);
    }
    let operations: &[&str] = match (management.method(), to_encrypt) {
        (Method::Direct, true) => &["encrypt"],
        (Method::Direct, false) => &["decrypt"],
        (Method::Wrap(_) | Method::GcmWrap(_) | Method::Rsa, true) => &["wrapKey", "encrypt"],
        (Method::Wrap(_) | Method::GcmWrap(_) | Method::Rsa, false) => &["unwrapKey", "decrypt"],
        // A public key of agreement has no operation of its own: Web Crypto lists none for it.
        (Method::Agreement(_), true) if labels.operations.as_ref().is_some_and(Vec::is_empty) => {
            return labels.check_use("enc");
        }
        (Method::Agreement(_), _) => &["deriveKey", "deriveBits"],
    };
    labels.check_permits("enc", operations)
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("key_management", &self.key_management())
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
