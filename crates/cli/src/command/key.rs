//! `countersign key …`.

use std::process::ExitCode;

use countersign_server::process;
use serde_json::json;

use super::store;
use crate::output::{self, Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// All signing keys
    List(store::Arguments),
}

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    let Command::List(arguments) = command;
    store::with(&arguments, async |session| {
        let keys = session.store().signing_keys().await?;
        if arguments.json {
            let shown: Vec<_> = keys
                .iter()
                .map(|key| {
                    json!({
                        "kid": key.kid,
                        "alg": key.algorithm.name(),
                        "state": key.state.as_str(),
                        "created_at": key.created_at.as_secs(),
                    })
                })
                .collect();
            output::print_json(&shown)?;
        } else {
            let now = process::now();
            let rows: Vec<_> = keys
                .iter()
                .map(|key| {
                    vec![
                        key.kid.clone(),
                        key.algorithm.name().to_owned(),
                        key.state.as_str().to_owned(),
                        output::time(key.created_at, now),
                    ]
                })
                .collect();
            output::print(&output::table(&["KID", "ALGORITHM", "STATE", "CREATED"], &rows));
        }
        Ok(ExitCode::SUCCESS)
    })
}
