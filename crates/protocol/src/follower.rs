//! Verifiers that follow the revocation feed: what each has acknowledged, and for how long it may
//! still accept what has been revoked. All that a revocation barrier is decided by.

use std::time::Duration;

use countersign_jose::Timestamp;

use crate::error::{ErrorCode, OAuthError};
use crate::wire::params::Params;

/// A server says so often that a feed is still open.
pub const SEEN_EVERY: Duration = Duration::from_secs(5);
/// A feed that its server has not spoken of for so long ended with the server.
const SEEN_MAX: Duration = Duration::from_secs(15);
/// A verifier acknowledges within milliseconds of its connection, or it does not know how.
const FIRST_ACKNOWLEDGEMENT: Duration = Duration::from_secs(2);
/// What a verifier that has told nothing goes by: the default of ours.
const USUAL_STALENESS: Duration = Duration::from_secs(10);
/// A verifier leaves a feed that is silent for so long, so no news reaches it later than that.
const DELAY_MAX: Duration = Duration::from_secs(3);
/// The longest staleness that is believed.
const STALENESS_MAX: Duration = Duration::from_secs(86_400);
/// A verifier that accepts tokens whatever it has missed is named for so long after it was lost.
const NAMED_MAX: Duration = Duration::from_secs(3_600);
/// How long an answer waits unless told otherwise.
const WAIT_USUAL: Duration = Duration::from_secs(3);
const WAIT_MAX_MS: u64 = 10_000;
/// The longest name that a verifier may give itself, in characters.
const NAME_MAX: usize = 64;

/// A verifier on one connection to the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Made by the server for this connection, 128 random bits: who knows it and is the same client
    /// may acknowledge in its name.
    pub id: String,
    /// The client that it follows as.
    pub client_id: String,
    /// What it calls itself.
    pub name: Option<String>,
    /// Where it connects from, for the operator.
    pub peer: String,
    /// When it connected.
    pub connected_at: Timestamp,
    /// When its server last said that the feed is open.
    pub seen_at: Timestamp,
    /// When the server saw the feed end.
    pub gone_at: Option<Timestamp>,
    /// The newest place in the order of revocations up to which its deny set is complete; `None`
    /// before it has said so on this connection.
    pub acknowledged: Option<u64>,
    /// How long it accepts tokens without news; `None` if it never stops (`DangerAccept`), or if it
    /// has not said so yet.
    pub max_staleness: Option<Duration>,
}

/// Where a verifier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its feed is open.
    Connected,
    /// Its feed is open, but it does not acknowledge: it is older than acknowledgements.
    Silent,
    /// Its feed has ended. Unless it comes back, it refuses every token from then on by itself;
    /// `None` if it never does.
    Lost(Option<Timestamp>),
    /// It is lost and refuses everything, or is past caring about.
    Past,
}

/// What a verifier has to say about a place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It refuses what was revoked up to there.
    Acknowledged,
    /// It may still say so, or stop accepting anything.
    Awaited,
    /// It will not say so.
    Outstanding,
    /// It accepts nothing.
    Irrelevant,
}

impl Follower {
    /// Where it stands at `now`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let server_is_gone = now.since(self.seen_at) > SEEN_MAX;
        // Between two words of its server it may have been connected to the last moment.
        let lost_at =
            self.gone_at.or_else(|| server_is_gone.then(|| self.seen_at.plus(SEEN_EVERY)));
        let Some(lost_at) = lost_at else {
            let has_had_time = now.since(self.connected_at) > FIRST_ACKNOWLEDGEMENT;
            let is_silent = self.acknowledged.is_none() && has_had_time;
            return if is_silent { Standing::Silent } else { Standing::Connected };
        };
        let refuses_from = match (self.max_staleness, self.acknowledged) {
            (Some(limit), _) => Some(lost_at.plus(DELAY_MAX).plus(limit)),
            // It has said that it never stops.
            (None, Some(_)) => None,
            (None, None) => Some(lost_at.plus(DELAY_MAX).plus(USUAL_STALENESS)),
        };
        if now >= refuses_from.unwrap_or_else(|| lost_at.plus(NAMED_MAX)) {
            Standing::Past
        } else {
            Standing::Lost(refuses_from)
        }
    }

    /// What it has to say about the place `seq` at `now`.
    #[must_use]
    pub fn reply(&self, seq: u64, now: Timestamp) -> Reply {
        let has_it = self.acknowledged.is_some_and(|acknowledged| acknowledged >= seq);
        match self.standing(now) {
            _ if has_it => Reply::Acknowledged,
            Standing::Past => Reply::Irrelevant,
            Standing::Connected | Standing::Lost(Some(_)) => Reply::Awaited,
            Standing::Silent | Standing::Lost(None) => Reply::Outstanding,
        }
    }

    /// What it is called in an answer to a client: nothing of the network it stands in.
    #[must_use]
    pub fn public_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.client_id)
    }
}

