//! The server's step on one grant: the product's own transaction over its own schema, and wrong
//! ones to compare it with.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use countersign_protocol::grant::{EndReason, Grant, Sender};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family::{Presented, Refusal, Settings};
use countersign_protocol::{Timestamp, authorization_code};
use rusqlite::Connection;

use crate::contract::samples::{NOW, code, grant, moment, pending_grant, token};
use crate::sqlite::{grant as grants, migrations};
use crate::store::{CodeOutcome, GrantSelector, RotationOutcome, RotationRequest};

/// When the grant is made.
pub(super) const BEGINNING: u8 = 1;

/// Who holds the grant's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A client without a secret.
    Public,
    /// A client that proves itself with a secret or a key.
    Confidential,
    /// A public client whose tokens are bound to its DPoP key.
    Bound,
}

/// The numbers, in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) kind: Kind,
    /// How long an authorization code lives.
    pub(super) code: u8,
    pub(super) window: u8,
    pub(super) idle: u8,
    pub(super) absolute: u8,
    /// Whether the operator lets a restored database catch up.
    pub(super) fast_forward: bool,
}

/// What moves in a grant's row, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub(super) generation: u8,
    pub(super) rotated_at: u8,
    pub(super) idle_end: u8,
    pub(super) absolute_end: u8,
    pub(super) ended: bool,
}

/// Whether a request comes as the grant's client and sender, or as others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum As {
    Owner,
    Stranger,
}

/// What a step answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    /// A new generation.
    Rotated(u8),
    /// The newest generation again.
    Retried(u8),
    Ended,
    Refused,
    /// Refused, since the token is newer than the row.
    Ahead,
}

/// A step that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) row: Row,
    pub(super) answer: Answer,
    /// Whether a revocation of the grant was published.
    pub(super) published: bool,
}

/// Which rule the server follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The one that is shipped.
    Product,
    /// Tolerates the predecessor of the predecessor as well.
    TwoBehind,
    /// Compares whole seconds: what is as old as the newest counts as the newest.
    Timestamps,
    /// Every use inside the window makes a new token.
    EveryRetryRotates,
    /// No window at all.
    NoWindow,
    /// The window of a public client stays open until the successor is used.
    EndlessWindow,
    /// A reuse is refused and forgotten.
    NoReuse,
    /// A reuse ends the grant, and nobody hears of it.
    Silent,
    /// Looks at the counter before the client and the key.
    StrangersEnd,
    /// A rotation moves the absolute end too.
    NoAbsoluteEnd,
    /// Looks at the counter only.
    ForgetsTheEnd,
    /// Takes tokens that are newer than the row, without being told to.
    AlwaysForward,
    /// A code that was redeemed is answered once more, like a refresh token.
    CodeAgain,
    /// A code that is used again is refused, and its grant goes on.
    CodeForgiven,
}

/// The server's transaction. What it did is remembered: the same step on the same row at the same
/// time has the same outcome.
pub(super) struct Transaction {
    connection: Connection,
    numbers: Numbers,
    rule: Rule,
    made: RefCell<HashMap<(Row, u8, As, u8), Done>>,
}

impl Transaction {
    pub(super) fn new(numbers: Numbers, rule: Rule) -> Self {
        let connection = Connection::open_in_memory().unwrap();
        migrations::run(&connection, Path::new("memory")).unwrap();
        Self { connection, numbers, rule, made: RefCell::default() }
    }

    /// How many different steps were made.
    pub(super) fn made(&self) -> usize {
        self.made.borrow().len()
    }

    /// Someone presents the token of a generation; that of generation 0 is the code.
    pub(super) fn rotate(&self, row: Row, presented: u8, by: As, now: u8) -> Done {
        let key = (row, presented, by, now);
        let known = self.made.borrow().get(&key).copied();
        known.unwrap_or_else(|| {
            let done = self.by_rule(row, presented, by, now);
            self.made.borrow_mut().insert(key, done);
            done
        })
    }

