//! The verdict does not depend on the way: claims borrowed, owned or of another type, a set of keys
//! that has seen the header or not. [`Bench::judge`] compares all of them for every attack of these
//! files; here are attacks that nobody thought of.

use countersign_jose::{
    AccessToken, Algorithm, Buffer, Claims, ClientAssertion, Error, KeySet, Policy, RequestObject,
    SigningKey, Timestamp,
};
use proptest::{prelude::*, sample::Index};
use serde_json::json;

use crate::bench::{API, Bench, ISSUER, NOW, claims, encode, honest, id_claims, split, with};

fn bench() -> Bench {
    Bench::with_key(SigningKey::from_secret(Algorithm::HS256, &[7; 32]).unwrap())
}

/// Class 40: CVE-2026-35039: a cache of verified tokens that is asked by a shortened key. Headers
/// that were genuine are known by all their bytes, and only while their keys are in the set.
#[test]
fn a_known_header_is_known_by_all_its_bytes() {
    let bench = Bench::new(Algorithm::ES256);
    let token = honest(&bench.key);
    let [header, payload, signature] = split(&token);
    assert_eq!(bench.verify(&token), Ok(()), "now the header is known");
    for place in 0..header.len() {
        let other = if &header[place..=place] == "A" { "B" } else { "A" };
        let changed = [&header[..place], other, &header[place + 1..]].concat();
        let verdict = bench.verify(&format!("{changed}.{payload}.{signature}"));
        assert!(verdict.is_err(), "{changed}");
    }
    for changed in [&header[..header.len() - 4], &header[4..], &[header, "AAAA"].concat()] {
        assert!(bench.verify(&format!("{changed}.{payload}.{signature}")).is_err());
    }
}

/// Class 40: a set without the key does not remember the header, and neither does one of another
/// policy let it pass.
#[test]
fn a_known_header_is_known_to_its_own_set_and_to_every_policy() {
    let bench = Bench::new(Algorithm::ES256);
    let keys = KeySet::new([bench.key.verifying_key()]);
    let now = Timestamp::from_secs(NOW);
    let token = honest(&bench.key);
    assert!(bench.access.verify(&keys, &token, now).is_ok());
    let removed = KeySet::new([SigningKey::generate(Algorithm::ES256).unwrap().verifying_key()]);
    let verdict = bench.access.verify(&removed, &token, now);
    assert_eq!(verdict.map(drop), Err(Error::UnknownKey));
    let id = bench.id.verify(&keys, &bench.token(&bench.header(), &id_claims()), now);
    assert_eq!(id.map(drop), Err(Error::WrongType));
    let narrow = Policy::access_token(ISSUER, API, &[Algorithm::Ed25519]).unwrap();
    let verdict = narrow.verify(&keys, &token, now);
    assert_eq!(verdict.map(drop), Err(Error::AlgorithmNotAllowed));
}

