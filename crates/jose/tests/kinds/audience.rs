//! Whom a token is for: RFC 7519 section 4.1.3, and the stricter rule for client assertions.

use countersign_jose::Error;
use serde_json::{Value, json};

use crate::{
    kind::{self, EVERYONE, with},
    verifier::{self, Settings, Signer},
};

/// Class 39, for each kind that has an audience.
#[test]
fn each_kind_finds_itself_in_its_audience_or_refuses() {
    let signer = Signer::new();
    let other = "https://other.example";
    let has_audience = kind::all().into_iter().filter(|kind| kind.required().contains(&"aud"));
    for kind in has_audience {
        let verifier = verifier::of(kind.name, Settings::default());
        let verdict = |audience: &Value| {
            let claims = with(kind.full.clone(), "aud", audience.clone());
            signer.verdict(&verifier, &signer.token(Some(kind.typ), &claims))
        };
        // RFC 10070: an assertion is for one server alone.
        let beside_others =
            if kind.name == "client_assertion" { Err(Error::Audience) } else { Ok(()) };
        for (audience, expected) in [
            (json!(EVERYONE), Ok(())),
            (json!([EVERYONE]), Ok(())),
            (json!([EVERYONE, other]), beside_others.clone()),
            (json!([other, EVERYONE]), beside_others.clone()),
            (json!([EVERYONE, EVERYONE]), beside_others),
            (json!(other), Err(Error::Audience)),
            (json!([other]), Err(Error::Audience)),
            (json!("https://everyone.example/"), Err(Error::Audience)),
            (json!("https://everyone.exampl"), Err(Error::Audience)),
            (json!("https://Everyone.example"), Err(Error::Audience)),
            (json!(format!("{EVERYONE} {other}")), Err(Error::Audience)),
            (json!(["https://everyone.example/", other]), Err(Error::Audience)),
            (json!("*"), Err(Error::Audience)),
        ] {
            assert_eq!(verdict(&audience), expected, "{} {audience}", kind.name);
        }
    }
}

/// A hint is read by its issuer, whoever it was for; it still has an audience.
#[test]
fn a_hint_is_for_anybody_but_not_for_nobody() {
    let signer = Signer::new();
    let verifier = verifier::of("id_token_hint", Settings::default());
    let minimal = kind::by_name("id_token").minimal;
    for (audience, expected) in [
        (json!("other"), Ok(())),
        (json!(["other", "third"]), Ok(())),
        (json!([]), Err(Error::InvalidClaim("aud"))),
        (json!(""), Err(Error::InvalidClaim("aud"))),
        (json!(7), Err(Error::InvalidClaim("aud"))),
    ] {
        let claims = with(minimal.clone(), "aud", audience.clone());
        let verdict = signer.verdict(&verifier, &signer.token(Some("JWT"), &claims));
        assert_eq!(verdict, expected, "{audience}");
    }
    let nobody = kind::without(minimal, "aud");
    let verdict = signer.verdict(&verifier, &signer.token(Some("JWT"), &nobody));
    assert_eq!(verdict, Err(Error::MissingClaim("aud")));
}
