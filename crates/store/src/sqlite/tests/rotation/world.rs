//! A client, a thief, a network and two servers on one store: what there is, and what can happen.
//!
//! The network keeps what was sent until it is closed, and may hand it over at any time, to either
//! server, any number of times, or never: delay, loss and repetition in one.

use super::facts::{Job, Past, Stored};
use super::plan::{Manners, Plan, Server};
use super::properties::{self, Shown};
use super::transaction::{Answer, As, BEGINNING, Kind, Numbers, Row, Transaction};

/// Everything, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    now: u8,
    stored: Stored,
    backup: Option<Stored>,
    nodes: [Node; 2],
    client: Client,
    thief: Thief,
    /// The client's requests in the network, a bit for each generation.
    requests: u16,
    past: Past,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client {
    /// The newest that it has.
    token: u8,
    asked_at: Option<u8>,
    /// An answer is on its way.
    answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Thief {
    tokens: u16,
    thefts_left: u8,
    tries_left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Node {
    Idle,
    /// In a transaction; `next` is what it will commit.
    Decided {
        next: Stored,
        jobs: [Option<Job>; 2],
    },
    /// The transaction is durable, and these have not been answered.
    Committed {
        jobs: [Option<Job>; 2],
    },
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The client asks with its token.
    Ask,
    /// A request of the client reaches a server.
    Arrive {
        generation: u8,
        node: usize,
    },
    /// The answer reaches the client.
    Receive,
    /// The thief copies what the client has.
    Steal,
    /// The thief presents a token, and will have the answer when the server gives it.
    Try {
        generation: u8,
        by: As,
        node: usize,
    },
    Commit {
        node: usize,
    },
    Answer {
        node: usize,
        job: usize,
    },
    /// The process of a server ends at once, and starts again.
    Crash {
        node: usize,
    },
    Tick,
    /// The user, or an operator, takes the grant back.
    TakeBack,
    BackUp,
    /// Everything stops, and starts again on the backup.
    Restore,
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        let Numbers { code, idle, absolute, .. } = plan.numbers;
        let (now, token) = (BEGINNING, if plan.code { 0 } else { 1 });
        let (idle, absolute) = if plan.code { (code, code) } else { (idle, absolute) };
        let absolute_end = now + absolute;
        let idle_end = (now + idle).min(absolute_end);
        let row = Row { generation: token, rotated_at: now, idle_end, absolute_end, ended: false };
        Self {
            now,
            stored: Stored { row, made_at: now },
            backup: None,
            nodes: [Node::Idle; 2],
            client: Client { token, asked_at: None, answered: false },
            thief: Thief { tokens: 0, thefts_left: plan.thefts, tries_left: plan.thief_tries },
            requests: 0,
            past: Past::default(),
        }
    }

    /// Everything that can happen now.
    pub(super) fn acts(&self, plan: &Plan) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut may = |possible: bool, act| {
            if possible {
                acts.push(act);
            }
        };
        let Self { client, thief, .. } = self;
        may(client.asked_at.is_none() && client.token <= plan.client_until, Act::Ask);
        may(client.answered, Act::Receive);
        may(thief.thefts_left > 0 && thief.tokens & bit(client.token) == 0, Act::Steal);
        may(self.now < plan.until, Act::Tick);
        let unlocked = !self.is_locked(plan);
        may(plan.revocation && !self.past.taken_back && unlocked, Act::TakeBack);
        may(plan.restore && self.backup.is_none() && !self.past.restored, Act::BackUp);
        may(self.backup.is_some(), Act::Restore);
        for (node, state) in self.nodes.iter().enumerate() {
            let free = match state {
                Node::Idle => unlocked,
                Node::Decided { jobs, .. } => jobs[..plan.batch].contains(&None),
                Node::Committed { .. } => false,
            };
            for generation in 0..16 {
                let arrives = free && self.may_arrive(plan, generation);
                may(arrives, Act::Arrive { generation, node });
                let tries = free && thief.tries_left > 0 && thief.tokens & bit(generation) != 0;
                may(tries, Act::Try { generation, by: As::Stranger, node });
                let public = plan.numbers.kind == Kind::Public;
                may(tries && public, Act::Try { generation, by: As::Owner, node });
            }
            let (jobs, decided) = match state {
                Node::Idle => continue,
                Node::Decided { jobs, .. } => (jobs, true),
                Node::Committed { jobs } => (jobs, false),
            };
            may(decided, Act::Commit { node });
            may(true, Act::Crash { node });
            let answers = !decided || plan.server == Server::AnswersEarly;
            for (job, content) in jobs.iter().enumerate() {
                may(answers && content.is_some(), Act::Answer { node, job });
            }
        }
        acts
    }

    /// What there is after an act; or which property it breaks.
    pub(super) fn apply(
        &self,
        plan: &Plan,
        transaction: &Transaction,
        act: Act,
    ) -> Result<Self, &'static str> {
        let mut next = *self;
        match act {
            Act::Ask => {
                next.client.asked_at = Some(self.now);
                next.requests |= bit(self.client.token);
            }
            Act::Arrive { generation, node } => {
                let without_window = plan.numbers.kind == Kind::Public && plan.numbers.window == 0;
                if generation == 0 || without_window {
                    // Nobody may try twice: there is no window.
                    next.requests &= !bit(generation);
                }
                next.decide(plan, transaction, node, generation, None)?;
            }
            Act::Receive => {
                if plan.manners != Manners::LeavesRequestsOpen {
                    next.requests &= !bit(self.client.token);
                }
                next.client =
                    Client { token: self.client.token + 1, asked_at: None, answered: false };
            }
            Act::Steal => {
                next.thief.tokens |= bit(self.client.token);
                next.thief.thefts_left -= 1;
            }
            Act::Try { generation, by, node } => {
                next.thief.tries_left -= 1;
                next.past.stolen_used |= by == As::Owner;
                next.decide(plan, transaction, node, generation, Some(by))?;
            }
            Act::Commit { node } => next.commit(node)?,
            Act::Answer { node, job } => next.answer(node, job),
            Act::Crash { node } => next.nodes[node] = Node::Idle,
            Act::Tick => next.now += 1,
            Act::TakeBack => {
                next.stored.row = transaction.end(self.stored.row, self.now);
                next.past.taken_back = true;
                next.past.ended = true;
            }
            Act::BackUp => next.backup = Some(self.stored),
            Act::Restore => {
                let Some(stored) = next.backup.take() else { return Ok(next) };
                next.stored = stored;
                next.nodes = [Node::Idle; 2];
                let ended = stored.row.ended;
                next.past = Past { rotated_from: 0, restored: true, ended, ..self.past };
            }
        }
        properties::of_a_moment(&next.stored, &next.past)?;
        if plan.skew == 0 {
            // Nothing tells the servers apart, so the order of the two is no difference.
            next.nodes.sort_unstable();
        }
        Ok(next)
    }

    /// The client has the token that it began with.
    pub(super) const fn is_at_first(&self) -> bool {
        self.client.token == 1
    }

    /// Both the thief and the client were given the token of a generation, and the grant lives.
    pub(super) const fn share(&self, generation: u8) -> bool {
        let theirs = self.thief.tokens & bit(generation) != 0;
        theirs && self.client.token >= generation && !self.stored.row.ended
    }

    fn is_locked(&self, plan: &Plan) -> bool {
        let decided = |node: &Node| matches!(node, Node::Decided { .. });
        plan.server != Server::ReadsThenWrites && self.nodes.iter().any(decided)
    }

    fn may_arrive(&self, plan: &Plan, generation: u8) -> bool {
        if self.requests & bit(generation) == 0 {
            return false;
        }
        let limited = plan.numbers.kind == Kind::Public
            && plan.numbers.window > 0
            && generation > 0
            && plan.manners != Manners::TriesTooLate
            && generation == self.client.token;
        let window = plan.numbers.window.saturating_sub(plan.skew);
        !limited || self.client.asked_at.is_some_and(|at| self.now < at + window)
    }

    fn decide(
        &mut self,
        plan: &Plan,
        transaction: &Transaction,
        node: usize,
        presented: u8,
        thief: Option<As>,
    ) -> Result<(), &'static str> {
        let (before, mut jobs) = match self.nodes[node] {
            Node::Decided { next, jobs } => (next, jobs),
            Node::Idle | Node::Committed { .. } => (self.stored, [None; 2]),
        };
        let by = thief.unwrap_or(As::Owner);
        let clock = self.now - if node == 1 { plan.skew } else { 0 };
        let done = transaction.rotate(before.row, presented, by, clock);
        let innocent = thief.is_none() && presented == self.client.token;
        let shown = Shown { presented, by, innocent, now: self.now };
        properties::of_a_step(plan, &before, &self.past, &shown, &done)?;
        let place = jobs.iter().position(Option::is_none).unwrap();
        jobs[place] = Some(Job { thief: thief.is_some(), presented, answer: done.answer });
        let rotated = matches!(done.answer, Answer::Rotated(_));
        let made_at = if rotated { self.now } else { before.made_at };
        self.nodes[node] = Node::Decided { next: Stored { row: done.row, made_at }, jobs };
        Ok(())
    }

    fn commit(&mut self, node: usize) -> Result<(), &'static str> {
        let Node::Decided { next, jobs } = self.nodes[node] else { return Ok(()) };
        for job in jobs.iter().flatten() {
            properties::of_a_commit(&mut self.past, job)?;
        }
        self.stored = next;
        let jobs = jobs.map(|job| job.filter(|job| job.answer.is_good()));
        self.nodes[node] = if jobs == [None; 2] { Node::Idle } else { Node::Committed { jobs } };
        Ok(())
    }

    fn answer(&mut self, node: usize, job: usize) {
        let (Node::Decided { jobs, .. } | Node::Committed { jobs }) = &mut self.nodes[node] else {
            return;
        };
        let taken = jobs[job].take();
        if let Node::Committed { jobs: [None, None] } = self.nodes[node] {
            self.nodes[node] = Node::Idle;
        }
        let Some(Job { thief, presented, answer: Answer::Rotated(new) | Answer::Retried(new) }) =
            taken
        else {
            return;
        };
        if thief {
            self.thief.tokens |= bit(new);
        } else if self.client.asked_at.is_some() && self.client.token == presented {
            self.client.answered = true;
        }
    }
}

const fn bit(generation: u8) -> u16 {
    1 << generation
}
