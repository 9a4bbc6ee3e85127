//! Which files are opened, and that those which are refused stay as they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign_jose::Algorithm;
use countersign_protocol::Timestamp;
use countersign_protocol::key_schedule::{KeyLife, KeyUse, Wish};
use countersign_protocol::keyring::SealedKey;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::folder::Folder;
use crate::contract::samples::{
    NOW, account, grant, key_change, later, moment, rotate, session, signing_key, token,
};
use crate::error::StoreError;
use crate::sqlite::{SqliteStore, migrations};
use crate::store::{NewGrant, Store};

/// A folder's files and what is in them.
fn contents(folder: &Folder) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder.path("")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    // The index of a log is made anew at each start.
    let lasting = paths.filter(|path| path.extension().is_none_or(|end| end != "db-shm"));
    let mut files: Vec<_> =
        lasting.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

/// Opens a file that has to be refused, and checks that nothing in its folder changes.
fn refusal(folder: &Folder, path: &Path) -> StoreError {
    let before = contents(folder);
    let error = SqliteStore::open(path).unwrap_err();
    assert!(contents(folder) == before, "a refused file was changed: {error}");
    let shown = error.to_string();
    assert!(shown.contains(&path.display().to_string()), "it does not say which file: {shown}");
    error
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn bytes_that_are_no_database_are_refused() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let mut state = 7_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(20_000)
    .collect();
    for length in [1, 15, 16, 99, 100, 512, 4_096, 20_000] {
        std::fs::write(&path, &noise[..length]).unwrap();
        let error = refusal(&folder, &path);
        assert_eq!(error, StoreError::Corrupt { path: name(&path) }, "{length} bytes");
    }
    std::fs::write(&path, "password = hunter2\n".repeat(50)).unwrap();
    assert_eq!(refusal(&folder, &path), StoreError::Corrupt { path: name(&path) });
}

#[tokio::test]
async fn a_truncated_database_is_refused() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    SqliteStore::open(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in [1, 16, 50, 99, 100, 101, 511, 512, 4_096, 8_192, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = refusal(&folder, &path);
        assert_eq!(error, StoreError::Corrupt { path: name(&path) }, "{length} bytes");
    }
    let mut bad_header = whole.clone();
    bad_header[..16].fill(0);
    std::fs::write(&path, bad_header).unwrap();
    assert_eq!(refusal(&folder, &path), StoreError::Corrupt { path: name(&path) });
    std::fs::write(&path, whole).unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = Folder::new();
    let not_ours = |number: usize, sql: &str| {
        let path = folder.path(&format!("{number}.db"));
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert_eq!(refusal(&folder, &path), StoreError::NotOurs { path: name(&path) }, "{sql}");
    };
    let theirs = [
        "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine');",
        "PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT);",
        "PRAGMA user_version = 1; CREATE TABLE grants (id BLOB);",
        "PRAGMA user_version = 7;",
        "PRAGMA application_id = 7;",
    ];
    for (number, sql) in theirs.into_iter().enumerate() {
        not_ours(number, sql);
    }
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    SqliteStore::open(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    let known: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let newer = |found: u32| StoreError::Newer { path: name(&path), found, known };
    connection.pragma_update(None, "user_version", known + 1).unwrap();
    connection.close().unwrap();
    assert_eq!(refusal(&folder, &path), newer(known + 1));

    // As it is left behind by a program that was killed: the change is only in the log.
    let connection = Connection::open(&path).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.close().unwrap();
    assert!(folder.path("a.db-wal").exists());
    assert_eq!(refusal(&folder, &path), newer(99));
}

#[test]
fn a_place_that_can_not_be_written_is_refused() {
    let folder = Folder::new();
    for path in [folder.path(""), folder.path("missing/a.db")] {
        let error = refusal(&folder, &path);
        assert_eq!(error.code(), "store_not_writable", "{error}");
    }
    assert!(!folder.path("missing").exists());
}

#[cfg(unix)]
#[test]
fn a_read_only_file_or_folder_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let inner = folder.path("inner");
    std::fs::create_dir(&inner).unwrap();
    let file = folder.path("a.db");
    drop(SqliteStore::open(&file).unwrap());
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&inner, 0o555);
    mode(&file, 0o444);
    if std::fs::write(inner.join("x"), "").is_ok() {
        eprintln!("skipped: this user may write to read-only folders");
    } else {
        for path in [file, inner.join("a.db")] {
            assert_eq!(refusal(&folder, &path).code(), "store_not_writable");
        }
    }
    mode(&inner, 0o755);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let _store = SqliteStore::open(&folder.path("a.db")).unwrap();
    for name in ["a.db", "a.db-wal", "a.db-shm"] {
        let mode = std::fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn opening_again_finds_everything() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    for round in 1..=3 {
        let store = SqliteStore::open(&path).unwrap();
        if round == 1 {
            let remember = NewGrant { grant: grant(1), remember: true, follow_session: false };
            store.begin_grant(remember).await.unwrap();
            store.begin_session(session(1)).await.unwrap();
            store.put_account(account("alice"), moment(NOW)).await.unwrap();
            let keys = vec![signing_key("a key", Algorithm::ES256)];
            store.change_keys(key_change(Wish::Schedule, keys, NOW)).await.unwrap();
        }
        let found = store.grant(grant(1).id).await.unwrap().unwrap();
        assert_eq!(found.generation, round);
        assert_eq!(store.session([1; 32]).await.unwrap(), Some(session(1)));
        assert_eq!(store.account("alice").await.unwrap(), Some(account("alice")));
        assert_eq!(store.keys().await.unwrap()[0].sealed, b"a key");
        // The position is there from the start.
        assert_eq!(store.position().borrow().revocation, round - 1);
        rotate(&store, 1, token(round), NOW).await.unwrap();
        assert_eq!(store.revoke_token("t".into(), later(300)).await.unwrap(), round);
        drop(store);
        assert!(!folder.path("a.db-wal").exists(), "an orderly end leaves one file");
    }
}

