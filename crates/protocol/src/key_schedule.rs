//! The schedule of the server's keys, as a pure function of what is stored, the settings and the
//! time.
//!
//! ```text
//!            announce           rotation                 keep
//!   key 1  ├──────────┼──────────────────────────────┼────────────┤
//!           announced   active                         retiring     gone
//!   key 2             ├──────────────────────────────┼──────────── …
//!                       announced                      active
//! ```
//!
//! Every use (each algorithm, and each kind of token that only the server itself reads) has one key
//! that signs and one that is to sign next. Some uses are always there; a further algorithm begins
//! when somebody wants it, with a key that signs at once, and from then on it is like the others.
//! The next key is published
//! as soon as its predecessor signs, so every verifier knows it long before its first token, and it
//! is there at once when the predecessor has to go. What makes the times safe:
//!
//! - a key is announced for longer than anybody keeps the JWKS before it signs;
//! - a key stays published until the last token that it signed has expired everywhere;
//! - a server that has not read its keys for [`UNCONFIRMED_MAX`] neither signs nor publishes, so
//!   that much of a delay is allowed for in both;
//! - so is a clock that is off by [`CLOCK_STEP_MAX`], at any moment, in one direction;
//! - each key carries the longest life of the tokens that it may have signed, so shortening the
//!   lifetimes deletes no key early.

mod key_use;

use std::time::Duration;

use countersign_jose::Timestamp;

use crate::lifetimes::{CLOCK_STEP_MAX, LEEWAY_MAX, Lifetimes};

pub use key_use::KeyUse;

/// How long anybody may keep the JWKS by what the server says about it (`max-age`).
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);
/// A verifier of ours loads the JWKS again after so long at the latest, whatever it was told. While
/// that fails it goes on with the old one: a key that signs may be unknown to it, which lets no
/// token through, and one that was revoked it leaves out if it has heard of it.
pub const JWKS_KEPT_MAX: Duration = Duration::from_secs(3_600);
/// A server that has not read its keys for so long neither signs with them nor publishes them.
pub const UNCONFIRMED_MAX: Duration = Duration::from_secs(600);
/// The shortest time between the publication of a key and its first signature.
pub const ANNOUNCE_MIN: Duration = Duration::from_secs(
    JWKS_KEPT_MAX.as_secs() + UNCONFIRMED_MAX.as_secs() + CLOCK_STEP_MAX.as_secs(),
);

/// The longest lives of what keys are used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lives {
    /// Signed tokens.
    pub signed: Duration,
    /// Grants, which refresh tokens end with.
    pub grants: Duration,
    /// Opaque access tokens.
    pub opaque: Duration,
    /// Forms, which live as long as the sign-in.
    pub forms: Duration,
}

impl Lives {
    /// What follows from these lifetimes.
    #[must_use]
    pub fn new(lifetimes: &Lifetimes) -> Self {
        Self {
            signed: lifetimes.access_token.max(lifetimes.id_token),
            grants: lifetimes.refresh_absolute.max(lifetimes.code),
            opaque: lifetimes.access_token,
            forms: lifetimes.session_absolute,
        }
    }

    const fn of(&self, usage: KeyUse) -> Duration {
        match usage {
            KeyUse::Signature(_) => self.signed,
            KeyUse::GrantTokens => self.grants,
            KeyUse::OpaqueTokens => self.opaque,
            KeyUse::Forms => self.forms,
            // Good for a few minutes, less than what is allowed for delays and clocks anyway.
            KeyUse::DpopNonces => Duration::ZERO,
            // Never retired.
            KeyUse::PairwiseSubjects => Duration::ZERO,
        }
    }
}

/// What the times follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a key signs. `None`: until somebody asks for the next.
    pub rotation: Option<Duration>,
    /// How long a key is published before it signs; at least [`ANNOUNCE_MIN`] counts.
    pub announce: Duration,
    /// The lives of what is issued now; zero for a process that issues nothing.
    pub lives: Lives,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rotation: Some(Duration::from_secs(90 * 86_400)),
            announce: Duration::from_secs(86_400),
            lives: Lives::default(),
        }
    }
}

/// Where a key stands in its life. A signing key is published in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published ahead of use, so that verifiers know it before its first token.
    Announced,
    /// Signs.
    Active,
    /// Signs no more, published until its last token has expired.
    Retiring,
}

