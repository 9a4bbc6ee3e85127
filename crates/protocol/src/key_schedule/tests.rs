//! The schedule in numbers, and under random clocks, delays, restarts and changes of the settings.

use std::collections::HashMap;

use countersign_jose::Algorithm;
use proptest::prelude::*;

use super::*;

const SIGNS: KeyUse = KeyUse::Signature(Algorithm::ES256);
const ES256: &[KeyUse] = &[SIGNS];
const TWO: &[KeyUse] = &[SIGNS, KeyUse::Signature(Algorithm::Ed25519)];
const DAY: u64 = 86_400;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn signed(longest: u64) -> Lives {
    Lives { signed: secs(longest), ..Lives::default() }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + seconds)
}

/// A store: keys that change by whole decisions, and are made when they are needed.
#[derive(Clone, Debug, Default)]
struct Keys {
    lives: Vec<KeyLife>,
    made: u32,
}

impl Keys {
    fn decide(&mut self, uses: &[KeyUse], settings: &Settings, wish: &Wish, now: Timestamp) {
        let steps = decide(&self.lives, uses, settings, wish, now).unwrap();
        for step in steps {
            apply(&mut self.lives, &step, now);
            if let Step::Make { usage, signs, longest_token } = step {
                self.made += 1;
                let life = KeyLife::new(format!("key {:04}", self.made), usage, now, signs);
                self.lives.push(KeyLife { longest_token, ..life });
            }
        }
    }

    fn tick(&mut self, now: Timestamp) {
        let settings = Settings { lives: signed(300), ..Settings::default() };
        self.decide(ES256, &settings, &Wish::Schedule, now);
    }

    fn states(&self) -> Vec<(&str, &'static str)> {
        self.lives.iter().map(|key| (&*key.kid, key.state().as_str())).collect()
    }
}

#[test]
fn the_default_schedule_in_numbers() {
    let (first, second, third) = ("key 0001", "key 0002", "key 0003");
    let mut keys = Keys::default();
    let settings = Settings { lives: signed(300), ..Settings::default() };
    let gone = 90 * DAY + 300 + 300 + 600 + 7_200;
    for (now, expected) in [
        (0, &[(first, "active"), (second, "announced")][..]),
        (90 * DAY - 1, &[(first, "active"), (second, "announced")]),
        (90 * DAY, &[(first, "retiring"), (second, "active"), (third, "announced")]),
        (gone - 1, &[(first, "retiring"), (second, "active"), (third, "announced")]),
        (gone, &[(second, "active"), (third, "announced")]),
        (180 * DAY - 1, &[(second, "active"), (third, "announced")]),
        (180 * DAY, &[(second, "retiring"), (third, "active"), ("key 0004", "announced")]),
    ] {
        keys.tick(at(now));
        assert_eq!(keys.states(), expected, "at {now}");
        let before = keys.clone();
        keys.tick(at(now));
        assert_eq!(keys.lives, before.lives, "nothing is left to do at {now}");
        let next = next_step_at(&keys.lives, &settings).unwrap();
        assert!(next > at(now), "{now}");
    }
    let mut keys = Keys::default();
    keys.tick(at(0));
    assert_eq!(next_step_at(&keys.lives, &settings), Some(at(90 * DAY)));
    keys.tick(at(90 * DAY));
    assert_eq!(next_step_at(&keys.lives, &settings), Some(at(gone)));
}

#[test]
fn a_key_that_verifiers_may_not_know_does_not_sign_by_itself() {
    let mut keys = Keys::default();
    keys.tick(at(0));
    let rotate = |force| Wish::Rotate { usage: SIGNS, force };
    let settings = Settings::default();
    let refused = decide(&keys.lives, ES256, &settings, &rotate(false), at(DAY - 1));
    assert_eq!(refused, Err(Refusal::NotYet { ripe_at: Some(at(DAY)) }));
    let hasty = Settings { rotation: Some(secs(1)), announce: secs(0), ..settings };
    let least = ANNOUNCE_MIN.as_secs();
    keys.decide(ES256, &hasty, &Wish::Schedule, at(least - 1));
    assert_eq!(keys.states(), [("key 0001", "active"), ("key 0002", "announced")]);
    keys.decide(ES256, &hasty, &Wish::Schedule, at(least));
    assert_eq!(keys.states()[..2], [("key 0001", "retiring"), ("key 0002", "active")]);
    keys.decide(ES256, &settings, &rotate(true), at(least + 1));
    assert_eq!(keys.states()[2..], [("key 0003", "active"), ("key 0004", "announced")]);
}

