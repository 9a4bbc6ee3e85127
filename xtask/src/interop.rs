//! The suites of `interop`: other people's software against ours, and what it has to be installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::step::{Run, Verdict, cargo, execute};
use crate::tally::Tally;

const NODE: &str = "interop/node";
const PYTHON: &str = "interop/python";
pub(crate) const RUST: &str = "interop/rust/Cargo.toml";
/// Name the binary that a suite is about.
const JOSE_PEER: &str = "JOSE_PEER_BIN";
const SERVER: &str = "COUNTERSIGN_BIN";

/// What a suite needs beside that binary.
#[derive(Clone, Copy)]
enum Runs {
    Node,
    /// Node, and Debian's browser.
    Chromium,
    /// Node, and Debian's web server with its module.
    Apache,
    /// Node, and a program that makes certificates.
    OpenSsl,
    Python,
    /// A package of its own, outside the workspace.
    Rust,
}

/// Against our JOSE library: step, what it runs on, file.
const LIBRARY: &[(&str, Runs, &str)] = &[
    ("interop: jose (npm)", Runs::Node, "jose.test.mjs"),
    ("interop: joserfc (PyPI)", Runs::Python, "test_joserfc.py"),
];

/// Relying parties and a browser, each against a server of its own.
const RELYING_PARTIES: &[(&str, Runs, &str)] = &[
    ("interop: openid-client (npm)", Runs::Node, "openid_client.test.mjs"),
    ("interop: openid-client with DPoP (npm)", Runs::Node, "dpop.test.mjs"),
    ("interop: openid-client with private_key_jwt (npm)", Runs::Node, "private_key_jwt.test.mjs"),
    (
        "interop: openid-client with PAR, JAR, JARM and form_post (npm)",
        Runs::Chromium,
        "authorization_requests.test.mjs",
    ),
    ("interop: oauth4webapi (npm)", Runs::Node, "oauth4webapi.test.mjs"),
    ("interop: @auth/core (npm)", Runs::Node, "auth_core.test.mjs"),
    ("interop: express-openid-connect (npm)", Runs::Node, "express_openid_connect.test.mjs"),
    ("interop: express back-channel logout", Runs::Node, "express_backchannel_logout.test.mjs"),
    ("interop: passport-openidconnect (npm)", Runs::Node, "passport_openidconnect.test.mjs"),
    ("interop: MCP SDK (npm)", Runs::Node, "mcp_sdk.test.mjs"),
    ("interop: MCP SDK registers itself (npm)", Runs::OpenSsl, "mcp_self_registered.test.mjs"),
    ("interop: Apache mod_auth_openidc (Debian)", Runs::Apache, "mod_auth_openidc.test.mjs"),
    ("interop: oidc-client-ts in Chromium (npm)", Runs::Chromium, "oidc_client_ts.test.mjs"),
    ("interop: Authlib (PyPI)", Runs::Python, "test_authlib.py"),
    ("interop: idpyoidc (PyPI)", Runs::Python, "test_idpyoidc.py"),
    ("interop: status lists (zlib, joserfc)", Runs::Python, "test_status_list.py"),
    ("interop: openidconnect (crates.io)", Runs::Rust, "openidconnect"),
    ("browser: Chromium", Runs::Chromium, "browser.test.mjs"),
];

pub(crate) fn add_steps(run: &mut Run, target: &Path, binary: Option<&Path>) {
    for &(step, runs, file) in LIBRARY {
        run.tallied(step, |tally| match jose_peer(target) {
            Ok(peer) => suite(runs, file, target, (JOSE_PEER, &peer), tally),
            Err(reason) => Verdict::Failed(reason),
        });
    }
    for &(step, runs, file) in RELYING_PARTIES {
        run.tallied(step, |tally| match binary {
            Some(binary) => suite(runs, file, target, (SERVER, binary), tally),
            None => Verdict::Skipped("there is no release build of countersign".to_owned()),
        });
    }
}

/// Runs one file with the binary named in its environment.
fn suite(
    runs: Runs,
    file: &str,
    target: &Path,
    (name, binary): (&str, &Path),
    tally: &mut Tally,
) -> Verdict {
    let command = match runs {
        Runs::Node => npm().map(|()| node_test(file)),
        Runs::Chromium => chromium().and_then(|chromium| {
            npm()?;
            let mut command = node_test(file);
            command.env("CHROMIUM", chromium);
            Ok(command)
        }),
        Runs::Apache => apache().and_then(|()| npm()).map(|()| node_test(file)),
        Runs::OpenSsl => {
            machine::ensure(&["openssl"], "openssl").and_then(|_| npm()).map(|()| node_test(file))
        }
        Runs::Python => python_packages(target).map(|python| python_test(&python, file)),
        Runs::Rust => Ok(rust_test(target, file)),
    };
    match command {
        Ok(mut command) => {
            command.env(name, binary);
            execute(command, tally)
        }
        Err(reason) => Verdict::Skipped(reason),
    }
}

/// The JOSE library as a partner for its suites, with every feature.
fn jose_peer(target: &Path) -> Result<PathBuf, String> {
    let words = ["build", "--package", "countersign-jose", "--all-features", "--locked"];
    let mut command = cargo(&words);
    command.args(["--example", "jose_peer"]);
    reason(execute(command, &mut Tally::default()))?;
    Ok(target.join("debug/examples/jose_peer"))
}

/// The module depends on the server, and brings it along.
fn apache() -> Result<(), String> {
    let there = ["/usr/sbin/apache2", "/usr/lib/apache2/modules/mod_auth_openidc.so"]
        .iter()
        .all(|file| Path::new(file).is_file());
    if there { Ok(()) } else { machine::install("libapache2-mod-auth-openidc") }
}

fn chromium() -> Result<PathBuf, String> {
    machine::ensure(&["chromium", "chromium-browser"], "chromium")
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

fn node_test(file: &str) -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec", file]).current_dir(NODE);
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

fn python_test(python: &Path, file: &str) -> Command {
    let mut command = Command::new(python);
    // No compiled copies of the scripts in the tree.
    command.args(["-B", file]).current_dir(PYTHON);
    command
}

fn rust_test(target: &Path, name: &str) -> Command {
    let mut command = cargo(&["test", "--locked", "--manifest-path", RUST, "--test", name]);
    command.arg("--target-dir").arg(target.join("interop-rust"));
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
