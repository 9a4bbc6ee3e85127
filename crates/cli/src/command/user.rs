//! `countersign user …`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use countersign_protocol::account::{Account, canonical_username};
use countersign_protocol::grant::EndReason;
use countersign_protocol::random;
use countersign_server::passwords;
use countersign_server::process::SystemRandom;
use countersign_store::Ended;
use serde_json::{Map, json};

use super::propagation;
use super::store::{self, Session, confirm};
use crate::output::{self, Failure, plain};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// All users
    List(store::Arguments),
    /// One user
    Show(Named),
    /// Add a user; the password is asked for, or read from standard input
    Add(Named),
    /// Set a password; ends all sessions and grants of the user
    Passwd(Named),
    /// Close an account; ends all sessions and grants of the user
    Disable(Waited),
    /// Open a closed account
    Enable(Named),
    /// End all sessions and grants of a user, at every API, now
    Revoke(Waited),
}

#[derive(clap::Args)]
pub(crate) struct Named {
    /// The user name
    username: String,
    #[command(flatten)]
    store: store::Arguments,
}

#[derive(clap::Args)]
pub(crate) struct Confirmed {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(clap::Args)]
pub(crate) struct Waited {
    #[command(flatten)]
    confirmed: Confirmed,
    #[command(flatten)]
    wait: propagation::Waiting,
}

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(arguments) => store::with(&arguments, async |session| {
            list(&session.store().accounts().await?, arguments.json)
        }),
        Command::Show(named) => {
            on_account(&named, async |_, account| list(&[account], named.store.json))
        }
        Command::Add(named) => {
            store::with(&named.store, async |session| add(&named, session).await)
        }
        Command::Passwd(named) => on_account(&named, async |session, account| {
            let password_hash = Some(passwords::hash(&read_password()?));
            change(session, Account { password_hash, ..account }, &named).await
        }),
        Command::Disable(Waited { confirmed: Confirmed { named, yes }, wait }) => {
            if !confirm(&format!("Close the account of {}?", named.username), yes)? {
                return Ok(ExitCode::FAILURE);
            }
            on_account(&named, async |session, account| {
                let account = Account { disabled: true, ..account };
                let ended = session.store().put_account(account, session.moment()).await?;
                told(session, &wait, &ended, "The account is closed", named.store.json).await
            })
        }
        Command::Enable(named) => on_account(&named, async |session, account| {
            change(session, Account { disabled: false, ..account }, &named).await
        }),
        Command::Revoke(Waited { confirmed: Confirmed { named, yes }, wait }) => {
            if !confirm(&format!("Sign {} out everywhere?", named.username), yes)? {
                return Ok(ExitCode::FAILURE);
            }
            on_account(&named, async |session, account| {
                let (reason, moment) = (EndReason::OperatorRevoked, session.moment());
                let ended = session.store().end_everything_of(&account.subject, reason, moment);
                let done = "The user is signed out everywhere";
                told(session, &wait, &ended.await?, done, named.store.json).await
            })
        }
    }
}

fn on_account(
    named: &Named,
    command: impl AsyncFnOnce(&Session, Account) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    store::with(&named.store, async |session| {
        let name = canonical_username(&named.username).unwrap_or_default();
        let account = session.store().account_named(&name).await?;
        let account = account.ok_or_else(|| format!("there is no user {}", plain(&name)))?;
        command(&session, account).await
    })
}

async fn add(named: &Named, session: Session) -> Result<ExitCode, Failure> {
    let username = canonical_username(&named.username)
        .ok_or("a user name has 1 to 128 characters, none of them control characters")?;
    if session.store().account_named(&username).await?.is_some() {
        return Err(format!("there is a user {} already", plain(&username)).into());
    }
    let account = Account {
        subject: random::identifier(&SystemRandom),
        username,
        password_hash: Some(passwords::hash(&read_password()?)),
        disabled: false,
        claims: Map::new(),
    };
    change(&session, account, named).await
}

async fn change(session: &Session, account: Account, named: &Named) -> Result<ExitCode, Failure> {
    let ended = session.store().put_account(account, session.moment()).await?;
    told_ended(ended.grants.len(), named.store.json)
}

async fn told(
    session: &Session,
    wait: &propagation::Waiting,
    ended: &Ended,
    done: &str,
    json: bool,
) -> Result<ExitCode, Failure> {
    let count = ended.grants.len();
    let done = format!("{done}; {count} grants ended.");
    let facts = Map::from_iter([("ended_grants".to_owned(), count.into())]);
    propagation::conclude(session, wait, ended.seq, &done, facts, json).await
}

fn told_ended(ended: usize, json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::print_json(&json!({ "ok": true, "ended_grants": ended }))?;
    } else {
        output::print(&format!("Done; {ended} grants ended.\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(accounts: &[Account], json: bool) -> Result<ExitCode, Failure> {
    if json {
        let shown: Vec<_> = accounts
            .iter()
            .map(|account| {
                json!({
                    "username": account.username,
                    "sub": account.subject,
                    "disabled": account.disabled,
                    "claims": account.claims,
                })
            })
            .collect();
        output::print_json(&shown)?;
    } else {
        let rows: Vec<_> = accounts
            .iter()
            .map(|account| {
                let state = if account.disabled { "closed" } else { "open" };
                vec![plain(&account.username), account.subject.clone(), state.to_owned()]
            })
            .collect();
        output::print(&output::table(&["USERNAME", "SUBJECT", "STATE"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a password from standard input: never from an argument, which every process can see.
fn read_password() -> Result<String, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        let mut out = std::io::stderr();
        write!(out, "Password (shown while you type): ")?;
        out.flush()?;
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.chars().count() < 8 {
        return Err("a password has 8 characters or more".into());
    }
    Ok(password.to_owned())
}
