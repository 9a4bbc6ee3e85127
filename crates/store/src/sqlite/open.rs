//! Opening a connection with the settings that durability and concurrency rest on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::fault::explain;
use super::migrations;
use crate::error::StoreError;

/// How long another process may keep the file locked before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer's connection; makes the file if it is not there. A file that is not ours, or is
/// too new for us, stays as it is, byte for byte.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    make_private(path);
    let explain = |error| explain(&error, path);
    let log_was_left = log_of(path).exists();
    let connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(explain)?;
    // Closing would move a log that someone has left into the file.
    let leave_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(leave_log, log_was_left).map_err(explain)?;
    migrations::version(&connection, path)?;
    // A crash can leave a file cut, but then the log has the page that is missing.
    if !log_was_left && ends_within_a_page(&connection, path).map_err(explain)? {
        return Err(StoreError::Corrupt { path: path.display().to_string() });
    }
    if connection.is_readonly(MAIN_DB).map_err(explain)? {
        return Err(not_writable(path, "the file is read-only"));
    }
    let mode = write_ahead(&connection).map_err(explain)?;
    if mode != "wal" {
        return Err(not_writable(path, "its file system does not allow a write-ahead log"));
    }
    connection.set_db_config(leave_log, false).map_err(explain)?;
    Ok(connection)
}

/// SQLite compares the number of pages, so it does not notice a cut within the last one; and it
/// takes a file of one byte for an empty one.
fn ends_within_a_page(connection: &Connection, path: &Path) -> rusqlite::Result<bool> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    Ok(!length.is_multiple_of(page.unsigned_abs()))
}

/// Switches to a write-ahead log; answers the mode that the file is in then.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let started = Instant::now();
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            // SQLite does not wait here by itself when another process does the same.
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            mode => return mode,
        }
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// A connection that only reads. The writer's has been opened before.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::empty()).map_err(|error| explain(&error, path))?;
    connection.pragma_update(None, "query_only", true).map_err(|error| explain(&error, path))?;
    Ok(connection)
}

/// The file holds password hashes, so it is for its owner only. SQLite gives the log beside it
/// the same permissions.
#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut new = std::fs::OpenOptions::new();
    // What goes wrong here goes wrong again for SQLite, and is explained then.
    let _ = new.write(true).create_new(true).mode(0o600).open(path);
}

#[cfg(not(unix))]
const fn make_private(_: &Path) {}

fn connect(path: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // FULL: a commit returns after the log has reached the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -4_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn not_writable(path: &Path, reason: &str) -> StoreError {
    StoreError::NotWritable { path: path.display().to_string(), reason: reason.into() }
}
