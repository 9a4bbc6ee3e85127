//! `countersign serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use countersign_server::Server;
use countersign_server::config::Config;

use super::running::{self, Log};
use crate::output::Failure;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// Log lines as JSON objects
    #[arg(long)]
    log_json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (config, _) = Config::load(&arguments.config, std::env::vars())
        .map_err(|faults| format!("the configuration can't be used:\n{faults}"))?;
    let log = if arguments.log_json { Log::Json } else { Log::Text };
    let start = |stopping| async {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        Server::start(&config, stopping).await
    };
    running::run(log, "info", start, |server| {
        if let Ok(address) = server.address() {
            tracing::info!(issuer = config.issuer, %address, "serving");
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
