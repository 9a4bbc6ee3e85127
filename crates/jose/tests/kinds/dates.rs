//! Dates: how they are written, and the millisecond at which a token begins and ends.

use std::time::Duration;

use countersign_jose::{Error, Timestamp};

use crate::{
    kind::{self, Kind, NOW, with},
    verifier::{self, Settings, Signer},
};

const DATES: &[&str] = &["exp", "iat", "nbf", "auth_time", "toe", "ttl"];

/// The claims with one date written exactly so.
fn written(kind: &Kind, name: &str, number: &str) -> String {
    with(kind.full.clone(), name, "@@").to_string().replace("\"@@\"", number)
}

fn dates_of(kind: &Kind) -> Vec<&'static str> {
    kind.known().into_iter().filter(|name| DATES.contains(name)).collect()
}

/// Class 19: libjwt issue 283 and others: dates that overflow, saturate or panic somewhere.
#[test]
fn extreme_dates_are_refused() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        for name in dates_of(&kind) {
            for number in [
                "-1",
                "-0",
                "-0.0",
                "-1790000000",
                "-1e-300",
                // After 9999-12-31T23:59:59Z.
                "253402300800",
                "253402300800.0",
                "2534023008e2",
                "1e12",
                "9007199254740993",
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775808",
                "18446744073709551615",
                "18446744073709551616",
                "1790000000000",
                "1e300",
                "1.7976931348623157e308",
                "99999999999999999999999999999999999999999999999999",
                "1e-99999",
            ] {
                let token =
                    signer.raw(&signer.header(Some(kind.typ)), &written(&kind, name, number));
                let verdict = signer.verdict(&verifier, &token);
                assert_eq!(
                    verdict,
                    Err(Error::InvalidClaim(name)),
                    "{} {name} {number}",
                    kind.name
                );
            }
            for number in ["1e400", "1e99999999999", "0x7fffffff", "1_790_000_000", "01", "NaN"] {
                let token =
                    signer.raw(&signer.header(Some(kind.typ)), &written(&kind, name, number));
                let verdict = signer.verdict(&verifier, &token);
                assert_eq!(verdict, Err(Error::Json), "{} {name} {number}", kind.name);
            }
        }
    }
}

/// Class 20: fractions and exponents are legal (RFC 7519 section 2), and read exactly.
#[test]
fn dates_in_any_spelling_are_the_same_date() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        for name in dates_of(&kind) {
            let spellings: &[&str] = match name {
                "exp" => {
                    &["1790000300", "1790000300.0", "17900003e2", "179000030000E-2", "1.7900003e9"]
                }
                _ => &[
                    "1789999990",
                    "1789999990.000",
                    "178999999e1",
                    "178999999000000e-5",
                    "1.78999999E+9",
                    "1789999990.999999999999999999999999",
                ],
            };
            for number in spellings {
                let token =
                    signer.raw(&signer.header(Some(kind.typ)), &written(&kind, name, number));
                let verdict = signer.verdict(&verifier, &token);
                assert_eq!(verdict, Ok(()), "{} {name} {number}", kind.name);
            }
        }
    }
}

/// Whether the verdict changes exactly at this millisecond.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    /// It is right from here on, and not a millisecond earlier.
    From,
    /// It is right up to here, and not a millisecond later.
    UpTo,
    /// It is wrong from here on, and right a millisecond earlier.
    Until,
}

fn check_edge(
    (kind, settings): (&Kind, Settings),
    signer: &Signer,
    claims: &str,
    (side, millis): (Side, u64),
    error: &Error,
) {
    let verifier = verifier::of(kind.name, settings);
    let token = signer.raw(&signer.header(Some(kind.typ)), claims);
    let verdict = |millis| signer.verdict_at(&verifier, &token, Timestamp::from_millis(millis));
    let (right, wrong) = match side {
        Side::From => (millis, millis - 1),
        Side::UpTo => (millis, millis + 1),
        Side::Until => (millis - 1, millis),
    };
    assert_eq!(verdict(right), Ok(()), "{} {claims}", kind.name);
    assert_eq!(verdict(wrong), Err(error.clone()), "{} {claims}", kind.name);
}

/// What is asked for, and how many milliseconds of leeway it gives.
fn leeways(kind: &Kind) -> Vec<(Option<Duration>, u64)> {
    let mut all = vec![(None, 30_000)];
    // A proof has the leeway that it has.
    if kind.name != "dpop_proof" {
        all.extend([
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_millis(1)), 1),
            (Some(Duration::from_millis(1_500)), 1_500),
            (Some(Duration::from_secs(300)), 300_000),
            (Some(Duration::from_secs(301)), 300_000),
            (Some(Duration::MAX), 300_000),
        ]);
    }
    all
}

