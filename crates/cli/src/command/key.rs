//! `countersign key …`.

use std::process::ExitCode;
use std::time::Duration;

use countersign_jose::Algorithm;
use countersign_protocol::Timestamp;
use countersign_protocol::key_schedule::{KeyLife, KeyState, KeyUse, Refusal, Wish};
use countersign_protocol::keyring::{self, SealedKey};
use countersign_server::process::{self, SystemRandom};
use countersign_store::{KeyChange, KeysChanged};
use serde_json::{Map, Value, json};

use super::propagation;
use super::store::{self, Session, confirm};
use crate::output::{self, Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// All keys: those that sign tokens, and the secrets of codes, refresh tokens and forms
    List(store::Arguments),
    /// Let the next keys sign; the old ones go on being published until their tokens have expired
    Rotate(Rotate),
    /// Withdraw keys that are in wrong hands, and end all that was made with them
    Revoke {
        /// The names of the keys, as `key list` shows them
        #[arg(required = true)]
        kid: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        wait: propagation::Waiting,
        #[command(flatten)]
        store: store::Arguments,
    },
    /// Seal everything with a new master key, while servers go on; or go on with that where it was
    /// cut off
    Reseal(store::Arguments),
    /// Print a new master key
    NewMaster,
}

#[derive(clap::Args)]
pub(crate) struct Rotate {
    /// Of this algorithm only
    #[arg(long, value_parser = algorithm, conflicts_with = "secrets")]
    alg: Option<Algorithm>,
    /// The secrets of codes, refresh tokens, opaque tokens and forms instead; what was made with
    /// the old ones goes on
    #[arg(long)]
    secrets: bool,
    /// Also when the next key has not been published long enough for every verifier to know it
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    store: store::Arguments,
}

/// Servers look for changes a hundred times a second. After this they have taken notice.
const NOTICED_WITHIN: Duration = Duration::from_millis(100);

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(arguments) => store::with(&arguments, async |session| {
            let keys = session.store().keys().await?;
            list(&keys, arguments.json)
        }),
        Command::Rotate(arguments) => store::with(&arguments.store, async |session| {
            let known = session.store().keys().await?;
            let mut uses = KeyUse::ALWAYS.to_vec();
            uses.extend(known.iter().map(|key| key.life.usage));
            uses.extend(arguments.alg.map(KeyUse::Signature));
            let mut done = Vec::new();
            for usage in uses {
                let meant = match arguments.alg {
                    Some(alg) => usage == KeyUse::Signature(alg),
                    None => usage.algorithm().is_none() == arguments.secrets,
                };
                if meant && !usage.is_lasting() && !done.contains(&usage) {
                    rotate(&session, usage, arguments.now).await?;
                    done.push(usage);
                }
            }
            tokio::time::sleep(NOTICED_WITHIN).await;
            list(&session.store().keys().await?, arguments.store.json)
        }),
        Command::Reseal(arguments) => {
            store::with(&arguments, async |session| reseal(&session, arguments.json).await)
        }
        Command::NewMaster => {
            output::print(&countersign_server::new_master_key());
            Ok(ExitCode::SUCCESS)
        }
        Command::Revoke { kid, yes, wait, store } => {
            let question = format!(
                "Revoke {}? All that was made with it is refused at once.",
                kid.join(" and ")
            );
            if !confirm(&question, yes)? {
                return Ok(ExitCode::FAILURE);
            }
            store::with(&store, async |session| {
                revoke(&session, kid).await?;
                let seq = session.store().position().borrow().revocation;
                tokio::time::sleep(NOTICED_WITHIN).await;
                let keys = session.store().keys().await?;
                if !wait.is_wanted() {
                    return list(&keys, store.json);
                }
                if !store.json {
                    list(&keys, false)?;
                }
                let keys: Vec<_> = keys.iter().map(|key| describe(&key.life)).collect();
                let facts = Map::from_iter([("keys".to_owned(), keys.into())]);
                let done = "Revoked: all that was made with it is refused.";
                propagation::conclude(&session, &wait, seq, done, facts, store.json).await
            })
        }
    }
}

