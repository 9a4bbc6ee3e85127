//! The store that the operator's commands work on, also while a server runs on it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use countersign_protocol::lifetimes::Lifetimes;
use countersign_server::config::Config;
use countersign_server::{Opened, open, process};
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

/// An opened store and the lifetimes that its server goes by.
pub(crate) struct Session {
    opened: Opened,
    lifetimes: Lifetimes,
}

impl Session {
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.opened.store
    }

    /// The present moment for a step of the store.
    pub(crate) fn moment(&self) -> Moment {
        Moment::new(process::now(), &self.lifetimes)
    }
}

/// Opens the store and runs a command on it.
pub(crate) fn with(
    arguments: &Arguments,
    command: impl AsyncFnOnce(Session) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let (data_dir, lifetimes, master_key) = match &arguments.config {
        Some(path) => {
            let (config, _) = Config::load(path, std::env::vars())?;
            let lifetimes = config.lifetimes();
            (config.data_dir, lifetimes, config.secrets.master_key)
        }
        None => (arguments.data_dir.clone(), unknown_lifetimes(), None),
    };
    // A command must not make a new store where there is none.
    if !data_dir.join("countersign.db").exists() {
        let path = data_dir.display();
        return Err(format!(
            "there is no store in {path}: say --data-dir or --config, or start a server first"
        )
        .into());
    }
    let opened = open(&data_dir, master_key.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command(Session { opened, lifetimes }))
}

/// Without the server's configuration the longest access tokens that one can have are assumed:
/// a revocation that is kept too long costs a little memory, one forgotten too early is lost.
fn unknown_lifetimes() -> Lifetimes {
    Lifetimes { access_token: Duration::from_secs(86_400), ..Lifetimes::default() }
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
