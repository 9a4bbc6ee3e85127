//! Random steps, many of them in one batch, against a model of what they should do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family::Refusal;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::folder::Folder;
use crate::contract::samples::{
    NOW, begin, code, grant, moment, pending_grant, published, redeem, rotate, scope, token,
};
use crate::error::StoreError;
use crate::sqlite::SqliteStore;
use crate::store::{CodeOutcome, GrantSelector, RotationOutcome, Store};

/// Grants are numbered from 0 up to this.
const GRANTS: u8 = 4;

#[derive(Clone, Debug)]
enum Act {
    /// Begins a grant; a second time it fails, and must leave nothing behind.
    Begin {
        number: u8,
        pending: bool,
    },
    Redeem {
        number: u8,
        good: bool,
    },
    /// Presents the token so many generations before the newest that the model knows; below zero
    /// it is one that was never issued.
    Rotate {
        number: u8,
        back: i64,
        confidential: bool,
    },
    End(Pick),
    RevokeToken,
    Wait {
        seconds: u64,
    },
    /// Waits for all answers, so that the next step begins a new batch.
    Settle,
}

#[derive(Clone, Copy, Debug)]
enum Pick {
    All,
    One(u8),
    Subject(u8),
    Client(u8),
    Session(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let number = 0..GRANTS;
    let pick = prop_oneof![
        1 => Just(Pick::All),
        4 => number.clone().prop_map(Pick::One),
        2 => number.clone().prop_map(Pick::Subject),
        2 => number.clone().prop_map(Pick::Client),
        2 => number.clone().prop_map(Pick::Session),
    ];
    let act = prop_oneof![
        6 => (number.clone(), any::<bool>())
            .prop_map(|(number, pending)| Act::Begin { number, pending }),
        4 => (number.clone(), prop::bool::weighted(0.8))
            .prop_map(|(number, good)| Act::Redeem { number, good }),
        12 => (number, prop_oneof![8 => 0..1_i64, 4 => 1..2_i64, 1 => -1..4_i64], any::<bool>())
            .prop_map(|(number, back, confidential)| Act::Rotate { number, back, confidential }),
        2 => pick.prop_map(Act::End),
        1 => Just(Act::RevokeToken),
        3 => prop_oneof![6 => 0..12_u64, 1 => 50..80_u64, 1 => 1_200_000..1_210_000_u64]
            .prop_map(|seconds| Act::Wait { seconds }),
        3 => Just(Act::Settle),
    ];
    prop::collection::vec(act, 1..120)
}

/// The first letter of the names that a grant's number stands for, so that some share them.
fn sample(number: u8, pending: bool) -> Grant {
    let base = if pending { pending_grant(number) } else { grant(number) };
    Grant {
        subject: format!("subject {}", number % 2),
        session_id: (number != 3).then(|| format!("session {}", number / 2)),
        scope: scope(if number == 1 { "openid offline_access" } else { "openid" }),
        ..base
    }
}

/// The rule once more, in the plainest words.
#[derive(Default)]
struct Model {
    rows: BTreeMap<u8, Grant>,
    published: Vec<String>,
    audit: Vec<String>,
}

impl Model {
    fn newest(&self, number: u8) -> u64 {
        self.rows.get(&number).map_or(1, |row| row.generation)
    }

    fn end(&mut self, number: u8, reason: EndReason, now: Timestamp) {
        let row = self.rows.get_mut(&number).expect("only what is there is ended");
        row.ended = Some((now, reason));
        row.pending = None;
        self.published.push(row.id.to_string());
    }

    fn begin(&mut self, number: u8, pending: bool, now: Timestamp) -> String {
        if self.rows.contains_key(&number) {
            return "failed".into();
        }
        self.rows.insert(number, aged(sample(number, pending), now));
        "begun".into()
    }

