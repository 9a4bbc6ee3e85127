//! Lines: how wide, how they end; and what a lock file may not hold.

use super::Problem;
use super::tree::Tree;

const COLUMNS: usize = 100;

/// What is written by hand in lines. Prose and markup may be as wide as they like.
const LINED: &[&str] = &["rs", "js", "mjs", "ts", "py", "sh"];

/// Copies of published texts and what tools write.
const AS_THEY_ARE: &[&str] = &["LICENSE-APACHE", "Cargo.lock"];
/// Data, not text, even where it looks like text.
const DATA: &str = "fuzz/corpus/";

pub(super) fn check_lines(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        let Some(text) = &file.text else { continue };
        if AS_THEY_ARE.contains(&file.path.as_str()) || file.path.starts_with(DATA) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let mut report = |message| problems.push(Problem::new(&file.path, index + 1, message));
            if line.ends_with([' ', '\t']) {
                report("white space at the end of the line".to_owned());
            }
            let width = line.chars().count();
            if file.has_extension(LINED) && width > COLUMNS && !is_one_long_word(line) {
                report(format!("{width} columns, {COLUMNS} are the limit"));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            let last = text.lines().count();
            problems.push(Problem::new(&file.path, last, "the last line does not end"));
        }
    }
    problems
}

/// A key, a token or an address that cannot be broken.
fn is_one_long_word(line: &str) -> bool {
    line.split_whitespace().any(|word| word.chars().count() > COLUMNS * 6 / 10)
}

/// Who installs decides from where: a lock file names versions and digests, no hosts.
pub(super) fn check_lock_files(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        let Some(text) = &file.text else { continue };
        let marks: &[&str] = if file.path.ends_with("package-lock.json") {
            &["\"resolved\"", "http://", "https://registry"]
        } else if file.path.ends_with("requirements.txt") {
            &["://", "--index-url", "--extra-index-url", "--find-links"]
        } else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                let message = format!("`{mark}`: a lock file names no download host");
                problems.push(Problem::new(&file.path, index + 1, message));
            }
        }
    }
    problems
}
