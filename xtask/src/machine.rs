//! What is on this machine, and how to get what is missing.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::step::{Verdict, execute};
use crate::tally::Tally;

/// Finds a program on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Finds one of `programs`, or installs the Debian package that brings it.
/// The error is the reason for a skip: what to install by hand.
pub(crate) fn ensure(programs: &[&str], package: &str) -> Result<PathBuf, String> {
    let look = || programs.iter().find_map(|program| find(program));
    if let Some(found) = look() {
        return Ok(found);
    }
    install(package)?;
    look().ok_or_else(|| format!("package {package} brought none of {}", programs.join(", ")))
}

/// Installs a Debian package, where that is possible without asking.
pub(crate) fn install(package: &str) -> Result<(), String> {
    if !is_root() || find("apt-get").is_none() {
        return Err(format!("not root on Debian: install {package} (apt-get install {package})"));
    }
    println!("installing the Debian package {package}");
    static LISTS: OnceLock<Result<(), String>> = OnceLock::new();
    LISTS.get_or_init(|| apt_get(&["update", "-q"])).clone()?;
    apt_get(&["install", "-q", "-y", "--no-install-recommends", package])
}

fn apt_get(words: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    match execute(command, &mut Tally::default()) {
        Verdict::Passed => Ok(()),
        Verdict::Failed(reason) | Verdict::Skipped(reason) => Err(reason),
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
