//! What has to be true, said without the rule: by the true time, and by who has done what.

use super::facts::{Job, Past, Stored};
use super::plan::Plan;
use super::transaction::{Answer, As, Done, Kind, Numbers};

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
    if shown.presented > row.generation {
        let taken = good && plan.numbers.fast_forward;
        let refused = done.answer == Answer::Ahead && done.row == row;
        holds(taken || (refused && !plan.numbers.fast_forward), AHEAD)?;
    }
    if is_superseded(plan, before, shown) {
        holds(!good, NO_OLD_TOKEN)?;
        let caught = done.answer == Answer::Ended && done.row.ended && done.published;
        holds(caught || may_be_over(plan, before, shown.now), CAUGHT)?;
    }
    match done.answer {
        Answer::Rotated(new) => {
            let successor = new == shown.presented + 1 && done.row.generation == new;
            holds(successor, ONE_SUCCESSOR)?;
            holds(done.row.absolute_end == row.absolute_end, LIFETIMES)?;
        }
        Answer::Retried(new) => {
            holds(new == shown.presented + 1, ONE_SUCCESSOR)?;
            holds(done.row == row, NOTHING_ELSE)?;
        }
        Answer::Refused | Answer::Ahead => holds(done.row == row, NOTHING_ELSE)?,
        Answer::Ended => {}
    }
    let excused = past.stolen_used
        || (past.restored && !plan.numbers.fast_forward)
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
        1 => kind == Kind::Public && shown.now >= before.made_at + window + slack(plan, window),
        _ => true,
    }
}

/// By the slowest clock. The absolute end is counted from the beginning, whatever the row says.
fn is_over(plan: &Plan, before: &Stored, now: u8) -> bool {
    let Numbers { idle, absolute, .. } = plan.numbers;
    now >= before.made_at + idle + plan.skew || now >= 1 + absolute + plan.skew
}

/// By the fastest clock.
fn may_be_over(plan: &Plan, before: &Stored, now: u8) -> bool {
    let Numbers { idle, absolute, .. } = plan.numbers;
    now + plan.skew >= before.made_at + idle || now > absolute
}

/// A window of nothing is nothing by every clock.
const fn slack(plan: &Plan, window: u8) -> u8 {
    if window == 0 { 0 } else { plan.skew }
}

fn holds(it: bool, property: &'static str) -> Result<(), &'static str> {
    if it { Ok(()) } else { Err(property) }
}
