//! All live revocations at a place of the total order: what a verifier loads before it follows the
//! feed.
//!
//! There may be a million of them, so what many have in common is written once, and a place in the
//! order only for all together:
//!
//! ```json
//! {"seq":4711,"revoked":[
//!   {"kind":"grant","expires_at":1796083200,"ids":["0192f4c3-…","0192f4c4-…"]},
//!   {"kind":"client","issued_until":1796079001,"expires_at":1796083201,"ids":["shop"]}]}
//! ```

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::revocation::Revocation;

/// All live revocations at a place of the total order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The place.
    pub seq: u64,
    /// The events up to it that can still hit a token.
    pub events: Vec<Revocation>,
}

/// Events that differ in nothing but what they name.
#[derive(serde::Serialize)]
struct Group<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_until: Option<u64>,
    expires_at: u64,
    ids: Vec<&'a str>,
}

impl Serialize for Snapshot {
    /// The same events are always the same text, so that it can be cached.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut groups: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for Revocation { kind, id, issued_until, expires_at, .. } in &self.events {
            groups.entry((kind.as_str(), *issued_until, *expires_at)).or_default().push(id);
        }
        let group =
            |((kind, issued_until, expires_at), ids)| Group { kind, issued_until, expires_at, ids };
        let groups: Vec<_> = groups.into_iter().map(group).collect();
        let mut written = serializer.serialize_struct("Snapshot", 2)?;
        written.serialize_field("seq", &self.seq)?;
        written.serialize_field("revoked", &groups)?;
        written.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::RevokedKind;

    #[test]
    fn what_events_have_in_common_is_written_once() {
        let event = |seq, kind, id: &str, issued_until, expires_at| Revocation {
            seq,
            kind,
            id: id.to_owned(),
            issued_until,
            expires_at,
        };
        let events = vec![
            event(3, RevokedKind::Token, "b", None, 60),
            event(4, RevokedKind::Client, "shop", Some(50), 60),
            event(5, RevokedKind::Token, "a", None, 60),
            event(6, RevokedKind::Token, "c", None, 61),
            event(7, RevokedKind::Grant, "b", None, 60),
            event(8, RevokedKind::Client, "spa", Some(51), 60),
            event(9, RevokedKind::Key, "k", None, 60),
        ];
        let written = serde_json::to_string(&Snapshot { seq: 9, events }).unwrap();
        let expected = concat!(
            r#"{"seq":9,"revoked":["#,
            r#"{"kind":"client","issued_until":50,"expires_at":60,"ids":["shop"]},"#,
            r#"{"kind":"client","issued_until":51,"expires_at":60,"ids":["spa"]},"#,
            r#"{"kind":"grant","expires_at":60,"ids":["b"]},"#,
            r#"{"kind":"key","expires_at":60,"ids":["k"]},"#,
            r#"{"kind":"token","expires_at":60,"ids":["b","a"]},"#,
            r#"{"kind":"token","expires_at":61,"ids":["c"]}]}"#,
        );
        assert_eq!(written, expected);
        let nothing = serde_json::to_string(&Snapshot::default()).unwrap();
        assert_eq!(nothing, r#"{"seq":0,"revoked":[]}"#);
    }

    #[test]
    fn a_revocation_takes_little_more_than_its_name() {
        let grant = |number: u64| Revocation {
            seq: number,
            kind: RevokedKind::Grant,
            id: format!("0192f4c3-6d11-7c02-8f4b-{number:012}"),
            issued_until: None,
            expires_at: 1_796_083_200 + number / 100,
        };
        let events: Vec<_> = (0..10_000).map(grant).collect();
        let written = serde_json::to_vec(&Snapshot { seq: 9_999, events }).unwrap();
        assert!(written.len() < 10_000 * (36 + 4), "{} bytes", written.len());
    }
}
