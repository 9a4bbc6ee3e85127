//! `countersign client …`.

use std::process::ExitCode;

use countersign_protocol::client::Client;
use countersign_protocol::grant::EndReason;
use countersign_protocol::metadata_document;
use countersign_store::{Ended, GrantSelector};
use serde_json::{Map, json};

use super::propagation;
use super::store::{self, Session, confirm};
use crate::output::{self, Failure, plain};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// All clients
    List(store::Arguments),
    /// One client
    Show(Named),
    /// Refuse a client everywhere; ends all its grants and tokens
    Disable(Waited),
    /// End all grants and tokens of a client, at every API, now; it may get new ones
    Revoke(Waited),
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
            list(&session.store().clients().await?, arguments.json)
        }),
        Command::Show(named) => on_client(&named, async |_, client| {
            let mut shown = serde_json::to_value(&client)?;
            if let Some(members) = shown.as_object_mut() {
                members.remove("client_secret_sha256");
                members.remove("client_secret_sealed");
            }
            output::print_json(&shown)?;
            Ok(ExitCode::SUCCESS)
        }),
        Command::Disable(Waited { confirmed: Confirmed { named, yes }, wait }) => {
            if !confirm(&format!("Disable the client {}?", named.client_id), yes)? {
                return Ok(ExitCode::FAILURE);
            }
            // A client that a document describes is not in the store until it is closed.
            on_client_or_document(&named, async |session, client| {
                let client = Client { disabled: true, ..client };
                let ended = session.store().put_client(client, session.moment()).await?;
                told(session, &wait, &ended, "The client is disabled", named.store.json).await
            })
        }
        Command::Revoke(Waited { confirmed: Confirmed { named, yes }, wait }) => {
            let question = format!("Revoke every token of the client {}?", named.client_id);
            if !confirm(&question, yes)? {
                return Ok(ExitCode::FAILURE);
            }
            on_client_or_document(&named, async |session, client| {
                let selector = GrantSelector::Client(client.client_id);
                let (reason, moment) = (EndReason::OperatorRevoked, session.moment());
                let ended = session.store().end_grants(selector, reason, moment).await?;
                let done = "Every token of the client is revoked";
                told(session, &wait, &ended, done, named.store.json).await
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

fn on_client_or_document(
    named: &Named,
    command: impl AsyncFnOnce(&Session, Client) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    if !metadata_document::is_document_id(&named.client_id) {
        return on_client(named, command);
    }
    store::with(&named.store, async |session| {
        let client = session.store().client(&named.client_id).await?;
        command(&session, client.unwrap_or_else(|| Client::new(&named.client_id))).await
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

async fn told(
    session: &Session,
    wait: &propagation::Waiting,
    ended: &Ended,
    done: &str,
    json: bool,
) -> Result<ExitCode, Failure> {
    let count = ended.grants.len();
    let done = format!("{done}; {count} grants ended.");
    let mut facts = Map::from_iter([("ended_grants".to_owned(), count.into())]);
    if let Some(client) = &ended.client {
        facts.insert("issued_until".to_owned(), client.issued_until.into());
    }
    propagation::conclude(session, wait, ended.seq, &done, facts, json).await
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
                    "self_registered": client.self_registered,
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
