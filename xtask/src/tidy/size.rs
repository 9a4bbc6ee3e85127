//! Limits on files and functions. A ratchet: exceptions are named, and may not grow.

use super::Problem;
use super::tree::Tree;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// A file above the limit: path, its own limit, why.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// A function above the limit: path, name, its own limit, why.
const LONG_FUNCTIONS: &[(&str, &str, usize, &str)] = &[];

pub(super) fn check_files(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, source) in tree.sources() {
        let own = LONG_FILES.iter().find(|(file, ..)| *file == path);
        let limit = own.map_or(FILE_LINES, |(_, limit, _)| *limit);
        let lines = source.test_from.min(source.code.lines().count());
        if lines > limit {
            let message = format!("{lines} lines before the tests, {limit} are the limit");
            problems.push(Problem::new(path, 0, message));
        }
    }
    problems
}

pub(super) fn check_functions(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, source) in tree.sources() {
        for function in source.functions() {
            let (name, length) = (&function.name, function.length);
            let own = LONG_FUNCTIONS.iter().find(|(file, own, ..)| *file == path && own == name);
            let limit = own.map_or(FUNCTION_LINES, |(_, _, limit, _)| *limit);
            if length > limit && function.line <= source.test_from {
                let message = format!("`{name}` has {length} code lines, {limit} are the limit");
                problems.push(Problem::new(path, function.line, message));
            }
        }
    }
    problems
}

/// An exception that nothing needs any more is taken off the list.
pub(super) fn check_exceptions(tree: &Tree) -> Vec<Problem> {
    stale(tree, LONG_FILES, LONG_FUNCTIONS)
}

pub(super) fn stale(
    tree: &Tree,
    files: &[(&str, usize, &str)],
    functions: &[(&str, &str, usize, &str)],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let source = |path: &str| tree.sources().find(|(own, _)| *own == path).map(|(_, own)| own);
    for (path, ..) in files {
        if source(path).is_none_or(|source| source.test_from <= FILE_LINES) {
            problems.push(Problem::new(path, 0, "needs no exception from tidy any more"));
        }
    }
    for (path, name, ..) in functions {
        let functions = source(path).map(super::source::Source::functions).unwrap_or_default();
        let long = |function: &super::source::Function| {
            function.name == *name && function.length > FUNCTION_LINES
        };
        if !functions.iter().any(long) {
            let message = format!("`{name}` needs no exception from tidy any more");
            problems.push(Problem::new(path, 0, message));
        }
    }
    problems
}
