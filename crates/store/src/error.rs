//! What can go wrong with a store, in words that say what to do.

/// A failure of the store. None of them is the fault of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is damaged or not a database.
    #[error("the database {path} is damaged or not a database: restore it from a backup")]
    Corrupt {
        /// The file.
        path: String,
    },
    /// The file belongs to another program.
    #[error("{path} is a database of another program: choose another data folder")]
    NotOurs {
        /// The file.
        path: String,
    },
    /// A newer Countersign has written it.
    #[error(
        "the database {path} has schema {found}, this program knows {known}: use the newer \
         Countersign, or restore the backup from before the upgrade"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The file or its folder can't be written or opened.
    #[error("the database {path} can't be opened for writing: {reason}")]
    NotWritable {
        /// The file.
        path: String,
        /// What the operating system or SQLite said.
        reason: String,
    },
    /// What was to be stored is sealed by a master key that was replaced.
    #[error("it is sealed by a master key that was replaced: read the master key again")]
    SealedWithAnOldKey,
    /// Anything else that the database reported.
    #[error("the database failed: {0}")]
    Failed(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "store_corrupt",
            Self::NotOurs { .. } => "store_not_ours",
            Self::Newer { .. } => "store_newer",
            Self::NotWritable { .. } => "store_not_writable",
            Self::SealedWithAnOldKey => "store_sealed_with_an_old_key",
            Self::Failed(_) => "store_failed",
            Self::Closed => "store_closed",
        }
    }
}
