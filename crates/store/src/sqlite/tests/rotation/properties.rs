//! What has to be true, said without the rule: by the true time, and by who has done what.

use super::facts::{Job, Past, Stored};
use super::plan::Plan;
use super::transaction::{Answer, As, BEGINNING, Done, Kind, Numbers};

pub(super) const ONE_WINNER: &str = "a token is rotated once";
pub(super) const ONE_SUCCESSOR: &str = "every use of a token is answered with its one successor";
pub(super) const NO_INNOCENT: &str = "an honest client without a thief is never refused";
pub(super) const NO_OLD_TOKEN: &str = "a token that was superseded for good is never answered";
pub(super) const CAUGHT: &str = "the use of a superseded token ends the grant and is published";
pub(super) const STAYS_ENDED: &str = "what has ended stays ended";
pub(super) const LIFETIMES: &str = "nothing is answered after its lifetime";
pub(super) const STRANGERS: &str = "only the grant's client with the grant's key changes anything";
pub(super) const AHEAD: &str = "a token newer than the row is taken only when the operator says so";
pub(super) const NOTHING_ELSE: &str = "a retry and a refusal change nothing";

/// A request, as the whole world sees it.
pub(super) struct Shown {
    pub(super) presented: u8,
    pub(super) by: As,
    /// It comes from the honest client, with the newest token that it has.
    pub(super) innocent: bool,
    pub(super) now: u8,
}

/// A server has decided about a request.
pub(super) fn of_a_step(
    plan: &Plan,
    before: &Stored,
    past: &Past,
    shown: &Shown,
    done: &Done,
) -> Result<(), &'static str> {
    let row = before.row;
    let good = done.answer.is_good();
    if shown.by == As::Stranger {
        let nothing = !good && done.row == row && !done.published;
        return holds(nothing, STRANGERS);
    }
    if past.ended || row.ended {
        return holds(!good && done.row.ended, STAYS_ENDED);
    }
    if is_over(plan, before, shown.now) {
        return holds(!good && done.row == row, LIFETIMES);
    }
    // What is not redeemed by the restored database can't catch up.
    let can_catch_up = plan.numbers.fast_forward && row.generation > 0;
    if shown.presented > row.generation {
        let refused = done.answer == Answer::Ahead && done.row == row;
        holds(if can_catch_up { good } else { refused }, AHEAD)?;
    }
    if is_superseded(plan, before, shown) {
        holds(!good, NO_OLD_TOKEN)?;
        let caught = done.answer == Answer::Ended && done.row.ended && done.published;
        // A code from an old browser history must not end a session of months.
        let forgotten = shown.presented == 0 && shown.now >= BEGINNING + plan.numbers.code;
        holds(caught || forgotten || may_be_over(plan, before, shown.now), CAUGHT)?;
    }
    match done.answer {
        Answer::Rotated(new) => {
            let successor = new == shown.presented + 1 && done.row.generation == new;
            holds(successor, ONE_SUCCESSOR)?;
            let end = BEGINNING + plan.numbers.absolute;
            holds(done.row.absolute_end == end, LIFETIMES)?;
        }
        Answer::Retried(new) => {
            holds(new == shown.presented + 1, ONE_SUCCESSOR)?;
            holds(done.row == row, NOTHING_ELSE)?;
        }
        Answer::Refused | Answer::Ahead => holds(done.row == row, NOTHING_ELSE)?,
        Answer::Ended => {}
    }
    let excused = past.stolen_used
        || (past.restored && !can_catch_up)
        || may_be_over(plan, before, shown.now);
    let logs_out = !good && (shown.innocent || done.answer == Answer::Ended);
    holds(excused || !logs_out, NO_INNOCENT)
}

/// A transaction is durable.
pub(super) fn of_a_commit(past: &mut Past, job: &Job) -> Result<(), &'static str> {
    let bit = 1 << job.presented;
    match job.answer {
        Answer::Rotated(_) => {
            holds(past.rotated_from & bit == 0, ONE_WINNER)?;
            past.rotated_from |= bit;
        }
        Answer::Ended => past.ended = true,
        Answer::Retried(_) | Answer::Refused | Answer::Ahead => {}
    }
    Ok(())
}

/// Whatever has happened.
pub(super) fn of_a_moment(stored: &Stored, past: &Past) -> Result<(), &'static str> {
    holds(stored.row.ended || !past.ended, STAYS_ENDED)
}

/// Two behind, or one behind and later than any clock could say it is in the window.
fn is_superseded(plan: &Plan, before: &Stored, shown: &Shown) -> bool {
    let Numbers { kind, window, .. } = plan.numbers;
    match before.row.generation.saturating_sub(shown.presented) {
        0 => false,
        // A code has no window.
        1 if shown.presented == 0 => true,
        1 => kind == Kind::Public && shown.now >= before.made_at + window + slack(plan, window),
        _ => true,
    }
}

/// By the slowest clock. The absolute end is counted from the beginning, whatever the row says.
fn is_over(plan: &Plan, before: &Stored, now: u8) -> bool {
    let (idle_end, absolute_end) = ends(plan, before);
    now >= idle_end + plan.skew || now >= absolute_end + plan.skew
}

/// By the fastest clock.
fn may_be_over(plan: &Plan, before: &Stored, now: u8) -> bool {
    let (idle_end, absolute_end) = ends(plan, before);
    now + plan.skew >= idle_end || now >= absolute_end
}

fn ends(plan: &Plan, before: &Stored) -> (u8, u8) {
    let Numbers { code, idle, absolute, .. } = plan.numbers;
    if before.row.generation == 0 {
        return (BEGINNING + code, BEGINNING + code);
    }
    (before.made_at + idle, BEGINNING + absolute)
}

/// A window of nothing is nothing by every clock.
const fn slack(plan: &Plan, window: u8) -> u8 {
    if window == 0 { 0 } else { plan.skew }
}

fn holds(it: bool, property: &'static str) -> Result<(), &'static str> {
    if it { Ok(()) } else { Err(property) }
}
