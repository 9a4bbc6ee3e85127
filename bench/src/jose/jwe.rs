//! Encryption: the same plaintext encrypted and decrypted by this library, by josekit, and by the
//! bare primitives with parsed keys.

#[cfg(feature = "josekit")]
mod josekit;
mod ours;
mod primitive;
mod proof;
mod side;

use std::hint::black_box;

use countersign_jose::PrivateJwk;
use countersign_jose::jwe::{ContentEncryption, KeyManagement};
use serde_json::{Value, json};

use super::goals::{Goal, Judged};
use super::side::reason;
use crate::output::{Options, json_line, rounded};
use crate::rounds::{Timing, interleave};
use side::Side;

/// A public key, a new key for each token, and a secret: one of each kind.
const ALGORITHMS: [KeyManagement; 3] =
    [KeyManagement::EcdhEsA256KW, KeyManagement::RsaOaep256, KeyManagement::Dir];
const ENCRYPTION: ContentEncryption = ContentEncryption::A256GCM;
/// As long as the claims that the signatures are measured with.
const PLAINTEXT_BYTES: usize = 593;

/// The name of this library among the timings, and that of the bare primitives.
const OURS: &str = "ours";
const PRIMITIVE: &str = "primitive";

/// The figures of one operation with one algorithm.
struct Row {
    operation: &'static str,
    algorithm: KeyManagement,
    timings: Vec<(&'static str, Timing)>,
}

/// Measures and prints all, and holds it against the goals.
pub(super) fn run(options: &Options<'_>, rounds: usize) -> Result<Vec<Judged>, String> {
    let mut judged = Vec::new();
    for algorithm in ALGORITHMS {
        let sides = sides(algorithm).map_err(|reason| format!("{algorithm}: {reason}"))?;
        for operation in ["decrypt", "encrypt"] {
            eprintln!("measuring {operation} {algorithm}");
            let row = measure(operation, algorithm, &sides, rounds)?;
            if options.json {
                json_line(&row.to_json(rounds));
            } else {
                row.print(rounds);
            }
            judged.extend(row.judge());
        }
    }
    Ok(judged)
}

/// Everybody who takes part, proven before anything is timed.
fn sides(algorithm: KeyManagement) -> Result<Vec<Side>, String> {
    let key = PrivateJwk::generate(algorithm).map_err(reason)?;
    let plaintext = vec![b'a'; PLAINTEXT_BYTES];
    let sides = vec![
        primitive::side(algorithm, &key, &plaintext)?,
        ours::side(&key, &plaintext)?,
        #[cfg(feature = "josekit")]
        josekit::side(algorithm, &key, &plaintext)?,
    ];
    proof::check(&sides, &plaintext)?;
    Ok(sides)
}

fn measure(
    operation: &'static str,
    algorithm: KeyManagement,
    sides: &[Side],
    rounds: usize,
) -> Result<Row, String> {
    let ours = sides.iter().find(|side| side.name == OURS).ok_or("ours takes no part")?;
    let token = (ours.encrypt)()?;
    let mut works: Vec<Box<dyn FnMut() + '_>> = Vec::new();
    for side in sides {
        let token = token.as_str();
        works.push(match operation {
            "decrypt" => Box::new(move || {
                black_box((side.decrypt)(black_box(token)).expect("proven before"));
            }),
            _ => Box::new(move || {
                black_box((side.encrypt)().expect("proven before"));
            }),
        });
    }
    let timings = interleave(&mut works, rounds);
    let timings = sides.iter().map(|side| side.name).zip(timings).collect();
    Ok(Row { operation, algorithm, timings })
}

impl Row {
    fn judge(&self) -> Option<Judged> {
        let goal = match (self.algorithm, self.operation) {
            (KeyManagement::EcdhEsA256KW, "decrypt") => Goal::TimesAsFast(4.0, "josekit"),
            (KeyManagement::EcdhEsA256KW, "encrypt") => Goal::TimesAsFast(2.5, "josekit"),
            _ => return None,
        };
        let name = format!("{} {}", self.operation, self.algorithm);
        Some(goal.judge(name, &self.timings))
    }

    fn to_json(&self, rounds: usize) -> Value {
        let mut line = json!({
            "bench": self.operation,
            "alg": self.algorithm.name(),
            "enc": ENCRYPTION.name(),
        });
        if let (Some(line), Value::Object(medians)) =
            (line.as_object_mut(), self.figures(|timing| timing.median_ns))
        {
            line.extend(medians);
        }
        line["min"] = self.figures(|timing| timing.min_ns);
        line["rounds"] = json!(rounds);
        #[cfg(not(feature = "josekit"))]
        {
            line["left_out"] = json!(["josekit"]);
        }
        line
    }

    fn figures(&self, pick: fn(&Timing) -> f64) -> Value {
        let mut peers = serde_json::Map::new();
        let mut figures = json!({});
        for (name, timing) in &self.timings {
            let figure = rounded(pick(timing));
            match *name {
                OURS => figures["ns"] = figure,
                PRIMITIVE => figures["primitive_ns"] = figure,
                peer => drop(peers.insert(peer.to_owned(), figure)),
            }
        }
        figures["peers"] = peers.into();
        figures
    }

    fn print(&self, rounds: usize) {
        let name = format!("{} {} {}", self.operation, self.algorithm, ENCRYPTION);
        println!("\n{name}, microseconds: median (min) of {rounds} rounds");
        for (side, timing) in &self.timings {
            let [median, min] = [timing.median_ns, timing.min_ns].map(|ns| rounded(ns / 1000.0));
            println!("{side:<14}{median:>10} ({min})");
        }
    }
}