    fn redeem(&mut self, number: u8, good: bool, now: Timestamp) -> String {
        let Some(row) = self.rows.get_mut(&number) else { return "refused".into() };
        if row.pending.is_none() {
            let young = now < row.created_at.plus(Duration::from_secs(60));
            if young && row.ended.is_none() {
                self.end(number, EndReason::CodeReplay, now);
                self.audit.push("code_replay".into());
            }
            return "refused".into();
        }
        if !good || now >= row.expires_at {
            return "refused".into();
        }
        let lifetimes = Lifetimes::default();
        row.pending = None;
        row.generation = 1;
        row.rotated_at = now;
        row.expires_at = row.created_at.plus(lifetimes.refresh_absolute);
        row.idle_expires_at = now.plus(lifetimes.refresh_idle).min(row.expires_at);
        "redeemed".into()
    }

    fn rotate(&mut self, number: u8, presented: u64, patient: bool, now: Timestamp) -> String {
        let Some(row) = self.rows.get_mut(&number) else {
            return format!("{:?}", Refusal::Unknown);
        };
        if row.ended.is_some() {
            return format!("{:?}", Refusal::Revoked);
        }
        if now >= row.idle_expires_at || now >= row.expires_at {
            return format!("{:?}", Refusal::Expired);
        }
        if presented > row.generation {
            self.audit.push("refresh_ahead_of_record".into());
            return format!("{:?}", Refusal::AheadOfRecord);
        }
        if presented == row.generation {
            row.generation += 1;
            row.rotated_at = now;
            let idle = now.plus(Lifetimes::default().refresh_idle);
            row.idle_expires_at = idle.min(row.expires_at);
            return format!("rotated to {}", row.generation);
        }
        let fresh = now < row.rotated_at.plus(Duration::from_secs(10));
        if presented + 1 == row.generation && (patient || fresh) {
            return format!("{} again", row.generation);
        }
        self.end(number, EndReason::RefreshReuse, now);
        self.audit.push("refresh_reuse".into());
        "reused".into()
    }

