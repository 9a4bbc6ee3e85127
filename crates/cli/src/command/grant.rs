//! `countersign grant …`.

use std::process::ExitCode;

use countersign_protocol::Timestamp;
use countersign_protocol::grant::{EndReason, Grant, GrantId};
use countersign_server::process;
use countersign_store::{AuditEntry, GrantSelector};
use serde_json::{Map, Value, json};

use super::propagation;
use super::store::{self, confirm};
use crate::output::{self, Failure, plain};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// The newest grants
    List {
        /// Also those that have ended
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        store: store::Arguments,
    },
    /// One grant
    Show {
        /// The grant id
        id: GrantId,
        #[command(flatten)]
        store: store::Arguments,
    },
    /// What looked like theft: refresh tokens and codes that were used again
    Incidents(store::Arguments),
    /// End a grant and every token of it, at every API, now
    Revoke {
        /// The grant id
        id: GrantId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        wait: propagation::Waiting,
        #[command(flatten)]
        store: store::Arguments,
    },
}

/// The most grants that are listed.
const SHOWN_MAX: usize = 1_000;

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List { all, store } => store::with(&store, async |session| {
            let mut grants = session.store().grants(GrantSelector::All, SHOWN_MAX).await?;
            grants.retain(|grant| all || grant.is_live(process::now()));
            list(&grants, store.json)
        }),
        Command::Show { id, store } => store::with(&store, async |session| {
            let grant = session.store().grant(id).await?;
            let grant = grant.ok_or_else(|| format!("there is no grant {id}"))?;
            output::print_json(&describe(&grant))?;
            Ok(ExitCode::SUCCESS)
        }),
        Command::Incidents(store) => store::with(&store, async |session| {
            incidents(&session.store().audit(SHOWN_MAX).await?, store.json)
        }),
        Command::Revoke { id, yes, wait, store } => {
            if !confirm(&format!("Revoke the grant {id}?"), yes)? {
                return Ok(ExitCode::FAILURE);
            }
            store::with(&store, async |session| {
                let grant = session.store().grant(id).await?;
                grant.ok_or_else(|| format!("there is no grant {id}"))?;
                let (reason, moment) = (EndReason::OperatorRevoked, session.moment());
                let selector = GrantSelector::One(id);
                let ended = session.store().end_grants(selector, reason, moment).await?;
                let count = ended.grants.len();
                let done = if count == 0 {
                    "The grant had ended already."
                } else {
                    "The grant is revoked."
                };
                let facts = Map::from_iter([("ended_grants".to_owned(), count.into())]);
                propagation::conclude(&session, &wait, ended.seq, done, facts, store.json).await
            })
        }
    }
}

fn describe(grant: &Grant) -> Value {
    json!({
        "grant_id": grant.id.to_string(),
        "sub": grant.subject,
        "client_id": grant.client_id,
        "scope": grant.scope.to_string(),
        "aud": grant.audience,
        "generation": grant.generation,
        "created_at": grant.created_at.as_secs(),
        "rotated_at": grant.rotated_at.as_secs(),
        "idle_expires_at": grant.idle_expires_at.as_secs(),
        "expires_at": grant.expires_at.as_secs(),
        "live": grant.is_live(process::now()),
        "ended_at": grant.ended.map(|(at, _)| at.as_secs()),
        "ended_reason": grant.ended.map(|(_, reason)| reason.as_str()),
    })
}

fn incidents(entries: &[AuditEntry], json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::print_json(&entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = process::now();
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            vec![
                output::time(Timestamp::from_millis(entry.at_ms), now),
                entry.event.clone(),
                entry.grant_id.clone(),
                plain(&entry.client_id),
                plain(&entry.subject),
            ]
        })
        .collect();
    let head = ["WHEN", "WHAT", "GRANT", "CLIENT", "SUBJECT"];
    output::print(&output::table(&head, &rows));
    Ok(ExitCode::SUCCESS)
}

fn list(grants: &[Grant], json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::print_json(&grants.iter().map(describe).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = process::now();
    let rows: Vec<_> = grants
        .iter()
        .map(|grant| {
            let state = match grant.ended {
                Some((_, reason)) => reason.as_str(),
                None if grant.is_live(now) => "live",
                None => "expired",
            };
            vec![
                grant.id.to_string(),
                plain(&grant.subject),
                plain(&grant.client_id),
                grant.generation.to_string(),
                output::time(grant.created_at, now),
                state.to_owned(),
            ]
        })
        .collect();
    let head = ["GRANT", "SUBJECT", "CLIENT", "GENERATION", "CREATED", "STATE"];
    output::print(&output::table(&head, &rows));
    Ok(ExitCode::SUCCESS)
}
