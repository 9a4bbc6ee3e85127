//! `countersign client …`.

use std::process::ExitCode;

use countersign_protocol::client::Client;
use serde_json::json;

use super::store::{self, Session, confirm};
use crate::output::{self, Failure, plain};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// All clients
    List(store::Arguments),
    /// One client
    Show(Named),
    /// Refuse a client everywhere; ends all its grants
    Disable(Confirmed),
    /// Accept a disabled client again
    Enable(Named),
}

#[derive(clap::Args)]
pub(crate) struct Named {
    /// The client id
    client_id: String,
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

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(arguments) => store::with(&arguments, async |session| {
            list(&session.store().clients().await?, arguments.json)
        }),
        Command::Show(named) => on_client(&named, async |_, client| {
            let mut shown = serde_json::to_value(&client)?;
            if let Some(members) = shown.as_object_mut() {
                members.remove("client_secret_sha256");
            }
            output::print_json(&shown)?;
            Ok(ExitCode::SUCCESS)
        }),
        Command::Disable(Confirmed { named, yes }) => {
            if !confirm(&format!("Disable the client {}?", named.client_id), yes)? {
                return Ok(ExitCode::FAILURE);
            }
            on_client(&named, async |session, client| {
                change(session, Client { disabled: true, ..client }, &named).await
            })
        }
        Command::Enable(named) => on_client(&named, async |session, client| {
            change(session, Client { disabled: false, ..client }, &named).await
        }),
    }
}

fn on_client(
    named: &Named,
    command: impl AsyncFnOnce(&Session, Client) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    store::with(&named.store, async |session| {
        let client = session.store().client(&named.client_id).await?;
        let missing = || format!("there is no client {}", plain(&named.client_id));
        command(&session, client.ok_or_else(missing)?).await
    })
}

async fn change(session: &Session, client: Client, named: &Named) -> Result<ExitCode, Failure> {
    let ended = session.store().put_client(client, session.moment()).await?.grants.len();
    if named.store.json {
        output::print_json(&json!({ "ok": true, "ended_grants": ended }))?;
    } else {
        output::print(&format!("Done; {ended} grants ended.\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(clients: &[Client], json: bool) -> Result<ExitCode, Failure> {
    if json {
        let shown: Vec<_> = clients
            .iter()
            .map(|client| {
                json!({
                    "client_id": client.client_id,
                    "client_name": client.client_name,
                    "confidential": client.is_confidential(),
                    "disabled": client.disabled,
                })
            })
            .collect();
        output::print_json(&shown)?;
    } else {
        let rows: Vec<_> = clients
            .iter()
            .map(|client| {
                let kind = if client.is_confidential() { "confidential" } else { "public" };
                let state = if client.disabled { "disabled" } else { "enabled" };
                let name = client.client_name.as_deref().unwrap_or_default();
                vec![plain(&client.client_id), plain(name), kind.to_owned(), state.to_owned()]
            })
            .collect();
        output::print(&output::table(&["CLIENT", "NAME", "KIND", "STATE"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}
