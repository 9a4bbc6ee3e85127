//! What the feed of revocations says, and what a verifier concludes from it. Pure: bytes come in,
//! the deny set and the state change, a [`Step`] comes out.
//!
//! No entry is ever taken back here. A snapshot with a lower sequence number than the state (the
//! issuer restored its database) replaces the place in the order, and its entries come in addition
//! to those that are known already.

use std::{borrow::Cow, time::Duration};

use countersign_jose::Timestamp;
use serde::Deserialize;

use crate::{DenySet, Revoked, sse::Frame};

/// A revocation that seems to be over when it comes counts for so long all the same: the clock of
/// the issuer is behind this one by more than the issuer allows for, and which of them is right
/// nobody knows here.
const OVER_WHEN_IT_CAME: Duration = Duration::from_secs(3_600);

/// Where a verifier stands in the order of revocations.
#[derive(Debug)]
pub(crate) struct FeedState {
    applied: Option<u64>,
    leeway: Duration,
}

/// What to do after a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read on.
    Continue,
    /// Everything that the issuer had is in the deny set: when it said so, which by its own count
    /// was so long after it had taken the request for the feed.
    Current(Option<Duration>),
    /// Something was missed: load the snapshot again.
    Reload,
    /// The connection is called this in acknowledgements.
    Hello(String),
    /// This signing key was revoked and was not known to be: get the one that takes its place.
    KeyRevoked(String),
    /// A revocation is live until then that this version does not understand.
    NotUnderstood(Timestamp),
}

/// A snapshot that is in the deny set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) seq: u64,
    /// Signing keys that were revoked and were not known to be.
    pub(crate) revoked_keys: Vec<String>,
    /// A revocation is live until then that this version does not understand.
    pub(crate) not_understood_until: Option<Timestamp>,
}

/// The text is not what the issuer promises.
#[derive(Debug, thiserror::Error)]
#[error("the {what} is malformed: {source}")]
pub(crate) struct Malformed {
    what: &'static str,
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    seq: u64,
    #[serde(borrow)]
    revoked: Vec<Group<'a>>,
}

/// Events that differ in nothing but what they name.
#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    ids: Vec<Id<'a>>,
    issued_until: Option<u64>,
    expires_at: u64,
}

/// Serde borrows a text only where it stands by itself.
#[derive(Deserialize)]
struct Id<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Event<'a> {
    seq: u64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    /// In seconds since the epoch; with a client.
    issued_until: Option<u64>,
    /// In seconds since the epoch.
    expires_at: u64,
}

/// What came of entering an event.
#[derive(Clone, Copy)]
enum Entered {
    /// It is in the deny set.
    Done,
    /// It is, and it is a key that was not there before.
    NewKey,
    /// It is live until then and not understood.
    NotUnderstood(Timestamp),
}

#[derive(Deserialize)]
struct Heartbeat {
    seq: u64,
    /// Milliseconds since the issuer took the request.
    after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Hello {
    follower: String,
}

impl FeedState {
    /// Nothing is known yet. `leeway` is how long after its expiry a token may still be accepted
    /// here: an entry has to live as long.
    pub(crate) const fn new(leeway: Duration) -> Self {
        Self { applied: None, leeway }
    }

    /// The number of the last revocation that is in the deny set; `None` if a snapshot is needed.
    pub(crate) const fn applied(&self) -> Option<u64> {
        self.applied
    }

    /// Only a snapshot leads on.
    pub(crate) const fn lose_place(&mut self) {
        self.applied = None;
    }

    /// Goes on from a snapshot, also if its number is lower.
    pub(crate) const fn adopt(&mut self, loaded: &Loaded) {
        self.applied = Some(loaded.seq);
    }

    /// Applies one frame. After an error or [`Step::Reload`] only a snapshot leads on.
    pub(crate) fn apply(
        &mut self,
        frame: &Frame,
        deny_set: &DenySet,
        now: Timestamp,
    ) -> Result<Step, Malformed> {
        let step = self.read(frame, deny_set, now);
        if matches!(step, Err(_) | Ok(Step::Reload)) {
            self.applied = None;
        }
        step
    }

