//! Tasks of this workspace, run as `cargo xtask NAME`.

mod bench;
mod check;
mod fuzz;
mod interop;
mod machine;
mod step;
mod supply;
mod tally;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask NAME

  test [STEP…]  everything a change must pass; installs or starts what it needs
                (with words: only the steps whose names contain one of them)
  check         the fast inner loop: format, clippy, tidy
  tidy          layout rules that no compiler knows
  supply        licences, banned crates and sources of what we depend on
  bench NAME    figures: jose, server; beside other libraries and the machine's limits
  fuzz [TARGET] [--seconds N]
                mutated input for the readers; 60 seconds for each target
";

fn main() -> ExitCode {
    let root = workspace_root();
    if let Err(error) = std::env::set_current_dir(&root) {
        eprintln!("xtask: cannot enter {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((name, rest)) if name == "test" => test::run(rest),
        Some((name, rest)) if name == "bench" => bench::run(rest),
        Some((name, rest)) if name == "fuzz" => fuzz::run(rest),
        Some((name, [])) if name == "check" => check::run(),
        Some((name, [])) if name == "tidy" => tidy::run(),
        Some((name, [])) if name == "supply" => supply::run(),
        Some((name, [])) if name == "help" || name == "--help" => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Cargo names the folder of the package that it runs; without cargo, the current folder counts.
/// Read at run time, because one target folder may serve several checkouts.
fn workspace_root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|folder| PathBuf::from(folder).parent().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("."))
}