#[test]
fn without_a_period_a_key_signs_until_the_next_is_asked_for() {
    let by_hand = Settings { rotation: None, ..Settings::default() };
    let mut keys = Keys::default();
    keys.decide(ES256, &by_hand, &Wish::Schedule, at(0));
    assert_eq!(next_step_at(&keys.lives, &by_hand), None);
    keys.decide(ES256, &by_hand, &Wish::Schedule, at(4_000 * DAY));
    assert_eq!(keys.states(), [("key 0001", "active"), ("key 0002", "announced")]);
    let wish = Wish::Rotate { usage: SIGNS, force: false };
    keys.decide(ES256, &by_hand, &wish, at(4_000 * DAY));
    assert_eq!(keys.states()[..2], [("key 0001", "retiring"), ("key 0002", "active")]);
}

/// Who wanted it first may be another server, or have restarted since.
#[test]
fn a_further_use_begins_when_it_is_wanted_and_goes_on_by_itself() {
    let further = KeyUse::Signature(Algorithm::ES384);
    let settings = Settings { lives: signed(300), ..Settings::default() };
    let mut keys = Keys::default();
    keys.decide(ES256, &settings, &Wish::Schedule, at(0));
    assert_eq!(keys.lives.len(), 2);
    keys.decide(&[SIGNS, further], &settings, &Wish::Schedule, at(10));
    let of = |keys: &Keys| -> Vec<_> {
        let states = keys.lives.iter().filter(|key| key.usage == further);
        states.map(|key| key.state().as_str()).collect()
    };
    assert_eq!(of(&keys), ["active", "announced"]);
    keys.decide(ES256, &settings, &Wish::Schedule, at(10 + 90 * DAY));
    assert_eq!(of(&keys), ["retiring", "active", "announced"]);
    keys.decide(ES256, &settings, &Wish::Schedule, at(11 + 91 * DAY));
    assert_eq!(of(&keys), ["active", "announced"], "what is gone is gone, wanted or not");
    let kid = keys.lives.iter().find(|key| key.usage == further).unwrap().kid.clone();
    keys.decide(ES256, &settings, &Wish::Revoke { kids: vec![kid] }, at(12 + 91 * DAY));
    assert_eq!(of(&keys), ["active", "announced"]);
}

#[test]
fn a_secret_that_must_not_change_is_made_once() {
    let lasting = KeyUse::PairwiseSubjects;
    let settings = Settings { lives: signed(300), ..Settings::default() };
    let mut keys = Keys::default();
    for days in [0, 1, 100, 10_000] {
        keys.decide(&[lasting], &settings, &Wish::Schedule, at(days * DAY));
        assert_eq!(keys.states(), [("key 0001", "active")]);
    }
    let refused = |wish| decide(&keys.lives, &[], &settings, &wish, at(0)).unwrap_err();
    let rotate = Wish::Rotate { usage: lasting, force: true };
    assert_eq!(refused(rotate), Refusal::Lasting);
    assert_eq!(refused(Wish::Revoke { kids: vec!["key 0001".into()] }), Refusal::Lasting);
}

#[test]
fn every_use_is_read_back_by_its_name() {
    let further = [Algorithm::ES512, Algorithm::PS384, Algorithm::MlDsa87];
    let further = further.map(KeyUse::Signature);
    for usage in KeyUse::ALWAYS.iter().chain(&further) {
        assert_eq!(KeyUse::from_name(usage.name()), Some(*usage));
    }
    for junk in ["HS256", "none", "", "secret"] {
        assert_eq!(KeyUse::from_name(junk), None, "{junk}");
    }
}

