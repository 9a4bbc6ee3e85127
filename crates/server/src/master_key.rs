//! The master key: made once, kept in a file of its own, never in the database.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use countersign_jose::base64url;
use countersign_protocol::Randomness;
use countersign_protocol::seal::{MASTER_KEY_LEN, MasterKey};
use zeroize::Zeroizing;

/// Why there is no usable master key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterKeyError {
    /// The database is there, its key is not.
    #[error(
        "the master key {path} is missing, and without it nothing that is sealed in the database \
         can be read: put the key file back from its backup (nothing was changed)"
    )]
    Lost {
        /// Where it should be.
        path: PathBuf,
    },
    /// The text is not a key.
    #[error(
        "the master key in {origin} is not 32 bytes in base64url: put the right key back from its \
         backup (nothing was changed)"
    )]
    Malformed {
        /// Where it was read.
        origin: String,
    },
    /// The file can't be read or written.
    #[error(
        "the master key {path} can't be read or written ({}): make the data folder writable for \
         this user, or choose another", .reason.kind()
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: std::io::Error,
    },
}

/// Reads a master key from its text form.
///
/// # Errors
/// [`MasterKeyError::Malformed`].
pub(crate) fn parse(text: &str, origin: &str) -> Result<MasterKey, MasterKeyError> {
    let decoded = base64url::decode(text.trim().as_bytes()).map(Zeroizing::new);
    let bytes: Option<&[u8; MASTER_KEY_LEN]> =
        decoded.as_ref().ok().and_then(|bytes| bytes.as_slice().try_into().ok());
    bytes.map(MasterKey::new).ok_or_else(|| MasterKeyError::Malformed { origin: origin.to_owned() })
}

/// Reads the key file. Makes it when it is not there, unless there is already a database whose
/// secrets it would have to open.
///
/// # Errors
/// [`MasterKeyError`].
pub(crate) fn load_or_create(
    path: &Path,
    database_exists: bool,
    random: &dyn Randomness,
) -> Result<MasterKey, MasterKeyError> {
    let io = |reason| MasterKeyError::Io { path: path.to_owned(), reason };
    match File::open(path) {
        Ok(mut file) => {
            let mut text = Zeroizing::new(String::new());
            file.read_to_string(&mut text).map_err(io)?;
            parse(&text, &path.display().to_string())
        }
        Err(error) if error.kind() == ErrorKind::NotFound && database_exists => {
            Err(MasterKeyError::Lost { path: path.to_owned() })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut bytes = Zeroizing::new([0; MASTER_KEY_LEN]);
            random.fill(&mut *bytes);
            let text = Zeroizing::new(format!("{}\n", base64url::encode(&*bytes)));
            write_new(path, text.as_bytes()).map_err(io)?;
            Ok(MasterKey::new(&bytes))
        }
        Err(error) => Err(io(error)),
    }
}

/// Writes a file that only its owner can read, and that survives a power cut from here on.
fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
