//! `cargo xtask bench NAME`: builds what a measurement needs, and runs it.
//!
//! Standard output belongs to the figures, so that a script can read them; everything else goes to
//! standard error.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::machine;
use crate::step::cargo;

const USAGE: &str = "\
cargo xtask bench NAME [--json]

  jose [--rounds N]     sign and verify, beside other libraries and the bare primitive
  verify [--rounds N]   what an API pays for a token: new and seen before, few and many revocations,
                        beside jsonwebtoken
  server [--connections N] [--seconds S] [--op NAME]
                        the release binary over loopback, beside the limits of the machine
";

pub(crate) fn run(words: &[String]) -> ExitCode {
    let outcome = match words.split_first() {
        Some((name, rest)) if name == "jose" => jose(rest),
        Some((name, rest)) if name == "verify" => {
            // One peer, which needs nothing of the system.
            measure(&["--no-default-features", "--features", "jsonwebtoken"], "verify", rest)
        }
        Some((name, rest)) if name == "server" => server(rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn jose(words: &[String]) -> Result<(), String> {
    // One peer stands on OpenSSL. Without it the rest is measured, and the run says what is not.
    let features: &[&str] = if openssl_is_there() { &["--features", "josekit"] } else { &[] };
    measure(features, "jose", words)
}

fn server(words: &[String]) -> Result<(), String> {
    passed(&mut cargo(&["build", "--release", "--locked", "--package", "countersign-cli"]))?;
    let target = target_folder()?;
    let place = |name: &str| target.join(name).to_string_lossy().into_owned();
    let mut all = ["--binary", &place("release/countersign"), "--data", &place("bench-data")]
        .map(str::to_owned)
        .to_vec();
    all.extend_from_slice(words);
    // No peer is needed here.
    measure(&["--no-default-features"], "server", &all)
}

/// Runs the package of measurements, which stands outside the workspace.
fn measure(features: &[&str], name: &str, words: &[String]) -> Result<(), String> {
    let mut command = cargo(&["run", "--release", "--manifest-path", "bench/Cargo.toml"]);
    command.args(features).args(["--", name]).args(words);
    passed(&mut command)
}

fn openssl_is_there() -> bool {
    let asked = || {
        let mut command = Command::new("pkg-config");
        command.args(["--exists", "openssl"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if asked() {
        return true;
    }
    if machine::find("apt-get").is_some() {
        let mut command = Command::new("apt-get");
        command.args(["install", "-q", "-y", "libssl-dev", "pkg-config"]);
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        // Not root, or no such package: then it is left out, and the run says so.
        let _ = passed(command.stdout(std::io::stderr()));
    }
    asked()
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf, String> {
    let mut command = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let folder = metadata["target_directory"].as_str().ok_or("cargo names no target folder")?;
    Ok(PathBuf::from(folder))
}

fn passed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
