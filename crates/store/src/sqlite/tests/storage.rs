//! How the file grows, and how it is kept from growing.

use std::path::Path;
use std::sync::Arc;

use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::lifetimes::Lifetimes;
use rusqlite::Connection;

use super::folder::Folder;
use crate::contract::samples::{NOW, begin, grant, later, moment, rotate, token};
use crate::sqlite::SqliteStore;
use crate::store::{GrantSelector, RotationOutcome, Store};

/// The size of the database in pages, with nothing left in the log.
fn pages(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
    connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
}

/// Refreshes a grant from one generation to another, each token once.
async fn refresh(store: &Arc<SqliteStore>, from: u64, to: u64) {
    for start in (from..to).step_by(500) {
        let tasks: Vec<_> = (start..to.min(start + 500))
            .map(|generation| {
                let store = Arc::clone(store);
                tokio::spawn(async move {
                    rotate(&*store, 1, token(generation), later(generation)).await
                })
            })
            .collect();
        for task in tasks {
            let outcome = task.await.unwrap().unwrap();
            assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
        }
    }
}

// One thread: the tokens come to the writer in their order.
#[tokio::test]
async fn a_grant_takes_the_same_room_however_often_it_is_refreshed() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    begin(&*store, [grant(1)]).await.unwrap();
    refresh(&store, 1, 101).await;
    let early = pages(&path);
    refresh(&store, 101, 20_001).await;
    assert_eq!(pages(&path), early);
    let refreshed = store.grant(grant(1).id).await.unwrap().unwrap();
    assert_eq!(refreshed.generation, 20_001);
}

/// Fills the store with copies of two grants, one that is dead and one that lives.
async fn fill(store: &SqliteStore, path: &Path, copies: u32) {
    let dead = Grant { expires_at: later(0), ..grant(1) };
    begin(store, [dead, grant(2)]).await.unwrap();
    let connection = Connection::open(path).unwrap();
    connection
        .execute(
            "WITH RECURSIVE copy (number) AS
                 (SELECT 1 UNION ALL SELECT number + 1 FROM copy WHERE number < ?1)
             INSERT INTO grants (id, subject, client_id, scope, audience, auth_time, amr,
                 session_id, sender, generation, rotated_at, created_at, idle_expires_at,
                 expires_at)
             SELECT randomblob(16), subject, client_id, scope, audience, auth_time, amr,
                 session_id, sender, generation, rotated_at, created_at, idle_expires_at,
                 expires_at FROM grants, copy",
            [copies - 1],
        )
        .unwrap();
}

#[tokio::test]
async fn a_sweep_finds_all_that_is_dead_in_a_large_store() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let store = SqliteStore::open(&path).unwrap();
    fill(&store, &path, 2_500).await;
    let swept = store.sweep(Lifetimes::default(), later(7_200)).await.unwrap();
    assert_eq!(swept, 2_500);
    let left = store.grants(GrantSelector::All, usize::MAX).await.unwrap();
    assert_eq!(left.len(), 2_500);
    assert!(left.iter().all(|left| left.expires_at == grant(2).expires_at));
}

#[tokio::test]
async fn a_sweep_forgets_many_events_at_once() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let store = SqliteStore::open(&path).unwrap();
    fill(&store, &path, 2_500).await;
    let subject = GrantSelector::Subject("alice".into());
    let ended = store.end_grants(subject, EndReason::UserRevoked, moment(NOW)).await.unwrap();
    assert_eq!(ended.grants.len(), 5_000);
    let seq = store.revoke_token("lives".into(), later(7_201)).await.unwrap();
    assert_eq!(seq, 5_001);
    let swept = store.sweep(Lifetimes::default(), later(7_200)).await.unwrap();
    assert_eq!(swept, 10_000, "the grants and their events");
    let left = store.revocations_after(5_000, 10).await.unwrap().unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn nobody_waits_for_a_sweep() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let store = SqliteStore::open(&path).unwrap();
    fill(&store, &path, 15_000).await;
    let mut sweep = store.sweep(Lifetimes::default(), later(7_200));
    // A step of the sweep goes between two rotations at the most, and it has more than thirty.
    for generation in 1..11 {
        tokio::select! {
            biased;
            outcome = rotate(&store, 2, token(generation), NOW) => {
                assert!(matches!(outcome, Ok(RotationOutcome::Rotated(_))), "{outcome:?}");
            }
            _ = &mut sweep => panic!("the sweep went first"),
        }
    }
    assert_eq!(sweep.await, Ok(15_000));
}

#[tokio::test]
async fn the_audit_keeps_the_newest() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let store = SqliteStore::open(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute(
            "WITH RECURSIVE entry (number) AS
                 (SELECT 1 UNION ALL SELECT number + 1 FROM entry WHERE number < 102500)
             INSERT INTO audit (at, event, subject, client_id, grant_id)
             SELECT number, 'refresh_reuse', 'alice', 'shop', '' FROM entry",
            [],
        )
        .unwrap();
    assert_eq!(store.sweep(Lifetimes::default(), NOW).await, Ok(2_500));
    let entries = store.audit(usize::MAX).await.unwrap();
    assert_eq!(entries.len(), 100_000);
    assert_eq!((entries[0].at_ms, entries[99_999].at_ms), (102_500, 2_501));
    assert_eq!(store.sweep(Lifetimes::default(), NOW).await, Ok(0));
}
