//! What the documents say of the tree must hold.

use std::collections::BTreeSet;

use super::Problem;
use super::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const TOPICS: usize = 21;

/// The crates that ARCHITECTURE.md names, as `crates/NAME`, are those in the folder.
pub(super) fn check_crates(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(ARCHITECTURE) else {
        return vec![Problem::new(ARCHITECTURE, 0, "is missing")];
    };
    let mut problems = Vec::new();
    let crates = tree.crates();
    let mut named = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        for (at, mark) in line.match_indices("crates/") {
            let rest = &line[at + mark.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            if !name.is_empty() && !crates.contains(name) {
                let message = format!("names crates/{name}, which is not there");
                problems.push(Problem::new(ARCHITECTURE, index + 1, message));
            }
            named.insert(name);
        }
    }
    for name in crates.iter().filter(|name| !named.contains(*name)) {
        let message = format!("does not name crates/{name}");
        problems.push(Problem::new(ARCHITECTURE, 0, message));
    }
    problems
}

/// Each topic has a row in a table of ARCHITECTURE.md: a cell with its number alone.
pub(super) fn check_topics(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(ARCHITECTURE) else { return Vec::new() };
    let rows = text.lines().filter(|line| line.trim_start().starts_with('|'));
    let cells: BTreeSet<&str> = rows
        .flat_map(|row| row.split('|'))
        .map(|cell| cell.trim().trim_start_matches(['Q', '[']).split(']').next().unwrap_or(""))
        .collect();
    (1..=TOPICS)
        .filter(|topic| !cells.contains(topic.to_string().as_str()))
        .map(|topic| Problem::new(ARCHITECTURE, 0, format!("topic {topic} has no row in a table")))
        .collect()
}

/// Relative links lead to a file of the tree, and to a heading in it where they name one.
pub(super) fn check_links(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.has_extension(&["md"])) {
        let Some(text) = &file.text else { continue };
        for (line, target) in links(text) {
            if let Err(message) = follow(tree, &file.path, &target) {
                problems.push(Problem::new(&file.path, line, format!("link {target}: {message}")));
            }
        }
    }
    problems
}

/// Targets of `](…)` outside of code, with their lines; those with a scheme are left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, prose) in prose(text) {
        let mut rest = prose.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let target = after.split([')', ' ']).next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push((line, target.to_owned()));
            }
            rest = after;
        }
    }
    found
}

/// The lines that are not code, without their `code` parts.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line.split('`').step_by(2).collect()));
        }
    }
    lines
}

fn follow(tree: &Tree, from: &str, target: &str) -> Result<(), String> {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { from.to_owned() } else { resolve(from, path)? };
    if !tree.holds(&path) {
        return Err("leads nowhere".to_owned());
    }
    if heading.is_empty() || !path.ends_with(".md") {
        return Ok(());
    }
    let text = tree.text(&path).unwrap_or_default();
    if headings(text).contains(heading) { Ok(()) } else { Err("no such heading".to_owned()) }
}

fn resolve(from: &str, path: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." if parts.pop().is_none() => return Err("leads out of the repository".to_owned()),
            ".." => {}
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}

/// Headings as the names that links use: lower case, spaces as hyphens, no punctuation.
fn headings(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
            found.insert(title.chars().filter(kept).collect());
        }
    }
    found
}