    fn by_rule(&self, row: Row, presented: u8, by: As, now: u8) -> Done {
        let Numbers { window, idle, absolute, .. } = self.numbers;
        let product = |row| self.product(row, presented, by, now, self.numbers);
        let done = product(row);
        let behind = row.generation.saturating_sub(presented);
        let in_window = now.saturating_sub(row.rotated_at) < window;
        let rotated = |from: u8| {
            let idle_end = (now + idle).min(row.absolute_end);
            let row = Row { generation: from + 1, rotated_at: now, idle_end, ..row };
            Done { row, answer: Answer::Rotated(from + 1), published: false }
        };
        let retried = Done { row, answer: Answer::Retried(row.generation), published: false };
        let refused = Done { row, answer: Answer::Refused, published: false };
        let ended = Row { ended: true, ..row };
        let ended = Done { row: ended, answer: Answer::Ended, published: true };
        let reuse = done.answer == Answer::Ended;
        match self.rule {
            Rule::TwoBehind if reuse && behind == 2 && in_window => retried,
            Rule::Timestamps if behind == 1 && now == row.rotated_at && done.answer.is_good() => {
                rotated(row.generation)
            }
            Rule::EveryRetryRotates if matches!(done.answer, Answer::Retried(_)) => {
                rotated(row.generation)
            }
            Rule::NoWindow if matches!(done.answer, Answer::Retried(_)) => ended,
            Rule::EndlessWindow if reuse && behind == 1 => retried,
            Rule::NoReuse if reuse => refused,
            Rule::Silent => Done { published: false, ..done },
            Rule::StrangersEnd if by == As::Stranger && behind > 1 && !row.ended => ended,
            Rule::NoAbsoluteEnd if matches!(done.answer, Answer::Rotated(_)) => {
                let (idle_end, absolute_end) = (now + idle, now + absolute);
                Done { row: Row { idle_end, absolute_end, ..done.row }, ..done }
            }
            Rule::ForgetsTheEnd if row.ended => product(Row { ended: false, ..row }),
            Rule::AlwaysForward if done.answer == Answer::Ahead => {
                let numbers = Numbers { fast_forward: true, ..self.numbers };
                self.product(row, presented, by, now, numbers)
            }
            Rule::CodeAgain if reuse && presented == 0 && behind == 1 => retried,
            Rule::CodeForgiven if reuse && presented == 0 => refused,
            _ => done,
        }
    }

    fn product(&self, row: Row, presented: u8, by: As, now: u8, numbers: Numbers) -> Done {
        // Undone when it is dropped.
        let undone = self.connection.unchecked_transaction().unwrap();
        self.put(row);
        let before = self.published();
        let answer = if presented == 0 {
            self.redeem(by, now)
        } else {
            self.refresh(presented, by, now, numbers)
        };
        let after = grants::find(&self.connection, grant(1).id).unwrap().unwrap();
        let published = self.published() > before;
        drop(undone);
        if answer == Answer::Rotated(1) {
            assert_eq!(after.sender, self.sender(), "what the client has proved is kept");
        }
        let has_ended = !row.ended && after.ended.is_some();
        let answer = if has_ended { Answer::Ended } else { answer };
        Done { row: read(&after), answer, published }
    }

    fn refresh(&self, presented: u8, by: As, now: u8, numbers: Numbers) -> Answer {
        let request = RotationRequest {
            grant: grant(1).id,
            presented: present(numbers.kind, presented, by),
            settings: Settings {
                retry_window: Duration::from_secs(numbers.window.into()),
                idle: Duration::from_secs(numbers.idle.into()),
                fast_forward_until: numbers.fast_forward.then(|| tick(u8::MAX)),
            },
        };
        let outcome = grants::rotate(&self.connection, &request, moment(tick(now))).unwrap();
        match outcome {
            RotationOutcome::Rotated(grant) => Answer::Rotated(small(grant.generation)),
            RotationOutcome::Retried(grant) => Answer::Retried(small(grant.generation)),
            RotationOutcome::Reused(_) => Answer::Ended,
            RotationOutcome::Refused(Refusal::AheadOfRecord) => Answer::Ahead,
            RotationOutcome::Refused(_) => Answer::Refused,
        }
    }

