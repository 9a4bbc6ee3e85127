//! Each kind of token at the verifier of each other kind: only the diagonal passes.
//!
//! All of them have one key, one issuer, one audience, one client and one subject wherever the
//! kind allows it. `id_token_hint` is not a kind of its own: it is the issuer's verifier of ID
//! tokens that come back, so it accepts what `id_token` accepts.

use std::fmt::Write;

use countersign_jose::Error;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::{
    kind::{self, Kind},
    verifier::{self, Settings, Signer, Verifier},
};

/// What the table holds for a refusal: the claim that gave the kind away, or the type.
fn cell(verdict: &Result<(), Error>) -> String {
    match verdict {
        Ok(()) => "**ok**".to_owned(),
        Err(Error::WrongType) => "typ".to_owned(),
        Err(Error::MissingClaim(name)) => format!("no {name}"),
        Err(Error::ForbiddenClaim(name)) => format!("has {name}"),
        Err(Error::InvalidClaim(name)) => format!("other {name}"),
        Err(error) => error.code().to_owned(),
    }
}

fn is_same_kind(kind: &Kind, verifier: &Verifier) -> bool {
    kind.name == verifier.name || (kind.name, verifier.name) == ("id_token", "id_token_hint")
}

/// Whether a token of this kind may come under this type: OpenID Connect Core names none for ID
/// tokens, JARM none for its answers, and RFC 7523 and RFC 9101 named none before RFC 10070 and RFC
/// 9101 section 10.8.
fn may_have_type(kind: &Kind, typ: Option<&str>) -> bool {
    let is_older = matches!(
        kind.name,
        "id_token" | "client_assertion" | "request_object" | "authorization_response"
    );
    typ == Some(kind.typ) || (is_older && matches!(typ, None | Some("JWT")))
}

fn row_of(name: &str, cells: impl Iterator<Item = String>) -> String {
    cells.fold(format!("| {name} |"), |row, cell| format!("{row} {cell} |"))
}

/// A table, and what in it is wrong.
fn table(
    title: &str,
    claims: impl Fn(&Kind) -> Value,
    typ: impl Fn(&Kind, &Verifier) -> Option<&'static str>,
) -> (String, Vec<String>) {
    let signer = Signer::new();
    let verifiers = verifier::all(Settings::default());
    let names = verifiers.iter().map(|verifier| verifier.name.to_owned());
    let lines = verifiers.iter().map(|_| "---".to_owned());
    let mut text = format!("\n## {title}\n\n{}\n", row_of("token \\ verifier", names));
    writeln!(text, "{}", row_of("---", lines).replace(' ', "")).unwrap();
    let mut wrong = Vec::new();
    for kind in kind::all() {
        let cells: Vec<_> = verifiers
            .iter()
            .map(|verifier| {
                let typ = typ(&kind, verifier);
                let token = signer.token(typ, &claims(&kind));
                let verdict = signer.verdict(verifier, &token);
                let passes = is_same_kind(&kind, verifier) && may_have_type(&kind, typ);
                if verdict.is_ok() != passes {
                    wrong.push(format!("{title}: {} at {}", kind.name, verifier.name));
                }
                cell(&verdict)
            })
            .collect();
        writeln!(text, "{}", row_of(kind.name, cells.into_iter())).unwrap();
    }
    (text, wrong)
}

/// The type that a verifier asks for.
fn wanted(verifier: &Verifier) -> &'static str {
    let name = if verifier.name == "id_token_hint" { "id_token" } else { verifier.name };
    kind::by_name(name).typ
}

/// Class 37: RFC 8725 sections 3.11 and 3.12. `matrix.md` is the whole of it, each refusal with its
/// reason.
#[test]
fn only_the_diagonal_passes() {
    let mut text = String::from(
        "# Each kind of token at the verifier of each other kind\n\n\
         One key, one issuer, one audience, one client and one subject for all of them. A cell\n\
         says what gave the kind away: its type, a claim that is missing, there, or another one.\n",
    );
    let mut wrong = Vec::new();
    for (how, claims) in [
        ("the claims that are required", (|kind| kind.minimal.clone()) as fn(&Kind) -> Value),
        ("every claim that is permitted", Kind::richest),
    ] {
        type Typ = fn(&Kind, &Verifier) -> Option<&'static str>;
        let own: Typ = |kind, _| Some(kind.typ);
        let asked_for: Typ = |_, verifier| Some(wanted(verifier));
        let plain: Typ = |_, _| Some("JWT");
        let none: Typ = |_, _| None;
        for (types, typ) in [
            ("under its own type", own),
            ("under the type that the verifier wants", asked_for),
            ("under the type `JWT`", plain),
            ("under no type", none),
        ] {
            let (table, problems) = table(&format!("With {how}, {types}"), claims, typ);
            text.push_str(&table);
            wrong.extend(problems);
        }
    }
    println!("{text}");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(text == include_str!("matrix.md"), "the table has changed: it is printed above");
}

/// Any mixture of the claims of all kinds.
fn mixture() -> impl Strategy<Value = Map<String, Value>> {
    let kinds = kind::all();
    let all: Vec<(String, Value)> =
        kinds.iter().flat_map(|kind| kind.richest().as_object().unwrap().clone()).collect();
    // A few whole kinds, and a few claims taken out again or put in from elsewhere.
    let richest: Vec<_> = kinds.iter().map(Kind::richest).collect();
    let minimal: Vec<_> = kinds.iter().map(|kind| kind.minimal.clone()).collect();
    let bases = richest.into_iter().chain(minimal).collect::<Vec<_>>();
    (
        proptest::sample::subsequence(bases, 1..4).prop_shuffle(),
        proptest::sample::subsequence(all.clone(), 0..6),
        proptest::sample::subsequence(all, 0..6),
    )
        .prop_map(|(bases, more, fewer)| {
            let mut claims = Map::new();
            for base in bases {
                claims.extend(base.as_object().unwrap().clone());
            }
            claims.extend(more);
            for (name, _) in fewer {
                claims.remove(&name);
            }
            claims
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The kinds whose type may be missing are told apart by claims that exclude each other, so no
    /// claims whatever make a token of two kinds.
    #[test]
    fn no_claims_make_an_untyped_token_of_two_kinds(claims in mixture()) {
        let signer = Signer::new();
        let claims = Value::Object(claims);
        for typ in [None, Some("JWT")] {
            let token = signer.token(typ, &claims);
            let accepted: Vec<_> = verifier::all(Settings::default())
                .iter()
                .filter(|verifier| verifier.name != "id_token_hint")
                .filter(|verifier| verifier.judge(&signer.fresh, &token, now()).is_ok())
                .map(|verifier| verifier.name)
                .collect();
            prop_assert!(accepted.len() <= 1, "{accepted:?} {claims}");
        }
    }
}

fn now() -> countersign_jose::Timestamp {
    countersign_jose::Timestamp::from_secs(kind::NOW)
}
