//! `cargo xtask fuzz`: mutated input for the readers, guided by the code that it reaches.
//!
//! libFuzzer does the work. Coverage comes from a pass of LLVM that rustc has on the stable
//! toolchain too; only the sanitizers would need another.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::bench::target_folder;
use crate::machine;
use crate::step::{Run, Verdict, cargo, execute};
use crate::tally::Tally;

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS_FOLDER: &str = "fuzz/fuzz_targets";
const DEFAULT_SECONDS: u64 = 60;
/// The smoke run: as many inputs for each target, always the same ones.
const SMOKE_RUNS: u64 = 30_000;
/// As libFuzzer says it.
const EXECUTED: &str = "stat::number_of_executed_units:";
/// So much of its output tells what a finding is.
const LAST_LINES: usize = 60;
const USAGE: &str = "cargo xtask fuzz [TARGET] [--seconds N]";

/// What makes an instrumented build: each branch counts, each comparison is seen.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// When a target stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    Seconds(u64),
    /// With a fixed seed, so that the same build does the same.
    Runs(u64),
}

/// What is asked for on the command line.
#[derive(Debug, PartialEq)]
struct Wish {
    target: Option<String>,
    seconds: u64,
}

/// Runs the targets one after the other, for as long as is asked.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let Some(Wish { target, seconds }) = parse(words) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut run = Run::new(&[]);
    run.tallied("fuzz", |tally| match targets() {
        Err(reason) => Verdict::Failed(reason),
        Ok(all) => match target {
            None => fuzz(&all, Length::Seconds(seconds), tally),
            Some(one) if all.contains(&one) => fuzz(&[one], Length::Seconds(seconds), tally),
            Some(one) => Verdict::Failed(format!("no target {one}; there are {}", all.join(", "))),
        },
    });
    run.finish()
}

/// A short run of every target over the committed corpus.
pub(crate) fn smoke(tally: &mut Tally) -> Verdict {
    match targets() {
        Ok(all) => fuzz(&all, Length::Runs(SMOKE_RUNS), tally),
        Err(reason) => Verdict::Failed(reason),
    }
}

fn parse(words: &[String]) -> Option<Wish> {
    let mut wish = Wish { target: None, seconds: DEFAULT_SECONDS };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            wish.seconds = words.next()?.parse().ok().filter(|&seconds| seconds > 0)?;
        } else if word.starts_with('-') || wish.target.replace(word.clone()).is_some() {
            return None;
        }
    }
    Some(wish)
}

/// A file of the folder is a target.
fn targets() -> Result<Vec<String>, String> {
    let folder = std::fs::read_dir(TARGETS_FOLDER).map_err(|error| error.to_string())?;
    let names = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".rs")?.to_owned())).collect();
    names.sort_unstable();
    Ok(names)
}

fn fuzz(targets: &[String], length: Length, tally: &mut Tally) -> Verdict {
    // libFuzzer is C++ in source form.
    if let Err(reason) = machine::ensure(&["c++", "g++", "clang++"], "g++") {
        return Verdict::Skipped(reason);
    }
    let folder = match target_folder() {
        Ok(folder) => folder.join("fuzz"),
        Err(reason) => return Verdict::Failed(reason),
    };
    for words in [&["test", "--lib"], &["build", "--bins"]] {
        if let failed @ Verdict::Failed(_) = execute(instrumented(words), tally) {
            return failed;
        }
    }
    let mut found = Vec::new();
    for target in targets {
        match one(target, length, &folder) {
            Ok(inputs) => {
                println!("{target}: {inputs} inputs, nothing found");
                tally.passed += 1;
            }
            Err(reason) => {
                println!("{target}: {reason}");
                tally.failed += 1;
                found.push(target.as_str());
            }
        }
    }
    match found.as_slice() {
        [] => Verdict::Passed,
        found => Verdict::Failed(format!("see {}: {}", folder.display(), found.join(", "))),
    }
}

/// How many inputs were tried, or what was found. New inputs that reach something go to a folder
/// beside what cargo builds; the committed ones are only read.
fn one(target: &str, length: Length, folder: &Path) -> Result<u64, String> {
    // A short run must not depend on what earlier ones have found.
    let found = match length {
        Length::Seconds(_) => folder.join("corpus").join(target),
        Length::Runs(_) => folder.join("smoke").join(target),
    };
    if matches!(length, Length::Runs(_)) && found.exists() {
        std::fs::remove_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    }
    let corpus = format!("fuzz/corpus/{target}");
    // A finding bears the name of its target, and the words with which libFuzzer stopped.
    let findings = folder.join(format!("{target}-"));
    let limits = match length {
        Length::Seconds(seconds) => vec![format!("-max_total_time={seconds}")],
        Length::Runs(runs) => vec![format!("-runs={runs}"), "-seed=1".to_owned()],
    };
    std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let mut command = instrumented(&["run", "--bin", target]);
    command.args(["--", "-dict=fuzz/jose.dict", "-max_len=65536", "-timeout=10"]);
    command.args(["-rss_limit_mb=1024", "-print_funcs=0", "-print_final_stats=1"]);
    command.args(limits).arg(format!("-artifact_prefix={}", findings.display()));
    let output = command.arg(&found).arg(corpus).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let lines: Vec<&str> = said.lines().collect();
        return Err(lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
    }
    let inputs = said.lines().find_map(|line| line.strip_prefix(EXECUTED)?.trim().parse().ok());
    inputs.ok_or_else(|| "it did not say how many inputs it tried".to_owned())
}

fn instrumented(words: &[&str]) -> Command {
    let (name, rest) = words.split_first().unwrap_or((&"build", &[]));
    let mut command = cargo(&[name, "--quiet", "--release", "--locked"]);
    // With a target of its own, build scripts and macros stay as they are.
    command.args(["--manifest-path", MANIFEST, "--target", "host-tuple"]).args(rest);
    command.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    command
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_SECONDS, Wish, parse};

    #[test]
    fn words_say_what_and_how_long() {
        let parse = |line: &str| parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let wish = |target: Option<&str>, seconds| {
            Some(Wish { target: target.map(str::to_owned), seconds })
        };
        assert_eq!(super::parse(&[]), wish(None, DEFAULT_SECONDS));
        assert_eq!(parse("json"), wish(Some("json"), DEFAULT_SECONDS));
        assert_eq!(parse("json --seconds 7"), wish(Some("json"), 7));
        assert_eq!(parse("--seconds 7"), wish(None, 7));
        for bad in ["json jwk", "--seconds", "--seconds 0", "--seconds x", "--fast"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