#[test]
fn a_revoked_key_is_gone_at_once_and_has_a_successor() {
    let revoke = |kids: &[&str]| Wish::Revoke { kids: kids.iter().map(|k| (*k).into()).collect() };
    for (kids, expected) in [
        (&["key 0001"][..], &[("key 0002", "active"), ("key 0003", "announced")][..]),
        (&["key 0002"], &[("key 0001", "active"), ("key 0003", "announced")]),
        (&["key 0001", "key 0002"], &[("key 0003", "active"), ("key 0004", "announced")]),
    ] {
        let mut keys = Keys::default();
        keys.tick(at(0));
        keys.decide(ES256, &Settings::default(), &revoke(kids), at(5));
        assert_eq!(keys.states(), expected, "{kids:?}");
    }
    let refused = decide(&[], ES256, &Settings::default(), &revoke(&["x"]), at(0));
    assert_eq!(refused, Err(Refusal::NoSuchKey("x".into())));
}

#[test]
fn shorter_lifetimes_delete_no_key_early() {
    let long = Settings { lives: signed(DAY), ..Settings::default() };
    let mut keys = Keys::default();
    keys.tick(at(0));
    keys.decide(ES256, &long, &Wish::Schedule, at(1));
    keys.tick(at(90 * DAY));
    keys.tick(at(91 * DAY));
    assert_eq!(keys.states()[0], ("key 0001", "retiring"));
    keys.tick(at(91 * DAY).plus(keep(secs(0))));
    assert_eq!(keys.lives[0].kid, "key 0002");
}

#[test]
fn a_clock_that_was_years_ahead_stops_nothing() {
    let mut keys = Keys::default();
    keys.tick(at(4_000 * DAY));
    keys.tick(at(0));
    assert_eq!(next_step_at(&keys.lives, &Settings::default()), Some(at(90 * DAY)));
}

#[test]
fn two_keys_that_sign_are_put_in_order() {
    let life = |kid: &str, since| KeyLife::new(kid.into(), SIGNS, at(since), true);
    let mut keys = Keys { lives: vec![life("b", 0), life("a", 0), life("c", 0)], made: 0 };
    keys.tick(at(1));
    assert_eq!(keys.states()[..3], [("b", "retiring"), ("a", "retiring"), ("c", "active")]);
}

/// What happens, one after the other.
#[derive(Clone, Debug)]
enum Act {
    /// True time passes.
    Pass(u64),
    /// True time passes until a step is due, which a server takes.
    PassToNextStep(usize),
    /// The clock of the machine is so many seconds ahead of the true time from now on.
    Clock(u64),
    /// A server asks the schedule, reads the keys, and signs.
    Work(usize),
    /// A server signs with the keys that it read last, if that is recent enough.
    SignBehind(usize),
    /// A server starts with other settings.
    Restart(usize, Settings),
}

fn settings() -> impl Strategy<Value = Settings> {
    let period = prop_oneof![1..9_000_u64, 1..200_000_u64];
    let rotation = prop_oneof![1 => Just(None), 5 => period.prop_map(|s| Some(secs(s)))];
    let announce = prop_oneof![0..10_000_u64, 0..100_000_u64];
    let longest = prop_oneof![3 => 10..600_u64, 1 => Just(DAY)];
    let all = (rotation, announce, longest);
    all.prop_map(|(rotation, announce, longest)| Settings {
        rotation,
        announce: secs(announce),
        lives: signed(longest),
    })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let almost_blind = UNCONFIRMED_MAX.as_secs() - 1;
    let pass = prop_oneof![Just(almost_blind), 0..60_u64, 0..4_000_u64, 0..100_000_u64];
    let ahead = prop_oneof![Just(0), Just(CLOCK_STEP_MAX.as_secs())];
    let ahead = prop_oneof![3 => ahead, 1 => 0..=CLOCK_STEP_MAX.as_secs()];
    let act = prop_oneof![
        3 => pass.prop_map(Act::Pass),
        4 => (0..2_usize).prop_map(Act::PassToNextStep),
        3 => ahead.prop_map(Act::Clock),
        4 => (0..2_usize).prop_map(Act::Work),
        3 => (0..2_usize).prop_map(Act::SignBehind),
        1 => (0..2_usize, settings()).prop_map(|(node, settings)| Act::Restart(node, settings)),
    ];
    prop::collection::vec(act, 1..200)
}

struct Node {
    settings: Settings,
    read: Vec<KeyLife>,
    read_at: u64,
}