/// How far a revocation has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Propagation {
    /// Verifiers that refuse what was revoked.
    pub acknowledged: usize,
    /// Those that may still say so.
    pub awaited: Vec<Follower>,
    /// Those that will not.
    pub outstanding: Vec<Follower>,
}

impl Propagation {
    /// How far the place `seq` has come at `now`.
    #[must_use]
    pub fn of(followers: impl IntoIterator<Item = Follower>, seq: u64, now: Timestamp) -> Self {
        let mut propagation = Self::default();
        for follower in followers {
            match follower.reply(seq, now) {
                Reply::Acknowledged => propagation.acknowledged += 1,
                Reply::Awaited => propagation.awaited.push(follower),
                Reply::Outstanding => propagation.outstanding.push(follower),
                Reply::Irrelevant => {}
            }
        }
        propagation
    }

    /// Whether there is nobody left to wait for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.awaited.is_empty()
    }

    /// All that have not confirmed, when the waiting is over.
    #[must_use]
    pub fn unconfirmed(self) -> Vec<Follower> {
        [self.awaited, self.outstanding].concat()
    }
}

/// What a verifier says in an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The id that the feed began with.
    pub follower: String,
    /// The place up to which its deny set is complete.
    pub seq: u64,
    /// What it calls itself.
    pub name: Option<String>,
    /// How long it accepts tokens without news; `None` if it never stops.
    pub max_staleness: Option<Duration>,
    /// Its id on an earlier connection, which this one takes the place of.
    pub replaces: Option<String>,
}

impl Acknowledgement {
    /// Reads the form `follower`, `seq`, `max_staleness_ms` (absent for a verifier that never
    /// stops), `name`, `replaces`.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(params: &Params) -> Result<Self, OAuthError> {
        let seq = number(params.require("seq")?, "seq")?;
        let max_staleness = params.get("max_staleness_ms");
        let max_staleness =
            max_staleness.map(|text| number(text, "max_staleness_ms")).transpose()?;
        let name = params.get("name");
        if name.is_some_and(|name| name.chars().count() > NAME_MAX) {
            let why = format!("a name has at most {NAME_MAX} characters");
            return Err(OAuthError::new(ErrorCode::InvalidRequest, why));
        }
        Ok(Self {
            follower: params.require("follower")?.to_owned(),
            seq,
            name: name.map(str::to_owned),
            max_staleness: max_staleness
                .map(|millis| Duration::from_millis(millis).min(STALENESS_MAX)),
            replaces: params.get("replaces").map(str::to_owned),
        })
    }
}

/// How long an answer to a revocation may wait for every verifier, if it is to (`wait=propagated`,
/// `wait_ms`).
///
/// # Errors
/// `invalid_request`.
pub fn wait_limit(params: &Params) -> Result<Option<Duration>, OAuthError> {
    let refuse = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, why));
    let limit = params.get("wait_ms").map(|text| number(text, "wait_ms")).transpose()?;
    match (params.get("wait"), limit) {
        (None, None) => Ok(None),
        (None, Some(_)) => refuse("wait_ms goes with wait=propagated"),
        (Some("propagated"), None) => Ok(Some(WAIT_USUAL)),
        (Some("propagated"), Some(limit)) if (1..=WAIT_MAX_MS).contains(&limit) => {
            Ok(Some(Duration::from_millis(limit)))
        }
        (Some("propagated"), Some(_)) => refuse("wait_ms is from 1 to 10000"),
        (Some(_), _) => refuse("wait can only be propagated"),
    }
}