/// RFC 7519 sections 4.1.4 to 4.1.6, to the millisecond, with every leeway. A fraction ends a life
/// early and starts it late.
#[test]
fn each_kind_begins_and_ends_at_the_millisecond() {
    let signer = Signer::new();
    // A proof is only as old as its policy lets it be, which is not what this is about.
    let proof_age = Some(Duration::from_secs(1_000));
    for kind in kind::all() {
        let max_age = proof_age.filter(|_| kind.name == "dpop_proof");
        for (leeway, millis) in leeways(&kind) {
            let settings = Settings { leeway, max_age };
            let check = |name: &str, number: &str, edge, error: Error| {
                let claims = written(&kind, name, number);
                check_edge((&kind, settings), &signer, &claims, edge, &error);
            };
            let (exp, start) = ((NOW + 300) * 1000, (NOW + 100) * 1000);
            if kind.known().contains(&"exp") {
                let end = (Side::Until, exp + millis);
                check("exp", "1790000300", end, Error::Expired);
                check("exp", "1790000300.999", end, Error::Expired);
            }
            check("nbf", "1790000100", (Side::From, start - millis), Error::NotYetValid);
            check("nbf", "1790000099.001", (Side::From, start - millis), Error::NotYetValid);
            check("iat", "1790000100", (Side::From, start - millis), Error::IssuedInFuture);
            check("iat", "1790000100.999", (Side::From, start - millis), Error::IssuedInFuture);
        }
    }
}

/// How old a token may be, by its `iat`; where there is none, its age is not known.
#[test]
fn each_kind_grows_too_old_at_the_millisecond() {
    let signer = Signer::new();
    let issued = (NOW - 10) * 1000;
    for kind in kind::all() {
        for (leeway, millis) in leeways(&kind) {
            for max_age in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(17)] {
                let settings = Settings { leeway, max_age: Some(max_age) };
                let age = u64::try_from(max_age.as_millis()).unwrap();
                for number in ["1789999990", "1789999990.5"] {
                    let claims = written(&kind, "iat", number);
                    let edge = (Side::UpTo, issued + age + millis);
                    check_edge((&kind, settings), &signer, &claims, edge, &Error::TooOld);
                }
            }
        }
        if !kind.required().contains(&"iat") {
            let settings =
                Settings { max_age: Some(Duration::from_secs(60)), ..Settings::default() };
            let verifier = verifier::of(kind.name, settings);
            let verdict = signer.verdict(&verifier, &signer.token(Some(kind.typ), &kind.minimal));
            assert_eq!(verdict, Err(Error::MissingClaim("iat")), "{}", kind.name);
        }
    }
}

/// A proof is good for a minute and the leeway unless the policy says otherwise.
#[test]
fn a_proof_is_good_for_a_minute() {
    let kind = kind::by_name("dpop_proof");
    let claims = kind.minimal.to_string();
    let edge = (Side::UpTo, (NOW - 10 + 60 + 30) * 1000);
    check_edge((&kind, Settings::default()), &Signer::new(), &claims, edge, &Error::TooOld);
}

/// Clocks at the ends of their range are no reason to panic, or to accept.
#[test]
fn clocks_that_are_far_off() {
    let signer = Signer::new();
    for kind in kind::all() {
        let verifier = verifier::of(kind.name, Settings::default());
        let token = signer.token(Some(kind.typ), &kind.full);
        let early = signer.verdict_at(&verifier, &token, Timestamp::from_millis(0));
        assert_eq!(
            early,
            Err(match kind.name {
                "dpop_proof" => Error::IssuedInFuture,
                _ => Error::NotYetValid,
            }),
            "{}",
            kind.name
        );
        let late = signer.verdict_at(&verifier, &token, Timestamp::from_millis(u64::MAX));
        let expected = match kind.name {
            "dpop_proof" => Err(Error::TooOld),
            // Neither ends on its own: see `Policy::max_age`.
            "security_event" | "introspection" => Ok(()),
            _ => Err(Error::Expired),
        };
        assert_eq!(late, expected, "{}", kind.name);
    }
    let hint = verifier::of("id_token_hint", Settings::default());
    let token = signer.token(Some("JWT"), &kind::by_name("id_token").full);
    let late = signer.verdict_at(&hint, &token, Timestamp::from_millis(u64::MAX));
    assert_eq!(late, Ok(()), "a hint may be as old as it likes");
}
