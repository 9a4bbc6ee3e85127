//! JSON forms of signatures. A signature that is written as `*` is replaced by a good one.

#![no_main]

use std::fmt::Write;

use countersign_fuzz::{KEY, KEYS, encode, memory::bounded, mutate, reference, reference::Node};
use countersign_jose::{
    Error, base64url,
    jws::{Report, detached, json, unencoded},
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

const CONTENT: &[u8] = b"content";

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::structure(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    let text = with_signatures(data);
    let text = text.as_deref().unwrap_or(data);
    let key = KEY.verifying_key();
    let verdicts = [
        (false, false, bounded(text, || json::verify(&*KEYS, text))),
        (true, false, bounded(text, || detached::verify_json(&*KEYS, text, CONTENT))),
        (false, true, bounded(text, || unencoded::verify_json(&*KEYS, text))),
        (true, true, bounded(text, || unencoded::verify_json_detached(&*KEYS, text, CONTENT))),
    ];
    let accepted = verdicts
        .iter()
        .filter(|(.., report)| report.as_ref().is_ok_and(|report| report.danger_any().is_ok()));
    // A text with several signatures may have some of each encoding, but all of one payload.
    let forms: Vec<bool> = accepted.map(|(detached, ..)| *detached).collect();
    assert!(forms.windows(2).all(|pair| pair[0] == pair[1]), "attached and detached at once");
    for (detached, unencoded, report) in &verdicts {
        if let Ok(report) = report {
            check(text, report, *detached, *unencoded);
        }
    }
    if let Ok(report) = bounded(text, || json::verify(&key, text)) {
        assert_eq!(report.signatures().len(), 1);
    }
});

/// Recomputes by other means what the report says.
fn check(text: &[u8], report: &Report<'_>, is_detached: bool, is_unencoded: bool) {
    let document = reference::object(text).expect("a report is of JSON");
    let entries = entries(&document);
    let signatures = report.signatures();
    assert_eq!(signatures.len(), entries.len());
    assert!((1..=16).contains(&signatures.len()));
    assert_eq!(document.get("ciphertext"), None, "an encrypted token is no signature");
    if document.get("signatures").is_some() {
        for name in ["protected", "header", "signature"] {
            assert_eq!(document.get(name), None, "of both forms: {name}");
        }
    }
    for (signature, entry) in signatures.iter().zip(&entries) {
        if signature.verdict.is_err() {
            continue;
        }
        let protected = entry.get("protected").and_then(Node::text).expect("a protected header");
        let json = base64url::decode(protected.as_bytes()).expect("canonical base64url");
        let header = reference::object(&json).expect("a header is an object");
        assert_eq!(header.get("alg").and_then(Node::text), Some("HS256"));
        let outside = entry.get("header");
        let outside = |name: &str| outside.and_then(|header| header.get(name));
        for name in ["alg", "crit", "b64", "zip", "enc"] {
            assert_eq!(outside(name), None, "{name}");
        }
        let key_id = header.get("kid").or_else(|| outside("kid")).and_then(Node::text);
        assert_eq!((key_id, signature.key_id.as_deref()), (Some("k"), Some("k")));
        assert_eq!(header.get("crit").is_some(), is_unencoded);
        assert_eq!(header.get("b64").is_some(), is_unencoded);
        let covered = covered(&document, is_detached, is_unencoded);
        let message = [protected.as_bytes(), b".", &covered].concat();
        let own = encode(KEY.sign(&message).expect("a secret signs"));
        assert_eq!(entry.get("signature").and_then(Node::text), Some(&*own));
    }
    let good = signatures.iter().filter(|signature| signature.verdict.is_ok()).count();
    assert_eq!(report.all().is_ok(), good == signatures.len());
    assert_eq!(report.by(&["k"]).is_ok(), good > 0);
    assert!(report.by(&["l"]).is_err());
    assert_eq!(report.by(&[]), Err(Error::InvalidPolicy("key_ids")));
    if let Ok(payload) = report.danger_any() {
        let covered = covered(&document, is_detached, is_unencoded);
        let encoded = encode(payload).into_bytes();
        assert_eq!(covered, if is_unencoded { payload.to_vec() } else { encoded });
    }
}

fn covered(document: &Node, is_detached: bool, is_unencoded: bool) -> Vec<u8> {
    match document.get("payload").and_then(Node::text) {
        Some(payload) => payload.as_bytes().to_vec(),
        None if is_detached && is_unencoded => CONTENT.to_vec(),
        None => encode(CONTENT).into_bytes(),
    }
}

fn entries(document: &Node) -> Vec<&Node> {
    match document.get("signatures") {
        Some(Node::Array(items)) => items.iter().collect(),
        _ => vec![document],
    }
}

/// The text with a good signature in place of each `"*"`, in the order of the signatures.
fn with_signatures(data: &[u8]) -> Option<Vec<u8>> {
    const MARK: &str = "\"*\"";
    let text = std::str::from_utf8(data).ok()?;
    if !text.contains(MARK) {
        return None;
    }
    let document = reference::object(data)?;
    let mut rest = text;
    let mut made = String::new();
    for entry in entries(&document) {
        if entry.get("signature").and_then(Node::text) != Some("*") {
            continue;
        }
        let protected = entry.get("protected").and_then(Node::text).unwrap_or_default();
        let header = base64url::decode(protected.as_bytes()).ok();
        let header = header.and_then(|json| reference::object(&json));
        let is_unencoded = header.is_some_and(|header| header.get("b64").is_some());
        let is_detached = document.get("payload").is_none();
        let covered = covered(&document, is_detached, is_unencoded);
        let message = [protected.as_bytes(), b".", &covered].concat();
        let (before, after) = rest.split_once(MARK)?;
        write!(made, "{before}\"{}\"", encode(KEY.sign(&message).ok()?)).ok()?;
        rest = after;
    }
    made.push_str(rest);
    Some(made.into_bytes())
}
