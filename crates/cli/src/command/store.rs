//! The store that the operator's commands work on, also while a server runs on it.

use std::path::PathBuf;
use std::process::ExitCode;

use countersign_protocol::key_schedule;
use countersign_server::config::Config;
use countersign_server::{Master, MasterKeySource, Opened, open, process};
use countersign_store::{Moment, Store};

use crate::output::Failure;

/// Which store.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration of the server
    #[arg(long, conflicts_with = "data_dir")]
    config: Option<PathBuf>,
    /// The data folder of a `dev` server
    #[arg(long, default_value = ".countersign")]
    data_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An opened store.
pub(crate) struct Session {
    opened: Opened,
    key_settings: key_schedule::Settings,
}

impl Session {
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.opened.store
    }

    pub(crate) fn master(&self) -> &Master {
        &self.opened.master
    }

    /// The numbers of the keys' schedule for somebody who issues no tokens and leaves what is due
    /// to the servers.
    pub(crate) const fn key_settings(&self) -> key_schedule::Settings {
        self.key_settings
    }

    /// The present moment for a step of the store, which knows what its servers' tokens live for.
    pub(crate) fn moment(&self) -> Moment {
        Moment::at(process::now())
    }
}

/// Opens the store and runs a command on it.
pub(crate) fn with(
    arguments: &Arguments,
    command: impl AsyncFnOnce(Session) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let mut key_settings = key_schedule::Settings { rotation: None, ..Default::default() };
    let (data_dir, source) = match &arguments.config {
        Some(path) => {
            let (config, _) = Config::load(path, std::env::vars())?;
            key_settings.announce = config.key_settings().announce;
            let source = config.master_key_source();
            (config.data_dir, source)
        }
        None => {
            let folder = arguments.data_dir.clone();
            let own = folder.join("master.key");
            (folder, MasterKeySource::Own(own))
        }
    };
    // A command must not make a new store where there is none.
    if !data_dir.join("countersign.db").exists() {
        let path = data_dir.display();
        return Err(format!(
            "there is no store in {path}: say --data-dir or --config, or start a server first"
        )
        .into());
    }
    let opened = open(&data_dir, source)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command(Session { opened, key_settings }))
}

/// Asks before something that can't be taken back, unless `--yes` was given.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<bool, Failure> {
    use std::io::{BufRead as _, IsTerminal as _, Write as _};
    if yes {
        return Ok(true);
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err("nobody can be asked here: say --yes".into());
    }
    let mut out = std::io::stderr();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
