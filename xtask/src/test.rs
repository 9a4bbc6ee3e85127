//! `cargo xtask test`: everything that a change must pass, on a machine that may be new.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::fuzz;
use crate::machine;
use crate::step::{Run, Verdict, cargo, execute};
use crate::supply;
use crate::tally::Tally;
use crate::tidy;

const RELEASE: &str = "release build";
const NODE: &str = "interop/node";
const PYTHON: &str = "interop/python";
/// Names the binary to a suite.
const JOSE_PEER: &str = "JOSE_PEER_BIN";

/// An environment variable with the path of a binary.
type Binary<'a> = (&'static str, &'a Path);

fn server(binary: &Path) -> Binary<'_> {
    ("COUNTERSIGN_BIN", binary)
}

pub(crate) fn run(only: &[String]) -> ExitCode {
    let mut run = Run::new(only);
    let target = match target_folder() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("xtask: {error}");
            return ExitCode::FAILURE;
        }
    };
    run.step("toolchain", toolchain);
    // Once, for all platforms: the steps after it work without a network.
    run.command("fetch", cargo(&["fetch", "--locked"]));
    let fuzz = ["fetch", "--locked", "--manifest-path", "fuzz/Cargo.toml"];
    run.command("fetch: fuzz", cargo(&fuzz));
    add_static_steps(&mut run);
    // The README's own build. What it makes is what the tests below run.
    run.command(RELEASE, cargo(&["build", "--release", "--locked"]));
    let binary = binary(&run, &target);
    run.tallied("cargo test", |tally| cargo_test(binary.as_deref(), tally));
    // Features that the product itself does not turn on.
    run.tallied("jose: every feature", |tally| {
        let words = ["test", "--package", "countersign-jose", "--all-features", "--locked"];
        execute(cargo(&words), tally)
    });
    run.tallied("fuzz", fuzz::smoke);
    add_library_steps(&mut run, &target);
    add_interop_steps(&mut run, &target, binary.as_deref());
    run.finish()
}

fn add_static_steps(run: &mut Run) {
    run.command("format", cargo(&["fmt", "--all", "--check"]));
    let beside = |name: &str| cargo(&["fmt", "--check", "--manifest-path", name]);
    run.command("format: bench", beside("bench/Cargo.toml"));
    run.command("format: fuzz", beside("fuzz/Cargo.toml"));
    run.step("tidy", tidy::verdict);
    supply::add_steps(run);
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run.command("clippy", cargo(&clippy));
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run.command("doc", doc);
}

/// Other people's libraries against our own: each reads what the other writes.
fn add_library_steps(run: &mut Run, target: &Path) {
    run.tallied("interop: jose (npm)", |tally| {
        let peer = match jose_peer(target) {
            Ok(peer) => peer,
            Err(reason) => return Verdict::Failed(reason),
        };
        match npm() {
            Ok(()) => execute(node_test("jose.test.mjs", (JOSE_PEER, &peer)), tally),
            Err(reason) => Verdict::Skipped(reason),
        }
    });
    run.tallied("interop: joserfc (PyPI)", |tally| {
        let peer = match jose_peer(target) {
            Ok(peer) => peer,
            Err(reason) => return Verdict::Failed(reason),
        };
        match python_packages(target) {
            Ok(python) => {
                execute(python_test(&python, "test_joserfc.py", (JOSE_PEER, &peer)), tally)
            }
            Err(reason) => Verdict::Skipped(reason),
        }
    });
}

/// The library as a partner for those steps, with every feature.
fn jose_peer(target: &Path) -> Result<PathBuf, String> {
    let words = ["build", "--package", "countersign-jose", "--all-features", "--locked"];
    let mut command = cargo(&words);
    command.args(["--example", "jose_peer"]);
    reason(execute(command, &mut Tally::default()))?;
    Ok(target.join("debug/examples/jose_peer"))
}

/// Other people's clients and a real browser, each against a server of its own.
fn add_interop_steps(run: &mut Run, target: &Path, binary: Option<&Path>) {
    for (step, file) in [
        ("interop: openid-client (npm)", "openid_client.test.mjs"),
        ("interop: openid-client with DPoP (npm)", "dpop.test.mjs"),
        ("interop: openid-client with private_key_jwt (npm)", "private_key_jwt.test.mjs"),
    ] {
        run.tallied(step, |tally| {
            let Some(binary) = binary else { return no_binary() };
            match npm() {
                Ok(()) => execute(node_test(file, server(binary)), tally),
                Err(reason) => Verdict::Skipped(reason),
            }
        });
    }
    run.tallied("interop: Authlib (PyPI)", |tally| {
        let Some(binary) = binary else { return no_binary() };
        match python_packages(target) {
            Ok(python) => execute(python_test(&python, "test_authlib.py", server(binary)), tally),
            Err(reason) => Verdict::Skipped(reason),
        }
    });
    run.tallied("interop: status lists (zlib, joserfc)", |tally| {
        let Some(binary) = binary else { return no_binary() };
        match python_packages(target) {
            Ok(python) => {
                execute(python_test(&python, "test_status_list.py", server(binary)), tally)
            }
            Err(reason) => Verdict::Skipped(reason),
        }
    });
    run.tallied("browser: Chromium", |tally| {
        let Some(binary) = binary else { return no_binary() };
        let chromium = machine::ensure(&["chromium", "chromium-browser"], "chromium");
        match chromium.and_then(|chromium| npm().map(|()| chromium)) {
            Ok(chromium) => {
                let mut command = node_test("browser.test.mjs", server(binary));
                command.env("CHROMIUM", chromium);
                execute(command, tally)
            }
            Err(reason) => Verdict::Skipped(reason),
        }
    });
}

