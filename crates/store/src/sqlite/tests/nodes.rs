//! Two servers on one file.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::Algorithm;
use countersign_protocol::key_schedule::{KeyState, Wish};
use tokio::sync::Barrier;

use super::folder::Folder;
use crate::contract::samples::{
    NOW, begin, client, grant, key_change, later, moment, rotate, signing_key, token,
};
use crate::sqlite::SqliteStore;
use crate::store::{RotationOutcome, Store, Use, UsedOnce};

fn two(folder: &Folder) -> [Arc<SqliteStore>; 2] {
    [(); 2].map(|()| Arc::new(SqliteStore::open(&folder.path("a.db")).unwrap()))
}

/// Far above what it takes, far below what a person would wait.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_change_by_the_other_moves_the_position() {
    let folder = Folder::new();
    let [here, there] = two(&folder);
    let mut position = here.position();
    for seq in 1..=3 {
        there.revoke_token("t".into(), later(300)).await.unwrap();
        let told = position.wait_for(|position| position.revocation == seq);
        tokio::time::timeout(SOON, told).await.expect("it is told").unwrap();
    }
    let catalogue = position.borrow().catalogue;
    there.put_client(client("shop"), moment(NOW)).await.unwrap();
    let told = position.wait_for(|position| position.catalogue > catalogue);
    tokio::time::timeout(SOON, told).await.expect("it is told").unwrap();
    assert_eq!(here.client("shop").await.unwrap(), Some(client("shop")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rotations_over_both_one_wins() {
    let folder = Folder::new();
    let nodes = two(&folder);
    begin(&*nodes[0], [grant(1)]).await.unwrap();
    for generation in 1..10 {
        let tasks: Vec<_> = (0..64)
            .map(|place| {
                let node = Arc::clone(&nodes[place % 2]);
                tokio::spawn(async move { rotate(&*node, 1, token(generation), NOW).await })
            })
            .collect();
        let (mut rotated, mut retried) = (0, 0);
        for task in tasks {
            let (count, grant) = match task.await.unwrap().unwrap() {
                RotationOutcome::Rotated(grant) => (&mut rotated, grant),
                RotationOutcome::Retried(grant) => (&mut retried, grant),
                other => panic!("{other:?}"),
            };
            *count += 1;
            assert_eq!(grant.generation, generation + 1);
        }
        assert_eq!((rotated, retried), (1, 63));
    }
}

/// The second up to which a client is ended is that of the commit, however long the step had to
/// wait: tokens are issued meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_ended_up_to_the_commit_also_behind_another_process() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.path("a.db")).unwrap();
    let blocking = rusqlite::Connection::open(folder.path("a.db")).unwrap();
    blocking.execute_batch("BEGIN IMMEDIATE").unwrap();
    let shop = crate::store::GrantSelector::Client("shop".into());
    let asked_at = moment(NOW);
    let reason = countersign_protocol::grant::EndReason::OperatorRevoked;
    let ending = tokio::spawn(async move { store.end_grants(shop, reason, asked_at).await });
    while asked_at.present() < later(2) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    blocking.execute_batch("COMMIT").unwrap();
    let client = ending.await.unwrap().unwrap().client.expect("the client");
    assert!(client.issued_until >= later(2).as_secs(), "{client:?}");
}

/// What a program of the first version has written is read by this one.
#[test]
fn the_schema_of_the_first_version_is_brought_up_to_date() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../migrations/0001_first.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO revocation (kind, id, expires_at) VALUES ('token', 't', 1900000000);
         PRAGMA application_id = 1131697006; PRAGMA user_version = 1;",
    )
    .unwrap();
    old.close().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let events = runtime.block_on(store.revocations_after(0, 10)).unwrap().unwrap();
    let seen: Vec<_> = events.iter().map(|event| (&*event.id, event.issued_until)).collect();
    assert_eq!(seen, [("t", None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_of_a_token_over_both_one_is_first() {
    let folder = Folder::new();
    let nodes = two(&folder);
    for round in 0..20 {
        let tasks: Vec<_> = (0..16)
            .map(|place| {
                let node = Arc::clone(&nodes[place % 2]);
                let used = Use::new("i", &format!("{round}"), later(60));
                tokio::spawn(async move { node.use_once(used, NOW).await.unwrap() })
            })
            .collect();
        let mut first = 0;
        for task in tasks {
            first += usize::from(task.await.unwrap() == UsedOnce::First);
        }
        assert_eq!(first, 1);
    }
}

/// Both are asked all the time, with clocks that are not the same, while months pass.
#[tokio::test(flavor = "multi_thread")]
async fn both_agree_which_key_signs_through_many_rotations() {
    const ROUNDS: u64 = 300;
    const DAY: u64 = 86_400;
    let folder = Folder::new();
    let round_begins = Arc::new(Barrier::new(2));
    let tasks: Vec<_> = two(&folder)
        .into_iter()
        .enumerate()
        .map(|(node, store)| {
            let round_begins = Arc::clone(&round_begins);
            tokio::spawn(async move {
                let mut signed: Vec<String> = Vec::new();
                for round in 0..ROUNDS {
                    round_begins.wait().await;
                    let now = later(round * DAY + node as u64 * 1_800);
                    let key = signing_key(&format!("{round} {node}"), Algorithm::ES256);
                    let mut change = key_change(Wish::Schedule, vec![key], now);
                    change.uses.truncate(1);
                    change.settings.rotation = Some(Duration::from_secs(5 * DAY));
                    store.change_keys(change).await.unwrap();
                    let keys = store.keys().await.unwrap();
                    let mut active = keys.iter().filter(|k| k.life.state() == KeyState::Active);
                    let kid = active.next().expect("one signs").life.kid.clone();
                    assert!(active.next().is_none(), "no other does: {keys:?}");
                    if signed.last() != Some(&kid) {
                        assert!(!signed.contains(&kid), "none signs again");
                        signed.push(kid);
                    }
                }
                signed
            })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        let limit = Duration::from_secs(60);
        seen.push(tokio::time::timeout(limit, task).await.expect("it ends").unwrap());
    }
    for signed in &seen {
        assert!(signed.len() > 20, "{signed:?}");
    }
    // Each may have missed some, but never saw them in another order.
    let order = |of: &[String], by: &[String]| {
        let places: Vec<_> = of.iter().filter_map(|k| by.iter().position(|b| b == k)).collect();
        assert!(places.is_sorted(), "{seen:?}");
        places.len()
    };
    assert!(order(&seen[0], &seen[1]) > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_follow_one_order_without_a_hole() {
    const EACH: u64 = 100;
    let folder = Folder::new();
    let nodes = two(&folder);
    let mut tasks = Vec::new();
    for node in &nodes {
        let writer = Arc::clone(node);
        tasks.push(tokio::spawn(async move {
            for number in 0..EACH {
                writer.revoke_token(format!("{number}"), later(300)).await.unwrap();
            }
        }));
        let reader = Arc::clone(node);
        tasks.push(tokio::spawn(async move {
            let mut position = reader.position();
            let mut applied = 0;
            while applied < 2 * EACH {
                position.wait_for(|position| position.revocation > applied).await.unwrap();
                let events = reader.revocations_after(applied, 1_000).await.unwrap();
                for event in events.expect("nothing was forgotten") {
                    assert_eq!(event.seq, applied + 1);
                    applied = event.seq;
                }
            }
        }));
    }
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("it ends").unwrap();
    }
}