    fn redeem(&self, by: As, now: u8) -> Answer {
        let Numbers { kind, code: life, idle, absolute, .. } = self.numbers;
        let ticks = |number: u8| Duration::from_secs(number.into());
        let lifetimes = Lifetimes {
            code: ticks(life),
            refresh_idle: ticks(idle),
            refresh_absolute: ticks(absolute),
            ..Lifetimes::default()
        };
        let presented = authorization_code::Presented {
            client_id: match by {
                As::Owner => code().client_id,
                As::Stranger => "a thief's client".into(),
            },
            confidential: kind == Kind::Confidential,
            sender: self.sender(),
            ..code()
        };
        let id = grant(1).id;
        let outcome =
            grants::redeem_code(&self.connection, id, &presented, &lifetimes, tick(now)).unwrap();
        match outcome {
            CodeOutcome::Redeemed { grant, .. } => Answer::Rotated(small(grant.generation)),
            CodeOutcome::Refused(_) => Answer::Refused,
        }
    }

    /// The user, or an operator, ends the grant.
    pub(super) fn end(&self, row: Row, now: u8) -> Row {
        let undone = self.connection.unchecked_transaction().unwrap();
        self.put(row);
        let one = GrantSelector::One(grant(1).id);
        let moment = moment(tick(now));
        grants::end_selected(&self.connection, &one, EndReason::UserRevoked, moment).unwrap();
        let after = grants::find(&self.connection, grant(1).id).unwrap().unwrap();
        drop(undone);
        read(&after)
    }

    fn put(&self, row: Row) {
        // Bound when the code is redeemed.
        let (begun, sender) = match row.generation {
            0 => (pending_grant(1), Sender::Bearer),
            _ => (grant(1), self.sender()),
        };
        let alive = Grant {
            generation: row.generation.into(),
            rotated_at: tick(row.rotated_at),
            created_at: tick(BEGINNING),
            idle_expires_at: tick(row.idle_end),
            expires_at: tick(row.absolute_end),
            sender,
            ..begun
        };
        grants::begin(&self.connection, &alive).unwrap();
        if row.ended {
            let one = GrantSelector::One(alive.id);
            let (reason, moment) = (EndReason::OperatorRevoked, moment(NOW));
            grants::end_selected(&self.connection, &one, reason, moment).unwrap();
        }
    }

    fn sender(&self) -> Sender {
        match self.numbers.kind {
            Kind::Bound => Sender::Dpop("the owner's key".into()),
            Kind::Public | Kind::Confidential => Sender::Bearer,
        }
    }

    fn published(&self) -> u32 {
        let count = "SELECT count(*) FROM revocation";
        self.connection.query_row(count, [], |row| row.get(0)).unwrap()
    }
}

impl Answer {
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Rotated(_) | Self::Retried(_))
    }
}

/// What the token endpoint makes of a request.
fn present(kind: Kind, generation: u8, by: As) -> Presented {
    let presented = Presented {
        confidential: kind == Kind::Confidential,
        keeps: false,
        sender: match (kind, by) {
            (Kind::Bound, As::Owner) => Sender::Dpop("the owner's key".into()),
            (Kind::Bound, As::Stranger) => Sender::Dpop("a thief's key".into()),
            _ => Sender::Bearer,
        },
        ..token(generation.into())
    };
    if by == As::Stranger && kind != Kind::Bound {
        return Presented { client_id: "a thief's client".into(), ..presented };
    }
    presented
}

fn tick(number: u8) -> Timestamp {
    NOW.plus(Duration::from_secs(number.into()))
}

fn read(grant: &Grant) -> Row {
    let ticks = |time: Timestamp| small(time.since(NOW).as_secs());
    Row {
        generation: small(grant.generation),
        rotated_at: ticks(grant.rotated_at),
        idle_end: ticks(grant.idle_expires_at),
        absolute_end: ticks(grant.expires_at),
        ended: grant.ended.is_some(),
    }
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap()
}
