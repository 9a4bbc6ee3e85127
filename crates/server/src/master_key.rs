//! The master key: made once, kept in a file of its own or given from outside, never in the
//! database. Its text is one key or several, newest first: the first seals, all of them open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use countersign_jose::base64url;
use countersign_protocol::Randomness;
use countersign_protocol::client::Client;
use countersign_protocol::client_secret;
use countersign_protocol::keyring::{self, SealedKey};
use countersign_protocol::seal::{MASTER_KEY_LEN, MasterKey};
use countersign_store::{NewMaster, Seal, Store, StoreError};
use zeroize::Zeroizing;

use crate::process::SystemRandom;

/// The name of a systemd credential that holds the master key.
pub(crate) const CREDENTIAL: &str = "countersign-master-key";

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
    /// A file was named, and it is not there.
    #[error(
        "the master key {path} is not there: put it there, or make one with `countersign key \
         new-master` (nothing was changed)"
    )]
    Missing {
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
    /// A key that can't be replaced from here.
    #[error(
        "there is one master key in {origin}, which can't be written from here: put a new one \
         (`countersign key new-master`) in front of it, separated by a space or a line end, let \
         every server read it, and say this again"
    )]
    OnlyOne {
        /// Where it was read.
        origin: String,
    },
    /// Somebody else is at it.
    #[error("the master key {path} is being replaced right now: wait until that is done")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Something is sealed by a key that is not there.
    #[error(
        "the master key does not open the key {kid}: put the right key back (nothing was changed)"
    )]
    Unsealed {
        /// The sealed key.
        kid: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the master key comes from.
#[derive(Clone)]
pub enum Source {
    /// The configuration or the environment holds it.
    Text(Zeroizing<String>),
    /// A file that somebody provides.
    File(PathBuf),
    /// The file in the data folder, made at the first start.
    Own(PathBuf),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.origin())
    }
}

type Keys = Vec<Zeroizing<[u8; MASTER_KEY_LEN]>>;

impl Source {
    fn origin(&self) -> String {
        match self {
            Self::Text(_) => "the configuration".to_owned(),
            Self::File(path) | Self::Own(path) => path.display().to_string(),
        }
    }

    fn read(&self) -> Result<Keys, MasterKeyError> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File(path) | Self::Own(path) => read_text(path).map_err(|reason| {
                let path = path.clone();
                match (reason.kind(), self) {
                    (ErrorKind::NotFound, Self::Own(_)) => MasterKeyError::Lost { path },
                    (ErrorKind::NotFound, _) => MasterKeyError::Missing { path },
                    _ => MasterKeyError::Io { path, reason },
                }
            })?,
        };
        parse(&text, &self.origin())
    }
}

/// The master key, and where to read it again when it was changed.
#[derive(Debug)]
pub struct Master {
    source: Source,
    current: ArcSwap<MasterKey>,
}

impl Master {
    /// Reads the key. The one in the data folder is made when it is not there, unless there is
    /// already a database whose secrets it would have to open.
    pub(crate) fn open(source: Source, database_exists: bool) -> Result<Self, MasterKeyError> {
        if let Source::Own(path) = &source
            && !database_exists
            && !path.exists()
        {
            let io = |reason| MasterKeyError::Io { path: path.clone(), reason };
            write_new(path, text_of(&[generate(&SystemRandom)]).as_bytes()).map_err(io)?;
        }
        let current = ArcSwap::from_pointee(together(&source.read()?));
        Ok(Self { source, current })
    }