    fn read(
        &mut self,
        frame: &Frame,
        deny_set: &DenySet,
        now: Timestamp,
    ) -> Result<Step, Malformed> {
        let Some(applied) = self.applied else { return Ok(Step::Reload) };
        match frame.event.as_str() {
            "revoked" => {
                let event: Event<'_> = parse("revocation", frame.data.as_bytes())?;
                // Also when others were missed before it: what is known counts at once.
                let entered = event.enter(deny_set, self.leeway, now);
                // The order has no holes.
                if event.seq > applied.saturating_add(1) {
                    return Ok(Step::Reload);
                }
                // A number seen before comes again after a reconnect; the place never moves back.
                self.applied = Some(applied.max(event.seq));
                Ok(match entered {
                    Entered::Done => Step::Continue,
                    Entered::NewKey => Step::KeyRevoked(event.id.into_owned()),
                    Entered::NotUnderstood(until) => Step::NotUnderstood(until),
                })
            }
            "heartbeat" => {
                let heartbeat: Heartbeat = parse("heartbeat", frame.data.as_bytes())?;
                // Above: something was missed. Below: the issuer lost what it had told before.
                if heartbeat.seq != applied {
                    return Ok(Step::Reload);
                }
                Ok(Step::Current(heartbeat.after_ms.map(Duration::from_millis)))
            }
            "hello" => {
                let hello: Hello = parse("hello", frame.data.as_bytes())?;
                Ok(Step::Hello(hello.follower))
            }
            "reset" => Ok(Step::Reload),
            // New kinds of frames may come. One that carried a revocation would raise the number in
            // the next heartbeat, and so cannot be overlooked.
            _ => Ok(Step::Continue),
        }
    }
}

/// Enters a whole snapshot into the deny set. Takes a while when it is large.
pub(crate) fn load_snapshot(
    json: &[u8],
    deny_set: &DenySet,
    leeway: Duration,
    now: Timestamp,
) -> Result<Loaded, Malformed> {
    let snapshot: Snapshot<'_> = parse("snapshot", json)?;
    let mut loaded = Loaded { seq: snapshot.seq, ..Loaded::default() };
    let events =
        snapshot.revoked.iter().flat_map(|Group { kind, ids, issued_until, expires_at }| {
            ids.iter().map(move |Id(id)| Event {
                seq: snapshot.seq,
                kind: Cow::Borrowed(kind),
                id: Cow::Borrowed(id),
                issued_until: *issued_until,
                expires_at: *expires_at,
            })
        });
    for event in events {
        match event.enter(deny_set, leeway, now) {
            Entered::Done => {}
            Entered::NewKey => loaded.revoked_keys.push(event.id.into_owned()),
            Entered::NotUnderstood(until) => {
                loaded.not_understood_until = loaded.not_understood_until.max(Some(until));
            }
        }
    }
    Ok(loaded)
}

impl Event<'_> {
    /// Puts it into the deny set.
    fn enter(&self, deny_set: &DenySet, leeway: Duration, now: Timestamp) -> Entered {
        let until = Timestamp::from_secs(self.expires_at).plus(leeway);
        // What is acknowledged is refused, so nothing is left out.
        let until = if until <= now { now.plus(OVER_WHEN_IT_CAME) } else { until };
        let revoked = match (&*self.kind, self.issued_until) {
            ("token", _) => Revoked::Token(&self.id),
            ("grant", _) => Revoked::Grant(&self.id),
            ("client", Some(issued_until)) => Revoked::Client { client_id: &self.id, issued_until },
            ("key", _) => Revoked::Key(&self.id),
            _ => {
                tracing::error!(
                    kind = ?self.kind,
                    seq = self.seq,
                    "a revocation of an unknown kind: this verifier is too old for its issuer"
                );
                return Entered::NotUnderstood(until);
            }
        };
        let is_new = deny_set.insert(revoked, until);
        if is_new && matches!(revoked, Revoked::Key(_)) { Entered::NewKey } else { Entered::Done }
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &'static str, json: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(json).map_err(|source| Malformed { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenNames;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LEEWAY: Duration = Duration::from_secs(30);

    const TOKEN: TokenNames<'_> = TokenNames {
        token_id: "t",
        grant_id: Some("g"),
        client_id: "c",
        issued_at: 950,
        key_id: Some("k"),
    };

