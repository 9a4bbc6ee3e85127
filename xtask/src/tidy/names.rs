//! Files and folders bear the name of what is in them.

use super::Problem;
use super::tree::Tree;

/// Names that say nothing about the content.
const FORBIDDEN: &[&str] = &["common", "helper", "helpers", "misc", "util", "utils"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        for part in file.path.split('/') {
            let stem = part.split('.').next().unwrap_or(part);
            if FORBIDDEN.contains(&stem.to_ascii_lowercase().as_str()) {
                let message = format!("`{stem}` does not say what is inside");
                problems.push(Problem::new(&file.path, 0, message));
            }
        }
    }
    problems
}
