//! `cargo xtask check`: what to run between two edits.

use std::process::ExitCode;

use crate::step::{Run, cargo};
use crate::tidy;

pub(crate) fn run() -> ExitCode {
    let mut run = Run::new(&[]);
    run.command("format", cargo(&["fmt", "--all", "--check"]));
    run.step("tidy", tidy::verdict);
    run.command(
        "clippy",
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    );
    run.finish()
}
