//! A private key or secret as JSON, for tools; it is read and never written.

use aws_lc_rs::{
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use zeroize::Zeroizing;

use super::jwk::{Jwk, Usage, read_algorithm, read_key_id};
use crate::{
    Algorithm, Error, SigningKey, base64url,
    json::{self, Members, Value},
    key::{Material, Signer},
};

const MAX_BYTES: usize = 16 * 1024;

pub(crate) fn read(json: &[u8]) -> Result<SigningKey, Error> {
    if json.len() > MAX_BYTES {
        return Err(Error::TooLarge);
    }
    let members = json::parse_object(json)?;
    if members.get("kty").and_then(Value::as_text) == Some("oct") {
        return read_secret(&members);
    }
    if members.contains("oth") {
        return Err(Error::UnsupportedKey("an RSA key of more than two primes"));
    }
    let public = Jwk::from_public_members(&members)?;
    public.check_permits("sign")?;
    let algorithm = public.algorithm().unwrap_or(Algorithm::RS256);
    let signer = read_signer(&members, public.material())?;
    SigningKey::from_signer(algorithm, signer, public.key_id().map(str::to_owned))
}

fn read_secret(members: &Members<'_>) -> Result<SigningKey, Error> {
    Usage::read(members)?.check_permits("sign")?;
    let name = read_key_id(members)?;
    let algorithm = read_algorithm(members)?.ok_or(Error::InvalidKey("alg is missing"))?;
    SigningKey::from_named_secret(algorithm, &secret_bytes(members, "k")?, name)
}

fn read_signer(members: &Members<'_>, public: &Material) -> Result<Signer, Error> {
    let d = secret_bytes(members, "d")?;
    match public {
        Material::Rsa { modulus, exponent } => {
            let components = rsa::KeyPairComponents {
                public_key: rsa::PublicKeyComponents { n: &modulus[..], e: &exponent[..] },
                d: &d[..],
                p: &secret_bytes(members, "p")?[..],
                q: &secret_bytes(members, "q")?[..],
                dP: &secret_bytes(members, "dp")?[..],
                dQ: &secret_bytes(members, "dq")?[..],
                qInv: &secret_bytes(members, "qi")?[..],
            };
            rsa::KeyPair::from_components(&components).map(Signer::Rsa)
        }
        Material::P256 { x, y } if d.len() == 32 => EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &d,
            &Material::p256_point(x, y),
        )
        .map(Signer::P256),
        Material::Ed25519 { x } if d.len() == 32 => {
            Ed25519KeyPair::from_seed_and_public_key(&d, x).map(Signer::Ed25519)
        }
        Material::P256 { .. } | Material::Ed25519 { .. } => {
            return Err(Error::InvalidKey("the private number is not 32 bytes long"));
        }
    }
    .map_err(|_| Error::InvalidKey("the private and public numbers do not belong together"))
}

fn secret_bytes(members: &Members<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = members.get(name).and_then(Value::as_text);
    let text = text.ok_or(Error::InvalidKey("a private number is missing"))?;
    base64url::decode(text.as_bytes()).map(Zeroizing::new)
}
