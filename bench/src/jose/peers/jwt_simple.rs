//! The crate `jwt-simple`, with its pure Rust back end.

use countersign_jose::Algorithm as Ours;
use jwt_simple::prelude::*;

use crate::jose::fixture::{AUDIENCE, Claims, Fixture, ISSUER, LEEWAY, TYPE};
use crate::jose::side::{Side, Sign, Verify, reason};

/// The claims that the crate has no member for.
#[derive(Clone, Serialize, Deserialize)]
struct Custom {
    client_id: String,
    scope: String,
    grant_id: String,
    auth_time: u64,
    roles: Vec<String>,
}

/// Its traits differ by family and share no parent, so this macro writes the calls out.
/// They take claims and options by value: the copies are part of what a call costs.
macro_rules! side {
    ($fixture:expr, $key:expr, $public:expr, $sign:ident) => {{
        let (key, public) = ($key, $public);
        let (claims, header) = (registered(&$fixture.claims), header());
        let options = options();
        let sign: Sign = Box::new(move || key.$sign(claims.clone(), &header).map_err(reason));
        let verify: Verify = Box::new(move |token| {
            let claims = public.verify_token::<Custom>(token, Some(options.clone()));
            claims.map(drop).map_err(reason)
        });
        Side { name: "jwt-simple", sign, verify }
    }};
}

pub(super) fn side(fixture: &Fixture) -> Result<Option<Side>, String> {
    let key_id = fixture.key.key_id();
    Ok(Some(match fixture.algorithm {
        Ours::HS256 => {
            let key = || Ok::<_, String>(HS256Key::from_bytes(fixture.secret()?));
            side!(fixture, key()?.with_key_id(key_id), key()?, authenticate_with_options)
        }
        Ours::RS256 => {
            let key = RS256KeyPair::from_der(fixture.pkcs8()?).map_err(reason)?;
            let public = key.public_key();
            side!(fixture, key.with_key_id(key_id), public, sign_with_options)
        }
        Ours::PS256 => {
            let key = PS256KeyPair::from_der(fixture.pkcs8()?).map_err(reason)?;
            let public = key.public_key();
            side!(fixture, key.with_key_id(key_id), public, sign_with_options)
        }
        Ours::ES256 => {
            let key = ES256KeyPair::from_der(fixture.pkcs8()?).map_err(reason)?;
            let public = key.public_key();
            side!(fixture, key.with_key_id(key_id), public, sign_with_options)
        }
        Ours::Ed25519 => {
            let key = Ed25519KeyPair::from_der(fixture.pkcs8()?).map_err(reason)?;
            let public = key.public_key();
            side!(fixture, key.with_key_id(key_id), public, sign_with_options)
        }
        _ => return Ok(None),
    }))
}

fn registered(claims: &Claims) -> JWTClaims<Custom> {
    let custom = Custom {
        client_id: claims.client_id.clone(),
        scope: claims.scope.clone(),
        grant_id: claims.grant_id.clone(),
        auth_time: claims.auth_time,
        roles: claims.roles.clone(),
    };
    JWTClaims {
        issued_at: Some(Duration::from_secs(claims.iat)),
        expires_at: Some(Duration::from_secs(claims.exp)),
        invalid_before: Some(Duration::from_secs(claims.nbf)),
        issuer: Some(claims.iss.clone()),
        subject: Some(claims.sub.clone()),
        audiences: Some(Audiences::AsString(claims.aud.clone())),
        jwt_id: Some(claims.jti.clone()),
        nonce: None,
        custom,
    }
}

fn header() -> HeaderOptions {
    HeaderOptions { signature_type: Some(TYPE.to_owned()), content_type: None }
}

fn options() -> VerificationOptions {
    VerificationOptions {
        required_signature_type: Some(TYPE.to_owned()),
        allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
        allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
        time_tolerance: Some(Duration::from_secs(LEEWAY.as_secs())),
        ..VerificationOptions::default()
    }
}
