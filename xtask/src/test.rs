//! `cargo xtask test`: everything that a change must pass, on a machine that may be new.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::fuzz;
use crate::interop;
use crate::step::{Run, Verdict, cargo, execute};
use crate::supply;
use crate::tally::Tally;
use crate::tidy;

const RELEASE: &str = "release build";

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
    let rust = ["fetch", "--locked", "--manifest-path", interop::RUST];
    run.command("fetch: interop", cargo(&rust));
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
    interop::add_steps(&mut run, &target, binary.as_deref());
    run.finish()
}

fn add_static_steps(run: &mut Run) {
    run.command("format", cargo(&["fmt", "--all", "--check"]));
    let beside = |name: &str| cargo(&["fmt", "--check", "--manifest-path", name]);
    run.command("format: bench", beside("bench/Cargo.toml"));
    run.command("format: fuzz", beside("fuzz/Cargo.toml"));
    run.command("format: interop", beside(interop::RUST));
    run.step("tidy", tidy::verdict);
    supply::add_steps(run);
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run.command("clippy", cargo(&clippy));
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run.command("doc", doc);
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