    fn end_picked(&mut self, pick: Pick, now: Timestamp) -> String {
        let picked = |number: &u8, row: &Grant| match pick {
            Pick::All => true,
            Pick::One(one) => *number == one,
            Pick::Subject(like) => row.subject == sample(like, false).subject,
            Pick::Client(_) => true,
            Pick::Session(like) => {
                let session = sample(like, false).session_id;
                session.is_some() && row.session_id == session && *number != 1
            }
        };
        let live = self.rows.iter().filter(|(_, row)| row.ended.is_none());
        let numbers: Vec<u8> =
            live.filter(|(number, row)| picked(number, row)).map(|(number, _)| *number).collect();
        let before = self.published.len();
        for number in &numbers {
            self.end(*number, EndReason::UserRevoked, now);
        }
        // A client is published as one.
        if let Pick::Client(like) = pick {
            self.published.truncate(before);
            self.published.push(sample(like, false).client_id);
        }
        format!("ended {:?}", numbers.iter().map(|number| grant(*number).id).collect::<Vec<_>>())
    }
}

/// The sample as if it had been made at `now`.
fn aged(sample: Grant, now: Timestamp) -> Grant {
    let age = now.since(NOW);
    Grant {
        rotated_at: now,
        created_at: now,
        idle_expires_at: sample.idle_expires_at.plus(age),
        expires_at: sample.expires_at.plus(age),
        ..sample
    }
}

fn selector(pick: Pick) -> GrantSelector {
    match pick {
        Pick::All => GrantSelector::All,
        Pick::One(number) => GrantSelector::One(grant(number).id),
        Pick::Subject(number) => GrantSelector::Subject(sample(number, false).subject),
        Pick::Client(number) => GrantSelector::Client(sample(number, false).client_id),
        Pick::Session(number) => {
            GrantSelector::Session(sample(number, false).session_id.unwrap_or_default())
        }
    }
}

/// A step as the store takes it.
enum Asked {
    Begin(Box<Grant>),
    Redeem(u8, bool),
    Rotate(u8, u64, bool),
    End(GrantSelector),
    RevokeToken,
}

async fn ask(store: &SqliteStore, asked: Asked, now: Timestamp) -> Result<String, StoreError> {
    Ok(match asked {
        Asked::Begin(grant) => match begin(store, [*grant]).await {
            Ok(()) => "begun".into(),
            Err(_) => "failed".into(),
        },
        Asked::Redeem(number, good) => {
            let mut presented = code();
            if !good {
                presented.code_verifier = None;
            }
            match redeem(store, number, presented, now).await? {
                CodeOutcome::Redeemed { .. } => "redeemed".into(),
                CodeOutcome::Refused(_) => "refused".into(),
            }
        }
        Asked::Rotate(number, generation, confidential) => {
            let mut presented = token(generation);
            presented.confidential = confidential;
            match rotate(store, number, presented, now).await? {
                RotationOutcome::Rotated(grant) => format!("rotated to {}", grant.generation),
                RotationOutcome::Retried(grant) => format!("{} again", grant.generation),
                RotationOutcome::Reused(_) => "reused".into(),
                RotationOutcome::Refused(refusal) => format!("{refusal:?}"),
            }
        }
        Asked::End(selector) => {
            let ended = store.end_grants(selector, EndReason::UserRevoked, moment(now)).await?;
            format!("ended {:?}", ended.grants)
        }
        Asked::RevokeToken => {
            format!("place {}", store.revoke_token("token".into(), now).await?)
        }
    })
}

/// Does an act in the model. Answers what it expects, and what the store is to be asked.
fn expect(model: &mut Model, act: &Act, now: Timestamp) -> Option<(String, Asked)> {
    Some(match *act {
        Act::Begin { number, pending } => {
            let new = aged(sample(number, pending), now);
            (model.begin(number, pending, now), Asked::Begin(Box::new(new)))
        }
        Act::Redeem { number, good } => {
            (model.redeem(number, good, now), Asked::Redeem(number, good))
        }
        Act::Rotate { number, back, confidential } => {
            // No token names generation 0.
            let presented = model.newest(number).saturating_add_signed(-back).max(1);
            let expected = model.rotate(number, presented, confidential, now);
            (expected, Asked::Rotate(number, presented, confidential))
        }
        Act::End(pick) => (model.end_picked(pick, now), Asked::End(selector(pick))),
        Act::RevokeToken => {
            model.published.push("token".into());
            (format!("place {}", model.published.len()), Asked::RevokeToken)
        }
        Act::Wait { .. } | Act::Settle => return None,
    })
}

type Answers = Vec<(Act, String, JoinHandle<Result<String, StoreError>>)>;

async fn settle(answers: &mut Answers) {
    for (act, expected, answer) in answers.drain(..) {
        assert_eq!(answer.await.unwrap(), Ok(expected), "{act:?}");
    }
}

async fn run(acts: Vec<Act>) {
    let folder = Folder::new();
    let store = Arc::new(SqliteStore::open(&folder.path("a.db")).unwrap());
    let (mut model, mut now) = (Model::default(), NOW);
    let mut answers = Answers::new();
    for act in acts {
        if let Some((expected, asked)) = expect(&mut model, &act, now) {
            let asking = Arc::clone(&store);
            let answer = tokio::spawn(async move { ask(&asking, asked, now).await });
            answers.push((act, expected, answer));
        } else if let Act::Wait { seconds } = act {
            now = now.plus(Duration::from_secs(seconds));
        } else {
            settle(&mut answers).await;
        }
    }
    settle(&mut answers).await;

    let mut rows = store.grants(GrantSelector::All, usize::MAX).await.unwrap();
    rows.reverse();
    assert_eq!(rows, model.rows.into_values().collect::<Vec<_>>());
    let events = published(&*store).await.unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids, model.published);
    assert!(events.iter().map(|event| event.seq).eq(1..=events.len() as u64));
    let mut audit = store.audit(usize::MAX).await.unwrap();
    audit.reverse();
    let audit: Vec<_> = audit.into_iter().map(|entry| entry.event).collect();
    assert_eq!(audit, model.audit);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // One thread: the steps come to the writer in their order.
    #[test]
    fn random_steps_do_what_the_model_says(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(acts));
    }
}
