//! Each check is shown to pass on a tidy tree and to fail on an untidy one.

use super::source::{Function, Source};
use super::tree::Tree;
use super::{CHECKS, Problem, arrows, conformance, documents, names, size, text, words};

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::to_string).collect()
}

/// A manifest of crate `name` with these lines behind it.
fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"countersign-{name}\"\n{rest}")
}

fn architecture(crates: &[&str]) -> String {
    let rooms: String = crates.iter().map(|name| format!("- `crates/{name}`: a room\n")).collect();
    let topics: String = (1..=21).map(|topic| format!("| {topic} | x |\n")).collect();
    format!("{rooms}\n{topics}")
}

#[test]
fn a_tidy_tree_has_no_problems() {
    let (jose, page) = (manifest("jose", ""), architecture(&["jose"]));
    let source = "//! Words.\n\nfn short() {\n    let words = \"todo! {\";\n}\n";
    let tree = Tree::of(&[
        ("ARCHITECTURE.md", &page),
        ("crates/jose/Cargo.toml", &jose),
        ("crates/jose/src/lib.rs", source),
    ]);
    for check in CHECKS {
        assert_eq!(shown(&check(&tree)), Vec::<String>::new());
    }
}

#[test]
fn arrows_point_left_only() {
    for (name, rest, expect) in [
        ("store", "[dependencies]\ncountersign-protocol.workspace = true", None),
        ("tests", "[dependencies]\ncountersign-server.workspace = true", None),
        ("jose", "[dependencies]\ncountersign-protocol.workspace = true", Some("protocol")),
        ("verify", "[dependencies]\ncountersign-store.workspace = true", Some("store")),
        ("verify", "[dev-dependencies]\ncountersign-server.workspace = true", Some("server")),
        ("cli", "[dev-dependencies]\ncountersign-tests.workspace = true", Some("tests")),
        ("jose", "[build-dependencies]\ncountersign-cli = { path = '../cli' }", Some("cli")),
        ("jose", "[target.'cfg(unix)'.dependencies]\ncountersign-cli = '1'", Some("cli")),
        ("jose", "[dependencies]\na = { package = 'countersign-cli' }", Some("cli")),
    ] {
        let path = format!("crates/{name}/Cargo.toml");
        let tree = Tree::of(&[(&path, &manifest(name, rest))]);
        let expect = expect.map(|other| format!("{path}: {name} may not depend on {other}"));
        assert_eq!(shown(&arrows::check(&tree)), Vec::from_iter(expect), "{rest}");
    }
}

#[test]
fn every_crate_is_in_the_arrow_table_under_its_own_name() {
    let tree = Tree::of(&[
        ("crates/extra/Cargo.toml", &manifest("extra", "")),
        ("crates/jose/Cargo.toml", &manifest("joes", "")),
        ("crates/store/src/lib.rs", ""),
    ]);
    assert_eq!(
        shown(&arrows::check(&tree)),
        [
            "crates/extra/Cargo.toml: this crate is not in the arrow table of tidy",
            "crates/jose/Cargo.toml: the name is not countersign-jose",
            "crates/store/Cargo.toml: a crate without a Cargo.toml",
        ]
    );
}

#[test]
fn architecture_names_the_crates_that_are_there() {
    let page = architecture(&["jose", "gone"]);
    let files = [("ARCHITECTURE.md", page.as_str()), ("crates/jose/a", ""), ("crates/new/a", "")];
    assert_eq!(
        shown(&documents::check_crates(&Tree::of(&files))),
        [
            "ARCHITECTURE.md:2: names crates/gone, which is not there",
            "ARCHITECTURE.md: does not name crates/new",
        ]
    );
    let missing = documents::check_crates(&Tree::of(&[]));
    assert_eq!(shown(&missing), ["ARCHITECTURE.md: is missing"]);
}

#[test]
fn architecture_has_a_row_for_each_topic() {
    let page = architecture(&[]).replace("| 20 |", "| Q20 |").replace("| 3 |", "| three |");
    let page = page.replace("| 4 |", "| [4](docs/4.md) |").replace("| 21 |", "21");
    assert_eq!(
        shown(&documents::check_topics(&Tree::of(&[("ARCHITECTURE.md", &page)]))),
        [
            "ARCHITECTURE.md: topic 3 has no row in a table",
            "ARCHITECTURE.md: topic 21 has no row in a table",
        ]
    );
}

#[test]
fn links_lead_somewhere() {
    let page = "[a](b.md) [b](../README.md#two-words) [c](https://a.example/b) [d](#own)\n\
                # Own\n`[e](code.md)`\n```\n[f](fenced.md)\n```\n\
                [g](gone.md) [h](../README.md#three)\n[i](../../out.md) [j](../docs)\n";
    let files = [("README.md", "## Two words!\n"), ("docs/a.md", page), ("docs/b.md", "")];
    assert_eq!(
        shown(&documents::check_links(&Tree::of(&files))),
        [
            "docs/a.md:7: link gone.md: leads nowhere",
            "docs/a.md:7: link ../README.md#three: no such heading",
            "docs/a.md:8: link ../../out.md: leads out of the repository",
        ]
    );
}

