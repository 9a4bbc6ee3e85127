//! `countersign config check|print`.

use std::path::PathBuf;
use std::process::ExitCode;

use countersign_server::config::Config;
use serde_json::json;

use crate::output::{self, Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong with a configuration, without starting anything
    Check(Arguments),
    /// Print the values in force and where each comes from, secrets masked
    Print(Arguments),
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    let (Command::Check(arguments) | Command::Print(arguments)) = command;
    let loaded = Config::load(&arguments.config, std::env::vars());
    match (command, loaded) {
        (Command::Check(arguments), Err(faults)) if arguments.json => {
            output::print_json(&json!({ "ok": false, "faults": faults.0 }))?;
            Ok(ExitCode::FAILURE)
        }
        (_, Err(faults)) => Err(format!("the configuration can't be used:\n{faults}").into()),
        (Command::Check(arguments), Ok((config, _))) => {
            if arguments.json {
                let answer = json!({ "ok": true, "faults": [], "warnings": config.warnings });
                output::print_json(&answer)?;
            } else {
                for warning in &config.warnings {
                    output::print(&format!("warning: {warning}\n"));
                }
                output::print("The configuration is good.\n");
            }
            Ok(ExitCode::SUCCESS)
        }
        (Command::Print(arguments), Ok((config, sources))) => {
            let lines = config.lines(&sources);
            if arguments.json {
                let members = lines.iter().map(|line| {
                    let value = json!({ "value": line.value, "source": line.origin.to_string() });
                    (line.name.clone(), value)
                });
                let members: serde_json::Map<_, _> = members.collect();
                output::print_json(&members)?;
            } else {
                let rows: Vec<_> = lines
                    .iter()
                    .map(|line| {
                        let value = line.value.to_string();
                        vec![line.name.clone(), value, line.origin.to_string()]
                    })
                    .collect();
                output::print(&output::table(&["NAME", "VALUE", "SOURCE"], &rows));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
