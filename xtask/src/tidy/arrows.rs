//! Which crate may depend on which: left never knows right.
//!
//! ```text
//! jose <- protocol <- store <- server <- cli
//! jose <- verify   <- server                  everything <- tests
//! ```

use super::Problem;
use super::tree::Tree;

/// A crate and what it may depend on, tests included. `tests` stands in no list on the right.
const ARROWS: &[(&str, &[&str])] = &[
    ("jose", &[]),
    ("protocol", &["jose"]),
    ("store", &["jose", "protocol"]),
    ("verify", &["jose"]),
    ("server", &["jose", "protocol", "store", "verify"]),
    ("cli", &["jose", "protocol", "store", "verify", "server"]),
    ("tests", &["jose", "protocol", "store", "verify", "server", "cli"]),
];

const PREFIX: &str = "countersign-";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for folder in tree.crates() {
        let path = format!("crates/{folder}/Cargo.toml");
        let Some(text) = tree.text(&path) else {
            problems.push(Problem::new(&path, 0, "a crate without a Cargo.toml"));
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
            problems.push(Problem::new(&path, 0, "this crate is not in the arrow table of tidy"));
            continue;
        };
        match toml::from_str::<toml::Table>(text) {
            Ok(manifest) => check_manifest(&path, folder, &manifest, allowed, &mut problems),
            Err(error) => problems.push(Problem::new(&path, 0, error.to_string())),
        }
    }
    problems
}

fn check_manifest(
    path: &str,
    folder: &str,
    manifest: &toml::Table,
    allowed: &[&str],
    problems: &mut Vec<Problem>,
) {
    let name = manifest.get("package").and_then(|package| package.get("name"));
    if name.and_then(toml::Value::as_str) != Some(&format!("{PREFIX}{folder}")) {
        problems.push(Problem::new(path, 0, format!("the name is not {PREFIX}{folder}")));
    }
    let mut dependencies = Vec::new();
    collect(manifest, &mut dependencies);
    for dependency in dependencies {
        if !allowed.contains(&dependency.as_str()) {
            let message = format!("{folder} may not depend on {dependency}");
            problems.push(Problem::new(path, 0, message));
        }
    }
}

/// Our crates in every dependency table, those of single targets included.
fn collect(table: &toml::Table, found: &mut Vec<String>) {
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            for (name, value) in inner {
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(name);
                found.extend(package.strip_prefix(PREFIX).map(str::to_owned));
            }
        } else {
            collect(inner, found);
        }
    }
}