#[test]
fn names_say_what_is_inside() {
    let tree = Tree::of(&[("crates/a/utils.rs", ""), ("common/b.rs", ""), ("commons.rs", "")]);
    assert_eq!(
        shown(&names::check(&tree)),
        [
            "crates/a/utils.rs: `utils` does not say what is inside",
            "common/b.rs: `common` does not say what is inside",
        ]
    );
}

#[test]
fn files_are_short_before_their_tests() {
    let long = "//\n".repeat(501);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{long}}}\n", "//\n".repeat(500));
    let declared = format!("#[cfg(test)]\nmod tests;\n{long}");
    let tree = Tree::of(&[
        ("a/src/long.rs", &long),
        ("a/src/tested.rs", &tested),
        ("a/src/declared.rs", &declared),
        ("a/src/tests.rs", &long),
        ("crates/a/tests/b.rs", &long),
        ("crates/tests/src/lib.rs", &long),
    ]);
    assert_eq!(
        shown(&size::check_files(&tree)),
        [
            "a/src/long.rs: 501 lines before the tests, 500 are the limit",
            "a/src/declared.rs: 503 lines before the tests, 500 are the limit",
            "crates/tests/src/lib.rs: 501 lines before the tests, 500 are the limit",
        ]
    );
}

#[test]
fn functions_are_short_and_comments_are_free() {
    let function =
        |lines: usize| format!("fn a() {{\n{}}}\n", "    b();\n    // c\n\n".repeat(lines));
    let tree = Tree::of(&[
        ("src/a.rs", &function(70)),
        ("src/b.rs", &format!("\n{}", function(71))),
        ("src/c.rs", &format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(71))),
    ]);
    assert_eq!(
        shown(&size::check_functions(&tree)),
        ["src/b.rs:2: `a` has 71 code lines, 70 are the limit"]
    );
}

#[test]
fn an_exception_that_is_not_needed_goes() {
    let tree = Tree::of(&[("src/a.rs", "fn short() {}\n")]);
    assert_eq!(
        shown(&size::stale(
            &tree,
            &[("src/a.rs", 600, "why")],
            &[("src/a.rs", "short", 80, "why"), ("src/gone.rs", "long", 80, "why")],
        )),
        [
            "src/a.rs: needs no exception from tidy any more",
            "src/a.rs: `short` needs no exception from tidy any more",
            "src/gone.rs: `long` needs no exception from tidy any more",
        ]
    );
}

#[test]
fn lines_are_narrow_and_end_well() {
    let wide = format!("{}\n", "wide ".repeat(21).trim_end());
    let word = format!("// {}\n", "w".repeat(101));
    let tree = Tree::of(&[
        ("a.rs", &wide),
        ("b.rs", &word),
        ("c.md", &wide),
        ("d.py", "a \nb\t\nc"),
        ("fuzz/corpus/e/1", "a \nb"),
    ]);
    assert_eq!(
        shown(&text::check_lines(&tree)),
        [
            "a.rs:1: 104 columns, 100 are the limit",
            "d.py:1: white space at the end of the line",
            "d.py:2: white space at the end of the line",
            "d.py:3: the last line does not end",
        ]
    );
}

#[test]
fn lock_files_name_no_hosts() {
    let tree = Tree::of(&[
        ("a/package-lock.json", "{\n\"resolved\": \"\"\n}\n"),
        ("a/requirements.txt", "a==1\n--index-url b\n"),
        ("a/package.json", "\"resolved\"\n"),
    ]);
    assert_eq!(
        shown(&text::check_lock_files(&tree)),
        [
            "a/package-lock.json:2: `\"resolved\"`: a lock file names no download host",
            "a/requirements.txt:2: `--index-url`: a lock file names no download host",
        ]
    );
}

#[test]
fn leftovers_are_found_in_code_only() {
    let source = "// todo!\nfn a() {\n    todo!();\n    let b = \"dbg!\";\n    my_dbg!();\n}\n\
                  #[ignore = \"slow\"]\nfn c() {}\n";
    assert_eq!(
        shown(&words::check_everywhere(&Tree::of(&[("a.rs", source)]))),
        ["a.rs:3: `todo!` may not stay", "a.rs:7: `#[ignore` may not stay"]
    );
}

#[test]
fn pure_crates_stay_pure() {
    let source = "use std::{fmt, fs};\n\
                  use std::net::{IpAddr, TcpStream};\nlet a = tokio::spawn(b);\n\
                  // std::fs\nlet c = Instantly;\n#[cfg(test)]\nmod tests {\nuse std::fs;\n}\n";
    let tree = Tree::of(&[("crates/jose/src/a.rs", source), ("crates/server/src/a.rs", source)]);
    assert_eq!(
        shown(&words::check_purity(&tree)),
        [
            "crates/jose/src/a.rs:1: `std::fs` in jose, which does no input or output",
            "crates/jose/src/a.rs:2: `TcpStream` in jose, which does no input or output",
            "crates/jose/src/a.rs:3: `tokio` in jose, which does no input or output",
        ]
    );
}

