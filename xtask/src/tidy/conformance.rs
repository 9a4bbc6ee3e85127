//! docs/conformance.md names tests; they are there, and it leaves none out.

use std::collections::BTreeSet;

use super::Problem;
use super::source::Source;
use super::tree::Tree;

const DOCUMENT: &str = "docs/conformance.md";
const TESTS: &str = "crates/tests/tests/conformance/";
/// What a module's name has before that of its test.
const PREFIXES: &[&str] = &["fapi2-security-profile-final-", "oidcc-"];

/// A row of a table: what a module is, which test shows it, what the result is.
struct Row<'a> {
    line: usize,
    module: &'a str,
    /// `file.rs::function`; empty where there is none.
    test: &'a str,
    result: &'a str,
}

/// A table has the modules of one plan. Its heading says how many there are: `## Name (38)`.
struct Plan<'a> {
    line: usize,
    count: Option<usize>,
    rows: Vec<Row<'a>>,
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let tests = tests(tree);
    let Some(text) = tree.text(DOCUMENT) else {
        let missing = Problem::new(DOCUMENT, 0, format!("is missing, but {TESTS} is there"));
        return Vec::from_iter((!tests.is_empty()).then_some(missing));
    };
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for plan in plans(text) {
        if plan.count != Some(plan.rows.len()) {
            let found = plan.rows.len();
            let message = format!("{found} modules, which is not the number in the heading");
            problems.push(Problem::new(DOCUMENT, plan.line, message));
        }
        let mut modules = BTreeSet::new();
        for row in &plan.rows {
            let mut wrong = fault(row, &tests);
            if !modules.insert(row.module) {
                wrong = Some(format!("`{}` has a row already", row.module));
            } else if !row.test.is_empty() && !named.insert(row.test) {
                wrong = Some(format!("`{}` is the test of another row", row.test));
            }
            problems.extend(wrong.map(|message| Problem::new(DOCUMENT, row.line, message)));
        }
    }
    for test in tests.iter().filter(|test| !named.contains(test.as_str())) {
        problems.push(Problem::new(DOCUMENT, 0, format!("does not name the test `{test}`")));
    }
    problems
}

/// What is wrong with a row by itself.
fn fault(row: &Row<'_>, tests: &BTreeSet<String>) -> Option<String> {
    let says_why = |start: &str| row.result.strip_prefix(start).is_some_and(|why| why.len() > 5);
    let (passes, not_yet) = (row.result == "passes", says_why("not yet: "));
    if !passes && !not_yet && !says_why("does not apply: ") {
        let known = "`passes`, `does not apply: why` or `not yet: why`";
        return Some(format!("`{}`: the result is {known}", row.module));
    }
    if passes && row.test.is_empty() {
        return Some(format!("`{}` passes, but no test shows it", row.module));
    }
    if row.test.is_empty() {
        return None;
    }
    if not_yet {
        return Some(format!("`{}` is not there yet, but has a test", row.module));
    }
    if !tests.contains(row.test) {
        return Some(format!("`{}` is no test in {TESTS}", row.test));
    }
    let function = row.test.split_once("::").map_or("", |(_, function)| function);
    let expected = function_name(row.module);
    (function != expected).then(|| format!("the test of `{}` is called `{expected}`", row.module))
}

/// A module's name as that of a function.
fn function_name(module: &str) -> String {
    let own = PREFIXES.iter().find_map(|prefix| module.strip_prefix(prefix)).unwrap_or(module);
    own.replace('-', "_").to_lowercase()
}

fn plans(text: &str) -> Vec<Plan<'_>> {
    let mut plans: Vec<Plan<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            let count = heading.rsplit_once('(').and_then(|(_, count)| count.strip_suffix(')'));
            let count = count.and_then(|count| count.parse().ok());
            plans.push(Plan { line: index + 1, count, rows: Vec::new() });
        } else if let (Some(plan), Some(row)) = (plans.last_mut(), row(line, index + 1)) {
            plan.rows.push(row);
        }
    }
    plans.retain(|plan| plan.count.is_some() || !plan.rows.is_empty());
    plans
}

/// A row whose first cell is code; the head of a table is none.
fn row(text: &str, line: usize) -> Option<Row<'_>> {
    let cells: Vec<&str> = text.strip_prefix('|')?.split('|').map(str::trim).collect();
    let code = |cell: &str| cell.starts_with('`');
    let [module, test, result, ""] = cells[..] else { return None };
    let bare = |cell| str::trim_matches(cell, '`');
    code(module).then(|| Row { line, module: bare(module), test: bare(test), result })
}

/// `file.rs::function` for every test below the folder.
fn tests(tree: &Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, source) in tree.sources() {
        if let Some(file) = path.strip_prefix(TESTS) {
            found.extend(functions(source).into_iter().map(|name| format!("{file}::{name}")));
        }
    }
    found
}

/// Functions under `#[test]`, and those that the macro `modules!` makes of its list.
fn functions(source: &Source) -> Vec<String> {
    let code = &source.code;
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut names: Vec<String> = code
        .split("#[test]")
        .skip(1)
        .filter_map(|after| Some(after.split_once("fn ")?.1.chars().take_while(is_name).collect()))
        .collect();
    for after in code.split("modules!").skip(1) {
        let inside = after.split('}').next().unwrap_or_default();
        let list = inside.split_once(';').map_or("", |(_, list)| list);
        names.extend(list.split(',').map(|name| name.trim().to_owned()));
    }
    names.retain(|name| !name.is_empty());
    names
}
