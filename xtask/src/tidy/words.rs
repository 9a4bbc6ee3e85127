//! Words that may not stand in code.

use super::Problem;
use super::tree::Tree;

/// Left behind while working, or a way to look away.
const NOWHERE: &[&str] = &["#[ignore", "todo!", "unimplemented!", "dbg!"];

/// Crates that decide and do nothing else: clock, randomness and input are arguments.
const PURE: &[&str] = &["jose", "protocol"];
const IMPURE: &[&str] = &[
    "tokio",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    // Addresses are values; these open them.
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
];

/// The server speaks to the store through its trait.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "rusqlite",
];

pub(super) fn check_everywhere(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, source) in tree.sources() {
        for (index, line) in source.code.lines().enumerate() {
            for word in NOWHERE.iter().filter(|word| holds(line, word)) {
                problems.push(Problem::new(path, index + 1, format!("`{word}` may not stay")));
            }
        }
    }
    problems
}

pub(super) fn check_purity(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in PURE {
        let folder = format!("crates/{name}/src/");
        for (path, source) in tree.sources().filter(|(path, _)| path.starts_with(&folder)) {
            let product = source.product(&source.code);
            // `use std::{fs, io}` is written out, one import a time.
            let product = product.map(|(line, code)| (line, written_out(code)));
            for (line, code) in product {
                for word in IMPURE.iter().filter(|word| holds(&code, word)) {
                    let message = format!("`{word}` in {name}, which does no input or output");
                    problems.push(Problem::new(path, line, message));
                }
            }
        }
    }
    problems
}

pub(super) fn check_sql(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, source) in tree.sources().filter(|(path, _)| path.starts_with("crates/server/src/"))
    {
        for (line, text) in source.product(&source.literals) {
            for word in SQL.iter().filter(|word| holds(text, word)) {
                let message = format!("`{}` in server: that is the store's work", word.trim());
                problems.push(Problem::new(path, line, message));
            }
        }
    }
    problems
}

/// Whether `word` stands in `line` and is not the end of a longer word.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let ends_in_name = word.ends_with(|c: char| c.is_alphanumeric());
        !(goes_on(before) || ends_in_name && goes_on(after))
    })
}

fn written_out(line: &str) -> String {
    let Some((path, rest)) = line.split_once("::{") else { return line.to_owned() };
    let Some(path) = path.trim_start().strip_prefix("use ") else { return line.to_owned() };
    let names = rest.split(['}', ';']).next().unwrap_or(rest).split(',');
    names.map(|name| format!("use {path}::{}; ", name.trim())).collect()
}
