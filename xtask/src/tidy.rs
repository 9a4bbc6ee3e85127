//! `cargo xtask tidy`: the layout rules that no compiler knows.
//!
//! A check is a function from the tree to its problems, so each can be shown to fail on a small
//! tree made up in a test.

mod arrows;
mod conformance;
mod documents;
mod names;
mod size;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod words;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use crate::step::{Run, Verdict};
use tree::Tree;

pub(crate) fn run() -> ExitCode {
    let mut run = Run::new(&[]);
    run.step("tidy", verdict);
    run.finish()
}

pub(crate) fn verdict() -> Verdict {
    let tree = match Tree::read(Path::new(".")) {
        Ok(tree) => tree,
        Err(error) => return Verdict::Failed(format!("cannot read the tree: {error}")),
    };
    let problems = problems(&tree);
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => {
            println!("{} files, all tidy", tree.files.len());
            Verdict::Passed
        }
        count => Verdict::Failed(format!("{count} problems")),
    }
}

const CHECKS: &[fn(&Tree) -> Vec<Problem>] = &[
    arrows::check,
    conformance::check,
    documents::check_crates,
    documents::check_topics,
    documents::check_links,
    names::check,
    size::check_files,
    size::check_functions,
    size::check_exceptions,
    text::check_lines,
    text::check_lock_files,
    words::check_everywhere,
    words::check_purity,
    words::check_sql,
];

fn problems(tree: &Tree) -> Vec<Problem> {
    CHECKS.iter().flat_map(|check| check(tree)).collect()
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    message: String,
}

impl Problem {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}