    fn named(token_id: &str) -> TokenNames<'_> {
        TokenNames { token_id, ..TOKEN }
    }

    fn frame(event: &str, data: &str) -> Frame {
        Frame { event: event.to_owned(), data: data.to_owned() }
    }

    fn revoked(seq: u64, kind: &str, id: &str) -> Frame {
        let data = format!(r#"{{"seq":{seq},"kind":"{kind}","id":"{id}","expires_at":1100}}"#);
        frame("revoked", &data)
    }

    /// A snapshot at 43 of one event.
    fn snapshot_of(event: &Frame) -> String {
        let mut group: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
        group["ids"] = serde_json::json!([group["id"]]);
        serde_json::json!({ "seq": 43, "revoked": [group] }).to_string()
    }

    fn client(seq: u64, issued_until: &str) -> Frame {
        let data = format!(
            r#"{{"seq":{seq},"kind":"client","id":"c","issued_until":{issued_until},"expires_at":1100}}"#
        );
        frame("revoked", &data)
    }

    fn heartbeat(seq: u64) -> Frame {
        frame("heartbeat", &format!(r#"{{"seq":{seq}}}"#))
    }

    fn loaded_at(seq: u64) -> (FeedState, DenySet) {
        let (mut state, deny_set) = (FeedState::new(LEEWAY), DenySet::new());
        state.adopt(&Loaded { seq, ..Loaded::default() });
        (state, deny_set)
    }

    #[test]
    fn frames_lead_to_these_steps() {
        let until = Timestamp::from_secs(1_130);
        for (given, expect) in [
            (revoked(43, "token", "a"), Some(Step::Continue)),
            (revoked(42, "grant", "again"), Some(Step::Continue)),
            (revoked(43, "key", "k"), Some(Step::KeyRevoked("k".to_owned()))),
            (revoked(44, "token", "a"), Some(Step::Reload)),
            (revoked(u64::MAX, "token", "a"), Some(Step::Reload)),
            (revoked(43, "planet", "a"), Some(Step::NotUnderstood(until))),
            (revoked(43, "client", "c"), Some(Step::NotUnderstood(until))),
            (client(43, "950"), Some(Step::Continue)),
            (client(43, "-1"), None),
            (client(43, "null"), Some(Step::NotUnderstood(until))),
            (heartbeat(42), Some(Step::Current(None))),
            (
                frame("heartbeat", r#"{"seq":42,"after_ms":3000}"#),
                Some(Step::Current(Some(Duration::from_secs(3)))),
            ),
            (frame("heartbeat", r#"{"seq":42,"after_ms":-1}"#), None),
            (heartbeat(43), Some(Step::Reload)),
            (heartbeat(41), Some(Step::Reload)),
            (frame("reset", "{}"), Some(Step::Reload)),
            (frame("hello", r#"{"follower":"f"}"#), Some(Step::Hello("f".to_owned()))),
            (frame("hello", "{}"), None),
            (frame("news", "whatever"), Some(Step::Continue)),
            (frame("heartbeat", "{}"), None),
            (frame("heartbeat", r#"{"seq":-1}"#), None),
            (frame("revoked", "{}"), None),
            (frame("revoked", r#"{"seq":43,"kind":"token","id":"a"}"#), None),
            (frame("revoked", "not json"), None),
        ] {
            let (mut state, deny_set) = loaded_at(42);
            let step = state.apply(&given, &deny_set, NOW).ok();
            assert_eq!(step, expect, "{given:?}");
            let lost = matches!(expect, None | Some(Step::Reload));
            assert_eq!(state.applied().is_none(), lost, "{given:?}");
        }
    }

    #[test]
    fn nothing_counts_before_a_snapshot() {
        let (mut state, deny_set) = (FeedState::new(LEEWAY), DenySet::new());
        assert_eq!(state.apply(&heartbeat(0), &deny_set, NOW).ok(), Some(Step::Reload));
    }

    #[test]
    fn an_event_is_in_the_set_when_its_heartbeat_counts_and_lives_through_the_leeway() {
        let (mut state, deny_set) = loaded_at(42);
        assert_eq!(
            state.apply(&revoked(43, "grant", "g"), &deny_set, NOW).ok(),
            Some(Step::Continue)
        );
        assert_eq!(state.apply(&heartbeat(43), &deny_set, NOW).ok(), Some(Step::Current(None)));
        assert!(deny_set.is_revoked(TOKEN, Timestamp::from_secs(1_129)));
        assert!(!deny_set.is_revoked(TOKEN, Timestamp::from_secs(1_130)));
    }

    #[test]
    fn what_comes_after_a_gap_counts_all_the_same() {
        let (mut state, deny_set) = loaded_at(42);
        let step = state.apply(&revoked(44, "grant", "g"), &deny_set, NOW);
        assert_eq!(step.ok(), Some(Step::Reload));
        assert!(deny_set.is_revoked(TOKEN, NOW));
    }

    #[test]
    fn each_kind_ends_tokens_from_the_feed_and_from_a_snapshot() {
        for (event, ended, spared) in [
            (revoked(43, "token", "t"), TOKEN, named("u")),
            (revoked(43, "grant", "g"), TOKEN, TokenNames { grant_id: None, ..TOKEN }),
            (client(43, "950"), TOKEN, TokenNames { issued_at: 951, ..TOKEN }),
            (revoked(43, "key", "k"), TOKEN, TokenNames { key_id: Some("l"), ..TOKEN }),
        ] {
            let (mut state, fed) = loaded_at(42);
            assert!(state.apply(&event, &fed, NOW).is_ok());
            let loaded = DenySet::new();
            let snapshot = snapshot_of(&event);
            assert!(load_snapshot(snapshot.as_bytes(), &loaded, LEEWAY, NOW).is_ok());
            for deny_set in [fed, loaded] {
                assert!(deny_set.is_revoked(ended, NOW), "{event:?}");
                assert!(!deny_set.is_revoked(spared, NOW), "{event:?}");
            }
        }
    }

    #[test]
    fn a_revoked_key_is_news_once() {
        let (mut state, deny_set) = loaded_at(42);
        let again = revoked(43, "key", "k");
        let news = Step::KeyRevoked("k".to_owned());
        assert_eq!(state.apply(&again, &deny_set, NOW).ok(), Some(news));
        assert_eq!(state.apply(&again, &deny_set, NOW).ok(), Some(Step::Continue));
        let snapshot = snapshot_of(&again);
        for (deny_set, expect) in [(&deny_set, &[][..]), (&DenySet::new(), &["k"])] {
            let loaded = load_snapshot(snapshot.as_bytes(), deny_set, LEEWAY, NOW);
            assert_eq!(loaded.expect("well formed").revoked_keys, expect);
        }
    }

    #[test]
    fn a_snapshot_of_a_restored_database_moves_back_but_forgets_nothing() {
        let (mut state, deny_set) = loaded_at(42);
        assert!(state.apply(&revoked(43, "token", "new"), &deny_set, NOW).is_ok());
        let json = br#"{"seq":7,"revoked":[{"kind":"token","ids":["old"],"expires_at":1100}]}"#;
        let loaded = load_snapshot(json, &deny_set, LEEWAY, NOW).expect("well formed");
        state.adopt(&loaded);
        assert_eq!(state.applied(), Some(7));
        assert!(deny_set.is_revoked(named("old"), NOW));
        assert!(deny_set.is_revoked(named("new"), NOW));
    }

    #[test]
    fn what_seems_to_be_over_when_it_comes_counts_all_the_same() {
        let late = Timestamp::from_secs(10_000);
        for event in [revoked(43, "token", "t"), revoked(43, "grant", "g"), client(43, "950")] {
            let (mut state, deny_set) = loaded_at(42);
            assert_eq!(state.apply(&event, &deny_set, late).ok(), Some(Step::Continue));
            assert!(deny_set.is_revoked(TOKEN, late.plus(Duration::from_secs(3_599))));
            assert!(!deny_set.is_revoked(TOKEN, late.plus(Duration::from_secs(3_600))));
        }
        let (mut state, deny_set) = loaded_at(42);
        let step = state.apply(&revoked(43, "planet", "a"), &deny_set, late);
        let until = Timestamp::from_secs(13_600);
        assert_eq!(step.ok(), Some(Step::NotUnderstood(until)));
    }

    #[test]
    fn a_snapshot_reports_kinds_it_does_not_understand() {
        let json = br#"{"seq":9,"revoked":[
            {"kind":"planet","ids":["first"],"expires_at":1050},
            {"kind":"planet","ids":["live"],"expires_at":1100},
            {"kind":"to\u006ben","ids":["a\"b", "c"],"expires_at":1100}]}"#;
        let deny_set = DenySet::new();
        let loaded = load_snapshot(json, &deny_set, LEEWAY, NOW).expect("well formed");
        assert_eq!(loaded.not_understood_until, Some(Timestamp::from_secs(1_130)));
        assert!(deny_set.is_revoked(named("a\"b"), NOW) && deny_set.is_revoked(named("c"), NOW));
        assert_eq!(deny_set.len(), 2);
        for malformed in [&br#"{"seq":9}"#[..], br#"{"seq":9,"revoked":[{"kind":"token"}]}"#] {
            assert!(load_snapshot(malformed, &deny_set, LEEWAY, NOW).is_err());
        }
    }
}
