//! `bench jose`: the same token signed and verified by this library, by its peers, and by the bare
//! primitive with a parsed key.

mod fixture;
mod goals;
mod jwe;
mod ours;
mod peers;
mod primitive;
mod proof;
mod side;

use std::hint::black_box;

use countersign_jose::Algorithm;
use serde_json::{Value, json};

use crate::output::{Options, json_line, rounded};
use crate::rounds::{Timing, interleave};
use fixture::Fixture;
use goals::Judged;
use side::Side;

const DEFAULT_ROUNDS: u64 = 21;

/// One algorithm of each kind that tokens are signed with in practice.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::HS256, Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::Ed25519];

pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let options = Options::parse(words, &["rounds"])?;
    let rounds = options.number("rounds", (9, 1_000))?.unwrap_or(DEFAULT_ROUNDS) as usize;
    for (peer, reason) in peers::LEFT_OUT {
        eprintln!("left out: {peer}: {reason}");
    }
    // All is proven before anything is timed.
    let groups = ALGORITHMS.iter().map(|&one| Group::new(one));
    let groups = groups.collect::<Result<Vec<Group>, String>>()?;
    let mut judged = Vec::new();
    for operation in [Operation::Verify, Operation::Sign] {
        let mut rows = Vec::new();
        for group in &groups {
            let algorithm = group.fixture.algorithm;
            eprintln!("measuring {} {algorithm}", operation.name());
            let row = group.measure(operation, rounds);
            let goal = goals::of_signature(operation, algorithm);
            judged.push(goal.judge(format!("{} {algorithm}", operation.name()), &row.timings));
            rows.push(row);
        }
        if options.json {
            rows.iter().for_each(|row| json_line(&row.to_json(operation, rounds)));
        } else {
            print_table(operation, rounds, &rows);
        }
    }
    judged.extend(jwe::run(&options, rounds)?);
    if options.json {
        judged.iter().map(Judged::to_json).for_each(|line| json_line(&line));
    } else {
        goals::print_table(&judged);
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Operation {
    Verify,
    Sign,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Sign => "sign",
        }
    }
}

/// Everybody who can do one algorithm, over one fixture.
struct Group {
    fixture: Fixture,
    primitive: Side,
    /// Claims borrowed, and claims copied out.
    ours: [Side; 2],
    peers: Vec<Side>,
}

impl Group {
    fn new(algorithm: Algorithm) -> Result<Self, String> {
        let fixture = Fixture::new(algorithm)?;
        let primitive = primitive::side(&fixture)?;
        let ours = [ours::side(&fixture)?, ours::owned_side(&fixture)?];
        let peers = peers::sides(&fixture)?;
        proof::check(&fixture, &primitive, &ours[0], ours[1..].iter().chain(&peers))
            .map_err(|reason| format!("{algorithm}: {reason}"))?;
        Ok(Self { fixture, primitive, ours, peers })
    }

    fn measure(&self, operation: Operation, rounds: usize) -> Row {
        let token = self.fixture.token.as_str();
        // Copies or not, what is signed is the same.
        let ours = match operation {
            Operation::Verify => &self.ours[..],
            Operation::Sign => &self.ours[..1],
        };
        let sides = std::iter::once(&self.primitive).chain(ours).chain(&self.peers);
        let mut works: Vec<Box<dyn FnMut() + '_>> = Vec::new();
        let mut names = Vec::new();
        for side in sides {
            names.push(side.name);
            works.push(match operation {
                Operation::Verify => Box::new(move || {
                    (side.verify)(black_box(token)).expect("proven before");
                }),
                Operation::Sign => Box::new(move || {
                    black_box((side.sign)().expect("proven before"));
                }),
            });
        }
        let timings = interleave(&mut works, rounds);
        let timings = names.into_iter().zip(timings).collect();
        Row { algorithm: self.fixture.algorithm, timings, peers_from: 1 + ours.len() }
    }
}

/// One line of figures: the primitive, ours in one form or two, then the peers.
struct Row {
    algorithm: Algorithm,
    timings: Vec<(&'static str, Timing)>,
    peers_from: usize,
}

impl Row {
    fn to_json(&self, operation: Operation, rounds: usize) -> Value {
        let mut line = json!({ "bench": operation.name(), "alg": self.algorithm.name() });
        if let (Some(line), Value::Object(medians)) =
            (line.as_object_mut(), self.figures(|timing| timing.median_ns))
        {
            line.extend(medians);
        }
        line["min"] = self.figures(|timing| timing.min_ns);
        line["rounds"] = json!(rounds);
        if !peers::LEFT_OUT.is_empty() {
            let names: Vec<_> = peers::LEFT_OUT.iter().map(|(peer, _)| *peer).collect();
            line["left_out"] = json!(names);
        }
        line
    }

    fn figures(&self, pick: fn(&Timing) -> f64) -> Value {
        let figure = |place: usize| rounded(pick(&self.timings[place].1));
        let (own, peers) = self.timings.split_at(self.peers_from);
        let peers: serde_json::Map<String, Value> = peers
            .iter()
            .map(|(name, timing)| ((*name).to_owned(), rounded(pick(timing))))
            .collect();
        let mut figures = json!({ "ns": figure(1), "primitive_ns": figure(0) });
        if own.len() == 3 {
            figures["owned_ns"] = figure(2);
        }
        figures["peers"] = Value::Object(peers);
        figures
    }
}

fn print_table(operation: Operation, rounds: usize, rows: &[Row]) {
    println!("\n{}, microseconds: median (min) of {rounds} rounds", operation.name());
    print!("{:<14}", "");
    for row in rows {
        print!("{:>18}", row.algorithm.name());
    }
    println!();
    let Some(first) = rows.first() else { return };
    let mut names: Vec<&str> = first.timings.iter().map(|(name, _)| *name).collect();
    for (name, _) in rows.iter().flat_map(|row| &row.timings) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    for name in names {
        print!("{name:<14}");
        for row in rows {
            match row.timings.iter().find(|(own, _)| *own == name) {
                Some((_, Timing { median_ns, min_ns })) => {
                    let cell = format!("{:.2} ({:.2})", median_ns / 1e3, min_ns / 1e3);
                    print!("{cell:>18}");
                }
                None => print!("{:>18}", "-"),
            }
        }
        println!();
    }
}
