//! What SQLite says, in the store's own words.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// Turns what SQLite says while opening into a sentence about the file.
pub(super) fn explain(error: &rusqlite::Error, path: &Path) -> StoreError {
    let path = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Corrupt { path },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::SystemIoFailure,
        ) => StoreError::NotWritable { path, reason: error.to_string() },
        _ => StoreError::Failed(error.to_string()),
    }
}

/// A failure after the file was opened.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