/// Class 40: there is room for a few headers. A forged one stays forged, however often it comes,
/// and genuine ones beyond the room go on being accepted.
#[test]
fn more_headers_than_there_is_room_for() {
    let bench = Bench::new(Algorithm::ES256);
    let keys = KeySet::new([bench.key.verifying_key()]);
    let verdict =
        |token: &str| bench.access.verify(&keys, token, Timestamp::from_secs(NOW)).map(drop);
    for n in 0..20 {
        let token = bench.token(&with(bench.header(), "n", json!(n)), &claims());
        let (input, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{input}.{}", encode([1; 64]));
        for _ in 0..2 {
            assert_eq!(verdict(&forged), Err(Error::BadSignature));
        }
        for _ in 0..2 {
            assert_eq!(verdict(&token), Ok(()));
        }
        assert_eq!(verdict(&forged), Err(Error::BadSignature));
    }
}

/// Two uses of one buffer: what is left of the token before is not read.
#[test]
fn a_buffer_forgets() {
    let bench = bench();
    let keys = KeySet::new([bench.key.verifying_key()]);
    let now = Timestamp::from_secs(NOW);
    let mut buffer = Buffer::new();
    let long = bench.token(&bench.header(), &with(claims(), "scope", json!("admin ".repeat(300))));
    let verified = bench.access.verify_in(&keys, &long, now, &mut buffer).unwrap();
    assert!(verified.has_scope("admin"));
    let token = honest(&bench.key);
    let verified = bench.access.verify_in(&keys, &token, now, &mut buffer).unwrap();
    assert!(!verified.has_scope("admin"));
    assert_eq!(verified.json(), claims().to_string().as_bytes());
    let claims: &Claims<'_, AccessToken> = &verified;
    assert_eq!((claims.issuer(), claims.token_id()), (Some(ISSUER), Some("t1")));
}

/// A type of the caller's that the claims do not fit is a reason of its own, after all others.
#[test]
fn a_type_that_does_not_fit_comes_last() {
    let bench = bench();
    let keys = KeySet::new([bench.key.verifying_key()]);
    let now = Timestamp::from_secs(NOW);
    let verdict = |token: &str| bench.access.verify_as::<Vec<u8>>(&keys, token, now).map(drop);
    assert_eq!(verdict(&honest(&bench.key)), Err(Error::UnfitClaims));
    let stale = bench.token(&bench.header(), &with(claims(), "exp", json!(1)));
    assert_eq!(verdict(&stale), Err(Error::Expired));
}

/// Honest tokens of both kinds, with more than one header.
fn tokens(bench: &Bench) -> Vec<String> {
    vec![
        honest(&bench.key),
        bench.token(&bench.header(), &with(claims(), "scope", json!("a b"))),
        bench.token(&bench.id_header(), &id_claims()),
        bench.token(&with(bench.header(), "x", json!(1)), &claims()),
    ]
}

fn change(text: &mut String, (kind, place, with): (u8, Index, char)) {
    let place = place.index(text.len());
    match kind {
        0 => text.insert(place, with),
        1 => drop(text.remove(place)),
        2 => text.replace_range(place..=place, &with.to_string()),
        _ => text.truncate(place),
    }
}

fn json_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,12}",
        r"-?[0-9]{1,3}(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        "17[89][0-9]{7}(\\.5)?",
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just(r#""https://id.example""#.to_owned()),
        Just(r#""https://api.example""#.to_owned()),
        Just(r#"["https://api.example","web"]"#.to_owned()),
        Just(r#""ad\u0061""#.to_owned()),
        r#""[a-z \\"]{0,4}""#,
        r#"\{"a":[0-9eE]{1,5}\}"#,
    ]
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_token_with_a_few_changes_is_no_token(
        which in any::<Index>(),
        changes in proptest::collection::vec(
            (0..4u8, any::<Index>(), prop_oneof!["[A-Za-z0-9_.=+/ -]", "."]),
            1..5,
        ),
    ) {
        let bench = bench();
        let honest = tokens(&bench);
        let mut text = which.get(&honest).clone();
        for (kind, place, with) in changes {
            if text.is_ascii() && !text.is_empty() {
                change(&mut text, (kind, place, with.chars().next().unwrap_or('A')));
            }
        }
        let accepted = [bench.verify(&text), bench.verify_id(&text)].iter().any(Result::is_ok);
        prop_assert!(!accepted || honest.contains(&text), "{text}");
    }

    #[test]
    fn parts_of_several_tokens_are_no_token(parts in proptest::array::uniform3(0..4usize)) {
        let bench = bench();
        let honest = tokens(&bench);
        let part = |place: usize| split(&honest[parts[place]])[place];
        let text = format!("{}.{}.{}", part(0), part(1), part(2));
        let accepted = [bench.verify(&text), bench.verify_id(&text)].iter().any(Result::is_ok);
        prop_assert_eq!(accepted, honest.contains(&text));
    }

    #[test]
    fn any_signed_claims_have_one_verdict(
        members in proptest::collection::vec(
            ("(iss|sub|aud|client_id|exp|iat|nbf|jti|scope|nonce|azp|events|x)", json_value()),
            0..10,
        ),
        typ in "(at\\+jwt|JWT)",
    ) {
        let bench = bench();
        let header = with(bench.header(), "typ", json!(typ)).to_string();
        let token = bench.raw(header, object(&members));
        let _ = (bench.verify(&token), bench.verify_id(&token));
        let algorithms = [Algorithm::HS256];
        let assertion: Policy<ClientAssertion> =
            Policy::client_assertion(ISSUER, API, &algorithms).unwrap();
        let request: Policy<RequestObject> =
            Policy::request_object(ISSUER, API, &algorithms).unwrap();
        let _ = (bench.judge(&assertion, &token), bench.judge(&request, &token));
    }

    #[test]
    fn any_signed_header_has_one_verdict(
        members in proptest::collection::vec(
            ("(alg|kid|typ|crit|b64|cty|jwk|x)", prop_oneof![
                json_value(),
                Just(r#""HS256""#.to_owned()),
                Just(r#""at+jwt""#.to_owned()),
                Just(r#""application/AT+JWT""#.to_owned()),
                Just("KEY".to_owned()),
            ]),
            0..6,
        ),
    ) {
        let bench = bench();
        let kid = json!(bench.key.key_id()).to_string();
        let header = object(&members).replace("KEY", &kid);
        let token = bench.raw(header, claims().to_string());
        let _ = (bench.verify(&token), bench.verify_id(&token));
    }

    #[test]
    fn any_text_has_one_verdict(text in "[A-Za-z0-9_.-]{0,60}|.{0,40}") {
        let bench = bench();
        prop_assert!(bench.verify(&text).is_err());
        prop_assert!(bench.verify_id(&text).is_err());
    }
}