    /// The key as it was read last.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<MasterKey>> {
        self.current.load()
    }

    /// Reads the key again: somebody may have changed it.
    pub(crate) fn read_again(&self) {
        match self.source.read() {
            Ok(keys) => self.current.store(Arc::new(together(&keys))),
            Err(error) => tracing::error!(%error, "the master key could not be read again"),
        }
    }

    /// Seals everything in the store with a new master key, while servers go on. At every moment
    /// the file opens all that is sealed: first it gets the new key beside the old one, then all is
    /// sealed anew in one step, and only then the old one goes. A file with several keys is what a
    /// step that was cut off has left, or somebody who did the first part by hand; then it is gone
    /// on with. Answers how many keys were sealed, and whether older keys are still to be removed
    /// by hand.
    ///
    /// # Errors
    /// [`MasterKeyError`]; whatever was done, the key that is there opens everything.
    pub async fn reseal(&self, store: &dyn Store) -> Result<(usize, bool), MasterKeyError> {
        let _alone = self.alone()?;
        let mut keys = self.source.read()?;
        if keys.len() == 1 {
            let path = match &self.source {
                Source::File(path) | Source::Own(path) => path,
                Source::Text(_) => return Err(self.only_one()),
            };
            keys.insert(0, generate(&SystemRandom));
            replace(path, text_of(&keys).as_bytes()).map_err(|_| self.only_one())?;
        }
        let master = together(&keys);
        let masters = NewMaster { newest: master.id(), replaced: master.older_ids().collect() };
        let sealed = store.reseal_keys(masters, Box::new(Anew(master))).await?;
        let sealed = sealed.map_err(|kid| MasterKeyError::Unsealed { kid })?;
        keys.truncate(1);
        self.current.store(Arc::new(together(&keys)));
        let by_hand = match &self.source {
            Source::Text(_) => true,
            Source::File(path) | Source::Own(path) => {
                replace(path, text_of(&keys).as_bytes()).is_err()
            }
        };
        Ok((sealed, by_hand))
    }

    /// Two at once could each put a new key of its own into the file. The lock goes with its
    /// process, however that ends.
    fn alone(&self) -> Result<Option<File>, MasterKeyError> {
        let (Source::File(path) | Source::Own(path)) = &self.source else { return Ok(None) };
        let io = |reason| MasterKeyError::Io { path: path.clone(), reason };
        let folder = open_folder(path).map_err(io)?;
        match folder.try_lock() {
            Ok(()) => Ok(Some(folder)),
            Err(TryLockError::WouldBlock) => Err(MasterKeyError::Busy { path: path.clone() }),
            Err(TryLockError::Error(reason)) => Err(io(reason)),
        }
    }

    fn only_one(&self) -> MasterKeyError {
        MasterKeyError::OnlyOne { origin: self.source.origin() }
    }
}

/// Seals with the newest key what any of them opens.
struct Anew(MasterKey);

impl Seal for Anew {
    fn key(&self, key: &SealedKey) -> Option<Vec<u8>> {
        keyring::reseal(key, &self.0, &SystemRandom).ok()
    }

    fn client_secret(&self, client: &Client) -> Option<String> {
        client_secret::reseal(client, &self.0, &SystemRandom).ok()?
    }
}

/// A new master key as text.
#[must_use]
pub fn new_text() -> Zeroizing<String> {
    text_of(&[generate(&SystemRandom)])
}

/// Reads master keys from their text form.
///
/// # Errors
/// [`MasterKeyError::Malformed`].
pub(crate) fn parse(text: &str, origin: &str) -> Result<Keys, MasterKeyError> {
    let malformed = || MasterKeyError::Malformed { origin: origin.to_owned() };
    let keys = text.split_whitespace().map(|word| {
        let decoded = Zeroizing::new(base64url::decode(word.as_bytes()).ok()?);
        let bytes: [u8; MASTER_KEY_LEN] = decoded.as_slice().try_into().ok()?;
        Some(Zeroizing::new(bytes))
    });
    let keys: Keys = keys.collect::<Option<_>>().ok_or_else(malformed)?;
    if keys.is_empty() { Err(malformed()) } else { Ok(keys) }
}

fn together(keys: &[Zeroizing<[u8; MASTER_KEY_LEN]>]) -> MasterKey {
    let (first, older) = keys.split_first().expect("there is at least one key");
    older.iter().fold(MasterKey::new(first), |master, key| master.and_older(key))
}

fn generate(random: &dyn Randomness) -> Zeroizing<[u8; MASTER_KEY_LEN]> {
    let mut bytes = Zeroizing::new([0; MASTER_KEY_LEN]);
    random.fill(&mut *bytes);
    bytes
}

/// One key a line.
fn text_of(keys: &[Zeroizing<[u8; MASTER_KEY_LEN]>]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(keys.len() * 44));
    for key in keys {
        text.push_str(&Zeroizing::new(base64url::encode(&**key)));
        text.push('\n');
    }
    text
}

fn read_text(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Replaces a file in one step: at every moment, also after a power cut, it is the old one or the
/// new one.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(&beside, content)?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Writes a file that only its owner can read, and that survives a power cut from here on.
fn write_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        // The disk is full. Half a key would stand in the way of every later start.
        let _ = std::fs::remove_file(path);
    }
    written?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    open_folder(path)?.sync_all()
}

fn open_folder(path: &Path) -> std::io::Result<File> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder),
        _ => File::open("."),
    }
}

#[cfg(test)]
mod tests;
