//! Runs named steps, echoes what they print, and closes with a table.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::tally::Tally;

/// What became of a step.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    /// Never silent: printed with its reason, and a failure where `CI=true`.
    Skipped(String),
}

/// The steps of one task, in order. A failed step does not stop those after it.
#[derive(Debug)]
pub(crate) struct Run {
    only: Vec<String>,
    ci: bool,
    outcomes: Vec<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    name: &'static str,
    verdict: Verdict,
    tally: Tally,
    took: Duration,
}

impl Run {
    /// `only`: run the steps whose names contain one of these words; empty means all.
    pub(crate) fn new(only: &[String]) -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        Self { only: only.to_vec(), ci, outcomes: Vec::new() }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
    }

    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Verdict) {
        self.tallied(name, |_| work());
    }

    pub(crate) fn command(&mut self, name: &'static str, command: Command) {
        self.tallied(name, |tally| execute(command, tally));
    }

    /// Whether the step ran and passed.
    pub(crate) fn passed(&self, name: &str) -> bool {
        let passed = |outcome: &Outcome| matches!(outcome.verdict, Verdict::Passed);
        self.outcomes.iter().any(|outcome| outcome.name == name && passed(outcome))
    }

    pub(crate) fn tallied(&mut self, name: &'static str, work: impl FnOnce(&mut Tally) -> Verdict) {
        if !self.wants(name) {
            return;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        let mut tally = Tally::default();
        let verdict = work(&mut tally);
        match &verdict {
            Verdict::Passed => {}
            Verdict::Failed(reason) => println!("failed: {name}: {reason}"),
            Verdict::Skipped(reason) => println!("skipped: {name}: {reason}"),
        }
        self.outcomes.push(Outcome { name, verdict, tally, took: start.elapsed() });
    }

    /// Prints the table and the closing line; the exit code says whether all is well.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{:<50} {:>8} {:>7}  result", "step", "seconds", "tests");
        let mut sum = Tally::default();
        for outcome in &self.outcomes {
            let counted = outcome.counted();
            sum.add(counted);
            let tests = match outcome.tally.total() {
                0 => String::from("-"),
                total => total.to_string(),
            };
            let result = match &outcome.verdict {
                Verdict::Passed if counted.skipped > 0 => "passed, with skipped tests",
                Verdict::Passed => "passed",
                Verdict::Failed(_) => "FAILED",
                Verdict::Skipped(_) => "skipped",
            };
            let seconds = outcome.took.as_secs_f64();
            println!("{:<50} {seconds:>8.1} {tests:>7}  {result}", outcome.name);
        }
        for outcome in &self.outcomes {
            outcome.print_reason();
        }
        if sum.total() == 0 {
            println!("no step of that name");
        } else if self.ci && sum.skipped > 0 {
            println!("CI=true: a skipped step or test is a failure");
        }
        println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
        let well = sum.total() > 0 && sum.failed == 0 && !(self.ci && sum.skipped > 0);
        if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Outcome {
    /// A step that runs no tests counts as one.
    fn counted(&self) -> Tally {
        let mut counted = self.tally;
        match self.verdict {
            Verdict::Passed if counted.total() == 0 => counted.passed = 1,
            Verdict::Failed(_) if counted.failed == 0 => counted.failed = 1,
            Verdict::Skipped(_) => counted.skipped += 1,
            _ => {}
        }
        counted
    }

    fn print_reason(&self) {
        let name = self.name;
        match &self.verdict {
            Verdict::Passed if self.tally.skipped > 0 => {
                println!("skipped: {name}: {} tests, named above", self.tally.skipped);
            }
            Verdict::Passed => {}
            Verdict::Failed(reason) => println!("failed: {name}: {reason}"),
            Verdict::Skipped(reason) => println!("skipped: {name}: {reason}"),
        }
    }
}

/// The cargo that runs this task.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(words);
    command
}

/// Runs a command to its end, echoing its output line by line while counting tests.
pub(crate) fn execute(mut command: Command, tally: &mut Tally) -> Verdict {
    let line = shown(&command);
    println!("$ {line}");
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Verdict::Failed(format!("`{line}` did not start: {error}")),
    };
    if let Some(output) = child.stdout.take() {
        echo(BufReader::new(output), tally);
    }
    match child.wait() {
        Ok(status) if status.success() => Verdict::Passed,
        Ok(status) => Verdict::Failed(format!("`{line}`: {status}")),
        Err(error) => Verdict::Failed(format!("`{line}`: {error}")),
    }
}

fn echo(mut lines: impl BufRead, tally: &mut Tally) {
    let mut line = Vec::new();
    let mut out = std::io::stdout().lock();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A closed standard output must not stop the count.
        let _ = out.write_all(&line);
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let _ = out.flush();
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or(&program).to_owned();
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Run, Tally, Verdict};
    use std::process::ExitCode;
    use std::time::Duration;

    fn code(ci: bool, outcomes: Vec<(Verdict, Tally)>) -> ExitCode {
        let outcomes = outcomes
            .into_iter()
            .map(|(verdict, tally)| Outcome { name: "a", verdict, tally, took: Duration::ZERO })
            .collect();
        Run { only: Vec::new(), ci, outcomes }.finish()
    }

    fn is_success(code: ExitCode) -> bool {
        format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
    }

    #[test]
    fn a_failure_fails_the_run() {
        let none = Tally::default();
        assert!(is_success(code(true, vec![(Verdict::Passed, none)])));
        assert!(!is_success(code(false, vec![(Verdict::Failed("why".to_owned()), none)])));
        assert!(!is_success(code(false, Vec::new())));
    }

    #[test]
    fn a_skip_fails_the_run_in_ci_only() {
        let skip = || vec![(Verdict::Skipped("why".to_owned()), Tally::default())];
        assert!(is_success(code(false, skip())));
        assert!(!is_success(code(true, skip())));
        let inner = || vec![(Verdict::Passed, Tally { passed: 3, skipped: 1, ..Tally::default() })];
        assert!(is_success(code(false, inner())));
        assert!(!is_success(code(true, inner())));
    }

    #[test]
    fn words_choose_steps() {
        let run = Run::new(&["interop".to_owned()]);
        assert!(run.wants("interop: authlib") && !run.wants("clippy"));
        assert!(Run::new(&[]).wants("clippy"));
    }
}
