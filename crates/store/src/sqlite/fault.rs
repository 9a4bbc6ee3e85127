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

/// Why a step refuses what it was given, in the place of what SQLite would say.
#[derive(Debug)]
struct SealedWithAnOldKey;

impl std::fmt::Display for SealedWithAnOldKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        StoreError::SealedWithAnOldKey.fmt(f)
    }
}

impl std::error::Error for SealedWithAnOldKey {}

/// Undoes a step that was given what a replaced master key has sealed.
pub(super) fn sealed_with_an_old_key() -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(SealedWithAnOldKey))
}

/// A failure after the file was opened.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::ToSqlConversionFailure(why) if why.is::<SealedWithAnOldKey>() => {
            StoreError::SealedWithAnOldKey
        }
        _ => StoreError::Failed(error.to_string()),
    }
}
