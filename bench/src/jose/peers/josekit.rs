//! The crate `josekit`, over OpenSSL.

use countersign_jose::Algorithm as Ours;
use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, HS256, JwsHeader, JwsSigner, JwsVerifier, PS256, RS256};
use josekit::jwt::{self, JwtPayload, JwtPayloadValidator};
use serde_json::{Map, Value};

use crate::jose::fixture::{AUDIENCE, Fixture, ISSUER, TYPE};
use crate::jose::side::{Side, reason};

pub(super) fn side(fixture: &Fixture) -> Result<Option<Side>, String> {
    let Some((signer, verifier)) = keys(fixture)? else { return Ok(None) };
    let mut header = JwsHeader::new();
    header.set_token_type(TYPE);
    header.set_key_id(fixture.key.key_id());
    let claims: Map<String, Value> =
        serde_json::from_value(serde_json::to_value(&fixture.claims).map_err(reason)?)
            .map_err(reason)?;
    let payload = JwtPayload::from_map(claims).map_err(reason)?;
    // Without a base time it reads the clock; it knows no leeway.
    let mut validator = JwtPayloadValidator::new();
    validator.set_issuer(ISSUER);
    validator.set_audience(AUDIENCE);
    Ok(Some(Side {
        name: "josekit",
        sign: Box::new(move || {
            jwt::encode_with_signer(&payload, &header, &*signer).map_err(reason)
        }),
        verify: Box::new(move |token| {
            let (payload, header) = jwt::decode_with_verifier(token, &*verifier).map_err(reason)?;
            validator.validate(&payload).map_err(reason)?;
            if header.token_type() == Some(TYPE) { Ok(()) } else { Err("type".to_owned()) }
        }),
    }))
}

type Keys = (Box<dyn JwsSigner>, Box<dyn JwsVerifier>);

fn keys(fixture: &Fixture) -> Result<Option<Keys>, String> {
    let found = match fixture.algorithm {
        Ours::HS256 => {
            let secret = fixture.secret()?;
            pair(HS256.signer_from_bytes(secret), HS256.verifier_from_bytes(secret))
        }
        Ours::RS256 => {
            let jwk = public_key(fixture, "RS256")?;
            pair(RS256.signer_from_der(fixture.pkcs8()?), RS256.verifier_from_jwk(&jwk))
        }
        Ours::PS256 => {
            let jwk = public_key(fixture, "PS256")?;
            pair(PS256.signer_from_der(fixture.pkcs8()?), PS256.verifier_from_jwk(&jwk))
        }
        Ours::ES256 => {
            let jwk = public_key(fixture, "ES256")?;
            pair(ES256.signer_from_der(fixture.pkcs8()?), ES256.verifier_from_jwk(&jwk))
        }
        Ours::Ed25519 => {
            let jwk = public_key(fixture, "EdDSA")?;
            pair(EdDSA.signer_from_der(fixture.pkcs8()?), EdDSA.verifier_from_jwk(&jwk))
        }
        _ => return Ok(None),
    };
    found.map(Some).map_err(reason)
}

fn pair(
    signer: Result<impl JwsSigner + 'static, JoseError>,
    verifier: Result<impl JwsVerifier + 'static, JoseError>,
) -> Result<Keys, JoseError> {
    Ok((Box::new(signer?), Box::new(verifier?)))
}

/// The public key under the name that it knows the algorithm by.
fn public_key(fixture: &Fixture, name: &str) -> Result<Jwk, String> {
    let mut jwk = fixture.public_jwk()?;
    jwk["alg"] = Value::from(name);
    Jwk::from_bytes(jwk.to_string()).map_err(reason)
}
