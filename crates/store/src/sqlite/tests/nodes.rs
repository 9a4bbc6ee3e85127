//! Two servers on one file.

use std::sync::Arc;
use std::time::Duration;

use super::folder::Folder;
use crate::contract::samples::{NOW, begin, client, grant, later, moment, rotate, token};
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
