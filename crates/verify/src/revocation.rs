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

/// Where a verifier stands in the order of revocations.
#[derive(Debug)]
pub(crate) struct FeedState {
    applied: Option<u64>,
    leeway: Duration,
}

/// What to do after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read on.
    Continue,
    /// Everything that the issuer has is in the deny set.
    Current,
    /// Something was missed: load the snapshot again.
    Reload,
    /// A revocation is live until then that this version does not understand.
    NotUnderstood(Timestamp),
}

/// A snapshot that is in the deny set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) seq: u64,
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
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    seq: u64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    /// In seconds since the epoch.
    expires_at: u64,
}

#[derive(Deserialize)]
struct Heartbeat {
    seq: u64,
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

    /// Goes on from a snapshot, also if its number is lower.
    pub(crate) const fn adopt(&mut self, loaded: Loaded) {
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
                let not_understood = event.enter(deny_set, self.leeway, now);
                // A number seen before comes again after a reconnect; the place never moves back.
                self.applied = Some(applied.max(event.seq));
                Ok(not_understood.map_or(Step::Continue, Step::NotUnderstood))
            }
            "heartbeat" => {
                let heartbeat: Heartbeat = parse("heartbeat", frame.data.as_bytes())?;
                // Above: something was missed. Below: the issuer lost what it had told before.
                let current = heartbeat.seq == applied;
                Ok(if current { Step::Current } else { Step::Reload })
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
    let enter = |event: &Event<'_>| event.enter(deny_set, leeway, now);
    let not_understood_until = snapshot.events.iter().filter_map(enter).max();
    Ok(Loaded { seq: snapshot.seq, not_understood_until })
}

impl Event<'_> {
    /// Puts it into the deny set. Returns its expiry instead if its kind is not understood.
    fn enter(&self, deny_set: &DenySet, leeway: Duration, now: Timestamp) -> Option<Timestamp> {
        let until = Timestamp::from_secs(self.expires_at).plus(leeway);
        if until <= now {
            return None;
        }
        let kind = match &*self.kind {
            "token" => Revoked::Token,
            "grant" => Revoked::Grant,
            _ => {
                tracing::error!(
                    kind = ?self.kind,
                    seq = self.seq,
                    "a revocation of an unknown kind: this verifier is too old for its issuer"
                );
                return Some(until);
            }
        };
        deny_set.insert(kind, &self.id, until);
        None
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &'static str, json: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(json).map_err(|source| Malformed { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LEEWAY: Duration = Duration::from_secs(30);

    fn frame(event: &str, data: &str) -> Frame {
        Frame { event: event.to_owned(), data: data.to_owned() }
    }

    fn revoked(seq: u64, kind: &str, id: &str) -> Frame {
        let data = format!(r#"{{"seq":{seq},"kind":"{kind}","id":"{id}","expires_at":1100}}"#);
        frame("revoked", &data)
    }

    fn heartbeat(seq: u64) -> Frame {
        frame("heartbeat", &format!(r#"{{"seq":{seq}}}"#))
    }

    fn loaded_at(seq: u64) -> (FeedState, DenySet) {
        let (mut state, deny_set) = (FeedState::new(LEEWAY), DenySet::new());
        state.adopt(Loaded { seq, not_understood_until: None });
        (state, deny_set)
    }

    #[test]
    fn frames_lead_to_these_steps() {
        let until = Timestamp::from_secs(1_130);
        for (given, expect) in [
            (revoked(43, "token", "a"), Some(Step::Continue)),
            (revoked(42, "grant", "again"), Some(Step::Continue)),
            (revoked(43, "planet", "a"), Some(Step::NotUnderstood(until))),
            (heartbeat(42), Some(Step::Current)),
            (heartbeat(43), Some(Step::Reload)),
            (heartbeat(41), Some(Step::Reload)),
            (frame("reset", "{}"), Some(Step::Reload)),
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
        assert_eq!(state.apply(&heartbeat(43), &deny_set, NOW).ok(), Some(Step::Current));
        assert!(deny_set.is_revoked("t", Some("g"), Timestamp::from_secs(1_129)));
        assert!(!deny_set.is_revoked("t", Some("g"), Timestamp::from_secs(1_130)));
    }

    #[test]
    fn a_snapshot_of_a_restored_database_moves_back_but_forgets_nothing() {
        let (mut state, deny_set) = loaded_at(42);
        assert!(state.apply(&revoked(43, "token", "new"), &deny_set, NOW).is_ok());
        let json = br#"{"seq":7,"events":[{"seq":7,"kind":"token","id":"old","expires_at":1100}]}"#;
        let loaded = load_snapshot(json, &deny_set, LEEWAY, NOW).expect("well formed");
        state.adopt(loaded);
        assert_eq!(state.applied(), Some(7));
        assert!(deny_set.is_revoked("old", None, NOW));
        assert!(deny_set.is_revoked("new", None, NOW));
    }

    #[test]
    fn a_snapshot_reports_live_kinds_it_does_not_understand() {
        let json = br#"{"seq":9,"events":[
            {"seq":1,"kind":"planet","id":"gone","expires_at":900},
            {"seq":2,"kind":"planet","id":"live","expires_at":1100},
            {"seq":3,"kind":"to\u006ben","id":"a\"b","expires_at":1100}]}"#;
        let deny_set = DenySet::new();
        let loaded = load_snapshot(json, &deny_set, LEEWAY, NOW).expect("well formed");
        assert_eq!(loaded.not_understood_until, Some(Timestamp::from_secs(1_130)));
        assert!(deny_set.is_revoked("a\"b", None, NOW));
        assert_eq!(deny_set.len(), 1);
        assert!(load_snapshot(br#"{"seq":9}"#, &deny_set, LEEWAY, NOW).is_err());
    }
}
