//! The tokens that every side checks, and those that every side refuses.

use countersign_jose::{AccessToken, SigningKey, Timestamp, jwt};
use serde_json::{Map, Value};

use super::revoked::grant_id;
use crate::clock;

pub(super) const AUDIENCE: &str = "https://api.example.com/orders";

const ROLES: [&str; 5] =
    ["orders-reader", "orders-writer", "refunds-approver", "stock-planner", "viewer"];

/// Grants of good tokens have numbers from here on, far beyond those that are revoked.
const GOOD_GRANTS: u64 = 1 << 40;

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(clock::since_epoch().as_millis() as u64)
}

/// Twelve claims, about 600 bytes, as `bench jose` has them.
pub(super) fn claims(issuer: &str, id: String, number: u64) -> AccessToken {
    let now = now().as_secs();
    AccessToken {
        issuer: issuer.to_owned(),
        subject: "248289761001-7f3a5c1e9b8d4f60".to_owned(),
        audience: vec![AUDIENCE.to_owned()],
        client_id: "storefront-web-production".to_owned(),
        expires_at: now + 7200,
        issued_at: now - 5,
        token_id: id,
        not_before: Some(now - 5),
        scope: Some(
            "openid profile email offline_access orders:read orders:write refunds:read \
             refunds:approve stock:read stock:reserve invoices:read invoices:write \
             customers:read reports:read"
                .to_owned(),
        ),
        grant_id: Some(grant_id(GOOD_GRANTS + number)),
        auth_time: Some(now - 900),
        extra: Map::from_iter([("roles".to_owned(), Value::from(ROLES.to_vec()))]),
        ..AccessToken::default()
    }
}

pub(super) fn sign(key: &SigningKey, typ: &str, claims: &AccessToken) -> Result<String, String> {
    jwt::sign(key, typ, claims).map_err(|error| error.to_string())
}

/// What nobody may accept who says that it checks everything.
pub(super) fn bad(
    key: &SigningKey,
    claims: &AccessToken,
) -> Result<Vec<(&'static str, String)>, String> {
    let token = sign(key, AccessToken::TYPE, claims)?;
    let aside = |change: fn(&mut AccessToken)| {
        let mut claims = claims.clone();
        change(&mut claims);
        sign(key, AccessToken::TYPE, &claims)
    };
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err("not a token".to_owned());
    };
    Ok(vec![
        ("a changed payload", format!("{header}.{}.{signature}", changed(payload))),
        ("a changed signature", format!("{header}.{payload}.{}", changed(signature))),
        ("another issuer", aside(|claims| claims.issuer.push('/'))?),
        ("another audience", aside(|claims| claims.audience[0].push('/'))?),
        ("a time that is over", aside(|claims| claims.expires_at = claims.issued_at - 600)?),
        ("another type", sign(key, "JWT", claims)?),
    ])
}

/// Another character in the middle of the part.
fn changed(part: &str) -> String {
    let middle = part.len() / 2;
    let other = if part[middle..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &part[..middle], &part[middle + 1..])
}

#[cfg(test)]
mod tests {
    use super::claims;
    use crate::verify::revoked::token_id;

    #[test]
    fn the_payload_is_as_long_as_the_method_says() {
        let claims = claims("http://127.0.0.1:40000", token_id(1), 1);
        let payload = serde_json::to_value(claims).unwrap();
        assert_eq!(payload.as_object().map(serde_json::Map::len), Some(12));
        let length = payload.to_string().len();
        assert!((550..=630).contains(&length), "{length}");
    }
}
