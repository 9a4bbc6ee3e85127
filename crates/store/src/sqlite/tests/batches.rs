//! What shares a commit, and what a step that goes wrong does to the others.

use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::task::JoinHandle;

use super::folder::Folder;
use crate::contract::samples::{begin, grant, later, published};
use crate::error::StoreError;
use crate::sqlite::{SqliteStore, revocation};
use crate::store::{NewGrant, Store};

type Seq = Result<u64, StoreError>;

/// A store whose writer is busy until it is told to go on: what is handed in meanwhile, on a
/// runtime of one thread, becomes one batch.
struct Held {
    store: Arc<SqliteStore>,
    release: mpsc::Sender<()>,
    holding: JoinHandle<Result<(), StoreError>>,
    commits: u64,
}

impl Held {
    async fn new(store: &Arc<SqliteStore>) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let commits = store.commits();
        let writing = Arc::clone(store);
        let holding = tokio::spawn(async move {
            let hold = move |_: &Connection| {
                begun.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            };
            writing.writer.commit(hold).await
        });
        tokio::task::yield_now().await;
        begins.recv().unwrap();
        Self { store: Arc::clone(store), release, holding, commits }
    }

    /// Hands a step in.
    async fn step<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> JoinHandle<Result<T, StoreError>> {
        let store = Arc::clone(&self.store);
        let handed_in = tokio::spawn(async move { store.writer.commit(step).await });
        tokio::task::yield_now().await;
        handed_in
    }

    /// Hands in the revocation of a token.
    async fn revoke(&self, id: &str) -> JoinHandle<Seq> {
        let id = id.to_owned();
        self.step(move |connection| add(connection, &id)).await
    }

    /// Lets the writer go on. Answers how the step that held it fared.
    async fn release(self) -> Result<(), StoreError> {
        self.release.send(()).unwrap();
        self.holding.await.unwrap()
    }
}

fn add(connection: &Connection, id: &str) -> rusqlite::Result<u64> {
    let kind = countersign_protocol::revocation::RevokedKind::Token;
    revocation::add(connection, kind, id, later(300))
}

fn open(folder: &Folder) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(&folder.path("a.db")).unwrap())
}

async fn ids(store: &SqliteStore) -> Vec<(u64, String)> {
    let events = published(store).await.unwrap();
    events.into_iter().map(|event| (event.seq, event.id)).collect()
}

fn seq(place: u64, id: &str) -> (u64, String) {
    (place, id.to_owned())
}

