//! The crate `jsonwebtoken`, with its aws-lc-rs back end.

use countersign_jose::Algorithm as Ours;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};

use crate::jose::fixture::{AUDIENCE, Claims, Fixture, ISSUER, LEEWAY, TYPE};
use crate::jose::side::{Side, reason};

/// Where the PKCS#1 key begins in the PKCS#8 form of an RSA key with 2048 bits.
const PKCS1_FROM: usize = 26;

pub(super) fn side(fixture: &Fixture) -> Result<Option<Side>, String> {
    let (algorithm, signing) = match fixture.algorithm {
        Ours::HS256 => (Algorithm::HS256, EncodingKey::from_secret(fixture.secret()?)),
        Ours::RS256 => (Algorithm::RS256, rsa(fixture)?),
        Ours::PS256 => (Algorithm::PS256, rsa(fixture)?),
        Ours::ES256 => (Algorithm::ES256, EncodingKey::from_ec_der(fixture.pkcs8()?)),
        Ours::Ed25519 => (Algorithm::EdDSA, EncodingKey::from_ed_der(fixture.pkcs8()?)),
        _ => return Ok(None),
    };
    let checking = if fixture.algorithm.is_symmetric() {
        DecodingKey::from_secret(fixture.secret()?)
    } else {
        let jwk: Jwk = serde_json::from_value(fixture.public_jwk()?).map_err(reason)?;
        DecodingKey::from_jwk(&jwk).map_err(reason)?
    };
    let mut header = Header::new(algorithm);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(fixture.key.key_id().to_owned());
    let validation = validation(algorithm);
    let claims = fixture.claims.clone();
    Ok(Some(Side {
        name: "jsonwebtoken",
        sign: Box::new(move || encode(&header, &claims, &signing).map_err(reason)),
        verify: Box::new(move |token| {
            let data = decode::<Claims>(token, &checking, &validation).map_err(reason)?;
            // The crate itself does not look at the type.
            if data.header.typ.as_deref() == Some(TYPE) { Ok(()) } else { Err("type".to_owned()) }
        }),
    }))
}

fn rsa(fixture: &Fixture) -> Result<EncodingKey, String> {
    let pkcs1 = fixture.pkcs8()?.get(PKCS1_FROM..).ok_or("a short key")?;
    Ok(EncodingKey::from_rsa_der(pkcs1))
}

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY.as_secs();
    validation
}