#[test]
fn the_server_holds_no_sql() {
    let source = "let a = \"SELECT id FROM grants\";\nlet b = \"preSELECT \";\n// INSERT INTO a\n";
    let tree = Tree::of(&[("crates/server/src/a.rs", source), ("crates/store/src/a.rs", source)]);
    assert_eq!(
        shown(&words::check_sql(&tree)),
        ["crates/server/src/a.rs:1: `SELECT` in server: that is the store's work"]
    );
}

#[test]
fn code_is_told_from_comments_and_literals() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"a("{ \" }") b"#, r#"a("_ __ _") b"#),
        (r##"r#"{ " }"# b"##, r##"r#"_ _ _"# b"##),
        (r#"br"\" c"#, r#"br"_" c"#),
        ("for x in '{' 'a y", "for x in '_' 'a y"),
        (r"'\'' b", r"'__' b"),
        ("\"//\" b", "\"__\" b"),
    ] {
        assert_eq!(Source::new("a.rs", text).code, code, "{text}");
    }
}

#[test]
fn functions_are_found_with_their_lengths() {
    let source = "trait A { fn none(&self); }\n\
                  fn one(a: [u8; 2]) -> u8\nwhere\n    A: B,\n{\n    a[0]\n}\n\
                  fn two() { let f: fn (u8) = g; }\nconst N: &str = \"fn text() {\";\n\
                  fn outer() {\n    fn inner() {\n        a();\n    }\n}\n";
    let function = |name: &str, line, length| Function { name: name.to_owned(), line, length };
    assert_eq!(
        Source::new("a.rs", source).functions(),
        [
            function("one", 2, 1),
            function("two", 8, 1),
            function("outer", 10, 3),
            function("inner", 11, 1)
        ]
    );
}

#[test]
fn the_conformance_table_names_the_tests_that_are_there() {
    let basic = "#[test]\nfn server() {}\n\n// #[test]\n#[test]\nfn extra() {}\n";
    let both = "modules! {\n    flow, Mode::Post;\n    server,\n    one_2,\n}\n";
    let head = "| module | test | result |\n|---|---|---|\n";
    let good = format!(
        "# Words\n## Basic (2)\n{head}| `oidcc-server` | `basic.rs::server` | passes |\n\
         | `oidcc-extra` | `basic.rs::extra` | does not apply: it is refused |\n\
         ## Posted (3)\n{head}| `oidcc-server` | `posted.rs::server` | passes |\n\
         | `oidcc-one-2` | `posted.rs::one_2` | passes |\n\
         | `oidcc-three` | | not yet: no such endpoint |\n"
    );
    let folder = "crates/tests/tests/conformance";
    let (basic_path, posted_path) = (format!("{folder}/basic.rs"), format!("{folder}/posted.rs"));
    let problems = |document: &str| {
        let files =
            [("docs/conformance.md", document), (&*basic_path, basic), (&*posted_path, both)];
        shown(&conformance::check(&Tree::of(&files)))
    };
    assert_eq!(problems(&good), Vec::<String>::new());
    let server = "| `oidcc-server` | `basic.rs::server` | passes |\n";
    let extra = "| `oidcc-extra` | `basic.rs::extra` | does not apply: it is refused |\n";
    for (from, to, expected) in [
        (extra, "", &[":2: 1 modules, which is not the number", ": does not name"][..]),
        (extra, server, &[":6: `oidcc-server` has a row already", ": does not name"]),
        (
            "basic.rs::server",
            "basic.rs::serve",
            &[":5: `basic.rs::serve` is no", ": does not name"],
        ),
        ("basic.rs::server", "posted.rs::server", &[":10: `posted.rs::server` is the", ": does"]),
        ("oidcc-extra", "oidcc-Other", &[":6: the test of `oidcc-Other` is called `other`"]),
        ("`basic.rs::server`", "", &[":5: `oidcc-server` passes, but no test", ": does not name"]),
        ("| |", "| `posted.rs::one_2` |", &[":12: `posted.rs::one_2` is the test of another"]),
        ("does not apply: it", "fails: it", &[":6: `oidcc-extra`: the result is"]),
        ("not yet: no such endpoint", "not yet: ", &[":12: `oidcc-three`: the result is"]),
        ("(3)", "", &[":7: 3 modules, which is not the number"]),
    ] {
        let found = problems(&good.replacen(from, to, 1));
        let alike = found
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.starts_with(&format!("docs/conformance.md{expected}")));
        assert!(alike && found.len() == expected.len(), "{from} -> {to}: {found:#?}");
    }
    let missing = conformance::check(&Tree::of(&[(&basic_path, basic)]));
    assert_eq!(missing.len(), 1, "{missing:?}");
}