fn toolchain() -> Verdict {
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if cargo(&[&program["cargo-".len()..], "--version"])
            .output()
            .is_ok_and(|output| output.status.success())
        {
            continue;
        }
        println!("installing the Rust component {component}");
        let mut command = Command::new("rustup");
        command.args(["component", "add", component]);
        if let Verdict::Failed(reason) = execute(command, &mut Tally::default()) {
            return Verdict::Skipped(format!("{component} is missing: {reason}"));
        }
    }
    execute(cargo(&["--version", "--verbose"]), &mut Tally::default())
}

/// Unit, integration and documentation tests. Those that need the binary take the one just built.
fn cargo_test(binary: Option<&Path>, tally: &mut Tally) -> Verdict {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    if let Some(binary) = binary {
        command.env("COUNTERSIGN_BIN", binary);
    }
    execute(command, tally)
}

fn target_folder() -> Result<PathBuf, String> {
    let mut metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let output = metadata.output().map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let folder = metadata["target_directory"].as_str();
    folder.map(PathBuf::from).ok_or_else(|| "cargo metadata names no target folder".to_owned())
}

/// The release binary, unless this run tried to build it and failed.
fn binary(run: &Run, target: &Path) -> Option<PathBuf> {
    let binary = target.join("release/countersign");
    let built = !run.wants(RELEASE) || run.passed(RELEASE);
    (built && binary.is_file()).then_some(binary)
}

fn no_binary() -> Verdict {
    Verdict::Skipped("there is no release build of countersign".to_owned())
}

fn npm() -> Result<(), String> {
    machine::ensure(&["npm"], "npm").and_then(|_| npm_packages())
}

/// Installs exactly what the lock file names, unless that was done before.
fn npm_packages() -> Result<(), String> {
    let lock = Path::new(NODE).join("package-lock.json");
    let installed = Path::new(NODE).join("node_modules/.package-lock.json");
    if is_newer(&installed, &lock) {
        return Ok(());
    }
    println!("installing the npm packages of {NODE}");
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(NODE);
    reason(execute(command, &mut Tally::default()))
}

fn node_test(file: &str, (name, binary): Binary<'_>) -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec", file]).current_dir(NODE);
    command.env(name, binary);
    command
}

/// Makes a virtual environment with the pinned packages, and gives its interpreter.
fn python_packages(target: &Path) -> Result<PathBuf, String> {
    let environment = target.join("interop-python");
    let python = environment.join("bin/python");
    let requirements = Path::new(PYTHON).join("requirements.txt");
    let done = environment.join("installed");
    if is_newer(&done, &requirements) {
        return Ok(python);
    }
    let base = machine::ensure(&["python3"], "python3")?;
    println!("installing the Python packages of {PYTHON} in {}", environment.display());
    let make = || {
        let mut command = Command::new(&base);
        command.args(["-m", "venv", "--clear"]).arg(&environment);
        reason(execute(command, &mut Tally::default()))
    };
    // Debian ships the module apart from the interpreter.
    make().or_else(|_| machine::install("python3-venv").and_then(|()| make()))?;
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command.args(["--no-deps", "-r"]).arg(&requirements);
    reason(execute(command, &mut Tally::default()))?;
    std::fs::write(&done, "").map_err(|error| error.to_string())?;
    Ok(python)
}

fn python_test(python: &Path, file: &str, (name, binary): Binary<'_>) -> Command {
    let mut command = Command::new(python);
    // No compiled copies of the scripts in the tree.
    command.args(["-B", file]).current_dir(PYTHON);
    command.env(name, binary);
    command
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    matches!((time(file), time(than)), (Some(file), Some(than)) if file >= than)
}

fn reason(verdict: Verdict) -> Result<(), String> {
    match verdict {
        Verdict::Passed => Ok(()),
        Verdict::Failed(reason) | Verdict::Skipped(reason) => Err(reason),
    }
}
