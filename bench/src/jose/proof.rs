//! Nobody is timed who does less than the others: each side must accept the token, read what the
//! others sign, and refuse everything that full validation refuses.

use super::fixture::{Claims, Fixture, TYPE};
use super::side::Side;

pub(super) fn check<'s>(
    fixture: &Fixture,
    primitive: &Side,
    ours: &'s Side,
    others: impl IntoIterator<Item = &'s Side>,
) -> Result<(), String> {
    (primitive.verify)(&fixture.token)?;
    (primitive.sign)()?;
    let bad = bad_tokens(fixture)?;
    for side in std::iter::once(ours).chain(others) {
        let name = side.name;
        (side.verify)(&fixture.token).map_err(|reason| format!("{name} refuses: {reason}"))?;
        for (fault, token) in &bad {
            if (side.verify)(token).is_ok() {
                return Err(format!("{name} accepts a token with {fault}"));
            }
        }
        let signed = (side.sign)().map_err(|reason| format!("{name} can't sign: {reason}"))?;
        (ours.verify)(&signed).map_err(|reason| format!("what {name} signs: {reason}"))?;
    }
    Ok(())
}

fn bad_tokens(fixture: &Fixture) -> Result<Vec<(&'static str, String)>, String> {
    let claims = &fixture.claims;
    let aside = |change: fn(&mut Claims)| {
        let mut claims = claims.clone();
        change(&mut claims);
        fixture.another_token(TYPE, &claims)
    };
    let mut parts = fixture.token.split('.');
    let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err("not a token".to_owned());
    };
    Ok(vec![
        ("a changed payload", format!("{header}.{}.{signature}", changed(payload))),
        ("a changed signature", format!("{header}.{payload}.{}", changed(signature))),
        ("another issuer", aside(|claims| claims.iss.push('/'))?),
        ("another audience", aside(|claims| claims.aud.push('/'))?),
        ("a time that is over", aside(|claims| claims.exp = claims.iat - 600)?),
        ("another type", fixture.another_token("JWT", claims)?),
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
    use countersign_jose::Algorithm;

    use super::{Side, check};
    use crate::jose::fixture::Fixture;
    use crate::jose::{ours, primitive};

    #[test]
    fn a_side_that_checks_less_is_found() {
        let fixture = Fixture::new(Algorithm::ES256).unwrap();
        let (bare, own) = (primitive::side(&fixture).unwrap(), ours::side(&fixture).unwrap());
        assert_eq!(check(&fixture, &bare, &own, &[]), Ok(()));
        let lax = Side { name: "lax", verify: Box::new(|_| Ok(())), sign: Box::new(own_sign) };
        let found = check(&fixture, &bare, &own, &[lax]).unwrap_err();
        assert_eq!(found, "lax accepts a token with a changed payload");
    }

    fn own_sign() -> Result<String, String> {
        Err("is not asked".to_owned())
    }
}