async fn reseal(session: &Session, json: bool) -> Result<ExitCode, Failure> {
    let (sealed, by_hand) = session.master().reseal(session.store()).await?;
    if json {
        output::print_json(&json!({ "ok": true, "sealed": sealed, "by_hand": by_hand }))?;
    } else if by_hand {
        output::print("Sealed anew: remove the older master keys now.\n");
    } else {
        output::print("Sealed anew: the old master key opens nothing any more.\n");
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(session: &Session, usage: KeyUse, force: bool) -> Result<(), Failure> {
    let candidates = vec![make(usage, session)?];
    let change = session.key_change(Wish::Rotate { usage, force }, candidates);
    match session.store().change_keys(change).await? {
        KeysChanged::Done { .. } => Ok(()),
        KeysChanged::Refused(Refusal::NotYet { ripe_at }) => {
            let now = process::now();
            let when = ripe_at.map_or_else(|| "soon".to_owned(), |at| output::time(at, now));
            Err(format!(
                "{}: not every verifier may know the next key before {when}; \
                 with --now it signs all the same",
                usage.name()
            )
            .into())
        }
        other => Err(refused(&other)),
    }
}

async fn revoke(session: &Session, kids: Vec<String>) -> Result<(), Failure> {
    let mut uses: Vec<_> = session.store().keys().await?.into_iter().map(|key| key.life).collect();
    uses.retain(|life| kids.contains(&life.kid));
    let mut uses: Vec<_> = uses.into_iter().map(|life| life.usage).collect();
    uses.dedup();
    let made = uses.into_iter().map(|usage| make(usage, session));
    let candidates = made.collect::<Result<_, _>>()?;
    let change = session.key_change(Wish::Revoke { kids }, candidates);
    match session.store().change_keys(change).await? {
        KeysChanged::Done { .. } => Ok(()),
        other => Err(refused(&other)),
    }
}

fn refused(outcome: &KeysChanged) -> Failure {
    match outcome {
        KeysChanged::Refused(refusal) => format!("{refusal} (nothing was changed)").into(),
        _ => "somebody else changed the keys at the same time: try again".into(),
    }
}

fn make(usage: KeyUse, session: &Session) -> Result<SealedKey, Failure> {
    Ok(keyring::generate(usage, &session.master().load(), process::now(), &SystemRandom)?)
}

impl Session {
    /// A change by somebody who issues nothing.
    fn key_change(&self, wish: Wish, candidates: Vec<SealedKey>) -> KeyChange {
        let settings = self.key_settings();
        let uses = KeyUse::ALWAYS.to_vec();
        KeyChange { wish, uses, settings, candidates, now: process::now() }
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    let known = keyring::ALGORITHMS.iter().find(|known| known.name() == name);
    known.copied().ok_or_else(|| {
        let names: Vec<_> = keyring::ALGORITHMS.iter().map(|known| known.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

fn list(keys: &[SealedKey], json: bool) -> Result<ExitCode, Failure> {
    let lives: Vec<_> = keys.iter().map(|key| &key.life).collect();
    if json {
        output::print_json(&lives.into_iter().map(describe).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = process::now();
    let rows: Vec<_> = lives
        .into_iter()
        .map(|life| {
            let since = match life.state() {
                KeyState::Announced => Some(life.announced_at),
                KeyState::Active => life.active_at,
                KeyState::Retiring => life.retired_at,
            };
            let time = |at: Option<Timestamp>| at.map(|at| output::time(at, now));
            vec![
                life.kid.clone(),
                life.usage.name().to_owned(),
                life.state().as_str().to_owned(),
                time(since).unwrap_or_default(),
                time(life.gone_at()).unwrap_or_default(),
            ]
        })
        .collect();
    output::print(&output::table(&["KID", "USE", "STATE", "SINCE", "GONE"], &rows));
    Ok(ExitCode::SUCCESS)
}

fn describe(life: &KeyLife) -> Value {
    json!({
        "kid": life.kid,
        "use": life.usage.name(),
        "alg": life.usage.algorithm().map(Algorithm::name),
        "state": life.state().as_str(),
        "announced_at": life.announced_at.as_secs(),
        "active_at": life.active_at.map(Timestamp::as_secs),
        "retired_at": life.retired_at.map(Timestamp::as_secs),
        "gone_at": life.gone_at().map(Timestamp::as_secs),
    })
}