impl KeyState {
    /// The word that people read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }
}

/// The life of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// Its name: of a signing key the RFC 7638 thumbprint, of a secret `secret-` and a number.
    pub kid: String,
    /// What it is for.
    pub usage: KeyUse,
    /// Since when it is published.
    pub announced_at: Timestamp,
    /// Since when it signs, or when it began to.
    pub active_at: Option<Timestamp>,
    /// Since when it signs no more.
    pub retired_at: Option<Timestamp>,
    /// The longest life of a token that it may have signed.
    pub longest_token: Duration,
}

impl KeyLife {
    /// A key that is published from `now` on, and signs at once if it is to.
    #[must_use]
    pub const fn new(kid: String, usage: KeyUse, now: Timestamp, signs: bool) -> Self {
        let active_at = if signs { Some(now) } else { None };
        let longest_token = Duration::ZERO;
        Self { kid, usage, announced_at: now, active_at, retired_at: None, longest_token }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        match (self.active_at, self.retired_at) {
            (_, Some(_)) => KeyState::Retiring,
            (Some(_), None) => KeyState::Active,
            (None, None) => KeyState::Announced,
        }
    }

    /// When every verifier has expired the last of its tokens; none as long as it may sign.
    #[must_use]
    pub fn gone_at(&self) -> Option<Timestamp> {
        Some(self.retired_at?.plus(keep(self.longest_token)))
    }

    /// From when on it may sign.
    #[must_use]
    pub fn ripe_at(&self, settings: &Settings) -> Timestamp {
        self.announced_at.plus(settings.announce.max(ANNOUNCE_MIN))
    }
}

/// How long a key stays published after it has been retired. The clock counts twice: it may be
/// ahead when the last token is signed, right when the key is retired, and ahead again when it is
/// deleted.
#[must_use]
pub fn keep(longest_token: Duration) -> Duration {
    longest_token + LEEWAY_MAX + UNCONFIRMED_MAX + 2 * CLOCK_STEP_MAX
}

/// How long the revocation of a key has to be remembered. A thief makes tokens of any lifetime, so
/// it is not only the tokens that count but how long a verifier may still hold the key.
#[must_use]
pub fn revocation_life(longest_token: Duration) -> Duration {
    (longest_token + LEEWAY_MAX).max(JWKS_KEPT_MAX) + UNCONFIRMED_MAX + CLOCK_STEP_MAX
}

/// One change of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new key is needed.
    Make {
        /// What it is for.
        usage: KeyUse,
        /// Whether it signs at once, because no other does.
        signs: bool,
        /// The longest life of the tokens that it will sign.
        longest_token: Duration,
    },
    /// Tokens that the key signs may live longer than before.
    Outlast {
        /// The key.
        kid: String,
        /// The longest life of its tokens.
        longest_token: Duration,
    },
    /// A time that lies far ahead was written by a clock that was wrong: its wait begins anew.
    Reset {
        /// The key.
        kid: String,
    },
    /// It signs from now on.
    Activate {
        /// The key.
        kid: String,
    },
    /// It signs no more.
    Retire {
        /// The key.
        kid: String,
    },
    /// It is published no more.
    Delete {
        /// The key.
        kid: String,
    },
}

/// What somebody wants to happen to the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What the schedule says, and nothing else.
    Schedule,
    /// The next key of a use signs now. Unless that is forced, only one that has been
    /// announced long enough does.
    Rotate {
        /// The use.
        usage: KeyUse,
        /// Also a key that some verifiers do not know yet.
        force: bool,
    },
    /// These keys are in wrong hands: they are published no more, and others take their place.
    Revoke {
        /// Their names.
        kids: Vec<String>,
    },
}

/// Why a wish can't be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such key.
    #[error("there is no key {0}")]
    NoSuchKey(String),
    /// It would change what must never change.
    #[error("the secret of pairwise subjects stays: with another, clients would know nobody again")]
    Lasting,
    /// The next key has not been announced long enough.
    #[error("the next key has not been published long enough for every verifier to know it")]
    NotYet {
        /// When it will have been. `None` when there is no next key yet.
        ripe_at: Option<Timestamp>,
    },
}

