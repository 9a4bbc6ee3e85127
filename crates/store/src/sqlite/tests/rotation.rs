//! Rotation, explored: everything that a client, a thief, a network and two servers on one store
//! can do to a grant, within bounds, and the properties of docs/rotation.md at each step of it.
//!
//! It begins with the first refresh token, or with the code that becomes it (generation 0). A
//! server's step is the product's own, SQL included (`transaction`). What stands here is what
//! surrounds it: one lock, a commit that may not come, an answer that may not arrive, clocks.

mod facts;
mod plan;
mod properties;
mod search;
mod transaction;
mod world;

use std::time::Instant;

use plan::{Manners, Plan, Server};
use properties::{
    AHEAD, CAUGHT, LIFETIMES, NO_INNOCENT, NO_OLD_TOKEN, ONE_SUCCESSOR, ONE_WINNER, STAYS_ENDED,
    STRANGERS,
};
use search::{Explored, explore};
use transaction::{Kind, Numbers, Rule, Transaction};
use world::{Act, World};

/// A public client and a thief, two servers, one request in each transaction.
const THEFT: Plan = Plan {
    numbers: Numbers {
        kind: Kind::Public,
        code: 2,
        window: 2,
        idle: 3,
        absolute: 5,
        fast_forward: false,
    },
    rule: Rule::Product,
    server: Server::Product,
    manners: Manners::Good,
    code: false,
    until: 6,
    skew: 0,
    client_until: 2,
    batch: 1,
    thefts: 1,
    thief_tries: 2,
    revocation: false,
    restore: false,
};

/// A client alone with its bad luck.
const HONEST: Plan = Plan { thefts: 0, thief_tries: 0, batch: 2, revocation: true, ..THEFT };

/// The database goes back in time.
const RESTORED: Plan = Plan { restore: true, batch: 1, ..HONEST };

/// From the authorization code on, which the thief may have too.
const CODE: Plan = Plan { code: true, client_until: 1, until: 5, ..THEFT };

const fn of(kind: Kind, plan: Plan) -> Plan {
    Plan { numbers: Numbers { kind, ..plan.numbers }, ..plan }
}

/// The operator lets a restored database catch up.
const fn forward(plan: Plan) -> Plan {
    Plan { numbers: Numbers { fast_forward: true, ..plan.numbers }, ..plan }
}

const fn window(window: u8, plan: Plan) -> Plan {
    Plan { numbers: Numbers { window, ..plan.numbers }, ..plan }
}

fn run(plan: &Plan) -> (Explored<Act>, usize) {
    let transaction = Transaction::new(plan.numbers, plan.rule);
    let found = explore(
        World::new(plan),
        |world| world.acts(plan),
        |world, act| world.apply(plan, &transaction, act),
    );
    (found, transaction.made())
}

/// Everything within the plan's bounds is tried, and every property holds. There are at least so
/// many states: fewer would mean that something can't happen any more.
fn holds(name: &str, plan: &Plan, least: usize) {
    let start = Instant::now();
    let (Explored { states, steps, depth, broken }, transactions) = run(plan);
    if let Some((property, way)) = broken {
        panic!("{name}: \"{property}\" is broken by {way:#?}");
    }
    let took = start.elapsed();
    println!(
        "{name}: {states} states, {steps} steps, {depth} deep, {transactions} different \
         transactions, {took:?}"
    );
    assert!(states >= least, "{name}: only {states} states");
}

/// The plan breaks a property, and this is the one that is noticed first.
fn breaks(name: &str, plan: &Plan, property: &str) {
    let (found, _) = run(plan);
    let (broken, way) = found.broken.unwrap_or_else(|| panic!("{name}: nothing was noticed"));
    assert_eq!(broken, property, "{name}: {way:?}");
    println!("{name}: \"{property}\" is broken by {way:?}");
}

#[test]
fn a_thief_of_a_public_client_is_caught() {
    holds("a thief of a public client", &THEFT, 91_000);
    holds("a thief where there is no window", &window(0, THEFT), 20_000);
}

#[test]
fn a_thief_is_caught_though_clocks_differ() {
    holds(
        "a thief, and a clock that is behind",
        &Plan { skew: 1, thief_tries: 1, ..THEFT },
        64_000,
    );
}

#[test]
fn a_thief_without_the_secret_or_the_key_does_nothing() {
    holds("a thief of a confidential client", &of(Kind::Confidential, THEFT), 23_000);
    holds("a thief of a bound token", &of(Kind::Bound, THEFT), 23_000);
}

