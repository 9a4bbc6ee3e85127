//! A core for the server and another one for the load, by `taskset`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Moves this process to core 1. False, and nothing done, on a machine with one core or without
/// `taskset`; the server then shares the cores with the load.
pub(super) fn load_to_core_1() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 || find("taskset").is_none() {
        return false;
    }
    let own = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p", "1", &own]).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A command that runs `program` on core 0.
pub(super) fn on_core_0(program: &std::path::Path, pinned: bool) -> Command {
    if !pinned {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