/// The steps that are due, in their order. After them nothing is due at `now`, except that every
/// [`Step::Make`] needs a key, which only the caller can bring. `uses` are those that the caller
/// wants; whatever there are keys for goes on, whoever wanted it.
///
/// # Errors
/// [`Refusal`] when the wish can't be fulfilled; then nothing changes.
pub fn decide(
    keys: &[KeyLife],
    uses: &[KeyUse],
    settings: &Settings,
    wish: &Wish,
    now: Timestamp,
) -> Result<Vec<Step>, Refusal> {
    let mut planned = Planned { keys: keys.to_vec(), steps: Vec::new(), now };
    match wish {
        Wish::Schedule => {}
        Wish::Rotate { usage, force } => planned.rotate(*usage, *force, settings)?,
        Wish::Revoke { kids } => {
            for kid in kids {
                let Some(key) = keys.iter().find(|key| key.kid == *kid) else {
                    return Err(Refusal::NoSuchKey(kid.clone()));
                };
                if key.usage.is_lasting() {
                    return Err(Refusal::Lasting);
                }
                planned.take(Step::Delete { kid: kid.clone() });
            }
        }
    }
    planned.reset();
    let mut all = uses.to_vec();
    if let Wish::Rotate { usage, .. } = wish {
        all.push(*usage);
    }
    all.extend(keys.iter().filter(|key| key.state() != KeyState::Retiring).map(|key| key.usage));
    let mut seen = Vec::new();
    for usage in all {
        if !seen.contains(&usage) {
            seen.push(usage);
            planned.schedule(usage, settings);
        }
    }
    planned.forget();
    Ok(planned.steps)
}

/// When the schedule has to be asked again, if that can be told now.
#[must_use]
pub fn next_step_at(keys: &[KeyLife], settings: &Settings) -> Option<Timestamp> {
    let rotations = keys.iter().filter(|key| key.state() == KeyState::Active).filter_map(|key| {
        let old = key.active_at?.plus(settings.rotation?);
        let ripe = successor(keys, key.usage)?.ripe_at(settings);
        Some(old.max(ripe))
    });
    rotations.chain(keys.iter().filter_map(KeyLife::gone_at)).min()
}

/// Carries a step out. A key that is to be made has to be brought by the caller.
pub fn apply(keys: &mut Vec<KeyLife>, step: &Step, now: Timestamp) {
    let mut change = |kid: &str, change: &dyn Fn(&mut KeyLife)| {
        keys.iter_mut().filter(|key| key.kid == kid).for_each(change);
    };
    match step {
        Step::Make { .. } => {}
        Step::Outlast { kid, longest_token } => {
            change(kid, &|key| key.longest_token = key.longest_token.max(*longest_token));
        }
        Step::Reset { kid } => change(kid, &|key| {
            key.announced_at = key.announced_at.min(now);
            key.active_at = key.active_at.map(|at| at.min(now));
            key.retired_at = key.retired_at.map(|at| at.min(now));
        }),
        Step::Activate { kid } => change(kid, &|key| key.active_at = Some(now)),
        Step::Retire { kid } => change(kid, &|key| key.retired_at = Some(now)),
        Step::Delete { kid } => keys.retain(|key| key.kid != *kid),
    }
}

/// The steps so far, and the keys as they are after them.
struct Planned {
    keys: Vec<KeyLife>,
    steps: Vec<Step>,
    now: Timestamp,
}

impl Planned {
    fn take(&mut self, step: Step) {
        apply(&mut self.keys, &step, self.now);
        self.steps.push(step);
    }

    fn rotate(&mut self, usage: KeyUse, force: bool, settings: &Settings) -> Result<(), Refusal> {
        if usage.is_lasting() {
            return Err(Refusal::Lasting);
        }
        let next = successor(&self.keys, usage).cloned();
        let ripe_at = next.as_ref().map(|next| next.ripe_at(settings));
        let is_ripe = ripe_at.is_some_and(|ripe_at| ripe_at <= self.now);
        if !force && !is_ripe {
            return Err(Refusal::NotYet { ripe_at });
        }
        self.outlast(usage, settings);
        let active: Vec<_> = self.active(usage).into_iter().map(|key| key.kid).collect();
        if let Some(next) = next {
            self.take(Step::Activate { kid: next.kid });
        }
        // With no next one, a key is made that signs at once.
        for kid in active {
            self.take(Step::Retire { kid });
        }
        Ok(())
    }