#[test]
fn a_thief_of_a_code_is_caught_or_does_nothing() {
    holds("a thief of a code of a public client", &CODE, 23_000);
    holds(
        "the same, and a clock that is behind",
        &Plan { skew: 1, thief_tries: 1, ..CODE },
        19_000,
    );
    holds("a thief of a code of a confidential client", &of(Kind::Confidential, CODE), 6_000);
    holds("a thief of a code, and tokens that are bound", &of(Kind::Bound, CODE), 6_000);
}

#[test]
fn nobody_innocent_is_logged_out() {
    holds("a public client", &HONEST, 22_000);
    holds("a confidential client", &of(Kind::Confidential, HONEST), 28_000);
    holds("a public client, from its code on", &Plan { code: true, ..HONEST }, 24_000);
}

#[test]
fn a_restored_database_is_safe() {
    holds("a public client, restored", &RESTORED, 35_000);
    let theft = Plan { thefts: 1, thief_tries: 1, client_until: 1, until: 4, ..RESTORED };
    holds("a thief, restored and told to catch up", &forward(theft), 32_000);
    let code = Plan { code: true, ..RESTORED };
    holds("a public client, restored to its code", &code, 57_000);
    holds("the same, told to catch up", &forward(code), 57_000);
}

#[test]
fn a_restored_database_that_catches_up_logs_nobody_out() {
    holds("a public client, told to catch up", &forward(RESTORED), 35_000);
    holds("a bound token, told to catch up", &of(Kind::Bound, forward(RESTORED)), 43_000);
}

/// Each wrong rule is found out, and by the property that it breaks.
#[test]
fn the_search_finds_a_wrong_rule() {
    let with = |rule, plan| Plan { rule, ..plan };
    let bound = of(Kind::Bound, Plan { thief_tries: 1, ..THEFT });
    for (rule, plan, property) in [
        (Rule::TwoBehind, THEFT, NO_OLD_TOKEN),
        (Rule::Timestamps, THEFT, ONE_SUCCESSOR),
        (Rule::EveryRetryRotates, THEFT, ONE_SUCCESSOR),
        (Rule::NoWindow, HONEST, NO_INNOCENT),
        (Rule::EndlessWindow, THEFT, NO_OLD_TOKEN),
        (Rule::NoReuse, THEFT, CAUGHT),
        (Rule::Silent, THEFT, CAUGHT),
        (Rule::StrangersEnd, bound, STRANGERS),
        (Rule::NoAbsoluteEnd, HONEST, LIFETIMES),
        (Rule::ForgetsTheEnd, HONEST, STAYS_ENDED),
        (Rule::AlwaysForward, RESTORED, AHEAD),
        (Rule::CodeAgain, CODE, NO_OLD_TOKEN),
        (Rule::CodeForgiven, CODE, CAUGHT),
    ] {
        breaks(&format!("{rule:?}"), &with(rule, plan), property);
    }
}

/// The rule alone is not enough: it has to run under the lock, and be answered after the commit.
#[test]
fn the_search_finds_a_wrong_use_of_the_store() {
    let plan = Plan { server: Server::ReadsThenWrites, ..THEFT };
    breaks("a read, and later a write", &plan, ONE_WINNER);
    let plan = Plan { server: Server::AnswersEarly, ..HONEST };
    breaks("an answer before the commit", &plan, NO_INNOCENT);
}

/// What an honest client owes, said in docs/rotation.md: without it the promise can't be kept.
#[test]
fn a_client_without_manners_may_be_taken_for_a_thief() {
    let plan = Plan { manners: Manners::TriesTooLate, ..HONEST };
    breaks("a public client that tries again after the window", &plan, NO_INNOCENT);
    let plan = Plan { manners: Manners::LeavesRequestsOpen, ..HONEST };
    for kind in [Kind::Public, Kind::Confidential] {
        let name = "a client whose older request arrives after it has used the new token";
        breaks(name, &of(kind, plan), NO_INNOCENT);
    }
}

/// Not promised, and said in docs/rotation.md: who stole one token, and comes inside the window of
/// every rotation, keeps up. Without a window nobody does.
#[test]
fn a_thief_who_is_always_in_time_is_not_caught_yet() {
    let keeps_up = |plan: &Plan| {
        let transaction = Transaction::new(plan.numbers, plan.rule);
        let only_the_first = |world: &World| {
            let mut acts = world.acts(plan);
            acts.retain(|act| *act != Act::Steal || world.is_at_first());
            acts
        };
        let found = explore(World::new(plan), only_the_first, |world, act| {
            let next = world.apply(plan, &transaction, act)?;
            if next.share(3) { Err("both hold the third token") } else { Ok(next) }
        });
        found.broken
    };
    let (what, way) = keeps_up(&THEFT).expect("it can be done");
    println!("{what}: {way:?}");
    assert!(keeps_up(&window(0, THEFT)).is_none());
}