fn number(text: &str, name: &str) -> Result<u64, OAuthError> {
    // `parse` would take a sign as well.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok());
    digits.flatten().ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidRequest, format!("{name} is a whole number"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn ago(seconds: u64) -> Timestamp {
        NOW.minus(Duration::from_secs(seconds))
    }

    fn in_seconds(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    /// Connected a minute ago, at place 7.
    fn follower() -> Follower {
        Follower {
            id: "f".into(),
            client_id: "api".into(),
            name: None,
            peer: "10.0.0.7:4711".into(),
            connected_at: ago(60),
            seen_at: ago(1),
            gone_at: None,
            acknowledged: Some(7),
            max_staleness: Some(Duration::from_secs(10)),
        }
    }

    #[test]
    fn where_a_verifier_stands_and_what_it_says() {
        let silent = Follower { acknowledged: None, max_staleness: None, ..follower() };
        let reckless = Follower { max_staleness: None, ..follower() };
        let lost = |at| Follower { gone_at: Some(at), ..follower() };
        for (given, standing, about_8) in [
            (follower(), Standing::Connected, Reply::Awaited),
            (
                Follower { acknowledged: Some(8), ..follower() },
                Standing::Connected,
                Reply::Acknowledged,
            ),
            (
                Follower { acknowledged: Some(9), ..lost(ago(99)) },
                Standing::Past,
                Reply::Acknowledged,
            ),
            (silent.clone(), Standing::Silent, Reply::Outstanding),
            (
                Follower { connected_at: ago(2), ..silent.clone() },
                Standing::Connected,
                Reply::Awaited,
            ),
            (lost(ago(4)), Standing::Lost(Some(in_seconds(9))), Reply::Awaited),
            (lost(ago(13)), Standing::Past, Reply::Irrelevant),
            // The server has ended, and with it the feed, at the latest before its next word.
            (Follower { seen_at: ago(15), ..follower() }, Standing::Connected, Reply::Awaited),
            (
                Follower {
                    seen_at: ago(16),
                    max_staleness: Some(Duration::from_secs(30)),
                    ..follower()
                },
                Standing::Lost(Some(in_seconds(22))),
                Reply::Awaited,
            ),
            (Follower { seen_at: ago(18), ..follower() }, Standing::Past, Reply::Irrelevant),
            (
                Follower { gone_at: Some(ago(600)), ..reckless.clone() },
                Standing::Lost(None),
                Reply::Outstanding,
            ),
            (Follower { gone_at: Some(ago(3_600)), ..reckless }, Standing::Past, Reply::Irrelevant),
            (
                Follower { gone_at: Some(ago(3)), ..silent },
                Standing::Lost(Some(in_seconds(10))),
                Reply::Awaited,
            ),
        ] {
            assert_eq!(given.standing(NOW), standing, "{given:?}");
            assert_eq!(given.reply(8, NOW), about_8, "{given:?}");
        }
    }

    #[test]
    fn waiting_is_asked_for_by_its_name() {
        let millis = Duration::from_millis;
        for (form, expect) in [
            ("", Some(None)),
            ("wait=propagated", Some(Some(millis(3_000)))),
            ("wait=propagated&wait_ms=1", Some(Some(millis(1)))),
            ("wait=propagated&wait_ms=10000", Some(Some(millis(10_000)))),
            ("wait=propagated&wait_ms=10001", None),
            ("wait=propagated&wait_ms=0", None),
            ("wait=forever", None),
            ("wait=Propagated", None),
            ("wait_ms=5", None),
        ] {
            let params = Params::parse(form.as_bytes()).expect("sound");
            assert_eq!(wait_limit(&params).ok(), expect, "{form}");
        }
    }

    #[test]
    fn acknowledgements_are_read_strictly() {
        let good = Acknowledgement {
            follower: "f".into(),
            seq: 7,
            name: Some("orders 1".into()),
            max_staleness: Some(Duration::from_millis(1_500)),
            replaces: Some("e".into()),
        };
        let plain =
            Acknowledgement { name: None, max_staleness: None, replaces: None, ..good.clone() };
        for (form, expect) in [
            ("follower=f&seq=7&name=orders+1&max_staleness_ms=1500&replaces=e", Some(good)),
            ("follower=f&seq=7&more=x", Some(plain.clone())),
            (
                "follower=f&seq=18446744073709551615",
                Some(Acknowledgement { seq: u64::MAX, ..plain }),
            ),
            ("follower=f&seq=18446744073709551616", None),
            ("follower=f&seq=%2B7", None),
            ("follower=f&seq=-1", None),
            ("follower=f", None),
            ("seq=7", None),
            ("follower=f&seq=7&max_staleness_ms=soon", None),
        ] {
            let params = Params::parse(form.as_bytes()).expect("sound");
            assert_eq!(Acknowledgement::parse(&params).ok(), expect, "{form}");
        }
        let long = format!("follower=f&seq=7&name={}", "n".repeat(65));
        let params = Params::parse(long.as_bytes()).expect("sound");
        assert!(Acknowledgement::parse(&params).is_err());
    }
}