    fn schedule(&mut self, usage: KeyUse, settings: &Settings) {
        if usage.is_lasting() {
            if self.of(usage).next().is_none() {
                self.take(Step::Make { usage, signs: true, longest_token: Duration::ZERO });
            }
            return;
        }
        self.outlast(usage, settings);
        // Only one signs. There are never two unless somebody has written into the store.
        for older in self.active(usage).into_iter().rev().skip(1) {
            self.take(Step::Retire { kid: older.kid });
        }
        let next = successor(&self.keys, usage).cloned();
        let active = self.active(usage).pop();
        let longest_token = self.longest_token(usage).max(settings.lives.of(usage));
        match (active, next) {
            (None, Some(next)) => self.take(Step::Activate { kid: next.kid }),
            (None, None) => self.take(Step::Make { usage, signs: true, longest_token }),
            (Some(active), Some(next)) => {
                let until = active.active_at.zip(settings.rotation);
                let is_old = until.is_some_and(|(since, period)| since.plus(period) <= self.now);
                if is_old && next.ripe_at(settings) <= self.now {
                    self.take(Step::Activate { kid: next.kid });
                    self.take(Step::Retire { kid: active.kid });
                }
            }
            (Some(_), None) => {}
        }
        if successor(&self.keys, usage).is_none() {
            self.take(Step::Make { usage, signs: false, longest_token });
        }
    }

    /// Deletes what nobody can need any more, whatever it was for.
    fn forget(&mut self) {
        let gone = |key: &&KeyLife| key.gone_at().is_some_and(|gone_at| gone_at <= self.now);
        let gone: Vec<_> = self.keys.iter().filter(gone).cloned().collect();
        for KeyLife { kid, .. } in gone {
            self.take(Step::Delete { kid });
        }
    }

    fn reset(&mut self) {
        let limit = self.now.plus(CLOCK_STEP_MAX);
        let is_ahead = |key: &KeyLife| {
            let times = [Some(key.announced_at), key.active_at, key.retired_at];
            times.into_iter().flatten().any(|at| at > limit)
        };
        let ahead: Vec<_> = self.keys.iter().filter(|key| is_ahead(key)).cloned().collect();
        for KeyLife { kid, .. } in ahead {
            self.take(Step::Reset { kid });
        }
    }

    fn outlast(&mut self, usage: KeyUse, settings: &Settings) {
        let longest_token = settings.lives.of(usage);
        let signs_or_will = |key: &&KeyLife| key.state() != KeyState::Retiring;
        let short: Vec<_> = self
            .of(usage)
            .filter(signs_or_will)
            .filter(|key| key.longest_token < longest_token)
            .cloned()
            .collect();
        for KeyLife { kid, .. } in short {
            self.take(Step::Outlast { kid, longest_token });
        }
    }

    fn of(&self, usage: KeyUse) -> impl Iterator<Item = &KeyLife> {
        self.keys.iter().filter(move |key| key.usage == usage)
    }

    /// The keys that sign, the newest last.
    fn active(&self, usage: KeyUse) -> Vec<KeyLife> {
        let active = self.of(usage).filter(|key| key.state() == KeyState::Active);
        let mut active: Vec<_> = active.cloned().collect();
        active.sort_by(|a, b| (a.active_at, &a.kid).cmp(&(b.active_at, &b.kid)));
        active
    }

    /// Another server on the same store may issue tokens with a longer life than this one, and its
    /// own step may come after the first signature of a key that had to be made in haste.
    fn longest_token(&self, usage: KeyUse) -> Duration {
        self.of(usage).map(|key| key.longest_token).max().unwrap_or_default()
    }
}

/// The key that is to sign next: the one that was announced first.
fn successor(keys: &[KeyLife], usage: KeyUse) -> Option<&KeyLife> {
    keys.iter()
        .filter(|key| key.usage == usage && key.state() == KeyState::Announced)
        .min_by(|a, b| (a.announced_at, &a.kid).cmp(&(b.announced_at, &b.kid)))
}

#[cfg(test)]
mod tests;