#[tokio::test]
async fn what_waits_shares_a_commit_up_to_a_limit() {
    let folder = Folder::new();
    let store = open(&folder);
    let held = Held::new(&store).await;
    let commits = held.commits;
    let mut steps = Vec::new();
    for number in 0..600 {
        steps.push(held.revoke(&number.to_string()).await);
    }
    held.release().await.unwrap();
    for (step, place) in steps.into_iter().zip(1..) {
        assert_eq!(step.await.unwrap(), Ok(place), "the order is the order of handing in");
    }
    assert_eq!(store.commits() - commits, 3, "601 steps, 256 at most in each commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_there_are_far_fewer_commits_than_steps() {
    let folder = Folder::new();
    let store = open(&folder);
    let before = store.commits();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in 0..20 {
                    let id = format!("{task}-{number}");
                    store.revoke_token(id, later(300)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let commits = store.commits() - before;
    assert!(commits < 64 * 20 / 2, "{commits} commits for {} steps", 64 * 20);
}

#[tokio::test]
async fn a_failing_step_leaves_the_others_of_its_batch_alone() {
    let folder = Folder::new();
    let store = open(&folder);
    begin(&*store, [grant(1)]).await.unwrap();
    let held = Held::new(&store).await;
    let commits = held.commits;
    let first = held.revoke("first").await;
    let twin = Arc::clone(&store);
    let twin = tokio::spawn(async move {
        twin.begin_grant(NewGrant { grant: grant(1), remember: true, follow_session: false }).await
    });
    tokio::task::yield_now().await;
    // These have written when they fail.
    let failing = held.step(|connection| {
        add(connection, "failing")?;
        Err::<(), _>(rusqlite::Error::InvalidQuery)
    });
    let failing = failing.await;
    let panicking = held.step(|connection| -> rusqlite::Result<()> {
        add(connection, "panicking")?;
        panic!("as a test");
    });
    let panicking = panicking.await;
    let last = held.revoke("last").await;
    held.release().await.unwrap();

    assert_eq!(first.await.unwrap(), Ok(1));
    assert!(matches!(twin.await.unwrap(), Err(StoreError::Failed(_))));
    assert!(matches!(failing.await.unwrap(), Err(StoreError::Failed(_))));
    assert!(matches!(panicking.await.unwrap(), Err(StoreError::Failed(_))));
    assert_eq!(last.await.unwrap(), Ok(2), "what was undone has left no hole");
    assert_eq!(store.commits() - commits, 1);
    assert_eq!(ids(&store).await, [seq(1, "first"), seq(2, "last")]);
}

/// A step that pulls the transaction away from under its batch: those before it are told so,
/// those behind it are not touched.
async fn pulls_the_transaction_away(sql: &'static str) {
    let folder = Folder::new();
    let store = open(&folder);
    let held = Held::new(&store).await;
    let before = held.revoke("before").await;
    let culprit = held.step(move |connection| {
        add(connection, "culprit")?;
        connection.execute_batch(sql)
    });
    let culprit = culprit.await;
    let behind = held.revoke("behind").await;
    assert!(held.release().await.is_err(), "{sql}");
    assert!(before.await.unwrap().is_err(), "{sql}");
    assert!(culprit.await.unwrap().is_err(), "{sql}");
    assert_eq!(behind.await.unwrap(), Ok(1), "{sql}");
    assert_eq!(ids(&store).await, [seq(1, "behind")], "{sql}");
    assert_eq!(store.position().borrow().revocation, 1);
    assert_eq!(store.revoke_token("later".into(), later(300)).await, Ok(2), "{sql}");
}

#[tokio::test]
async fn a_step_that_undoes_the_transaction_takes_the_batch_with_it() {
    // SQLite does the same by itself when the disk is full or fails.
    pulls_the_transaction_away("INSERT OR ROLLBACK INTO catalogue VALUES (1, 5)").await;
    pulls_the_transaction_away("ROLLBACK").await;
}

#[tokio::test]
async fn a_step_whose_savepoint_is_gone_takes_the_batch_with_it() {
    pulls_the_transaction_away("RELEASE step").await;
}

#[tokio::test]
async fn a_failing_commit_is_told_to_all_of_its_batch() {
    let folder = Folder::new();
    let store = open(&folder);
    Connection::open(folder.path("a.db"))
        .unwrap()
        .execute_batch(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
    let held = Held::new(&store).await;
    let first = held.revoke("first").await;
    // Found out at the commit only.
    let orphan = held.step(|connection| connection.execute("INSERT INTO child VALUES (1)", []));
    let orphan = orphan.await;
    let last = held.revoke("last").await;
    assert!(held.release().await.is_err());
    assert!(first.await.unwrap().is_err());
    assert!(orphan.await.unwrap().is_err());
    assert!(last.await.unwrap().is_err());
    assert_eq!(ids(&store).await, []);
    assert_eq!(store.position().borrow().revocation, 0, "nobody was told of it");
    assert_eq!(store.revoke_token("later".into(), later(300)).await, Ok(1));
}

#[tokio::test]
async fn an_outcome_can_be_seen_before_it_is_durable() {
    let folder = Folder::new();
    let store = open(&folder);
    let held = Held::new(&store).await;
    let writing = Arc::clone(&store);
    let step = tokio::spawn(async move { writing.writer.decide(|c| add(c, "t")).await });
    tokio::task::yield_now().await;
    // Behind it in the same batch: holds the commit back.
    let (release, released) = mpsc::channel::<()>();
    let behind = held.step(move |_| Ok(released.recv().is_ok())).await;
    held.release.send(()).unwrap();
    let decided = step.await.unwrap().unwrap();
    assert_eq!(*decided.peek(), 1);
    assert_eq!(ids(&store).await, [], "no reader sees it yet");
    assert_eq!(store.position().borrow().revocation, 0);
    release.send(()).unwrap();
    assert_eq!(decided.committed().await, Ok(1));
    assert_eq!(ids(&store).await, [seq(1, "t")]);
    assert_eq!(behind.await.unwrap(), Ok(true));
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_fails_all_who_wait_and_nobody_after() {
    let folder = Folder::new();
    let store = open(&folder);
    let patience = Duration::from_millis(100);
    store.writer.commit(move |c| c.busy_timeout(patience)).await.unwrap();
    let other = Connection::open(folder.path("a.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let begun = Instant::now();
    let steps: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&store);
            let id = format!("{number}");
            tokio::spawn(async move { store.revoke_token(id, later(300)).await })
        })
        .collect();
    for step in steps {
        let error = step.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("locked"), "{error}");
    }
    assert!(begun.elapsed() < patience * 20, "they have waited together");

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.revoke_token("t".into(), later(300)).await, Ok(1));
}

#[tokio::test]
async fn a_lock_that_another_process_gives_back_is_waited_for() {
    let folder = Folder::new();
    let store = open(&folder);
    let other = Connection::open(folder.path("a.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let step = tokio::spawn(async move { store.revoke_token("t".into(), later(300)).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!step.is_finished());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(step.await.unwrap(), Ok(1));
}

#[tokio::test]
async fn closing_the_store_finishes_what_was_handed_in() {
    let folder = Folder::new();
    let store = SqliteStore::open(&folder.path("a.db")).unwrap();
    for number in 0..300 {
        let mut step = store.revoke_token(number.to_string(), later(300));
        // Handed in, and then nobody waits for it.
        let waiting = step.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(waiting.is_pending());
    }
    drop(store);
    let store = SqliteStore::open(&folder.path("a.db")).unwrap();
    assert_eq!(published(&store).await.unwrap().len(), 300);
}