#[tokio::test]
async fn the_keys_of_an_older_database_go_on() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    let connection = Connection::open(&path).unwrap();
    let ours = |migration: &&str| migration.contains("CREATE TABLE sealed_key");
    let version = migrations::MIGRATIONS.iter().position(ours).unwrap();
    for migration in &migrations::MIGRATIONS[..version] {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
    connection
        .execute_batch(
            "INSERT INTO signing_key VALUES ('a key', 'ES256', 'active', 1000, x'01');
             INSERT INTO secret VALUES (7, 'grant tokens', 2000, x'02');
             PRAGMA application_id = 0x4374536e;",
        )
        .unwrap();
    connection.close().unwrap();
    let keys = SqliteStore::open(&path).unwrap().keys().await.unwrap();
    let at = Timestamp::from_secs;
    let life = |kid: &str, usage, seconds, longest| KeyLife {
        longest_token: Duration::from_secs(longest),
        ..KeyLife::new(kid.into(), usage, at(seconds), true)
    };
    let signing = life("a key", KeyUse::Signature(Algorithm::ES256), 1, 86_400);
    let secret = life("secret-7", KeyUse::GrantTokens, 2, 400 * 86_400);
    let expected = [(signing, vec![1]), (secret, vec![2])];
    let expected = expected.map(|(life, sealed)| SealedKey { life, sealed });
    assert_eq!(keys, expected);
}

/// What an answer after the commit rests on: a write-ahead log that each commit takes to the disk.
#[tokio::test]
async fn the_writer_commits_to_the_disk() {
    const FULL: i64 = 2;
    let folder = Folder::new();
    let path = folder.path("a.db");
    // A new file, and one that is there.
    for _ in 0..2 {
        let store = SqliteStore::open(&path).unwrap();
        let settings = store.commit(|writer| {
            let synchronous = writer.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            let mode = writer.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            Ok((synchronous, mode))
        });
        assert_eq!(settings.await.unwrap(), (FULL, "wal".to_owned()));
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = Folder::new();
    let path = folder.path("a.db");
    std::fs::write(&path, "").unwrap();
    SqliteStore::open(&path).unwrap().revoke_token("t".into(), NOW).await.unwrap();
}

#[test]
fn many_can_open_a_new_file_at_once() {
    let folder = Folder::new();
    for round in 0..20 {
        let path = Arc::new(folder.path(&format!("{round}.db")));
        let start = Arc::new(std::sync::Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (path, start) = (Arc::clone(&path), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    SqliteStore::open(&path)
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    }
}
