//! `countersign-jose` as its users call it.

use std::{cell::RefCell, hint::black_box};

use countersign_jose::{AccessToken, Buffer, KeySet, Policy, SigningKey, Timestamp, jwt};
use serde_json::{Map, json};

use super::fixture::{AUDIENCE, Claims, Fixture, ISSUER, LEEWAY, Private};
use super::side::{Side, reason};
use crate::clock;

/// Claims borrowed from a buffer that is used again: the way for a busy API.
pub(super) fn side(fixture: &Fixture) -> Result<Side, String> {
    let Prepared { key, keys, policy } = Prepared::new(fixture)?;
    let claims = access_token(&fixture.claims);
    let buffer = RefCell::new(Buffer::new());
    Ok(Side {
        name: "ours",
        sign: Box::new(move || jwt::sign(&key, AccessToken::TYPE, &claims).map_err(reason)),
        verify: Box::new(move |token| {
            let mut buffer = buffer.borrow_mut();
            let verified = policy.verify_in(&keys, token, now(), &mut buffer).map_err(reason)?;
            black_box(verified.subject());
            Ok(())
        }),
    })
}

/// Claims copied into the crate's own type, which is what the peers do.
pub(super) fn owned_side(fixture: &Fixture) -> Result<Side, String> {
    let Prepared { key, keys, policy } = Prepared::new(fixture)?;
    let claims = access_token(&fixture.claims);
    Ok(Side {
        name: "ours, owned",
        sign: Box::new(move || jwt::sign(&key, AccessToken::TYPE, &claims).map_err(reason)),
        verify: Box::new(move |token| {
            policy
                .verify(&keys, token, now())
                .map(|verified| drop(black_box(verified)))
                .map_err(reason)
        }),
    })
}

struct Prepared {
    key: SigningKey,
    keys: KeySet,
    policy: Policy<AccessToken>,
}

impl Prepared {
    fn new(fixture: &Fixture) -> Result<Self, String> {
        let algorithm = fixture.algorithm;
        let key = match &fixture.private {
            Private::Secret(secret) => SigningKey::from_secret(algorithm, secret),
            Private::Pkcs8(der) => SigningKey::from_pkcs8(algorithm, der),
        }
        .map_err(reason)?;
        let keys = KeySet::new([key.verifying_key()]);
        let policy = Policy::access_token(ISSUER, AUDIENCE, &[algorithm]).map_err(reason)?;
        Ok(Self { key, keys, policy: policy.leeway(LEEWAY) })
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(clock::since_epoch().as_millis() as u64)
}

fn access_token(claims: &Claims) -> AccessToken {
    let claims = claims.clone();
    AccessToken {
        issuer: claims.iss,
        subject: claims.sub,
        audience: vec![claims.aud],
        client_id: claims.client_id,
        expires_at: claims.exp,
        issued_at: claims.iat,
        token_id: claims.jti,
        not_before: Some(claims.nbf),
        scope: Some(claims.scope),
        grant_id: Some(claims.grant_id),
        auth_time: Some(claims.auth_time),
        extra: Map::from_iter([("roles".to_owned(), json!(claims.roles))]),
        ..AccessToken::default()
    }
}
