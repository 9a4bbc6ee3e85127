//! `countersign verifier …`.

use std::process::ExitCode;

use countersign_protocol::follower::Standing;
use countersign_server::process;
use serde_json::json;

use super::{propagation, store};
use crate::output::{self, Failure, plain};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// The verifiers that follow revocations, and how far each has come
    List(store::Arguments),
}

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    let Command::List(arguments) = command;
    store::with(&arguments, async |session| {
        let now = process::now();
        let mut followers = session.store().followers().await?;
        followers.retain(|follower| follower.standing(now) != Standing::Past);
        let newest = session.store().position().borrow().revocation;
        if arguments.json {
            let shown: Vec<_> =
                followers.iter().map(|follower| propagation::describe(follower, now)).collect();
            output::print_json(&json!({ "newest_seq": newest, "verifiers": shown }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<_> = followers
            .iter()
            .map(|follower| {
                let behind = match follower.acknowledged {
                    Some(seq) if seq >= newest => "up to date".to_owned(),
                    Some(seq) => format!("{} behind", newest - seq),
                    None => "unknown".to_owned(),
                };
                vec![
                    plain(follower.public_name()),
                    plain(&follower.client_id),
                    plain(&follower.peer),
                    output::time(follower.connected_at, now),
                    behind,
                    propagation::state(follower, now),
                ]
            })
            .collect();
        let head = ["VERIFIER", "CLIENT", "ADDRESS", "CONNECTED", "REVOCATIONS", "STATE"];
        output::print(&output::table(&head, &rows));
        Ok(ExitCode::SUCCESS)
    })
}