/// Two servers on one store. Times are true seconds unless they are named otherwise.
struct World {
    now: u64,
    ahead: u64,
    store: Keys,
    nodes: [Node; 2],
    /// When each key came into the store.
    published: HashMap<String, u64>,
    /// When the last token of each key expires for a verifier whose clock is right.
    tokens_until: HashMap<String, u64>,
}

impl World {
    fn wall(&self) -> Timestamp {
        at(self.now + self.ahead)
    }

    fn work(&mut self, node: usize) {
        let settings = self.nodes[node].settings;
        let before = self.store.clone();
        self.store.decide(TWO, &settings, &Wish::Schedule, self.wall());
        let mut other_order = before.lives.clone();
        other_order.reverse();
        let wish = Wish::Schedule;
        let steps = decide(&before.lives, TWO, &settings, &wish, self.wall()).unwrap();
        let same = decide(&other_order, TWO, &settings, &wish, self.wall()).unwrap();
        let sorted = |mut steps: Vec<Step>| {
            steps.sort_by_key(|step| format!("{step:?}"));
            steps
        };
        assert_eq!(sorted(steps), sorted(same), "whoever decides, it is the same");
        for key in &self.store.lives {
            self.published.entry(key.kid.clone()).or_insert(self.now);
        }
        for key in &before.lives {
            if !self.store.lives.iter().any(|kept| kept.kid == key.kid) {
                let until = self.tokens_until.get(&key.kid).copied().unwrap_or(0);
                assert!(until <= self.now, "{key:?} is gone before its last token");
            }
        }
        for usage in TWO {
            let state = |state| {
                let of = |key: &&KeyLife| key.usage == *usage && key.state() == state;
                self.store.lives.iter().filter(of).count()
            };
            assert_eq!((state(KeyState::Active), state(KeyState::Announced)), (1, 1));
        }
        let node = &mut self.nodes[node];
        node.read.clone_from(&self.store.lives);
        node.read_at = self.now;
    }

    fn sign(&mut self, node: usize) {
        let node = &self.nodes[node];
        if node.read.is_empty() || self.now - node.read_at >= UNCONFIRMED_MAX.as_secs() {
            return;
        }
        for key in node.read.iter().filter(|key| key.state() == KeyState::Active) {
            let published = self.published[&key.kid];
            // The JWKS that a verifier kept for longest, from the server that was behind most.
            let known = published + JWKS_KEPT_MAX.as_secs() + UNCONFIRMED_MAX.as_secs();
            assert!(published == 0 || known <= self.now, "{key:?} is not known yet");
            let life = node.settings.lives.signed + LEEWAY_MAX;
            let until = self.now + self.ahead + life.as_secs();
            let longest = self.tokens_until.entry(key.kid.clone()).or_default();
            *longest = until.max(*longest);
            assert!(
                self.store.lives.iter().any(|kept| kept.kid == key.kid),
                "{key:?} is published while it signs"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_clock_no_delay_and_no_restart_breaks_a_promise(
        first in settings(), second in settings(), acts in acts(),
    ) {
        let node = |settings| Node { settings, read: Vec::new(), read_at: 0 };
        let mut world = World {
            now: 0,
            ahead: 0,
            store: Keys::default(),
            nodes: [node(first), node(second)],
            published: HashMap::new(),
            tokens_until: HashMap::new(),
        };
        // Both run before the first token is signed: a server starts by asking the schedule.
        world.work(0);
        world.work(1);
        for act in acts {
            match act {
                Act::Pass(seconds) => world.now += seconds,
                Act::PassToNextStep(node) => {
                    let next = next_step_at(&world.store.lives, &world.nodes[node].settings);
                    let wait = next.map_or(0, |next| next.since(world.wall()).as_secs());
                    world.now += wait;
                    world.work(node);
                    world.sign(node);
                }
                Act::Clock(ahead) => world.ahead = ahead,
                Act::Work(node) => {
                    world.work(node);
                    world.sign(node);
                }
                Act::SignBehind(node) => world.sign(node),
                Act::Restart(node, settings) => {
                    world.nodes[node].settings = settings;
                    world.work(node);
                }
            }
        }
    }
}
