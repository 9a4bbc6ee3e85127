//! `countersign registration …`: who may register clients.

use std::process::ExitCode;
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::registration_token::{self, Kind};
use countersign_server::process::{self, SystemRandom};
use countersign_store::InitialAccess;
use serde_json::{Value, json};

use super::store::{self, Session, confirm};
use crate::output::{self, Failure, plain};

/// In seconds.
const DAY: u64 = 86_400;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make an initial access token: whoever has it may register clients. It is shown once
    Token(NewToken),
    /// The tokens that can still be used
    List(store::Arguments),
    /// Take a token back; the clients that were registered with it stay
    Revoke(Revoked),
}

#[derive(clap::Args)]
pub(crate) struct NewToken {
    /// What to call it
    name: String,
    /// How many clients may be registered with it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    uses: u32,
    /// For how many days it can be used
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=3_650))]
    days: u64,
    #[command(flatten)]
    store: store::Arguments,
}

#[derive(clap::Args)]
pub(crate) struct Revoked {
    /// What it is called
    name: String,
    #[command(flatten)]
    store: store::Arguments,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Token(new) => store::with(&new.store, async |session| make(&new, &session).await),
        Command::List(arguments) => store::with(&arguments, async |session| {
            let now = process::now();
            list(&session.store().initial_accesses(now).await?, now, arguments.json)
        }),
        Command::Revoke(revoked) => {
            let question = format!("Take the token {} back?", plain(&revoked.name));
            if !confirm(&question, revoked.yes)? {
                return Ok(ExitCode::FAILURE);
            }
            store::with(&revoked.store, async |session| {
                if !session.store().remove_initial_access(&revoked.name).await? {
                    return Err(format!("there is no token {}", plain(&revoked.name)).into());
                }
                if revoked.store.json {
                    output::print_json(&json!({ "ok": true }))?;
                } else {
                    output::print("Done.\n");
                }
                Ok(ExitCode::SUCCESS)
            })
        }
    }
}

async fn make(new: &NewToken, session: &Session) -> Result<ExitCode, Failure> {
    let (token, hash) = registration_token::issue(Kind::Initial, &SystemRandom);
    let now = process::now();
    let permit = InitialAccess {
        name: new.name.clone(),
        hash,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(new.days * DAY)),
        uses_left: new.uses,
    };
    let mut shown = describe(&permit);
    if !session.store().add_initial_access(permit).await? {
        return Err(format!("there is a token {} already", plain(&new.name)).into());
    }
    if new.store.json {
        shown["token"] = token.into();
        output::print_json(&shown)?;
    } else {
        output::print(&format!("{token}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(tokens: &[InitialAccess], now: Timestamp, json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::print_json(&tokens.iter().map(describe).collect::<Vec<_>>())?;
    } else {
        let row = |token: &InitialAccess| {
            let expires = output::time(token.expires_at, now);
            vec![plain(&token.name), token.uses_left.to_string(), expires]
        };
        let rows: Vec<_> = tokens.iter().map(row).collect();
        output::print(&output::table(&["NAME", "USES LEFT", "EXPIRES"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(token: &InitialAccess) -> Value {
    json!({
        "name": token.name,
        "uses_left": token.uses_left,
        "created_at": token.created_at.as_secs(),
        "expires_at": token.expires_at.as_secs(),
    })
}
